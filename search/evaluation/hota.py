"""HOTA: how well tracks detect people and keep them apart, in equal shares, over all overlaps that may count as a hit.

Source: Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-object Tracking", IJCV 2021. At an overlap
alpha the true and the found boxes of each frame are matched; with TP, FN, FP over all frames

    DetA = TP / (TP + FN + FP)
    A(c) = TPA(c) / (TPA(c) + FNA(c) + FPA(c)),    AssA = mean of A(c) over all TP c
    HOTA = sqrt(DetA AssA), averaged over alpha = 0.05, 0.10, ... 0.95

where TPA(c) counts the hits of the same true and found track as c, and FNA and FPA the other boxes of the two tracks.
As in the authors' evaluator, whose figures are the published ones, a frame is matched once for all alpha: by the
largest sum of overlap times the likeness of the two tracks, the soft Jaccard index of their boxes over all frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from search.evaluation.tracked_frames import TrackedFrame

ALPHAS = np.arange(1, 20) / 20
"""The overlaps from which a match is a hit."""


@dataclass(frozen=True, eq=False)
class HotaCounts:
    """Sums over frames at each of the 19 overlaps of ALPHAS; those of several sequences add up.

    Attributes:
        hits: (19,) true positives.
        missed: (19,) true boxes without a hit.
        wrong: (19,) found boxes without a hit.
        association: (19,) sum of A(c) over the hits.
        association_recall: (19,) sum of TPA / (TPA + FNA) over the hits.
        association_precision: (19,) sum of TPA / (TPA + FPA) over the hits.
        overlap: (19,) sum of the hits' overlap.
    """

    hits: NDArray[np.float64]
    missed: NDArray[np.float64]
    wrong: NDArray[np.float64]
    association: NDArray[np.float64]
    association_recall: NDArray[np.float64]
    association_precision: NDArray[np.float64]
    overlap: NDArray[np.float64]

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))


@dataclass(frozen=True, eq=False)
class HotaMetrics:
    """Means over ALPHAS, in [0, 1]; NaN where there is neither a true nor a found box.

    Attributes:
        hota: sqrt(DetA AssA).
        detection: DetA.
        association: AssA.
        association_recall: AssRe, how much of a true track its found tracks cover.
        association_precision: AssPr, how much of a found track is one person.
        localization: LocA, mean overlap of the hits; 1 where nothing is hit, as the authors' evaluator has it.
        hota_at: (19,) HOTA at each of ALPHAS.
    """

    hota: float
    detection: float
    association: float
    association_recall: float
    association_precision: float
    localization: float
    hota_at: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The pairs of a true and a found box of one frame that overlap at all, E of them, frame by frame.

    Boxes are numbered over all frames; tracks are numbered without gaps.
    """

    frame: NDArray[np.int64]
    truth: NDArray[np.int64]
    found: NDArray[np.int64]
    overlap: NDArray[np.float64]


def hota_counts(frames: Sequence[TrackedFrame]) -> HotaCounts:
    """What HOTA sums over the frames of one sequence, or of several cameras with common identities, in any order."""
    pairs = _overlapping(frames)
    nobody = np.zeros(0, dtype=np.int64)
    # Track of each box, and how many boxes each track has.
    _, truth, true_size = np.unique(
        np.concatenate([nobody, *(frame.true_ids for frame in frames)]), return_inverse=True, return_counts=True
    )
    _, found, found_size = np.unique(
        np.concatenate([nobody, *(frame.ids for frame in frames)]), return_inverse=True, return_counts=True
    )
    # Only pairs of tracks that overlap somewhere: a table of all pairs would be large over many cameras.
    tracks, pair = np.unique(np.stack([truth[pairs.truth], found[pairs.found]]), axis=1, return_inverse=True)
    true_size, found_size = true_size[tracks[0]], found_size[tracks[1]]
    common = np.bincount(pair, _soft_hits(pairs), minlength=len(true_size))
    likeness = common / (true_size + found_size - common)
    matched = _matched(pairs, likeness[pair] * pairs.overlap)

    pair, overlap = pair[matched], pairs.overlap[matched]
    rows = []
    for alpha in ALPHAS:
        hit = overlap >= alpha - np.finfo(np.float64).eps
        together = np.bincount(pair[hit], minlength=len(true_size)).astype(np.float64)  # TPA of each pair of tracks
        hits = float(hit.sum())
        rows.append(
            (
                hits,
                len(truth) - hits,
                len(found) - hits,
                (together * together / (true_size + found_size - together)).sum(),
                (together * together / true_size).sum(),
                (together * together / found_size).sum(),
                overlap[hit].sum(),
            )
        )
    return HotaCounts(*np.array(rows, dtype=np.float64).T)


def hota_metrics(counts: HotaCounts) -> HotaMetrics:
    """The figures of one sequence's counts, or of the sum of several."""
    hits = counts.hits
    detection = _ratio(hits, hits + counts.missed + counts.wrong, np.nan)
    empty = np.isnan(detection)
    association, recall, precision = (
        np.where(empty, np.nan, _ratio(sums, hits, 0.0))
        for sums in (counts.association, counts.association_recall, counts.association_precision)
    )
    hota = np.sqrt(detection * association)
    localization = np.where(empty, np.nan, _ratio(counts.overlap, hits, 1.0))
    return HotaMetrics(
        hota=float(hota.mean()),
        detection=float(detection.mean()),
        association=float(association.mean()),
        association_recall=float(recall.mean()),
        association_precision=float(precision.mean()),
        localization=float(localization.mean()),
        hota_at=hota,
    )


def _overlapping(frames: Sequence[TrackedFrame]) -> _Pairs:
    parts: list[tuple[NDArray[np.int64], ...]] = []
    overlaps = [np.zeros(0)]
    true_boxes = found_boxes = 0
    for number, frame in enumerate(frames):
        overlap = frame.overlap()
        rows, columns = np.nonzero(overlap)
        parts.append((np.full(len(rows), number), rows + true_boxes, columns + found_boxes))
        overlaps.append(overlap[rows, columns])
        true_boxes += len(frame.true_ids)
        found_boxes += len(frame.ids)
    rows = np.concatenate([np.zeros((3, 0), dtype=np.int64), *(np.stack(part) for part in parts)], axis=1)
    return _Pairs(rows[0], rows[1], rows[2], np.concatenate(overlaps))


def _soft_hits(pairs: _Pairs) -> NDArray[np.float64]:
    """(E,) overlap of each pair over all overlap that its two boxes have in their frame, soft-Jaccard."""
    total = np.bincount(pairs.truth, pairs.overlap)[pairs.truth] + np.bincount(pairs.found, pairs.overlap)[pairs.found]
    return pairs.overlap / (total - pairs.overlap)


def _matched(pairs: _Pairs, scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which pairs are the best assignment of their frame by the sum of scores (E,)."""
    matched = [np.zeros(0, dtype=np.int64)]
    starts = np.flatnonzero(np.diff(pairs.frame, prepend=-1))
    for part in np.split(np.arange(len(scores)), starts[1:]):
        _, row = np.unique(pairs.truth[part], return_inverse=True)
        _, column = np.unique(pairs.found[part], return_inverse=True)
        if not len(part):
            continue
        table = np.zeros((row.max() + 1, column.max() + 1))
        table[row, column] = scores[part]
        number = np.full(table.shape, -1)
        number[row, column] = part
        chosen = number[linear_sum_assignment(table, maximize=True)]
        matched.append(chosen[chosen >= 0])
    return np.concatenate(matched)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64], otherwise: float) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.full(len(below), otherwise), where=below > 0)
