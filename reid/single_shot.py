"""The CUHK03 protocol's CMC in closed form: the expectation that public evaluators estimate from random draws.

Of each gallery identity one image is drawn at random, and the query's person is ranked among those images. Given that
the image p of the query's person is drawn, another identity u stands before it with the probability f_u: the share of
u's images that do. The identities are drawn independently, so the number of them before p has a Poisson-binomial
distribution, and CMC(k) is the probability that it is below k, averaged over the images p.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid.match_ranks import stable_order

PAIRS_AT_ONCE = 512
"""Matches whose distributions are computed together; the state of so many stays in a core's cache."""


class SingleShot(NamedTuple):
    """The expected CMC of each query, and what its computation finds on the way.

    Attributes:
        cmc: (Q, K) probabilities that the person is among the first 1 .. K; a row of zeros where it has no image.
        rows: (M,) query of each match, ascending.
        ranks: (M,) 0-based ranks of the matches among all images that are kept, ascending for each query.
    """

    cmc: NDArray[np.float64]
    rows: NDArray[np.int64]
    ranks: NDArray[np.int64]


def single_shot(
    block: NDArray[np.floating],
    matches: tuple[NDArray[np.int64], NDArray[np.int64]],
    dropped: tuple[NDArray[np.int64], NDArray[np.int64]],
    identities: NDArray[np.int64],
    max_rank: int,
) -> SingleShot:
    """The expected single-gallery-shot CMC of each query.

    Args:
        block: (Q, G) distances, infinite where an image is dropped for a query.
        matches: (rows, columns) of the images of each query's person, none of them dropped.
        dropped: (rows, columns) of the dropped images, each once.
        identities: (G,) gallery identities as 0 .. U - 1.
        max_rank: how many ranks K.
    """
    order = stable_order(block)
    match = np.zeros(block.shape, dtype=bool)
    match[matches] = True
    match = np.take_along_axis(match, order, axis=1)
    rows, ranks = match.nonzero()
    images = np.tile(np.bincount(identities), (len(block), 1))  # (Q, U)
    np.subtract.at(images, (dropped[0], identities[dropped[1]]), 1)
    share = _images_before(order, match, identities) / np.maximum(images[rows], 1)
    cmc = np.zeros((len(block), max_rank))
    np.add.at(cmc, rows, poisson_binomial_cdf(share, max_rank))
    cmc /= np.maximum(np.bincount(rows, minlength=len(block)), 1)[:, None]
    return SingleShot(cmc, rows, ranks)


def poisson_binomial_cdf(probabilities: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """The distribution of how many of several independent events happen, exactly.

    Args:
        probabilities: (M, U) in [0, 1], one row per distribution.
        length: how many values K; the work grows with U * K.

    Returns:
        (M, K): the probability that at most 0 .. K - 1 of the U events happen.
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
    order: NDArray[np.int64], match: NDArray[np.bool_], identities: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many images of each other identity stand before each match.

    Args:
        order: (Q, G) each query's ranking.
        match: (Q, G) whether its entries show the query's person.
        identities: (G,) as 0 .. U - 1.

    Returns:
        (M, U) with the matches as `match.nonzero()` lists them; zeros for the match's own identity.
    """
    # An image behind b of the query's matches stands before the match b and all later ones.
    behind = match.cumsum(axis=1, dtype=np.int32)
    hits = behind[:, -1].astype(np.int64)
    counted = (behind < hits[:, None]) & ~match
    first = np.cumsum(hits) - hits
    width = int(identities.max()) + 1
    cell = (behind + first[:, None])[counted] * width + identities[order[counted]]
    counts = np.bincount(cell, minlength=hits.sum() * width).reshape(-1, width)
    total = np.concatenate([np.zeros((1, width), dtype=counts.dtype), counts.cumsum(axis=0)])
    return total[1:] - total[np.repeat(first, hits)]
