"""HOTA: how well tracks detect people and keep them apart, in equal shares, over all overlaps that may count as a hit.

The package trackers computes it; here its figures get this project's names, and NaN where there is nothing to judge.

Source: Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-object Tracking", IJCV 2021. At an overlap
alpha the true and the found boxes of each frame are matched; with TP, FN, FP over all frames

    DetA = TP / (TP + FN + FP)
    A(c) = TPA(c) / (TPA(c) + FNA(c) + FPA(c)),    AssA = mean of A(c) over all TP c
    HOTA = sqrt(DetA AssA), averaged over alpha = 0.05, 0.10, ... 0.95

where TPA(c) counts the hits of the same true and found track as c, and FNA and FPA the other boxes of the two tracks.
As in the authors' evaluator, whose figures are the published ones, a frame is matched once for all alpha.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.evaluation.tracked_frames import TrackedFrame

HotaSums = dict[str, Any]
"""What HOTA sums over one sequence at each alpha, by the names that the package trackers gives."""


@dataclass(frozen=True, eq=False)
class HotaMetrics:
    """Means over the 19 overlaps, in [0, 1]; NaN where there is neither a true nor a found box.

    Attributes:
        hota: sqrt(DetA AssA).
        detection: DetA.
        association: AssA.
        association_recall: AssRe, how much of a true track its found tracks cover.
        association_precision: AssPr, how much of a found track is one person.
        localization: LocA, mean overlap of the hits; 1 where nothing is hit, as the authors' evaluator has it.
        hota_at: (19,) HOTA at each overlap 0.05, 0.10, ... 0.95.
    """

    hota: float
    detection: float
    association: float
    association_recall: float
    association_precision: float
    localization: float
    hota_at: NDArray[np.float64]


def hota_sums(frames: Sequence[TrackedFrame]) -> HotaSums:
    """What HOTA sums over the frames of one sequence, or of several cameras with common identities, in any order.

    Memory grows with the number of true tracks times that of found tracks: 1000 by 1000 take 150 MB.
    """
    from trackers.eval import compute_hota_metrics  # brings supervision and OpenCV, which take seconds

    ids = [frame.true_ids for frame in frames], [frame.ids for frame in frames]
    sums: HotaSums = compute_hota_metrics(*ids, [frame.overlap() for frame in frames])
    return sums


def hota_metrics(sequences: Sequence[HotaSums]) -> HotaMetrics:
    """The figures of one sequence's sums, or of several together, in which a long sequence weighs more."""
    from trackers.eval import aggregate_hota_metrics

    sums = aggregate_hota_metrics(list(sequences))
    hits = sums["HOTA_TP_array"]
    boxes = hits + sums["HOTA_FN_array"] + sums["HOTA_FP_array"]  # (19,)
    hota_at = np.sqrt(hits / np.maximum(1, boxes) * sums["AssA_array"])
    unknown = np.nan if not boxes.any() else 0.0  # without any box there is nothing to judge
    detection, association, recall, precision, localization = (
        float(sums[name]) + unknown for name in ("DetA", "AssA", "AssRe", "AssPr", "LocA")
    )
    hota_at = hota_at + unknown
    return HotaMetrics(float(hota_at.mean()), detection, association, recall, precision, localization, hota_at)
