"""The CUHK03 protocol's CMC in closed form: the expectation that public evaluators estimate from random draws.

Of each gallery identity one image is drawn at random, and the query's person is ranked among those images. Given that
the image p of the query's person is drawn, another identity u stands before it with the probability f_u: the share of
u's images that do. The identities are drawn independently, so the number of them before p has a Poisson-binomial
distribution, and CMC(k) is the probability that it is below k, averaged over the images p.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid.ranking.ranks import Stretch, stable_order

PAIRS_AT_ONCE = 512
"""Matches whose distributions are computed together; the state of so many stays in a core's cache."""


class SingleShot(NamedTuple):
    """The expected CMC of each query, and what its computation finds on the way.

    Attributes:
        cmc: (R, K) probabilities that the person is among the first 1 .. K.
        rows: (M,) the query of each match, ascending, 0 .. R - 1.
        ranks: (M,) 0-based ranks of the matches among all images that are kept, ascending for each query.
    """

    cmc: NDArray[np.float64]
    rows: NDArray[np.int64]
    ranks: NDArray[np.int64]


def single_shot(
    stretch: Stretch, images: NDArray[np.int64], identities: NDArray[np.int64], max_rank: int
) -> SingleShot:
    """Computes the expected single-gallery-shot CMC of each query.

    Args:
        stretch: R rankings, in which images that are dropped for a query are infinitely far.
        images: (R, U) how many images of each identity a query's gallery has, without dropped ones.
        identities: (G,) the gallery's identities as 0 .. U - 1.
        max_rank: The number of ranks K.

    Returns:
        The curves, and the ranks of the matches.
    """
    order = stable_order(stretch.distances)
    match = np.take_along_axis(stretch.matches, order, axis=1)
    rows, ranks = match.nonzero()
    columns = np.take_along_axis(stretch.columns, order, axis=1)
    before = _images_before(match, columns, identities, images.shape[1])  # [M, U]
    cmc = np.zeros((len(match), max_rank))
    np.add.at(cmc, rows, poisson_binomial_cdf(before / np.maximum(images[rows], 1), max_rank))
    return SingleShot(cmc / match.sum(axis=1)[:, None], rows, ranks)


def poisson_binomial_cdf(probabilities: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Computes the distribution of how many of several independent events happen, exactly.

    Args:
        probabilities: (M, U) in [0, 1], one row for each distribution.
        length: The number of values K; the work grows with U * K.

    Returns:
        (M, K) the probability that at most 0 .. K - 1 of the U events happen.

    Example:
        >>> poisson_binomial_cdf(np.array([[0.5, 0.5]]), length=2)  # no head, at most one head in two tosses
        array([[0.25, 0.75]])
    """
    certain = (probabilities >= 1).sum(axis=1)
    open_shares = np.where(probabilities < 1, probabilities, 0)
    events = (open_shares > 0).sum(axis=1)
    cdf = np.zeros((len(probabilities), length))
    # Rows in which `length` events are certain stay zero; the others meet rows with about as many events.
    order = np.flatnonzero(certain < length)
    order = order[np.argsort(events[order], kind="stable")]
    for start in range(0, len(order), PAIRS_AT_ONCE):
        chosen = order[start : start + PAIRS_AT_ONCE]
        most = events[chosen[-1]]
        shares = np.sort(open_shares[chosen], axis=1)[:, ::-1][:, :most].T  # (events, rows)
        happened = _cumulated(np.ascontiguousarray(shares), length)
        position = np.arange(length)[:, None] - certain[chosen]
        shifted = np.take_along_axis(happened, np.maximum(position, 0), axis=0)
        cdf[chosen] = np.where(position >= 0, shifted, 0).T
    return cdf


def _cumulated(shares: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """(length, M) probabilities of at most 0 .. length - 1 events, from (U, M) probabilities of the events."""
    mass = np.zeros((length, shares.shape[1]))
    mass[0] = 1
    moved = np.empty_like(mass)
    for share in shares:
        np.multiply(mass, share, out=moved)
        mass -= moved
        mass[1:] += moved[:-1]
    return np.minimum(mass.cumsum(axis=0), 1)


def _images_before(
    match: NDArray[np.bool_], columns: NDArray[np.int64], identities: NDArray[np.int64], width: int
) -> NDArray[np.int64]:
    """How many images of each other identity stand before each match.

    Args:
        match: (R, W) whether the entries of each sorted ranking show the query's person.
        columns: (R, W) which images the entries are.
        identities: (G,) as 0 .. U - 1.
        width: U.

    Returns:
        (M, U) with the matches as `match.nonzero()` lists them; zeros for the match's own identity.
    """
    # An image behind b of the query's matches stands before the match b and all later ones.
    behind = match.cumsum(axis=1, dtype=np.int32)
    hits = behind[:, -1].astype(np.int64)
    counted = (behind < hits[:, None]) & ~match
    first = np.cumsum(hits) - hits
    cell = (behind + first[:, None])[counted] * width + identities[columns[counted]]
    counts = np.bincount(cell, minlength=hits.sum() * width).reshape(-1, width)
    total = np.concatenate([np.zeros((1, width), dtype=counts.dtype), counts.cumsum(axis=0)])
    return total[1:] - total[np.repeat(first, hits)]
