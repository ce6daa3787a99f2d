"""Context matching: who else is in the frame helps to decide who somebody is.

Source: Li and Miao: Sequential End-to-end Network for Efficient Person Search, AAAI 2021, section "Context Bipartite
Graph Matching", as its public evaluator computes it: a matched detection takes the largest weight of the whole
matching, not the sum of the weights.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def match_context(people: NDArray[np.floating], companions: NDArray[np.floating]) -> tuple[int, float] | None:
    """Assign the people of a query's frame to the people of a gallery frame, with the largest total similarity.

    Args:
        people: (K, D) embeddings of the query's frame, row 0 the query.
        companions: (N, D) embeddings of the gallery frame.

    Returns:
        The gallery row assigned to the query and the largest similarity of any assigned pair; None where more
        people than gallery rows leave the query without one.
    """
    weights = people.astype(np.float64) @ companions.astype(np.float64).T
    rows, columns = linear_sum_assignment(weights, maximize=True)
    assigned = np.flatnonzero(rows == 0)
    if not assigned.size:
        return None
    return int(columns[assigned[0]]), float(weights[rows, columns].max())


def refine_by_context(
    similarities: NDArray[np.float32],
    people: NDArray[np.floating],
    embeddings: NDArray[np.floating],
    offsets: NDArray[np.int64],
    frame_of: NDArray[np.int64],
    gallery: int,
) -> None:
    """Replace, in place, the similarities of one query where the context of the best frames says who it is.

    Args:
        similarities: (N,) of the query to all detections; -inf for detections outside the query's ranking.
        people: (K, D) embeddings of the query's frame, row 0 the query.
        embeddings: (N, D) of all detections, frame by frame.
        offsets: (F + 1,) first detection of each frame.
        frame_of: (N,) frame of each detection.
        gallery: the frames of how many best detections are looked at; detections that tie with the last of them
            are looked at too, so that the order of the gallery does not matter.
    """
    allowed = np.flatnonzero(similarities > -np.inf)
    if not allowed.size:
        return
    values = similarities[allowed]
    take = min(gallery, allowed.size)
    least = np.partition(values, allowed.size - take)[allowed.size - take]
    for frame in np.unique(frame_of[allowed[values >= least]]):
        first, last = offsets[frame], offsets[frame + 1]
        matched = match_context(people, embeddings[first:last])
        if matched is not None and similarities[first + matched[0]] > -np.inf:
            similarities[first + matched[0]] = matched[1]
