"""k-reciprocal re-ranking from nearest neighbors and sparse rows."""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from reid.ranking.distances import Embeddings, SquaredDistances, embedding_pair, row_spans

Distance = Literal["squared", "squared_twice"]


def k_reciprocal(
    query: Embeddings,
    gallery: Embeddings,
    *,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
    distance: Distance = "squared",
) -> NDArray[np.float32]:
    """Computes distances that also ask whether two images have the same neighbors.

    Every image of query and gallery is described by its k-reciprocal neighbors: those among its nearest that have it
    among theirs, extended by the neighbors' own reciprocal neighbors where these overlap enough, with weights that fall
    with the distance. The result blends the Jaccard distance of two descriptions with the original distance. Because
    descriptions are made of queries too, queries help each other: the figures are not those of a single query searched
    alone, and giving other queries changes them.

    Source: Zhong, Zheng, Cao, Li: Re-ranking Person Re-identification with k-reciprocal Encoding, CVPR 2017, and the
    authors' Python code, whose results it equals: squared Euclidean distances, each row divided by its largest entry,
    and round(k1 / 2) + 1 neighbors for the extension, where Python rounds halves to even (the authors' MATLAB code
    takes round((k1 + 1) / 2) and differs for some odd k1; at 20 both are 11). Deviations: an image is always its own
    first neighbor, also beside an exact copy of it, and copies stand in the order in which they are given; everything
    is float32; nothing of (Q + G)^2 is ever stored, only neighbors and sparse rows.

    Args:
        query: (Q, D) embeddings.
        gallery: (G, D) embeddings.
        k1: How many neighbors an image may have, at least 1. More finds more distant views, and more strangers.
            Sensible values are near the number of images of a person.
        k2: Over how many nearest neighbors, the image included, descriptions are averaged; 1 for no averaging.
        lambda_value: The share of the original distance in [0, 1]; 1 is no re-ranking.
        distance: "squared" is the method's. "squared_twice" squares the squared distances once more, as widely used
            public code does by mistake, for comparing with figures made that way.

    Returns:
        (Q, G) float32 in [0, 1], smaller is more similar.

    Raises:
        ValueError: Embeddings are not finite or differ in width, a side is empty, or a parameter is out of range.

    Example:
        >>> gallery = np.array([[1, 0], [0.8, 0.6], [0, 1]])
        >>> k_reciprocal(np.array([[1.0, 0.1]]), gallery, k1=1, k2=1).argsort().tolist()
        [[0, 1, 2]]
    """
    if k1 < 1 or k2 < 1:
        raise ValueError(f"k1 is {k1}, k2 is {k2}, expected at least 1 of each")
    if not 0 <= lambda_value <= 1:
        raise ValueError(f"lambda_value is {lambda_value}, expected 0 to 1")
    if distance not in ("squared", "squared_twice"):
        raise ValueError(f"distance is {distance!r}, expected squared or squared_twice")
    queries, items = embedding_pair(query, gallery)
    if not len(queries) or not len(items):
        raise ValueError(f"{len(queries)} query and {len(items)} gallery embeddings, expected at least one of each")
    exponent = 1 if distance == "squared" else 2
    distances = SquaredDistances(np.concatenate([queries, items]))
    weights, farthest = _descriptions(distances, k1, k2, exponent)  # sparse [Q + G, Q + G], [Q + G]
    result = jaccard_distances(weights[: len(queries)], weights[len(queries) :])
    result *= 1 - lambda_value
    to_gallery = SquaredDistances(items)
    for start, stop in row_spans(np.full(len(queries), len(items))):
        original = to_gallery(queries[start:stop]) / farthest[start:stop, None]
        result[start:stop] += lambda_value * original**exponent
    return result


def nearest_neighbors(distances: SquaredDistances, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Finds each row's nearest rows: itself first, equally near ones by their numbers.

    A distance is the same in both directions, so only those to later rows are computed, and each serves both of its
    rows: half of the matrix product, which is most of the time.

    Args:
        distances: The distances to the N rows themselves.
        count: How many are wanted; at most N are found.

    Returns:
        (N, count) row numbers, and (N,) each row's largest distance, 1 where all rows are equal.
    """
    total = len(distances.rows)
    count = min(count, total)
    # One more than needed shows whether the last one is tied with rows that were left out.
    nearest = _Nearest(total, min(count + 1, total))
    farthest = np.zeros(total, dtype=np.float32)
    # Spans of four times the usual size: blocks that are turned over should not be narrow.
    for start, stop in row_spans(np.arange(total, 0, -1) // 4):
        block = distances(distances.rows[start:stop], since=start)  # [rows of the span, N - start]
        np.maximum(farthest[start:stop], block.max(axis=1), out=farthest[start:stop])
        np.maximum(farthest[stop:], block[:, stop - start :].max(axis=0), out=farthest[stop:])
        np.fill_diagonal(block, -1)  # each row before its copies
        table = torch.from_numpy(block)
        nearest.add(start, start, table)
        nearest.add(stop, start, table[:, stop - start :].t().contiguous())
    farthest[farthest == 0] = 1
    values, columns = nearest.values.numpy(), nearest.columns.numpy()
    order = np.lexsort((columns, values), axis=1)[:, :count]
    neighbors = np.take_along_axis(columns, order, axis=1)
    if count < total:
        tied = np.flatnonzero(values[:, count] == values[:, count - 1])
        for start, stop in row_spans(np.full(len(tied), total)):
            rows = tied[start:stop]
            block = distances(distances.rows[rows])
            block[np.arange(len(rows)), rows] = -1
            neighbors[rows] = np.argsort(block, axis=1, kind="stable")[:, :count]
    return neighbors, farthest


def jaccard_distances(first: sparse.csr_array, second: sparse.csr_array) -> NDArray[np.float32]:
    """Computes the Jaccard distances of sparse rows of non-negative weights that each sum to 1.

    The distance is one minus the sum of the smaller weights over the sum of the larger ones. The sum of the smaller
    weights is gathered column by column: only weights that meet in a column cost anything.

    Args:
        first: (Q, N) sparse rows.
        second: (G, N) sparse rows.

    Returns:
        (Q, G) float32 in [0, 1].
    """
    height, width = first.shape[0], second.shape[0]
    by_column = sparse.csc_array(second)
    counts = np.diff(by_column.indptr)
    meetings = np.concatenate([[0], np.cumsum(counts[first.indices], dtype=np.int64)])[first.indptr]
    result = np.empty((height, width), dtype=np.float32)
    for start, stop in row_spans(np.diff(meetings) + width):
        entries = slice(first.indptr[start], first.indptr[stop])
        columns, length = first.indices[entries], np.diff(first.indptr[start : stop + 1])
        repeat = counts[columns]
        begin = np.cumsum(repeat, dtype=np.int64) - repeat
        place = np.arange(repeat.sum()) + np.repeat(by_column.indptr[columns] - begin, repeat)
        row = np.repeat(np.arange(stop - start), length)
        cell = np.repeat(row * width, repeat) + by_column.indices[place]
        smaller = np.minimum(np.repeat(first.data[entries], repeat), by_column.data[place])
        shared = np.bincount(cell, smaller, (stop - start) * width).reshape(stop - start, width)
        result[start:stop] = 1 - shared / (2 - shared)
    return np.maximum(result, 0, out=result)


def _descriptions(
    distances: SquaredDistances, k1: int, k2: int, exponent: int
) -> tuple[sparse.csr_array, NDArray[np.float32]]:
    """Each row's weights over its extended neighbors, averaged over its k2 nearest; and its largest distance."""
    neighbors, farthest = nearest_neighbors(distances, max(k1 + 1, k2))
    extended = _extended_sets(neighbors, k1)
    first, second = extended.nonzero()
    scaled = (distances.between(first, second) / farthest[first]) ** exponent
    weights = _unit_sums(sparse.csr_array((np.exp(-scaled), extended.indices, extended.indptr), shape=extended.shape))
    weights = _selection(neighbors[:, :k2]) @ weights / np.float32(min(k2, neighbors.shape[1]))
    return weights, farthest


class _Nearest:
    """The smallest distances of each of N rows, and to which rows they are, of those seen so far."""

    def __init__(self, rows: int, count: int) -> None:
        self.values = torch.full((rows, count), torch.inf)
        self.columns = torch.zeros((rows, count), dtype=torch.int64)

    def add(self, row: int, column: int, block: torch.Tensor) -> None:
        """Takes in a block of distances whose first entry is that from `row` to `column`."""
        rows = slice(row, row + len(block))
        found, places = block.topk(min(self.values.shape[1], block.shape[1]), dim=1, largest=False)
        both = torch.cat([self.values[rows], found], dim=1)
        columns = torch.cat([self.columns[rows], places + column], dim=1)
        self.values[rows], chosen = both.topk(self.values.shape[1], dim=1, largest=False)
        self.columns[rows] = columns.gather(1, chosen)


def _extended_sets(neighbors: NDArray[np.int64], k1: int) -> sparse.csr_array:
    """Which rows describe each row: its reciprocal neighbors, and theirs where two thirds of them are its own."""
    near = _reciprocal(neighbors[:, : k1 + 1])
    close = _reciprocal(neighbors[:, : round(k1 / 2) + 1])
    size = np.diff(close.indptr)
    shared = (near @ close).multiply(near).tocsr()  # (i, c): how many of c's close neighbors are near i
    shared.data = (3 * shared.data > 2 * size[shared.indices]).astype(np.float32)
    shared.eliminate_zeros()
    extended = (near + shared @ close).tocsr()
    extended.sort_indices()
    return extended


def _reciprocal(neighbors: NDArray[np.int64]) -> sparse.csr_array:
    """(N, N) ones where two rows are each among the other's neighbors."""
    chosen = _selection(neighbors)
    return chosen.multiply(chosen.T).tocsr()


def _selection(neighbors: NDArray[np.int64]) -> sparse.csr_array:
    """(N, N) ones at each row's neighbors."""
    total, count = neighbors.shape
    ones = np.ones(neighbors.size, dtype=np.float32)
    return sparse.csr_array((ones, neighbors.ravel(), np.arange(0, total * count + 1, count)), shape=(total, total))


def _unit_sums(rows: sparse.csr_array) -> sparse.csr_array:
    """Rows scaled to the sum 1."""
    sums = np.asarray(rows.sum(axis=1)).ravel()
    rows.data /= np.repeat(sums, np.diff(rows.indptr))
    return rows
