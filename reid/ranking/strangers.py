"""How similar strangers get in one's own footage, learned without labels.

Two people in one frame are certainly different, and a tracker says which sightings are one walk of one person. From
both follows how similar a stranger gets, and so from which similarity on a search may speak of a match:

1. Pairs of people in one frame are pairs of strangers (`pairs_of_strangers`). Boxes one above the other may be parts
   of one body, and do not count.
2. Strangers in one frame share light and background, and are more similar than strangers elsewhere. How much more is
   seen where hardly any pair is of one person: below the upper seventh of all similarities. A straight line between the
   quantiles of both kinds brings the pairs to what they would be anywhere in the gallery.
3. The sightings of one walk look alike, so that a look-alike counts once and not once for each of its sightings.
4. Beyond the similarities that were seen, a generalized Pareto distribution goes on (peaks over threshold).

Everything is reckoned in z = artanh(similarity), in which the tail is nearly exponential.

Source: Pickands, "Statistical inference using extreme order statistics", Annals of Statistics 3, 1975, for step 4;
Coles and Dixon, "Likelihood-based inference for extreme value models", Extremes 2, 1999, for the penalty on its shape.
Steps 2 and 3 are this project's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from reid.ranking.open_set import VerdictThresholds

LEAST_PAIRS = 1000
LEAST_WALKS = 100
"""Fewer pairs of sightings, or pairs of walks that meet in a frame, say too little about the tail."""

MOST_PAIRS = 50_000
"""So many pairs are looked at; with more, frames are drawn at random."""

TAIL_SHARE = 0.15
"""The share of the most similar pairs that the Pareto distribution is fitted to."""

TAIL_BINS = 200
"""So many steps the tail is counted in before the distribution is fitted."""

SHAPE, SHAPE_SPREAD = -0.14, 0.025
"""What is expected of the shape of the tail, and how surely, before any pair is seen: the tail ends. A few hundred
pairs of walks leave it open, and the thresholds of galleries of thousands hang on it. The value was chosen on synthetic
squares and on real frames of one street."""

SHAPE_DOUBT = 0.05
"""How far that expectation is moved, by standard deviation, for the interval."""

LINE_QUANTILES = np.linspace(0.1, 0.85, 30)
"""Where the quantiles of strangers in one frame and of all pairs are compared."""

NEAREST = 0.99999
"""Similarities are taken for no larger, because artanh(1) is infinite."""

REPEATS = 60
"""How often the walks are drawn anew for the interval."""

INTERVAL = (0.05, 0.95)

RANDOM_PAIRS = 400_000


@dataclass(frozen=True, eq=False)
class LearnedThresholds:
    """Thresholds with their interval.

    Args:
        thresholds: The thresholds of both levels for each gallery size.
        low: The lower ends of their intervals: nine times in ten the threshold lies between both ends.
        high: The upper ends.
    """

    thresholds: VerdictThresholds
    low: VerdictThresholds
    high: VerdictThresholds


@dataclass(frozen=True, eq=False)
class Strangers:
    """Pairs of strangers, as similar as they would be if the second one had been seen anywhere in the gallery.

    Args:
        z: (P,) rising, artanh of the similarity of each pair in one frame.
        alike: (P,) how many sightings of the second one's walk are at least as similar to the first one, 1 or more.
        walks: (P,) which of `met` the pair is of.
        met: (M, 2) the two walks of each pair of walks, from 0 on.
        everywhere: (Q,) artanh of the similarities of all pairs of two walks at LINE_QUANTILES.
        size: How many sightings the gallery has.
    """

    z: NDArray[np.float64] = field(repr=False)
    alike: NDArray[np.int64] = field(repr=False)
    walks: NDArray[np.int64] = field(repr=False)
    met: NDArray[np.int64] = field(repr=False)
    everywhere: NDArray[np.float64] = field(repr=False)
    size: int

    @property
    def pairs_of_walks(self) -> int:
        """How many pairs of walks there are."""
        return len(self.met)

    def drawn_anew(self, random: np.random.Generator) -> NDArray[np.float64]:
        """Draw as many walks as there are, with repetition.

        Args:
            random: It draws.

        Returns:
            (M,) how often each pair of walks is there then: as often as the one times as often as the other.
        """
        count = int(self.met.max()) + 1
        times = random.multinomial(count, np.full(count, 1 / count)).astype(np.float64)
        return times[self.met].prod(axis=1)

    def tail(self, size: int, times: NDArray[np.float64] | None = None, shape: float = SHAPE) -> "Tail":
        """The chance that one of so many sightings of strangers exceeds a similarity, for one of them.

        Args:
            size: How many sightings a probe is compared with.
            times: (pairs of walks,) how often each pair of walks counts; None counts each once.
            shape: What is expected of the tail's shape.
        """
        counts = np.ones(len(self.z)) if times is None else times[self.walks]
        steps = np.cumsum(counts) / counts.sum()
        ours = self.z[np.minimum(np.searchsorted(steps, LINE_QUANTILES), len(self.z) - 1)]
        slope, shift = np.polyfit(ours, self.everywhere, 1)
        # The most similar sighting of each walk counts, where it is among those drawn and the others are not.
        drawn = min(1.0, size / self.size)
        weights = counts * (1 - drawn) ** (self.alike - 1)
        return Tail.fitted(slope * self.z + shift, weights, counts.sum(), self.pairs_of_walks, shape)


@dataclass(frozen=True, eq=False)
class Tail:
    """The chance that a stranger's sighting exceeds a similarity: as counted, and beyond `start` by a Pareto tail.

    Args:
        z: (P,) rising.
        above: (P,) the chance of each z or more.
        start: The z from which on the Pareto distribution goes on.
        chance: The chance of `start` or more.
        scale: The scale of the Pareto distribution, more than 0.
        shape: Its shape; below 0 there is a largest z.
    """

    z: NDArray[np.float64] = field(repr=False)
    above: NDArray[np.float64] = field(repr=False)
    start: float
    chance: float
    scale: float
    shape: float

    @classmethod
    def fitted(
        cls, z: NDArray[np.float64], weights: NDArray[np.float64], total: float, independent: int, shape: float
    ) -> "Tail":
        """The tail of weighted pairs.

        Args:
            z: (P,) rising.
            weights: (P,) how much each counts, 0 or more.
            total: What the weights are shares of.
            independent: How many of the pairs are independent of one another.
            shape: What is expected of the shape.
        """
        above = np.cumsum(weights[::-1])[::-1] / total
        first = min(int((1 - TAIL_SHARE) * len(z)), len(z) - 2)
        start, chance = float(z[first]), float(above[first + 1])
        weight, edges = np.histogram(z[first + 1 :] - start, bins=TAIL_BINS, weights=weights[first + 1 :])
        excess = (edges[1:] + edges[:-1]) / 2
        weight *= independent * TAIL_SHARE / max(weight.sum(), 1e-12)

        def loss(values: NDArray[np.float64]) -> float:
            scale, k = np.exp(values[0]), values[1] if abs(values[1]) > 1e-6 else 1e-6
            inside = 1 + k * excess / scale
            if inside.min() <= 0:
                return float("inf")
            penalty = (k - shape) ** 2 / (2 * SHAPE_SPREAD**2)
            return float((weight * (np.log(scale) + (1 / k + 1) * np.log(inside))).sum() + penalty)

        mean = max(float((weight * excess).sum() / weight.sum()), 1e-6)
        # Begun where no excess is beyond the end of the distribution.
        begin = [np.log(max(mean, 1.01 * abs(shape) * float(excess.max()))), shape]
        best = minimize(loss, begin, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-2}).x
        k = float(best[1]) if abs(best[1]) > 1e-6 else 1e-6
        return cls(z, above, start, chance, float(np.exp(best[0])), k)

    def similarity_at(self, chance: float) -> float:
        """The similarity that a stranger's sighting exceeds with a chance in (0, 1)."""
        if chance >= self.chance:
            z = self.z[min(int(np.searchsorted(-self.above, -chance)), len(self.z) - 1)]
        else:
            z = self.start + self.scale / self.shape * ((chance / self.chance) ** -self.shape - 1)
        return float(np.clip(np.tanh(z), -NEAREST, NEAREST))


def pairs_of_strangers(frames: NDArray[np.int64], boxes: NDArray[np.float32]) -> NDArray[np.int64]:
    """Pairs of sightings that are certainly of two people: in one frame, and beside one another.

    Boxes that share a column of pixels may be two boxes of one body, or its head and its legs, and make no pair.

    >>> boxes = np.array([[0, 0, 9, 30], [3, 0, 12, 30], [20, 0, 29, 30]], dtype=np.float32)
    >>> pairs_of_strangers(np.array([5, 5, 5]), boxes).tolist()
    [[0, 2], [1, 2], [2, 0], [2, 1]]

    Args:
        frames: (N,) the number of each sighting's frame.
        boxes: (N, 4) xyxy pixels.

    Returns:
        (P, 2) rows, each pair in both orders.
    """
    order = np.argsort(frames, kind="stable")
    starts = np.flatnonzero(np.diff(frames[order], prepend=-1, append=-1))
    found = [np.zeros((0, 2), dtype=np.int64)]
    for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        rows = order[begin:end]
        left, right = boxes[rows, 0], boxes[rows, 2]
        first, second = np.nonzero(left[:, None] >= right[None, :])
        found += [np.stack([rows[first], rows[second]], axis=1), np.stack([rows[second], rows[first]], axis=1)]
    pairs = np.concatenate(found)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def learn_strangers(
    embeddings: NDArray[np.float32],
    frames: NDArray[np.int64],
    boxes: NDArray[np.float32],
    walks: NDArray[np.int64],
    *,
    sought: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> Strangers:
    """What a gallery's own frames tell about strangers.

    Args:
        embeddings: (N, D) of unit length.
        frames: (N,) the number of each sighting's frame, 0 or more.
        boxes: (N, 4) xyxy pixels.
        walks: (N,) which walk of one person past one camera a sighting belongs to, 0 or more; in one frame all differ.
        sought: (N,) which sightings are such as people search for; None takes all. Those of which the detector is sure
            are people, and the others are compared with them.
        seed: The seed of what is drawn, 0 or more.

    Raises:
        ValueError: There are too few pairs, or they are of too few walks.
    """
    random = np.random.default_rng(seed)
    pairs = pairs_of_strangers(frames, boxes)
    asked = np.arange(len(frames)) if sought is None else np.flatnonzero(sought)
    pairs = pairs[np.isin(pairs[:, 0], asked)]
    if len(pairs) > MOST_PAIRS:
        keep = np.unique(frames[pairs[:, 0]])
        keep = random.permutation(keep)[: max(1, len(keep) * MOST_PAIRS // len(pairs))]
        pairs = pairs[np.isin(frames[pairs[:, 0]], keep)]
    met, which = np.unique(np.sort(walks[pairs], axis=1), axis=0, return_inverse=True)
    count = len(met)
    if len(pairs) < LEAST_PAIRS or count < LEAST_WALKS:
        raise ValueError(
            f"{len(pairs):,} pairs of people side by side in one frame, of {count:,} pairs of walks, expected "
            f"{LEAST_PAIRS:,} and {LEAST_WALKS:,} or more; index more footage that shows several people at a time"
        )
    similarity, alike = _alike(embeddings, pairs, walks)
    one, other = random.choice(asked, RANDOM_PAIRS), random.integers(0, len(frames), RANDOM_PAIRS)
    apart = (walks[one] != walks[other]) & (frames[one] != frames[other])
    everywhere = np.einsum("ij,ij->i", embeddings[one[apart]], embeddings[other[apart]])
    order = np.argsort(similarity, kind="stable")
    return Strangers(
        _z(similarity[order]),
        alike[order],
        which.reshape(-1)[order],
        np.unique(met, return_inverse=True)[1].reshape(-1, 2),
        _z(np.quantile(everywhere, LINE_QUANTILES)),
        len(frames),
    )


def learned_thresholds(
    strangers: Strangers, *, match_rate: float, possible_rate: float, repeats: int = REPEATS, seed: int = 0
) -> LearnedThresholds:
    """The similarities that the most similar of n strangers exceeds in the wanted share of searches.

    The interval comes from drawing the walks anew, with repetition, and the expected shape of the tail too.

    Args:
        strangers: What the gallery tells about strangers.
        match_rate: The share of searches that may speak of a match, in (0, 1), at most `possible_rate`.
        possible_rate: The share that may speak of a match or a possible one, in (0, 1).
        repeats: How often the walks are drawn anew, 1 or more.
        seed: The seed of what is drawn, 0 or more.

    Returns:
        Thresholds for galleries of 1, 2, 5, 10 ... sightings up to a hundred times this gallery.
    """
    random = np.random.default_rng(seed)
    sizes = _sizes(strangers.size)
    rates = (match_rate, possible_rate)
    repeated = [
        _levels(strangers, sizes, rates, strangers.drawn_anew(random), shape)
        for shape in random.normal(SHAPE, SHAPE_DOUBT, repeats)
    ]
    middle = _levels(strangers, sizes, rates)
    low, high = np.quantile(repeated, INTERVAL, axis=0)  # [S, 2] each
    ends = (np.minimum(low, middle), np.maximum(high, middle))
    return LearnedThresholds(*(_verdicts(sizes, values) for values in (middle, *ends)))


def _levels(
    strangers: Strangers,
    sizes: Sequence[int],
    rates: tuple[float, float],
    times: NDArray[np.float64] | None = None,
    shape: float = SHAPE,
) -> NDArray[np.float64]:
    """(S, 2) the similarities of a match and of a possible one for each size."""
    levels = np.zeros((len(sizes), 2))
    for row, size in enumerate(sizes):
        if row == 0 or sizes[row - 1] < strangers.size:  # larger galleries have the tail of this one, with all drawn
            tail = strangers.tail(size, times, shape)
        # 1 - (1 - chance) ** size is the chance that at least one of them exceeds it.
        levels[row] = [tail.similarity_at(-float(np.expm1(np.log1p(-rate) / size))) for rate in rates]
    return levels


def _verdicts(sizes: Sequence[int], levels: NDArray[np.float64]) -> VerdictThresholds:
    rising = np.maximum.accumulate(levels, axis=0)
    return VerdictThresholds(
        tuple(sizes), tuple(rising[:, 0].tolist()), tuple(np.minimum(rising[:, 1], rising[:, 0]).tolist())
    )


def _sizes(size: int) -> list[int]:
    """1, 2, 5, 10 ... below the gallery's size, the size itself, and ten and a hundred times it."""
    steps = [step * 10**power for power in range(9) for step in (1, 2, 5)]
    return [*(step for step in steps if step < size), size, 10 * size, 100 * size]


def _alike(
    embeddings: NDArray[np.float32], pairs: NDArray[np.int64], walks: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(P,) the similarity of each pair, and how many sightings of the second one's walk are at least so similar."""
    order = np.argsort(walks, kind="stable")
    starts = np.searchsorted(walks[order], np.arange(int(walks.max()) + 2))
    similarity = np.einsum("ij,ij->i", embeddings[pairs[:, 0]], embeddings[pairs[:, 1]]).astype(np.float64)
    alike = np.ones(len(pairs), dtype=np.int64)
    by_walk = np.argsort(walks[pairs[:, 1]], kind="stable")
    ends = np.searchsorted(walks[pairs[by_walk, 1]], np.arange(len(starts)))
    for walk in np.unique(walks[pairs[:, 1]]).tolist():
        rows = by_walk[ends[walk] : ends[walk + 1]]
        near = embeddings[pairs[rows, 0]] @ embeddings[order[starts[walk] : starts[walk + 1]]].T
        alike[rows] = np.maximum((near >= similarity[rows, None] - 1e-6).sum(axis=1), 1)
    return similarity, alike


def _z(similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.arctanh(np.clip(similarity, -NEAREST, NEAREST)).astype(np.float64)
