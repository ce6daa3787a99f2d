"""The page of `personsearch demo`: figures, the training curve, detections, and who was found for whom."""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from datasets.images import read_image
from datasets.plaza import PlazaSummary
from datasets.samples import FrameSample, Query
from detection.detections import Detections
from search.evaluation.protocols import SearchMetrics
from search.pages.calibration_page import held_out_table
from search.pages.page import (
    Curve,
    Headline,
    MarkedBox,
    Picture,
    Section,
    Table,
    best_median_worst,
    report_page,
)
from search.pages.search_page import JudgedSearch, who_was_found
from search.query.verdict import Calibration

MINIMUM_CONFIDENCE = 0.5
DETECTION_LOSSES = ("loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg")


@dataclass(frozen=True)
class DemoResult:
    """What the demo measured, and what the report draws.

    Args:
        samples: the frames of the unseen half.
        queries: its queries.
        detections: frame name -> what the model found.
        probes: (Q, D) embeddings of the queries.
        ap, recall: of detection, the field's way, scores of at least 0.5.
        search: figures of the search across cameras.
        chance: those of random ranking.
        verdicts: from which similarity on a person is there; None where there were too few people.
        failures: (frame name, reason) of frames that could not be read.
    """

    samples: Sequence[FrameSample]
    queries: Sequence[Query]
    detections: Mapping[str, Detections]
    probes: Tensor
    ap: float
    recall: float
    search: SearchMetrics
    chance: SearchMetrics
    verdicts: Calibration | None
    failures: Sequence[tuple[str, str]]


def demo_page(
    output: Path, result: DemoResult, *, world: PlazaSummary, seconds: Mapping[str, float], from_scratch: bool
) -> str:
    """The report of `personsearch demo`, as HTML.

    Args:
        output: The demo's folder, with the training's figures and the commands' paths.
        result: What was measured.
        world: What was rendered.
        seconds: How long each step took.
        from_scratch: Whether a joint model began with random weights, in place of the shipped models.
    """
    frames = {sample.name: sample for sample in result.samples}
    order = best_median_worst(result.search.average_precisions)
    judged = JudgedSearch(
        "across cameras", frames, result.queries, result.probes, result.detections, result.search, MINIMUM_CONFIDENCE
    )
    rankings = [
        who_was_found(judged, row, name, lambda frame, *_: os.path.relpath(frames[frame].path, output))
        for row, name in zip(order, ("best", "median", "worst"), strict=False)
    ]
    learned = (
        "A joint model learned from one half of the people, from nothing on"
        if from_scratch
        else "The detector that comes with the project learned from one half of the people; the crop model that comes "
        "with it tells people apart as it is"
    )
    trained = "--model" if from_scratch else "--detector"
    times = Table("Seconds", ["step", "s"], [[name, f"{value:.0f}"] for name, value in seconds.items()])
    return report_page(
        title="personsearch demo",
        introduction=f"A synthetic square with {world.persons} people, {world.cameras} cameras and three light "
        f"periods. {learned}. Everything below is measured on the other half: {len(result.queries)} probes, "
        f"searched in {len(result.samples)} frames, those of the probe's own camera left out.",
        headlines=[
            Headline(f"{result.search.mean_ap:.3f}", "search mAP", f"random ranking {result.chance.mean_ap:.3f}"),
            Headline(f"{result.search.top1:.3f}", "search top-1", f"random ranking {result.chance.top1:.3f}"),
            Headline(f"{result.ap:.3f}", "detection AP@0.5", f"recall {result.recall:.3f}"),
        ],
        sections=[
            Section(
                "Figures",
                tables=[_figures(result), *_verdicts(result), times],
                curves=[training_curve(output / "run" / "metrics.csv", "OIM" if from_scratch else "Sphere")],
            ),
            Section(
                "Who was found",
                "For three probes the detections of the other cameras, most similar first. Green: the person looked "
                "for. Red: somebody else. A picture is a link to its whole frame.",
                rankings=rankings,
            ),
            Section("What the detector sees", pictures=_examples(result, frames)),
            Section(
                "The same by hand",
                commands=[
                    f"personsearch evaluate search {output / 'plaza'} {trained} {output / 'run'}",
                    f"personsearch find {output / 'gallery'} "
                    f"--frame {_frame_path(result.queries[0], frames)} --box {_box_text(result.queries[0])} "
                    "--html find.html",
                ],
            ),
        ],
    )


def _figures(result: DemoResult) -> Table:
    return Table(
        "Unseen people, unseen minutes",
        ["", "figure", "random ranking"],
        [
            ["detection AP@0.5", f"{result.ap:.3f}", "-"],
            ["detection recall@0.5", f"{result.recall:.3f}", "-"],
            ["search mAP", f"{result.search.mean_ap:.3f}", f"{result.chance.mean_ap:.3f}"],
            ["search top-1", f"{result.search.top1:.3f}", f"{result.chance.top1:.3f}"],
            ["search top-5", f"{result.search.top5:.3f}", f"{result.chance.top5:.3f}"],
            ["search top-10", f"{result.search.top10:.3f}", f"{result.chance.top10:.3f}"],
        ],
        note="Search across cameras: frames of the probe's own camera are left out.",
    )


def _verdicts(result: DemoResult) -> list[Table]:
    return [] if result.verdicts is None or not result.verdicts.held_out else [held_out_table(result.verdicts)]


def training_curve(metrics_file: Path, identity_loss: str = "OIM", points: int = 120) -> Curve:
    """Loss by step, detection and identity apart, averaged over windows so that about `points` remain.

    Args:
        metrics_file: metrics.csv of a training.
        identity_loss: What the identity loss of this training is called.
        points: About how many points are drawn of each curve.
    """
    with metrics_file.open(newline="", encoding="utf-8") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    window = max(1, len(rows) // points)
    identity = f"identity ({identity_loss})"
    series: dict[str, list[tuple[float, float]]] = {identity: [], "detection": []}
    for start in range(0, len(rows), window):
        part = rows[start : start + window]
        step = part[-1]["step"]
        series[identity].append((step, float(np.mean([row["loss_identity"] for row in part]))))
        detection = [sum(row[name] for name in DETECTION_LOSSES) for row in part]
        series["detection"].append((step, float(np.mean(detection))))
    return Curve("Training loss", series, x_label="step")


def _examples(result: DemoResult, frames: Mapping[str, FrameSample]) -> list[Picture]:
    """For each camera the frame with the most people, with the detections on it."""
    busiest: dict[object, FrameSample] = {}
    for sample in frames.values():
        if sample.name in result.detections:
            best = busiest.get(sample.camera)
            if best is None or len(sample.boxes) > len(best.boxes):
                busiest[sample.camera] = sample
    pictures = []
    for camera, sample in sorted(busiest.items(), key=lambda item: str(item[0])):
        found = result.detections[sample.name]
        found = found[found.scores >= 0.5]
        boxes = [
            MarkedBox(box.tolist(), f"{score:.2f}")
            for box, score in zip(found.boxes, found.scores.tolist(), strict=True)
        ]
        caption = f"camera {camera}: {len(found)} found, {len(sample.boxes)} there"
        pictures.append(Picture(read_image(sample.path), caption, boxes))
    return pictures


def _frame_path(query: Query, frames: Mapping[str, FrameSample]) -> Path:
    return frames[str(query.frame)].path


def _box_text(query: Query) -> str:
    assert query.box is not None
    return ",".join(f"{value:.0f}" for value in query.box.tolist())
