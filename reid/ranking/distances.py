"""Squared Euclidean distances between embeddings, a block of rows at a time."""

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Embeddings = Tensor | NDArray[np.floating]

VALUES_AT_ONCE = 2**23
"""Distances held at once where a matrix is walked through in blocks: 32 MB of float32, which large caches still hold.

The matrix product rearranges the whole gallery once for each block, so smaller blocks cost more.
"""


def embedding_rows(embeddings: Embeddings, name: str) -> NDArray[np.float32]:
    """Turns embeddings into a float32 array.

    Args:
        embeddings: (N, D) tensor of any device, or array.
        name: What they are called in an error.

    Returns:
        (N, D) float32 in the same order; the same memory where it already is such an array.

    Raises:
        ValueError: The embeddings are no rows of numbers, or not all finite.
    """
    rows = embeddings.detach().cpu().float().numpy() if isinstance(embeddings, Tensor) else np.asarray(embeddings)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"{name} embeddings have shape {rows.shape}, expected (N, D)")
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    # The sum of a row is finite exactly where its values are, and is far smaller than a mask of all values.
    if not np.isfinite(rows.sum(axis=1, dtype=np.float64)).all():
        raise ValueError(f"{name} embeddings hold NaN or infinity; leave those images out")
    return rows


def embedding_pair(query: Embeddings, gallery: Embeddings) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turns the embeddings of both sides of a search into float32 rows of one width.

    Args:
        query: (Q, D) tensor of any device, or array.
        gallery: (G, D) tensor of any device, or array.

    Returns:
        (Q, D) and (G, D) float32.

    Raises:
        ValueError: The embeddings are no rows of numbers, are not all finite, or differ in width.
    """
    queries, items = embedding_rows(query, "query"), embedding_rows(gallery, "gallery")
    if queries.shape[1] != items.shape[1]:
        raise ValueError(f"query embeddings are {queries.shape[1]} wide, gallery embeddings {items.shape[1]}")
    return queries, items


def row_spans(costs: NDArray[np.integer]) -> list[tuple[int, int]]:
    """Cuts rows into consecutive spans whose costs sum to about VALUES_AT_ONCE, or that are one row.

    Args:
        costs: (N,) how many values must be held for each row.

    Returns:
        (start, stop) of each span; none for no rows.
    """
    number = np.cumsum(costs, dtype=np.int64) // VALUES_AT_ONCE
    bounds = [*np.flatnonzero(np.diff(number, prepend=-1)).tolist(), len(costs)]
    return list(pairwise(bounds))


class SquaredDistances:
    """Squared Euclidean distances to fixed rows.

    For rows of unit length they are 2 - 2 cos, so their order is that of the cosine. They come from one matrix product,
    so a distance is exact to about 1e-7 of the squared lengths. The product is NumPy's, whose OpenBLAS took 0.6 of the
    time of torch's MKL on the AMD machine it was measured on.

    Args:
        rows: (G, D) float32.

    Example:
        >>> distances = SquaredDistances(np.array([[0, 0], [3, 4]], dtype=np.float32))
        >>> distances(np.array([[0, 1]], dtype=np.float32))
        array([[ 1., 18.]], dtype=float32)
    """

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self.rows = rows
        self.squares = np.einsum("nd,nd->n", rows, rows)  # [G]

    def __call__(self, block: NDArray[np.float32], since: int = 0) -> NDArray[np.float32]:
        """Computes the distances of a block of rows to the fixed rows.

        Args:
            block: (Q, D) float32.
            since: The number of the first fixed row that is wanted; those before it are left out.

        Returns:
            (Q, G - since) float32, never negative.
        """
        distances = (-2 * block) @ self.rows[since:].T  # [Q, G - since]
        distances += self.squares[since:]
        distances += np.einsum("nd,nd->n", block, block)[:, None]
        return np.maximum(distances, 0, out=distances)

    def between(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.float32]:
        """Computes the distances of pairs of the fixed rows, in bounded memory.

        Args:
            first: (M,) numbers of rows.
            second: (M,) numbers of rows.

        Returns:
            (M,) float32.
        """
        found = np.empty(len(first), dtype=np.float32)
        for start, stop in row_spans(np.full(len(first), self.rows.shape[1])):
            part = slice(start, stop)
            difference = self.rows[first[part]]
            difference -= self.rows[second[part]]
            np.einsum("nd,nd->n", difference, difference, out=found[part])
        return found


def worker_threads() -> int:
    """Says how many threads rank: as many as torch computes with, so that OMP_NUM_THREADS bounds both."""
    return torch.get_num_threads()
