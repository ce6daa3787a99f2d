"""The part of each ranking that matters: what lies no farther than the farthest match.

What comes after the last image of the query's person changes no average precision and no CMC. With a useful model that
is nearly everything, and what is left is sorted in a fraction of the time.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SHARES = (64, 8)
"""Rankings that need at most 1/64 and at most 1/8 of the gallery are compressed to as much; others stay whole."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """The beginnings of some rankings, unsorted: entries of the gallery in its order.

    Attributes:
        rows: (R,) rows of the block that they belong to.
        distances: (R, W) up to each row's farthest match, then larger ones or infinity.
        columns: (R, W) the gallery columns of the distances; anything where these were filled up with infinity.
        matches: (R, W) which entries show the query's person, at least one in each row.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.floating]
    columns: NDArray[np.int64]
    matches: NDArray[np.bool_]


def up_to_farthest_match(
    block: NDArray[np.floating], matches: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> list[Stretch]:
    """Cut each row's entries behind its farthest match, where that saves much.

    Args:
        block: (Q, G) distances without NaN.
        matches: (rows, columns) of the images of each query's person.

    Returns:
        Stretches of similar length; rows without a match are in none of them.
    """
    width = block.shape[1]
    is_match = np.zeros(block.shape, dtype=bool)
    is_match[matches] = True
    farthest = np.full(len(block), -np.inf, dtype=block.dtype)
    np.maximum.at(farthest, matches[0], block[matches])
    near = block <= farthest[:, None]
    count = near.sum(axis=1)
    bounds = [0, *(width // share for share in SHARES), width]
    found = []
    for low, high in pairwise(bounds):
        rows = np.flatnonzero((count > low) & (count <= high))
        if not len(rows):
            continue
        if high == width:
            columns = np.broadcast_to(np.arange(width), (len(rows), width))
            found.append(Stretch(rows, block[rows], columns, is_match[rows]))
        else:
            found.append(_compressed(block, is_match, near, rows))
    return found


def _compressed(
    block: NDArray[np.floating], is_match: NDArray[np.bool_], near: NDArray[np.bool_], rows: NDArray[np.int64]
) -> Stretch:
    """The near entries of the given rows, moved to the left."""
    row, column = np.divmod(np.flatnonzero(near[rows]), block.shape[1])
    count = np.bincount(row, minlength=len(rows))
    cells = row, np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    shape = len(rows), int(count.max())
    distances = np.full(shape, np.inf, dtype=block.dtype)
    columns = np.zeros(shape, dtype=np.int64)
    matches = np.zeros(shape, dtype=bool)
    distances[cells] = block[rows[row], column]
    columns[cells] = column
    matches[cells] = is_match[rows[row], column]
    return Stretch(rows, distances, columns, matches)
