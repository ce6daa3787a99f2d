"""Same person or not: pairs counted by similarity, and the thresholds that follow from the counts.

Every pair is counted, none is sampled, and memory does not grow with their number: similarities fall into bins of
2**-15. The bins' edges are exact in binary, so the counts above and below an edge are exact, and a threshold is
always an edge.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from reid.ranking.distances import Embeddings, embedding_pair, row_spans
from reid.ranking.sides import Cameras, RankingSides, pairs_between

BINS_IN_ONE = 2**15
"""Bins between similarities 0 and 1."""

BINS = 2 * BINS_IN_ONE + 1
"""From -1 to 1, and one for similarity 1 itself, above whose upper edge no pair is."""

THRESHOLDS: NDArray[np.float64] = np.arange(-BINS_IN_ONE, BINS_IN_ONE + 2) / BINS_IN_ONE
"""(BINS + 1,) edges of the bins: bin b holds similarities from THRESHOLDS[b] up to, not including, THRESHOLDS[b + 1]"""


@dataclass(frozen=True, eq=False)
class PairCounts:
    """How many pairs have which cosine similarity.

    Args:
        same: (BINS,) int64, the pairs of one person in each bin.
        different: (BINS,) int64, the pairs of two persons in each bin.

    Raises:
        ValueError: A side does not hold one count of 0 or more for each bin.
    """

    same: NDArray[np.int64] = field(repr=False)
    different: NDArray[np.int64] = field(repr=False)

    def __post_init__(self) -> None:
        for name in ("same", "different"):
            counts = np.asarray(getattr(self, name), dtype=np.int64)
            if counts.shape != (BINS,) or (counts < 0).any():
                raise ValueError(f"{name} has shape {counts.shape}, expected {BINS} counts of 0 or more")
            object.__setattr__(self, name, counts)

    def false_match_rates(self) -> NDArray[np.float64]:
        """Says for each of THRESHOLDS which share of the pairs of two persons is at least as similar.

        Returns:
            (BINS + 1,) float64, never rising.

        Raises:
            ValueError: There is no such pair.
        """
        above = np.append(np.cumsum(self.different[::-1])[::-1], 0)
        return above / _some(self.different, "different persons")

    def false_non_match_rates(self) -> NDArray[np.float64]:
        """Says for each of THRESHOLDS which share of the pairs of one person is less similar.

        Returns:
            (BINS + 1,) float64, never falling.

        Raises:
            ValueError: There is no such pair.
        """
        below = np.append(0, np.cumsum(self.same))
        return below / _some(self.same, "the same person")


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold does: pairs that are at least so similar are taken for one person.

    Args:
        threshold: A cosine similarity; just above 1 where only "never" will do.
        false_match_rate: The share of pairs of two persons that are taken for one.
        false_non_match_rate: The share of pairs of one person that are taken for two.
    """

    threshold: float
    false_match_rate: float
    false_non_match_rate: float

    @property
    def error_rate(self) -> float:
        """The mean of both rates; at the equal-error threshold it is the equal-error rate."""
        return (self.false_match_rate + self.false_non_match_rate) / 2


def count_pairs(
    query: Embeddings,
    gallery: Embeddings,
    query_ids: Tensor | ArrayLike,
    gallery_ids: Tensor | ArrayLike,
    query_cameras: Cameras = None,
    gallery_cameras: Cameras = None,
    *,
    excluded: ArrayLike | None = None,
) -> PairCounts:
    """Counts the pairs of a query and a gallery image that the Market-1501 protocol ranks, by cosine similarity.

    Pairs of one person in one camera are left out, and gallery images of identity -1 (junk).

    Args:
        query: (Q, D) of unit length.
        gallery: (G, D) of unit length.
        query_ids: (Q,) integers.
        gallery_ids: (G,) integers.
        query_cameras: (Q,) numbers or names, with None for an unknown camera, which equals no other. None in place of
            all counts all pairs.
        gallery_cameras: (G,) numbers or names, with None for an unknown camera; None for data without cameras.
        excluded: (M, 2) integers, pairs (query, gallery) that are left out: the query's own crop, say.

    Returns:
        The counts.

    Raises:
        ValueError: Embeddings are not unit rows of one width, or identities or cameras are more or fewer than them.

    Example:
        >>> counts = count_pairs(np.eye(2), np.eye(2), [1, 2], [1, 2])
        >>> int(counts.same.sum()), int(counts.different.sum())
        (2, 2)
        >>> equal_error(counts).error_rate
        0.0
    """
    queries, items = unit_pair(query, gallery)
    sides = RankingSides.of(query_ids, gallery_ids, query_cameras, gallery_cameras, excluded)
    sides.require_counts(len(queries), len(items))
    everything, left_out, same = (np.zeros(BINS, dtype=np.int64) for _ in range(3))
    for rows, columns in sides.groups("market1501"):
        matches, skipped = sides.pairs(rows, columns)
        items = items if len(columns) == len(items) else items[columns]
        width = len(columns)
        for start, stop in row_spans(np.full(len(rows), width)):
            bins = similarity_bins(queries[start:stop] @ items.T)  # [rows of the span, width]
            # NumPy's bincount copies to int64 first.
            everything += torch.bincount(torch.from_numpy(bins).view(-1), minlength=BINS).numpy()
            same += np.bincount(bins[pairs_between(matches, start, stop, width)], minlength=BINS)
            left_out += np.bincount(bins[pairs_between(skipped, start, stop, width)], minlength=BINS)
    return PairCounts(same, everything - same - left_out)


def equal_error(counts: PairCounts) -> OperatingPoint:
    """Finds the threshold at which both rates are nearest to each other.

    Where many thresholds are equally good (no pair lies between them), it is the middle one, which leaves both sides
    room.

    Args:
        counts: What `count_pairs` counted.

    Returns:
        The threshold and its two rates.

    Raises:
        ValueError: There is no pair of the same person, or none of different persons.
    """
    gap = np.abs(counts.false_match_rates() - counts.false_non_match_rates())
    best = np.flatnonzero(gap == gap.min())
    return _point(counts, int(best[len(best) // 2]))


def threshold_at(counts: PairCounts, false_match_rate: float) -> OperatingPoint:
    """Finds the lowest threshold at which no larger share of different persons is taken for one.

    Args:
        counts: What `count_pairs` counted.
        false_match_rate: The share, in (0, 1). Lowering it misses more people. With N different pairs a rate below 1 /
            N means none.

    Returns:
        The threshold and its two rates.

    Raises:
        ValueError: The rate is outside (0, 1), or there is no pair of the same person, or none of different persons.
    """
    if not 0 < false_match_rate < 1:
        raise ValueError(f"false match rate is {false_match_rate}, expected more than 0 and less than 1, 0.001 say")
    return _point(counts, int(np.argmax(counts.false_match_rates() <= false_match_rate)))


def binned(counts: PairCounts, bins: int = 100) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Puts both distributions into few equal bins over the similarities that occur, for drawing.

    Args:
        counts: What `count_pairs` counted.
        bins: The largest number of bins B.

    Returns:
        (B + 1,) edges, and (B,) each the share of the pairs of one person and of two persons; 0 where there are none.

    Raises:
        ValueError: There is no pair at all, or bins is below 1.
    """
    if bins < 1:
        raise ValueError(f"bins is {bins}, expected at least 1")
    occupied = np.flatnonzero(counts.same + counts.different)
    if not len(occupied):
        raise ValueError("there is no pair to draw; check the identities of query and gallery")
    first, last = int(occupied[0]), int(occupied[-1])
    width = -(-(last + 1 - first) // bins)
    starts = np.arange(first, last + 1, width)
    edges = (np.append(starts, starts[-1] + width) - BINS_IN_ONE) / BINS_IN_ONE
    same, different = (
        np.add.reduceat(each[: last + 1], starts) / max(1, int(each.sum())) for each in (counts.same, counts.different)
    )
    return edges, same, different


def unit_pair(query: Embeddings, gallery: Embeddings) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turns the embeddings of both sides into float32 rows of one width, and refuses those that have no unit length.

    Args:
        query: (Q, D) tensor of any device, or array.
        gallery: (G, D) tensor of any device, or array.

    Returns:
        (Q, D) and (G, D) float32.

    Raises:
        ValueError: Embeddings are no rows of finite numbers, differ in width, or one has another length than 1.
    """
    queries, items = embedding_pair(query, gallery)
    for name, side in (("query", queries), ("gallery", items)):
        lengths = np.einsum("nd,nd->n", side, side)
        if not np.allclose(lengths, 1, atol=1e-3):
            longest = float(np.sqrt(lengths[np.argmax(np.abs(lengths - 1))]))
            raise ValueError(f"a {name} embedding has length {longest:.4g}, expected 1: divide each by its length")
    return queries, items


def similarity_bins(similarities: NDArray[np.float32]) -> NDArray[np.int32]:
    """Finds the bin of each similarity. What rounding carries past -1 and 1 counts as -1 and 1.

    Args:
        similarities: Any shape, float32. This memory is worked in, so its values are gone afterwards.

    Returns:
        The same shape, int32 in 0 .. BINS - 1.
    """
    similarities *= BINS_IN_ONE  # a power of two, so nothing is rounded before the floor
    np.clip(np.floor(similarities, out=similarities), -BINS_IN_ONE, BINS_IN_ONE, out=similarities)
    bins = similarities.astype(np.int32)
    bins += BINS_IN_ONE
    return bins


def _point(counts: PairCounts, edge: int) -> OperatingPoint:
    false_match, false_non_match = counts.false_match_rates()[edge], counts.false_non_match_rates()[edge]
    return OperatingPoint(float(THRESHOLDS[edge]), float(false_match), float(false_non_match))


def _some(counts: NDArray[np.int64], what: str) -> int:
    total = int(counts.sum())
    if not total:
        raise ValueError(f"there is no pair of {what}; error rates need some of either kind")
    return total
