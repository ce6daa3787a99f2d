"""Tracklets of all cameras joined into people: whose ways through several cameras are one person's."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from datasets.samples import Camera
from search.tracks.tracker import TrackIds
from search.tracks.tracklets import Tracklet

MOST_TRACKLETS = 20_000
"""The distances of all pairs take 8 bytes each, twice: 3.2 GB at so many."""


def link_tracklets(tracklets: Sequence[Tracklet], *, minimum_similarity: float = 0.7) -> NDArray[np.int64]:
    """Agglomerative clustering by mean cosine: the two most similar groups are joined until none are similar enough.

    Nobody is twice in one camera at once: tracklets of one camera whose times overlap never join, directly or through
    others. Tracklets of one camera at different times may.

    Args:
        tracklets: T of them, with embeddings.
        minimum_similarity: least mean cosine between the members of two groups that join, -1 to 1; raising it gives
            more people of fewer tracklets each. It depends on the model: take it from labelled data.

    Returns:
        (T,) number of each tracklet's person, 0 .. P-1 in the order of the first tracklets.

    Raises:
        ValueError: tracklets have no embeddings, there are too many, or the similarity is no cosine.
    """
    if not -1 <= minimum_similarity <= 1:
        raise ValueError(f"minimum similarity {minimum_similarity}, expected a cosine from -1 to 1")
    count = len(tracklets)
    if count > MOST_TRACKLETS:
        raise ValueError(
            f"{count} tracklets, expected at most {MOST_TRACKLETS}, for all pairs are compared; link a shorter time, "
            "or leave out short tracklets"
        )
    if count < 2:
        return np.zeros(count, dtype=np.int64)
    rows = [tracklet.embedding.numpy() for tracklet in tracklets if tracklet.embedding is not None]
    if len(rows) < count:
        raise ValueError("tracklets have no embeddings to link them by; track detections of a model that embeds")
    distance = pdist(np.stack(rows).astype(np.float64), "sqeuclidean") / 2  # of unit rows: 1 - cosine, for each pair
    # So far apart that no mean over two groups with one such pair comes below the threshold.
    distance[_at_once(tracklets)] = 4.0 * count * count
    tree = linkage(distance, method="average")
    clusters = fcluster(tree, t=1 - minimum_similarity, criterion="distance")
    _, first, person = np.unique(clusters, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[person]


def renumbered(
    tracks: Mapping[str, TrackIds], tracklets: Sequence[Tracklet], people: NDArray[np.int64]
) -> dict[str, TrackIds]:
    """Track numbers replaced by those of the people that `link_tracklets` gave; what has no track keeps none.

    Args:
        tracks: frame name -> (N,) track numbers, as `track_frames` gives them.
        tracklets: the T tracklets of these tracks.
        people: (T,) number of each one's person.
    """
    numbers = np.array([tracklet.track_id for tracklet in tracklets], dtype=np.int64)
    person_of = np.full(numbers.max(initial=-1) + 2, -1, dtype=np.int64)  # the last one is UNTRACKED's
    person_of[numbers] = people
    return {name: person_of[ids] for name, ids in tracks.items()}


def _at_once(tracklets: Sequence[Tracklet]) -> NDArray[np.int64]:
    """Which of all pairs, in SciPy's order, are of one camera and overlap in time."""
    count = len(tracklets)
    first, last = (np.array([one.times[end] for one in tracklets]) for end in (0, -1))
    members: dict[Camera | None, list[int]] = {}
    for number, one in enumerate(tracklets):
        members.setdefault(one.camera, []).append(number)
    pairs = []
    for rows in map(np.array, members.values()):
        overlap = (first[rows, None] <= last[rows]) & (first[rows] <= last[rows, None])
        low, high = (rows[side] for side in np.nonzero(np.triu(overlap, 1)))
        pairs.append(low * (2 * count - low - 1) // 2 + high - low - 1)
    return np.concatenate(pairs)
