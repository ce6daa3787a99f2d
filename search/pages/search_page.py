"""The page of a search evaluation: the figures of every row, and who was found, with links to whole frames."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datasets.boxes import box_overlap, cut
from datasets.images import ImageError, read_image
from datasets.samples import FrameSample, Query
from detection.detections import Detections
from search.evaluation.protocols import SearchMetrics
from search.evaluation.stacking import overlap_threshold
from search.pages.page import (
    Answer,
    Curve,
    Headline,
    Image,
    RankedRow,
    Section,
    Status,
    Table,
    best_median_worst,
    report_page,
)

ANSWERS = 10
GONE = np.full((128, 64, 3), 128, dtype=np.uint8)

FrameLink = Callable[[str, NDArray[np.float32], Status], str]
"""Gives the address of a frame by its name, with a box in it and whether the box is right; empty for no link."""


@dataclass(frozen=True, eq=False)
class JudgedSearch:
    """A protocol with its answers.

    Args:
        name: The protocol's name.
        samples: Frame name -> frame.
        queries: The Q queries.
        probes: (Q, D) embeddings of the queries.
        detections: Frame name -> what was found there, with embeddings (N, D).
        metrics: The figures of this ranking.
        minimum_confidence: Detections with less confidence take no part.
    """

    name: str
    samples: Mapping[str, FrameSample]
    queries: Sequence[Query]
    probes: Tensor
    detections: Mapping[str, Detections]
    metrics: SearchMetrics
    minimum_confidence: float


def search_page(title: str, rows: Sequence[Sequence[object]], judged: JudgedSearch, link: FrameLink) -> str:
    """The page of a search evaluation, as HTML.

    Args:
        title: It is shown on top.
        rows: The table of the command: protocol, queries, mAP, top-1, top-5, top-10.
        judged: The protocol of which answers are shown.
        link: Gives the address of a whole frame.
    """
    metrics = judged.metrics
    order = best_median_worst(metrics.average_precisions)
    names = ("best", "median", "worst")[: len(order)]
    figures = [[str(row[0]), f"{row[1]:,}", *(f"{value:.4f}" for value in row[2:])] for row in rows]
    asked = int(np.isfinite(metrics.average_precisions).sum())
    return report_page(
        title=title,
        introduction=f"{asked:,} queries, searched in {len(judged.samples):,} frames. The large figures, the curve and "
        f"the answers below are those of one ranking: {judged.name}.",
        headlines=[
            Headline(f"{metrics.mean_ap:.3f}", "mAP"),
            Headline(f"{metrics.top1:.3f}", "top-1"),
            Headline(f"{metrics.top5:.3f}", "top-5"),
            Headline(f"{metrics.top10:.3f}", "top-10"),
        ],
        sections=[
            Section(
                "Every row",
                tables=[Table("Figures", ["protocol", "queries", "mAP", "top-1", "top-5", "top-10"], figures)],
                curves=[_average_precisions(metrics)],
            ),
            Section(
                "Who was found",
                "Three queries by their average precision, and the detections ranked first for each. Green: the person "
                "looked for. Red: somebody else. A picture is a link to its whole frame with the box.",
                rankings=[who_was_found(judged, row, name, link) for row, name in zip(order, names, strict=True)],
            ),
        ],
    )


def who_was_found(judged: JudgedSearch, row: int, name: str, link: FrameLink) -> RankedRow:
    """The first answers to one query, with the truth of each.

    Args:
        judged: The protocol with its answers.
        row: The query's number, 0 to Q - 1.
        name: What this query stands for, "best" for example.
        link: Gives the address of a whole frame.
    """
    query = judged.queries[row]
    answers = []
    found_in: set[str] = set()
    for value, frame_name, box, true_box in _ranked(judged, row)[:ANSWERS]:
        # As the protocol judges: the first detection that fits is the person, another one in that frame is not.
        fits = true_box is not None and bool(box_overlap(box, true_box) >= overlap_threshold(true_box))
        status: Status = "right" if fits and frame_name not in found_in else "wrong"
        if status == "right":
            found_in.add(frame_name)
        sample = judged.samples[frame_name]
        camera = "" if sample.camera is None else f"camera {sample.camera}, "
        picture = _cut_from(sample, box)
        answers.append(Answer(picture, f"{camera}{value:.2f}", status, link(frame_name, box, status)))
    camera = "" if query.camera is None else f", camera {query.camera}"
    probe, address = _probe(judged, query, link)
    return RankedRow(
        f"{name.capitalize()} of {len(judged.queries)}: AP {judged.metrics.average_precisions[row]:.2f}",
        probe,
        answers,
        f"person {query.person_id}{camera}",
        address,
    )


def _ranked(judged: JudgedSearch, row: int) -> list[tuple[float, str, NDArray[np.float32], NDArray[np.float32] | None]]:
    """Similarity, frame, box and the person's true box there of every detection in a query's gallery, best first."""
    scored = []
    for frame_name, true_box in judged.queries[row].gallery:
        found = judged.detections.get(frame_name)
        if found is None:
            continue
        found = found[found.scores >= judged.minimum_confidence]
        assert found.embeddings is not None
        similarity = (found.embeddings @ judged.probes[row]).tolist()
        boxes = found.boxes.numpy()
        scored += [(value, frame_name, box, true_box) for value, box in zip(similarity, boxes, strict=True)]
    return sorted(scored, key=lambda entry: -entry[0])


def _probe(judged: JudgedSearch, query: Query, link: FrameLink) -> tuple[Image, str]:
    """The picture of the person looked for, and the address of its frame."""
    if query.frame is not None and query.box is not None:
        return _cut_from(judged.samples[query.frame], query.box), link(query.frame, query.box, "plain")
    assert query.crop is not None
    try:
        return read_image(query.crop), ""
    except ImageError:
        return GONE, ""


def _cut_from(sample: FrameSample, box: NDArray[np.float32]) -> Image:
    """The pixels of a box, a grey picture where the frame cannot be read any more."""
    try:
        picture = cut(read_image(sample.path), box)
    except ImageError:
        return GONE
    return picture if picture.size else GONE


def _average_precisions(metrics: SearchMetrics) -> Curve:
    falling = np.sort(metrics.average_precisions[np.isfinite(metrics.average_precisions)])[::-1]
    places = (np.arange(len(falling)) + 0.5) / max(1, len(falling))
    return Curve(
        "Average precision, query by query",
        {"average precision": list(zip(places.tolist(), falling.tolist(), strict=True))},
        "share of the queries, best first",
        note="The area below is mAP: how many queries are answered well, and how many not at all.",
    )
