"""The evaluation of crops as the field's compiled evaluators have it: whole sorts, then a loop over every row.

What `bench evaluation` compares with, rebuilt from how fast-reid and torchreid rank in Cython.
"""

import numba
import numpy as np
from numpy.typing import NDArray


def compiled_mean_ap(
    distance: NDArray[np.floating],
    query_ids: NDArray[np.int64],
    gallery_ids: NDArray[np.int64],
    query_cameras: NDArray[np.int64],
    gallery_cameras: NDArray[np.int64],
) -> float:
    """Market-1501's mAP: every row of distances is sorted whole, and a compiled loop goes along it.

    Args:
        distance: (Q, G).
        query_ids: (Q,).
        gallery_ids: (G,).
        query_cameras: (Q,).
        gallery_cameras: (G,).
    """
    order = np.argsort(distance, axis=1)
    matches = (gallery_ids[order] == query_ids[:, None]).astype(np.int64)
    return float(_mean_ap(order, matches, query_ids, gallery_ids, query_cameras, gallery_cameras, 50))


@numba.njit
def _mean_ap(  # type: ignore[no-untyped-def] # noqa: ANN202
    order: NDArray[np.int64],
    matches: NDArray[np.int64],
    query_ids: NDArray[np.int64],
    gallery_ids: NDArray[np.int64],
    query_cameras: NDArray[np.int64],
    gallery_cameras: NDArray[np.int64],
    max_rank: int,
):
    queries, rows = order.shape
    kept, found = np.zeros(rows, np.float32), np.zeros(rows, np.float32)
    cmc = np.zeros((queries, max_rank), np.float32)
    total, valid = 0.0, 0
    for query in range(queries):
        count, any_match = 0, False
        for place in range(rows):
            row = order[query, place]
            if gallery_ids[row] != query_ids[query] or gallery_cameras[row] != query_cameras[query]:
                kept[count] = matches[query, place]
                any_match = any_match or matches[query, place] > 0
                count += 1
        if not any_match:
            continue
        valid += 1
        running = np.float32(0)
        for place in range(count):
            running += kept[place]
            found[place] = running
        for place in range(min(max_rank, count)):
            cmc[query, place] = min(found[place], 1)
        precision, relevant = 0.0, 0.0
        for place in range(count):
            precision += found[place] / (place + 1.0) * kept[place]
            relevant += kept[place]
        total += precision / relevant
    return total / valid
