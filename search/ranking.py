"""Exact nearest rows of a table, in an order that does not depend on how the table lies on disk."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from search.gallery_tables import sighting_of
from search.results import RankedSightings

SPARE_CANDIDATES = 32
"""Rows fetched beyond the limit, so that most ties at the limit are seen whole."""

MOST_CANDIDATES = 65_536
"""Ties larger than this are cut as the engine returns them, to bound memory."""

ENGINE_ERROR = 1e-5
"""How far a float32 dot product of unit vectors in the engine may lie from the exact one."""


def nearest(
    table: Any, probes: NDArray[np.float32], *, limit: int, where: str | None, minimum_score: float | None
) -> RankedSightings:
    """The rows most similar to any of the probes.

    A row among the best `limit` for the best of its probes is among the best `limit` for that probe, so the union of
    the probes' candidates is complete. Scores are computed again in double precision, row by row, so that equal
    embeddings get equal scores.

    Args:
        table: sightings with unit embeddings.
        probes: (P, D) of unit length.
        limit: at most this many answers.
        where: SQL condition applied before the comparison, or None.
        minimum_score: cosine similarity that an answer has at least, or None.
    """
    searched = int(table.count_rows(where))
    fetch = limit + SPARE_CANDIDATES
    while True:
        rows, floor = _candidates(table, probes, min(fetch, max(searched, 1)), where)
        scores = _scores(rows, probes)
        order = _order(rows, scores)
        complete = floor is None or (len(order) >= limit and scores[order[limit - 1]] > floor + ENGINE_ERROR)
        if complete or fetch >= min(searched, max(MOST_CANDIDATES, limit)):
            break
        fetch *= 4
    order = order[:limit]
    if minimum_score is not None:
        order = order[scores[order] >= minimum_score]
    chosen = rows.drop_columns(["embedding"]).take(pa.array(order)).to_pylist()
    return RankedSightings(
        tuple(sighting_of(row, float(score)) for row, score in zip(chosen, scores[order], strict=True)), searched
    )


def _candidates(
    table: Any, probes: NDArray[np.float32], fetch: int, where: str | None
) -> tuple[pa.Table, float | None]:
    """The engine's best rows of every probe, each row once.

    Returns:
        The rows, and the score below which rows may be missing, None where the whole table was fetched.
    """
    # A single vector and a batch are different queries; only a batch answers with query_index.
    query: Any = table.search(probes if len(probes) > 1 else probes[0], vector_column_name="embedding")
    query = query.distance_type("dot").bypass_vector_index().limit(fetch)
    if where is not None:
        query = query.where(where, prefilter=True)
    found = query.to_arrow()
    distance = found["_distance"].to_numpy()
    probe_index = found["query_index"].to_numpy() if "query_index" in found.column_names else np.zeros(len(found), int)
    floors = []
    for probe in range(len(probes)):
        distances = distance[probe_index == probe]
        if len(distances) >= fetch:
            floors.append(1.0 - float(distances.max()))
    found = found.drop_columns([name for name in ("_distance", "query_index") if name in found.column_names])
    if len(probes) > 1:
        keys = list(zip(*(found[name].to_pylist() for name in ("source", "frame", "index")), strict=True))
        first = {key: row for row, key in reversed(list(enumerate(keys)))}
        found = found.take(pa.array(sorted(first.values()), pa.int64()))
    return found, max(floors, default=None)


def _scores(rows: pa.Table, probes: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) cosine similarity of each row with the probe most like it, in [-1, 1]."""
    flat = rows["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    embeddings = flat.reshape(len(rows), probes.shape[1]).astype(np.float64)
    # Elementwise product and sum, not a matrix product, whose order of summation depends on a row's position.
    scores = np.stack([(embeddings * probe.astype(np.float64)).sum(axis=1) for probe in probes])
    return np.clip(scores.max(axis=0), -1.0, 1.0)


def _order(rows: pa.Table, scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows in falling score; ties by source, frame and index."""
    names = [np.asarray(rows[name].to_pylist(), dtype=object) for name in ("frame", "source")]
    index = rows["index"].to_numpy()
    ranks = [np.unique(name, return_inverse=True)[1] for name in names] if len(rows) else names
    return np.lexsort((index, *ranks, -scores))
