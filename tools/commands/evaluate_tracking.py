"""personsearch evaluate tracking: how well people are followed within a camera, and told apart over all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datasets.samples import FrameSample
from detection.detections import Detections
from search.evaluation.tracked_frames import TrackedFrame, judged_frame
from search.evaluation.tracking_metrics import AcrossCameras, TrackingMetrics
from search.models.opening import load_search_models
from search.tracks.settings import TrackerSettings
from search.tracks.tracker import UNTRACKED
from tools.outcome import Outcome, table
from tools.progress import Progress

TrackingFormat = Literal["custom", "uestc-pr", "mot"]
Sequences = Mapping[str, Mapping[int, FrameSample]]


def tracking(
    root: Path,
    *,
    model: Path | None = None,
    second_stage: Path | None = None,
    detector: str | None = None,
    public: bool = False,
    tracks: Path | None = None,
    format: TrackingFormat = "custom",  # noqa: A002 - the option is called --format
    split: Literal["train", "gallery"] | None = None,
    score_threshold: float | None = None,
    second_weight: float = 0.5,
    tracker: TrackerSettings = TrackerSettings(),  # noqa: B008 - frozen
    minimum_length: int = 1,
    iou_threshold: float = 0.5,
    across_cameras: bool = False,
    link_similarity: float = 0.7,
    output: Path | None = None,
    batch_size: int = 4,
) -> Outcome:
    """MOTA, MOTP, IDF1, HOTA, ID switches and fragmentations of each camera or sequence, and of all together.

    What is judged: people found and told apart by a model (--model, or --detector and --second-stage), public
    detections that are linked by overlap alone (--public), or finished tracks (--tracks). The figures are motmetrics',
    HOTA is that of Luiten et al. 2021. People whom a data set says to ignore, and people of unknown identity, count
    neither way.

    With --across-cameras the tracks of all cameras are joined into people by their embeddings, and the multi-camera
    IDF1 and HOTA say whether everybody has one number in whatever camera; finished tracks are taken as they are
    numbered.

    Args:
        root: the data set's folder; for mot one sequence or a folder of them, for the custom layout also its JSON.
        model: model.safetensors of a run of `train joint`, or its folder.
        second_stage: model.safetensors of a run of `train crop`, or its folder.
        detector: finds people in place of a joint model: coco, or a file of `train joint`.
        public: take det/det.txt of each MOTChallenge sequence.
        tracks: a folder with NAME.txt for each sequence or camera, as --output writes it, in MOTChallenge's result
            format; or the file of one sequence. Frames of the custom layout are counted from 1 in time order.
        format: the data set's layout.
        split: train or gallery; by default train for mot, whose test truth is not public, and gallery otherwise.
        score_threshold: detections below it are dropped; by default 0.5, and none for --public and --tracks.
        second_weight: share of the second stage in the embedding, from 0 to 1.
        tracker: how detections are linked.
        minimum_length: tracks of fewer sightings are dropped.
        iou_threshold: least overlap of a hit.
        across_cameras: also judge identities over all cameras.
        link_similarity: least mean cosine of tracks that are joined over cameras; it depends on the model.
        output: a folder that receives the tracks as NAME.txt, with --across-cameras numbered over all cameras.
        batch_size: frames a forward pass.
    """
    from datasets import read_frames
    from search.tracks.mot_files import number_frames, write_tracks

    _check(model or detector, public, tracks, format, across_cameras)
    samples, failures = read_frames(format, root, split or ("train" if format == "mot" else "gallery"))
    sequences = number_frames(samples, by_file_name=format == "mot")
    judged, unjudged = _with_truth(root, sequences, output) if format == "mot" else (sequences, [])
    if public or tracks is not None:
        answer = _read(sequences, tracks, score_threshold)
    else:
        threshold = 0.5 if score_threshold is None else score_threshold
        networks = load_search_models(model, detector, second_stage, score_threshold=threshold)
        answer = _detect(networks, samples, threshold, second_weight, batch_size)
    if tracks is None:
        _link(answer, samples, tracker, minimum_length, link_similarity if across_cameras else None)
    if output is not None:
        write_tracks(output, sequences, answer.found, answer.people if across_cameras else answer.tracks)
    figures: dict[str, Any] = {
        "tracker": tracker if tracks is None else None, "rows_left_out": answer.rows_left_out, "output": output,
    }  # fmt: skip
    text = _judge(judged, answer, format, iou_threshold, across_cameras, figures)
    if answer.rows_left_out:
        text += f"\n{answer.rows_left_out} rows of {tracks} belong to frames that the data set does not have"
    return Outcome(text, figures, [*failures, *answer.failures, *unjudged])


@dataclass
class _Answer:
    """What is judged: frame name -> Detections, and their track numbers within cameras and over all cameras."""

    found: Mapping[str, Detections]
    tracks: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    people: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    rows_left_out: int = 0
    failures: Sequence[str] = ()


def _check(model: object, public: bool, tracks: Path | None, format_name: str, across_cameras: bool) -> None:
    sources = {"--model or --detector": model is not None, "--public": public, "--tracks": tracks is not None}
    given = [name for name, there in sources.items() if there]
    if len(given) != 1:
        met = " and ".join(given) or "nothing"
        raise ValueError(f"{met} given to judge, expected one of --model, --detector, --public and --tracks")
    if public and format_name != "mot":
        raise ValueError(f"--public is MOTChallenge's det/det.txt, --format is {format_name}; give --model or --tracks")
    if across_cameras and format_name == "mot":
        raise ValueError("--across-cameras is given, but MOTChallenge's sequences have nobody in common; leave it out")


def _with_truth(root: Path, sequences: Sequences, output: Path | None) -> tuple[Sequences, list[str]]:
    """The sequences that have true tracks, and a line for each of the others."""
    judged = {name: frames for name, frames in sequences.items() if any(len(one.boxes) for one in frames.values())}
    if not judged and output is None:
        raise ValueError(f"no sequence of {root} has true tracks in gt/gt.txt; give --output to write tracks alone")
    # Who wants tracks of a test set knows that nobody outside has its truth.
    missing = [] if not judged else [name for name in sequences if name not in judged]
    return judged, [f"{name}: no true track in gt/gt.txt, so it is in no figure" for name in missing]


def _read(sequences: Sequences, tracks: Path | None, score_threshold: float | None) -> _Answer:
    """Public detections, or finished tracks; their confidences may have any range."""
    from search.tracks.mot_files import read_public_detections, read_tracks

    threshold = -np.inf if score_threshold is None else score_threshold
    if tracks is None:
        found = read_public_detections(sequences)
        return _Answer({name: one[one.scores >= threshold] for name, one in found.items()})
    found, numbers, left_out = read_tracks(tracks, sequences)
    kept = {name: (one.scores >= threshold).numpy() for name, one in found.items()}
    numbers = {name: numbers[name][rows] for name, rows in kept.items()}
    return _Answer({name: found[name][rows] for name, rows in kept.items()}, numbers, numbers, left_out)


def _detect(
    networks: tuple[Any, Any], samples: Sequence[FrameSample], threshold: float, second_weight: float, batch_size: int
) -> _Answer:
    from search.evaluation.splits import detect_split
    from search.evaluation.stages import fused_detections

    with Progress("Detecting") as progress:
        seen = detect_split(
            networks[0],
            samples,
            second_stage=networks[1],
            score_threshold=threshold,
            batch_size=batch_size,
            on_progress=progress,
        )
    found = seen.by_frame if networks[1] is None else fused_detections(seen.by_frame, seen.second, second_weight)
    return _Answer(found, failures=[f"{name}: {reason}" for name, reason in seen.failures])


def _link(
    answer: _Answer,
    samples: Sequence[FrameSample],
    tracker: TrackerSettings,
    minimum_length: int,
    link_similarity: float | None,
) -> None:
    """Number the detections by track, and by person where a similarity is given."""
    from search.tracks.linking import link_tracklets, renumbered
    from search.tracks.tracklets import track_frames, tracklets, without_short

    with Progress("Linking") as progress:
        tracks = track_frames(samples, answer.found, tracker, on_progress=progress)
    answer.tracks = without_short(tracks, minimum_length)
    if link_similarity is not None:
        ways = tracklets(samples, answer.found, answer.tracks)
        answer.people = renumbered(answer.tracks, ways, link_tracklets(ways, minimum_similarity=link_similarity))


def _judge(
    sequences: Sequences,
    answer: _Answer,
    format_name: str,
    iou_threshold: float,
    across_cameras: bool,
    figures: dict[str, Any],
) -> str:
    """Add the figures of the sequences, and give the text."""
    from search.evaluation.tracking_metrics import evaluate_across, evaluate_tracks

    if not sequences:
        return f"no true tracks to judge by; the tracks are in {figures['output']}"
    with Progress("Judging", unit="sequence") as progress:
        frames = _judged_frames(sequences, answer, answer.tracks, format_name, iou_threshold)
        single, overall = evaluate_tracks(frames, iou_threshold=iou_threshold, on_progress=progress)
    figures["sequences"] = [{"sequence": name, "metrics": metrics} for name, metrics in single.items()]
    figures["overall"] = overall
    text = table(list(_COLUMNS), [_row(name, metrics) for name, metrics in [*single.items(), ("overall", overall)]])
    if across_cameras:
        frames = _judged_frames(sequences, answer, answer.people, format_name, iou_threshold)
        whole = figures["across_cameras"] = evaluate_across(frames, iou_threshold=iou_threshold)
        text += f"\n\n{_across_text(whole)}"
    return text


def _judged_frames(
    sequences: Sequences, answer: _Answer, tracks: Mapping[str, NDArray[np.int64]], format_name: str, threshold: float
) -> dict[str, list[TrackedFrame]]:
    """The frames of each sequence that could be read, without what must not be judged."""
    judged: dict[str, list[TrackedFrame]] = {}
    for name, frames in sequences.items():
        judged[name] = []
        for number, sample in frames.items():
            if sample.name not in answer.found:
                continue
            known = sample.person_ids >= 0
            # MOTChallenge's boxes to ignore are people like others, COCO's crowds are areas.
            people, regions = [sample.boxes[~known]], sample.ignore
            if format_name == "mot":
                people, regions = [*people, sample.ignore], sample.ignore[:0]
            ids = tracks[sample.name]
            rows = ids != UNTRACKED
            try:
                judged[name].append(
                    judged_frame(
                        (sample.person_ids[known], sample.boxes[known]),
                        (ids[rows], answer.found[sample.name].boxes.numpy()[rows]),
                        people=np.concatenate(people),
                        regions=regions,
                        iou_threshold=threshold,
                    )
                )
            except ValueError as error:
                raise ValueError(f"{name} frame {number}: {error}") from error
    return judged


_COLUMNS = (
    "tracking", "frames", "people", "MOTA", "MOTP", "IDF1", "HOTA", "DetA", "AssA", "precision", "recall", "switches",
    "fragmentations", "mostly tracked", "mostly lost",
)  # fmt: skip


def _row(name: str, metrics: TrackingMetrics) -> list[object]:
    counts, hota = metrics.counts, metrics.hota
    return [
        name, counts.frames, counts.people, metrics.mota, metrics.motp, metrics.idf1, hota.hota, hota.detection,
        hota.association, metrics.precision, metrics.recall, counts.switches, counts.fragmentations,
        counts.mostly_tracked, counts.mostly_lost,
    ]  # fmt: skip


def _across_text(whole: AcrossCameras) -> str:
    header = ["across cameras", "people", "found", "IDF1", "precision of IDs", "recall of IDs", "HOTA", "DetA", "AssA"]
    row = [
        "all cameras", whole.people, whole.tracks, whole.idf1, whole.id_precision, whole.id_recall, whole.hota.hota,
        whole.hota.detection, whole.hota.association,
    ]  # fmt: skip
    return table(header, [row])
