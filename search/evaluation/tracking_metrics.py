"""How well people are tracked: MOTA, MOTP, IDF1, ID switches and fragmentations by motmetrics, HOTA by trackers.

Sources: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", EURASIP
2008; Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", ECCV 2016 workshops
(IDF1); Luiten et al., IJCV 2021 (HOTA, see `hota`). Deviation: MOTP is the mean overlap of the hits, as
MOTChallenge prints it, not their mean distance.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from search.evaluation.hota import HotaMetrics, HotaSums, hota_metrics, hota_sums
from search.evaluation.tracked_frames import TrackedFrame


@dataclass(frozen=True)
class TrackingCounts:
    """What the figures of one sequence are made of; those of several sequences add up.

    Attributes:
        frames: judged frames.
        objects: true boxes.
        found: found boxes that count.
        people: true tracks.
        false_positives: found boxes that hit nobody.
        misses: true boxes that nothing hits.
        switches: hits by another track than the person's last one.
        fragmentations: how often a person is lost and found again.
        mostly_tracked: people hit in at least 80 % of their frames.
        mostly_lost: people hit in less than 20 % of their frames.
        identity_hits: found boxes of the track that is assigned to the person, over the whole sequence (IDTP).
        overlap: sum of the hits' intersection over union.
    """

    frames: int
    objects: int
    found: int
    people: int
    false_positives: int
    misses: int
    switches: int
    fragmentations: int
    mostly_tracked: int
    mostly_lost: int
    identity_hits: int
    overlap: float

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))


@dataclass(frozen=True, eq=False)
class TrackingMetrics:
    """The figures of one sequence or of several; NaN where a figure's denominator is 0.

    Attributes:
        mota: 1 - (misses + false positives + switches) / objects, at most 1.
        motp: mean overlap of the hits.
        idf1, id_precision, id_recall: found boxes of the right track over all; IDF1 is their harmonic mean.
        precision, recall: hits over found and over true boxes.
        hota: HOTA and its parts.
        counts: what the figures are made of.
    """

    mota: float
    motp: float
    idf1: float
    id_precision: float
    id_recall: float
    precision: float
    recall: float
    hota: HotaMetrics
    counts: TrackingCounts


@dataclass(frozen=True, eq=False)
class AcrossCameras:
    """Whether people are told apart over all cameras; see `evaluate_across`.

    Attributes:
        idf1, id_precision, id_recall: with one assignment of tracks to people for all cameras.
        hota: with true and found tracks that go through all cameras.
        people: true identities of all cameras.
        tracks: found identities of all cameras.
    """

    idf1: float
    id_precision: float
    id_recall: float
    hota: HotaMetrics
    people: int
    tracks: int


def evaluate_tracks(
    sequences: Mapping[str, Sequence[TrackedFrame]],
    *,
    iou_threshold: float = 0.5,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, TrackingMetrics], TrackingMetrics]:
    """The figures of each sequence, and of all together.

    The overall figures are those of the sums, as MOTChallenge's: a long sequence weighs more. Identities and track
    numbers of different sequences have nothing to do with each other.

    Args:
        sequences: name -> judged frames (`judged_frame`) in time order, also those without boxes.
        iou_threshold: least overlap of a hit; HOTA has its own.
        on_progress: called with (sequences done, sequences in all).

    Returns:
        Sequence name -> figures, and the overall figures.

    Raises:
        ValueError: there is no sequence, or the threshold is not in (0, 1].
    """
    _require_threshold(iou_threshold)
    if not sequences:
        raise ValueError("no sequence to evaluate, expected at least one with true tracks")
    single: dict[str, TrackingMetrics] = {}
    clear: TrackingCounts | None = None
    higher: list[HotaSums] = []
    for name, frames in sequences.items():
        counts, hota = _clear_counts(frames, iou_threshold), hota_sums(frames)
        single[name] = _metrics(counts, [hota])
        clear = counts if clear is None else clear + counts
        higher.append(hota)
        if on_progress is not None:
            on_progress(len(single), len(sequences))
    assert clear is not None
    return single, _metrics(clear, higher)


def evaluate_across(sequences: Mapping[str, Sequence[TrackedFrame]], *, iou_threshold: float = 0.5) -> AcrossCameras:
    """Multi-camera IDF1 and HOTA: identities and track numbers mean the same in all cameras.

    IDF1 assigns one found identity to each person over the frames of all cameras at once (Ristani et al. 2016, "MTMC");
    a person who is tracked well in each camera but under another number in every one counts in one of them only. The
    figures that look at the order of frames, MOTA's switches say, have no meaning here.

    Args:
        sequences: camera -> judged frames.
        iou_threshold: least overlap of a hit of IDF1.

    Raises:
        ValueError: as `evaluate_tracks`.
    """
    _require_threshold(iou_threshold)
    frames = [frame for members in sequences.values() for frame in members]
    counts = _clear_counts(frames, iou_threshold)
    metrics = _metrics(counts, [hota_sums(frames)])
    tracks = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(frame.ids for frame in frames)]))
    return AcrossCameras(
        metrics.idf1, metrics.id_precision, metrics.id_recall, metrics.hota, counts.people, len(tracks)
    )


def _require_threshold(iou_threshold: float) -> None:
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"IoU threshold {iou_threshold}, expected more than 0 and at most 1")


def _clear_counts(frames: Sequence[TrackedFrame], iou_threshold: float) -> TrackingCounts:
    import motmetrics  # brings pandas, which takes a second

    if not any(len(frame.true_ids) or len(frame.ids) for frame in frames):
        return TrackingCounts(len(frames), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0)
    accumulator = motmetrics.MOTAccumulator()
    for number, frame in enumerate(frames):
        overlap = frame.overlap()
        # Its own helpers for boxes fail under NumPy 2, the accumulator does not.
        distance = np.where(overlap >= iou_threshold - np.finfo(np.float64).eps, 1 - overlap, np.nan)
        accumulator.update(frame.true_ids, frame.ids, distance, frameid=number)
    names = {
        "objects": "num_objects", "found": "num_predictions", "people": "num_unique_objects",
        "false_positives": "num_false_positives", "misses": "num_misses", "switches": "num_switches",
        "fragmentations": "num_fragmentations", "mostly_tracked": "mostly_tracked", "mostly_lost": "mostly_lost",
        "identity_hits": "idtp",
    }  # fmt: skip
    wanted = [*names.values(), "num_detections", "motp"]
    values = motmetrics.metrics.create().compute(accumulator, metrics=wanted, return_dataframe=False)
    counted = {name: round(float(values[theirs])) for name, theirs in names.items()}
    hits = int(values["num_detections"])
    return TrackingCounts(frames=len(frames), overlap=hits * (1 - float(values["motp"])) if hits else 0.0, **counted)


def _metrics(counts: TrackingCounts, hota: Sequence[HotaSums]) -> TrackingMetrics:
    hits = counts.objects - counts.misses
    wrong = counts.misses + counts.false_positives + counts.switches
    return TrackingMetrics(
        mota=1 - _ratio(wrong, counts.objects),
        motp=_ratio(counts.overlap, hits),
        idf1=_ratio(2 * counts.identity_hits, counts.objects + counts.found),
        id_precision=_ratio(counts.identity_hits, counts.found),
        id_recall=_ratio(counts.identity_hits, counts.objects),
        precision=_ratio(hits, counts.found),
        recall=_ratio(hits, counts.objects),
        hota=hota_metrics(hota),
        counts=counts,
    )


def _ratio(above: float, below: float) -> float:
    return above / below if below else float("nan")
