"""Inner products of chosen pairs of rows, where most pairs are not asked for."""

import functools
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid.ranking.distances import worker_threads

ROWS_AT_ONCE = 512
"""Rows that all queries are compared with before the next ones are read: the processor's cache still holds them."""


def chosen_products(
    features: NDArray[np.float64], rows: NDArray[np.float32], chosen: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Computes each query's inner products with the rows that were chosen for it.

    They are summed in double precision and rounded once, so that equal rows give equal products. The first call
    compiles the loop, which takes half a second; a product of whole matrices is faster where most pairs are asked for.

    Args:
        features: (Q, D).
        rows: (N, D).
        chosen: (Q, W) the numbers of rows; -1 behind them where a query has fewer. It is fastest where they ascend.

    Returns:
        (Q, W), minus infinity where no row was chosen.

    Example:
        >>> rows = np.array([[1, 0], [0, 2], [3, 3]], dtype=np.float32)
        >>> chosen_products(np.array([[1.0, 1.0], [0.5, 0.0]]), rows, np.array([[2, 1], [0, -1]]))
        array([[ 6. ,  2. ],
               [ 0.5, -inf]], dtype=float32)
    """
    products = np.full(chosen.shape, -np.inf, dtype=np.float32)
    fill, rows = _compiled(), np.ascontiguousarray(rows)
    threads = min(worker_threads(), max(1, len(features)))
    bounds = [len(features) * part // threads for part in range(threads + 1)]
    parts = [slice(start, stop) for start, stop in itertools.pairwise(bounds)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: fill(features[part], rows, chosen[part], products[part]), parts))
    return products


@functools.cache
def _compiled() -> Callable[..., None]:
    """The loop as machine code that lets other threads work, and sums in whatever order is fastest, always the same."""
    import numba  # 0.3 s that only this should pay

    def fill(features: Any, rows: Any, chosen: Any, products: Any) -> None:
        done = np.zeros(len(chosen), np.int64)
        for end in range(ROWS_AT_ONCE, len(rows) + ROWS_AT_ONCE, ROWS_AT_ONCE):
            for query in range(len(chosen)):
                place = done[query]
                while place < chosen.shape[1] and 0 <= chosen[query, place] < end:
                    row = chosen[query, place]
                    total = 0.0
                    for dimension in range(rows.shape[1]):
                        total += features[query, dimension] * rows[row, dimension]
                    products[query, place] = total
                    place += 1
                done[query] = place

    compiled: Callable[..., None] = numba.njit(nogil=True, fastmath={"reassoc", "contract"})(fill)
    return compiled
