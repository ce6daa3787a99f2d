"""Whether a person is in a gallery at all: thresholds at a chosen rate of false alarms, from labelled probes.

Telling two pictures apart and searching a gallery are different questions. A pair of two persons exceeds a threshold at
the pairwise false match rate. A probe whose person is not in the gallery is compared with every sighting of it, and one
that exceeds the threshold is a false alarm: the false positive identification rate, the share of such probes, is what
an analyst meets. It grows with the gallery, and for a gallery of one sighting it is the pairwise rate. Verdicts follow
it, so a threshold belongs to a size.

Every probe serves twice: with its person's sightings taken away as one that is absent, with them as one that is there.

Source: open-set identification as in Phillips, Grother and Micheals, "Evaluation Methods in Face Recognition",
Handbook of Face Recognition, 2011; the rates' names are those of ISO/IEC 19795-1.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from reid.ranking.distances import Embeddings, row_spans
from reid.ranking.pair_counts import BINS, THRESHOLDS, similarity_bins, unit_pair
from reid.ranking.sides import Cameras, RankingSides, pairs_between

NEGLIGIBLE = 28.0
"""Sightings that are the most similar of a drawn gallery with a chance below exp(-28) are not looked at."""

ROUNDING = 1e-9
"""How far a rate may lie above the wanted one, where only the order of a sum decides."""


@dataclass(frozen=True, eq=False)
class Identifications:
    """What probes get from galleries of several sizes, drawn from one gallery.

    A gallery of size n is n sightings of others, drawn at random. Everything below is the exact mean over all drawings,
    not a sample of them. Drawn so, they show more different people than n sightings in a row would, which makes
    thresholds rather too high than too low.

    Args:
        sizes: (S,) int64, rising; the last is the smallest number of sightings that any probe was compared with.
        others: (S, BINS) how many probes have their most similar sighting of somebody else in which bin. Each of the S
            rows sums to the number of probes.
        best: (P,) the similarity of the person's best sighting, for each probe whose person is in the gallery.
        unbeaten: (S, P) the chance that nobody else is at least as similar.
    """

    sizes: NDArray[np.int64]
    others: NDArray[np.float64] = field(repr=False)
    best: NDArray[np.float32] = field(repr=False)
    unbeaten: NDArray[np.float64] = field(repr=False)

    @property
    def probes(self) -> int:
        """How many probes there are, each of them absent once."""
        return round(float(self.others[0].sum()))

    def false_positive_rates(self, row: int) -> NDArray[np.float64]:
        """Says for each of THRESHOLDS which share of absent probes has a sighting that is at least so similar.

        Args:
            row: Which of `sizes` the gallery has.

        Returns:
            (BINS + 1,) float64, never rising.
        """
        above = np.append(np.cumsum(self.others[row, ::-1])[::-1], 0)
        return np.asarray(above / above[0])

    def false_positive_rate(self, row: int, threshold: float) -> float:
        """Says which share of absent probes has a sighting that is at least so similar.

        Args:
            row: Which of `sizes` the gallery has.
            threshold: A cosine similarity. It is rounded up to the next of THRESHOLDS.
        """
        return float(self.false_positive_rates(row)[np.searchsorted(THRESHOLDS, threshold)])

    def found_rate(self, threshold: float) -> float:
        """Says which share of present probes has a sighting of the person that is at least so similar; NaN without any.

        Args:
            threshold: A cosine similarity.
        """
        return float((self.best >= threshold).mean()) if len(self.best) else float("nan")

    def found_first_rate(self, row: int, threshold: float) -> float:
        """Says for which share of present probes the person's best sighting is also the best of all (rank 1).

        Args:
            row: Which of `sizes` the gallery has.
            threshold: A cosine similarity, at least which the sighting must have.
        """
        return float(((self.best >= threshold) * self.unbeaten[row]).mean()) if len(self.best) else float("nan")

    def thresholds_at(self, false_positive_rate: float) -> NDArray[np.float64]:
        """Finds for each size the lowest threshold at which no larger share of absent probes is a false alarm.

        Args:
            false_positive_rate: The share, in (0, 1). With Q probes a rate below 1 / Q means that none of them may be
                one. The rate holds for these probes; of new ones about 1 / Q more exceed the threshold.

        Returns:
            (S,) cosine similarities.

        Raises:
            ValueError: The rate is outside (0, 1).
        """
        if not 0 < false_positive_rate < 1:
            raise ValueError(
                f"false positive rate is {false_positive_rate}, expected more than 0 and less than 1, 0.01 say"
            )
        wanted = false_positive_rate + ROUNDING
        edges = [int(np.argmax(self.false_positive_rates(row) <= wanted)) for row in range(len(self.sizes))]
        return THRESHOLDS[edges]


@dataclass(frozen=True)
class LevelThresholds:
    """From which similarity on a gallery of one size has a match, and from which a possible one.

    Args:
        match: The cosine similarity from which on a sighting is a match.
        possible: The cosine similarity from which on a sighting is a possible match.
        extrapolated: Whether the gallery is larger than every known size.
    """

    match: float
    possible: float
    extrapolated: bool = False


@dataclass(frozen=True)
class VerdictThresholds:
    """Thresholds of both levels for galleries of any size.

    Args:
        sizes: Numbers of sightings, at least 1, rising.
        match: For each size the cosine similarity of a match, never falling with the size.
        possible: For each size the cosine similarity of a possible match, never falling, and never above `match`.

    Raises:
        ValueError: The lists do not fit these rules.

    Example:
        >>> thresholds = VerdictThresholds(sizes=(10, 1000), match=(0.6, 0.8), possible=(0.5, 0.6))
        >>> round(thresholds.at(100).match, 3)  # halfway between the logarithms
        0.7
    """

    sizes: tuple[int, ...]
    match: tuple[float, ...]
    possible: tuple[float, ...]

    def __post_init__(self) -> None:
        sizes, match, possible = (
            np.asarray(each, dtype=np.float64) for each in (self.sizes, self.match, self.possible)
        )
        lengths = {values.shape for values in (sizes, match, possible)}
        if len(lengths) != 1 or sizes.ndim != 1 or not len(sizes):
            raise ValueError(f"{sizes.size} sizes with {match.size} and {possible.size} thresholds, expected one each")
        if sizes[0] < 1 or not (np.diff(sizes) > 0).all():
            raise ValueError(f"gallery sizes {list(self.sizes)}, expected rising numbers from 1 on")
        for name, values in (("match", match), ("possible", possible)):
            if not (np.abs(values) <= THRESHOLDS[-1]).all() or not (np.diff(values) >= 0).all():
                raise ValueError(f"{name} thresholds {values.tolist()}, expected similarities that do not fall")
        if (possible > match).any():
            raise ValueError("a threshold of 'possible' lies above that of 'match', expected none")

    def at(self, size: int) -> LevelThresholds:
        """Finds both thresholds for a gallery, on the straight line between the logarithms of the known sizes.

        Beyond the largest known size the distance 1 - threshold goes on shrinking by the same factor for each tenfold
        growth as over the last: the nearest of N strangers is as far as some power of N. A threshold so comes near to
        1, and never there, and that of "possible" never passes that of "match".

        Args:
            size: The number of sightings that a probe is compared with; below 1 counts as 1.

        Returns:
            Both thresholds.
        """
        place, known = math.log(max(size, 1)), np.log(self.sizes)
        beyond = max(0.0, float(place - known[-1]))
        tenth = int(np.searchsorted(known, known[-1] - np.log(10) + ROUNDING, side="right")) - 1
        start = max(0, tenth)

        def level(values: tuple[float, ...]) -> float:
            value = float(np.interp(place, known, values))
            if not beyond or len(known) == 1 or values[-1] >= 1:
                return value
            factor = (1 - values[-1]) / (1 - values[start])
            return float(1 - (1 - values[-1]) * factor ** (beyond / float(known[-1] - known[start])))

        match = level(self.match)
        return LevelThresholds(match, min(level(self.possible), match), beyond > 0)


def verdict_thresholds(found: Identifications, *, match_rate: float, possible_rate: float) -> VerdictThresholds:
    """Finds the thresholds at which so many absent probes are called a match, and a match or possible.

    Args:
        found: What `identify` found.
        match_rate: The share that may be called a match, in (0, 1), at most `possible_rate`. Lowering it gives fewer
            false alarms and misses more people.
        possible_rate: The share that may be called a match or a possible one, in (0, 1).

    Returns:
        Thresholds for every size of `found`.

    Raises:
        ValueError: A rate is outside (0, 1), or the match's is the larger.
    """
    if match_rate > possible_rate:
        raise ValueError(f"match rate {match_rate} is above possible rate {possible_rate}, expected at most that")
    match, possible = (found.thresholds_at(rate) for rate in (match_rate, possible_rate))
    # Both already rise with the size but for the last bit of a sum.
    match, possible = np.maximum.accumulate(match), np.maximum.accumulate(possible)
    return VerdictThresholds(tuple(found.sizes.tolist()), tuple(match.tolist()), tuple(possible.tolist()))


def identify(
    query: Embeddings,
    gallery: Embeddings,
    query_ids: Tensor | ArrayLike,
    gallery_ids: Tensor | ArrayLike,
    query_cameras: Cameras = None,
    gallery_cameras: Cameras = None,
    *,
    excluded: ArrayLike | None = None,
) -> Identifications:
    """Measures what every probe gets from galleries with and without its person.

    Sightings of one person in one camera are left out, and so are those of identity -1 (unknown). People who are
    somebody else count from every camera, as in a search. The sizes are 1, 2, 5, 10, 20 ... and the whole gallery.

    Args:
        query: (Q, D) of unit length.
        gallery: (G, D) of unit length.
        query_ids: (Q,) integers.
        gallery_ids: (G,) integers; -2 is nobody: a detection without a person, which is a false alarm too.
        query_cameras: (Q,) numbers or names, with None for an unknown camera, which equals no other. None in place of
            all leaves no sighting out for its camera.
        gallery_cameras: (G,) numbers or names, with None for an unknown camera; None for data without cameras.
        excluded: (M, 2) integers, pairs (query, gallery) that are left out: those of the query's own frame, say.

    Returns:
        What the probes get, for each size.

    Raises:
        ValueError: Embeddings are not unit rows of one width, identities or cameras are more or fewer than them, or a
            probe has nobody else to be compared with.
    """
    queries, items = unit_pair(query, gallery)
    sides = RankingSides.of(query_ids, gallery_ids, query_cameras, gallery_cameras, excluded)
    sides.require_counts(len(queries), len(items))
    ((rows, columns),) = sides.groups("market1501")
    width = len(columns)
    matches, skipped = sides.pairs(rows, columns)
    left_out = np.union1d(matches, skipped)
    strangers = width - np.bincount(left_out // max(width, 1), minlength=len(rows))
    if strangers.min() < 1:
        person = int(sides.query_ids[strangers.argmin()])
        raise ValueError(
            f"a probe of person {person} has nobody else in the gallery to be mistaken for; false alarms can only be "
            "counted with two persons or more"
        )
    sizes = _sizes(int(strangers.min()))
    others = np.zeros((len(sizes), BINS))  # [S, BINS]
    best = np.full(len(rows), -np.inf, dtype=np.float32)
    beaten_by = np.zeros(len(rows), dtype=np.int64)
    items = items if width == len(items) else items[columns]
    for start, stop in row_spans(np.full(len(rows), width)):
        similarities = queries[start:stop] @ items.T  # [rows of the span, width]
        own = pairs_between(matches, start, stop, width)
        np.maximum.at(best[start:stop], own[0], similarities[own])
        similarities[pairs_between(left_out, start, stop, width)] = -np.inf
        beaten_by[start:stop] = (similarities >= best[start:stop, None]).sum(axis=1)
        ordered = np.sort(similarities, axis=1)[:, ::-1]
        _count_best(others, sizes, ordered, strangers[start:stop])
    present = np.isfinite(best)
    unbeaten = _none_drawn(sizes, beaten_by[present], strangers[present])
    return Identifications(sizes, others, best[present], unbeaten)


def _count_best(
    counts: NDArray[np.float64],
    sizes: NDArray[np.int64],
    ordered: NDArray[np.float32],
    strangers: NDArray[np.int64],
) -> None:
    """Add, for every size, the chance of each similarity to be the largest of so many drawn ones, to its bin.

    Args:
        counts: (S, BINS), added to.
        sizes: (S,).
        ordered: (R, W) similarities in falling order.
        strangers: (R,) how many of them are there; what follows is to be ignored.
    """
    bins = similarity_bins(ordered.copy())
    for row, size in enumerate(sizes.tolist()):
        width = min(ordered.shape[1], int(np.ceil(NEGLIGIBLE * float(strangers.max()) / size)) + 1)
        left = np.maximum(strangers[:, None] - np.arange(width), 1)
        drawn = np.minimum(size / left, 1.0)  # the chance of a place, given that none before it was drawn
        none_before = np.cumprod(1 - drawn, axis=1)
        drawn[:, 1:] *= none_before[:, :-1]
        counts[row] += np.bincount(bins[:, :width].ravel(), weights=drawn.ravel(), minlength=BINS)


def _none_drawn(
    sizes: NDArray[np.int64], special: NDArray[np.int64], population: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(S, P) the chance that n drawn out of a population hold none of its special members."""
    from scipy.special import gammaln  # 0.05 s that who reads thresholds should not pay

    size, rest = sizes[:, None].astype(np.float64), (population - special).astype(np.float64)
    possible = rest >= size
    ways = gammaln(rest + 1) - gammaln(np.where(possible, rest - size, 0) + 1)
    all_ways = gammaln(population + 1.0) - gammaln(population - size + 1)
    return np.where(possible, np.exp(np.minimum(ways - all_ways, 0)), 0.0)


def _sizes(largest: int) -> NDArray[np.int64]:
    """1, 2, 5, 10, 20 ... below the largest, and the largest."""
    steps = (np.array([1, 2, 5])[None] * 10 ** np.arange(10)[:, None]).ravel()
    return np.append(steps[steps < largest], largest).astype(np.int64)
