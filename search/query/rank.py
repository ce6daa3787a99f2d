"""Exact nearest rows of a table, in an order that does not depend on how the table lies on disk.

A score is the cosine similarity of probe and sighting; with a second stage the weighted sum of both stages'
similarities; after re-ranking one minus the k-reciprocal distance, from 0 to 1; in context, for who is matched, the
largest similarity of any matched pair; class-weighted, each of them times the detection's confidence. The similarity
before re-ranking and context is kept beside it: that is what verdicts are calibrated for.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from search.gallery.filters import Filters, frames_sql
from search.gallery.gallery import Gallery
from search.gallery.sightings import ClockZones
from search.gallery.tables import EMBEDDING, SECOND_EMBEDDING, as_matrix, readable, sighting_of
from search.query.feedback import Examples
from search.query.ranking import Ranking
from search.query.results import RankedSightings

if TYPE_CHECKING:  # who searches by one embedding needs neither torch nor models
    from torch import Tensor

    from search.query.context import Company

SPARE_CANDIDATES = 32
"""Rows fetched beyond the limit, so that most ties at the limit are seen whole."""

MOST_CANDIDATES = 65_536
"""Ties larger than this are cut as the engine returns them, to bound memory."""

ENGINE_ERROR = 1e-5
"""How far a float32 dot product of unit vectors in the engine may lie from the exact one."""

Scores = NDArray[np.float64]
Nearest = Callable[..., tuple[pa.Table, int]]
"""`NearestRows.nearest` of one probe, its filters and its weights: called with how many rows and which `vectors`."""


@dataclass(frozen=True, eq=False)
class EmbeddedProbe:
    """The person looked for, as vectors.

    Args:
        embeddings: (D,) of one picture, or (P, D) of several pictures of the same person; scaled to unit length.
        second_embeddings: (E,) or (P, E) of the same pictures by the second stage, where the gallery has one: the best
            candidates by `embeddings` are then ranked anew by the weighted sum of both similarities.
        combine: How several pictures count: "mean" compares with their average direction (steadier, the usual way),
            "max" compares each sighting with the picture most like it (keeps a back view apart from a front view).
        company: The probe and the people beside it in its frame, for context matching; None without.
        others: (M, D) of pictures of people who are somebody else (`search.query.feedback.Examples`); None without.
        second_others: (M, E) of the same pictures by the second stage.
    """

    embeddings: "ArrayLike | Tensor"
    second_embeddings: "ArrayLike | Tensor | None" = None
    combine: str = "mean"
    company: "Company | None" = None
    others: "ArrayLike | Tensor | None" = None
    second_others: "ArrayLike | Tensor | None" = None


def rank_sightings(
    gallery: Gallery, probe: EmbeddedProbe, filters: Filters | None = None, ranking: Ranking | None = None
) -> RankedSightings:
    """The sightings most similar to a probe, compared exactly with every sighting that passes the filters.

    Args:
        gallery: The gallery, with vectors of the models that made the probe's.
        probe: The person looked for.
        filters: Which sightings may answer; None is `Filters()`.
        ranking: How similarities are made; None is `Ranking()`.

    Returns:
        Sightings in falling score; ties in the order of source, frame and row.

    Raises:
        ValueError: A camera is not in the gallery, the probe has another width, the gallery has no second stage, a time
            is asked for that the gallery cannot answer, or context is asked for with re-ranking or several probes.
    """
    filters = filters or Filters()
    ranking = (ranking or Ranking()).with_share(gallery.description.second_weight)
    probes = Examples(probe.embeddings, probe.others).directions(gallery.description.embedding_dim, probe.combine)
    second = None
    if probe.second_embeddings is not None:
        if gallery.description.second_dim is None:
            raise ValueError(f"second_embeddings given, but gallery {gallery.path} has no second stage")
        seen_again = Examples(probe.second_embeddings, probe.second_others)
        second = seen_again.directions(gallery.description.second_dim, probe.combine)
    filters = gallery.checked(filters)
    nearest = None
    if gallery.in_memory is not None:
        nearest = partial(gallery.in_memory.nearest, probes, filters=filters, weighted=ranking.class_weighted)
    where = None if nearest is not None and probe.company is None else gallery.condition(filters)
    with readable(gallery.path):
        answer = ranked(
            gallery.table,
            probes,
            second,
            ranking,
            limit=filters.limit,
            where=where,
            minimum_similarity=filters.minimum_similarity,
            company=probe.company,
            nearest=nearest,
        )
    answer = replace(answer, zones=ClockZones.known(gallery.description.cameras))
    return answer if answer.searched else replace(answer, contents=gallery.contents())


def ranked(
    table: Any,
    probes: NDArray[np.float32],
    second_probes: NDArray[np.float32] | None,
    ranking: Ranking,
    *,
    limit: int,
    where: str | None,
    minimum_similarity: float | None,
    company: "Company | None" = None,
    nearest: Nearest | None = None,
) -> RankedSightings:
    """The rows most similar to any of the probes; the best of them ranked anew where a second look is asked for.

    Args:
        table: sightings with unit embeddings, of the second stage too where `second_probes` are given.
        probes: (P, D) of unit length.
        second_probes: (P, E) of the same pictures by the second stage, or None.
        ranking: weight of the second stage, candidates (at least `limit` are taken), whether to re-rank them, and
            whether similarities are class-weighted.
        limit: at most this many answers.
        where: SQL condition applied before the comparison, or None.
        minimum_similarity: Only sightings at least this similar, in whatever order they come; None for all.
        company: who is beside the one probe in its frame, for context matching (`search.query.context`), or None.
        nearest: Compares in memory what passes the filters, in place of the table; None compares in the table.

    Raises:
        ValueError: company and re-ranking, or company of several probes.
    """
    if company is not None and (ranking.rerank or len(probes) > 1):
        raise ValueError("context matching is of one probe in its frame, and not re-ranked; choose one of the two")
    twice = second_probes is not None or ranking.rerank
    vectors = [EMBEDDING] if second_probes is None else [EMBEDDING, SECOND_EMBEDDING]
    most = max(limit, ranking.candidates) if twice else limit
    most = most if company is None else max(most, company.gallery)
    if nearest is not None:
        rows, similarities, searched = _in_memory(nearest, probes, most, vectors, weighted=ranking.class_weighted)
    else:
        find = _nearest_weighted if ranking.class_weighted else _nearest
        rows, similarities, searched = find(table, probes, most, where, vectors)
    scores = similarities
    if twice and len(rows):
        similarities, scores = _anew(rows, probes, second_probes, ranking)
    if company is not None and len(rows):
        rows, scores, similarities = _in_context(
            table, rows, similarities, company, ranking, where=where, vectors=vectors
        )
    order = _order(rows, scores)
    if minimum_similarity is not None:
        order = order[similarities[order] >= minimum_similarity]
    order = order[:limit]
    chosen = rows.drop_columns(vectors).take(pa.array(order)).to_pylist()
    values = zip(chosen, scores[order].tolist(), similarities[order].tolist(), strict=True)
    sightings = tuple(replace(sighting_of(row, score), similarity=similarity) for row, score, similarity in values)
    return RankedSightings(sightings, searched, float(similarities.max()) if len(similarities) else None)


def _anew(
    rows: pa.Table, probes: NDArray[np.float32], second_probes: NDArray[np.float32] | None, ranking: Ranking
) -> tuple[Scores, Scores]:
    """The similarities of the best rows by both stages, and their scores, re-ranked where that is asked for."""
    import torch

    from search.query.fusion import fused, reranked

    query, gallery = torch.from_numpy(probes), torch.from_numpy(as_matrix(rows[EMBEDDING]))
    if second_probes is not None:
        second = torch.from_numpy(as_matrix(rows[SECOND_EMBEDDING]))
        query = fused(query, torch.from_numpy(second_probes), ranking.share)
        gallery = fused(gallery, second, ranking.share)
    confidence = _confidence(rows) if ranking.class_weighted else None
    similarities = _scores(gallery.numpy(), query.numpy()) * (1.0 if confidence is None else confidence)
    return similarities, reranked(query, gallery, confidence) if ranking.rerank else similarities


def _in_context(
    table: Any,
    rows: pa.Table,
    similarities: Scores,
    company: "Company",
    ranking: Ranking,
    *,
    where: str | None,
    vectors: list[str],
) -> tuple[pa.Table, Scores, Scores]:
    """The rows and everybody in the frames of the best of them; their scores in context, and their similarities."""
    import torch

    from search.query.context import match_context
    from search.query.fusion import fused

    best = np.sort(similarities)[::-1][: company.gallery]
    frames: dict[str, dict[str, None]] = {}
    for row in rows.filter(pa.array(similarities >= best[-1])).select(["source", "frame"]).to_pylist():
        frames.setdefault(row["source"], {})[row["frame"]] = None
    chosen = frames_sql({source: list(names) for source, names in frames.items()})
    condition = chosen if where is None else f"{chosen} AND ({where})"
    everybody = table.search().where(condition).select(rows.column_names).to_arrow().select(rows.column_names)
    known = set(_keys(rows))
    new = [row for row, key in enumerate(_keys(everybody)) if key not in known]
    rows = pa.concat_tables([rows, everybody.take(pa.array(new, pa.int64())).cast(rows.schema)])
    people, gallery = torch.from_numpy(company.embeddings), torch.from_numpy(as_matrix(rows[EMBEDDING]))
    if SECOND_EMBEDDING in vectors and company.second_embeddings is not None:
        people = fused(people, torch.from_numpy(company.second_embeddings), ranking.share)
        gallery = fused(gallery, torch.from_numpy(as_matrix(rows[SECOND_EMBEDDING])), ranking.share)
    if ranking.class_weighted:
        gallery = gallery * torch.from_numpy(_confidence(rows))[:, None]
    similarities = _scores(gallery.numpy(), people[:1].numpy())
    scores = similarities.copy()
    members: dict[tuple[str, str], list[int]] = {}
    for number, (source, frame, _) in enumerate(_keys(rows)):
        if frame in frames.get(source, {}):
            members.setdefault((source, frame), []).append(number)
    for numbers in members.values():
        matched = match_context(people.numpy(), gallery.numpy()[numbers])
        if matched is not None:
            scores[numbers[matched[0]]] = matched[1]
    return rows, scores, similarities


def _keys(rows: pa.Table) -> list[tuple[str, str, int]]:
    """What makes each row one sighting."""
    return list(zip(*(rows[name].to_pylist() for name in ("source", "frame", "index")), strict=True))


def _in_memory(
    nearest: Nearest, probes: NDArray[np.float32], most: int, vectors: list[str], *, weighted: bool
) -> tuple[pa.Table, Scores, int]:
    """As `_nearest` and `_nearest_weighted`, where the embeddings are in memory."""
    rows, searched = nearest(most, vectors=vectors)
    scores = _scores(as_matrix(rows[EMBEDDING]), probes) * (_confidence(rows) if weighted else 1.0)
    order = _order(rows, scores)[:most]
    return rows.take(pa.array(order)), scores[order], searched


def _nearest(
    table: Any, probes: NDArray[np.float32], limit: int, where: str | None, vectors: list[str]
) -> tuple[pa.Table, Scores, int]:
    """The `limit` rows most similar to any of the probes, with these columns of vectors.

    A row among the best `limit` for the best of its probes is among the best `limit` for that probe, so the union of
    the probes' candidates is complete. Scores are computed again in double precision, row by row, so that equal
    embeddings get equal scores.

    Returns:
        The rows in order, their scores, and how many rows were compared.
    """
    searched = int(table.count_rows(where))
    fetch = limit + SPARE_CANDIDATES
    while True:
        rows, floor = _candidates(table, probes, min(fetch, max(searched, 1)), where, vectors)
        scores = _scores(as_matrix(rows[EMBEDDING]), probes)
        order = _order(rows, scores)
        complete = floor is None or (len(order) >= limit and scores[order[limit - 1]] > floor + ENGINE_ERROR)
        if complete or fetch >= min(searched, max(MOST_CANDIDATES, limit)):
            break
        fetch *= 4
    order = order[:limit]
    return rows.take(pa.array(order)), scores[order], searched


def _nearest_weighted(
    table: Any, probes: NDArray[np.float32], limit: int, where: str | None, vectors: list[str]
) -> tuple[pa.Table, Scores, int]:
    """As `_nearest` by similarities that are multiplied by the detections' confidence.

    The engine orders by the cosine alone, and a sighting may stand far below others that are less sure. So it gives the
    cosines of all rows, without their vectors, and the vectors only of the best by the product.
    """
    # Numbers of rows hold within one version, and other processes write.
    table.checkout(table.version)
    try:
        searched = int(table.count_rows(where))
        query: Any = _query(table, probes, where).limit(max(searched, 1)).select(["detection_score", "_distance"])
        found = query.with_row_id(True).to_arrow()
        numbers, place = np.unique(found["_rowid"].to_numpy(), return_inverse=True)
        rough = np.full(len(numbers), -np.inf)
        np.maximum.at(rough, place, (1.0 - found["_distance"].to_numpy()) * _confidence(found))
        best = np.argsort(-rough, kind="stable")[: max(limit, MOST_CANDIDATES)]
        if len(best) > limit:
            best = best[rough[best] >= rough[best[limit - 1]] - 2 * ENGINE_ERROR]
        columns = [*_plain_columns(table), *vectors]
        rows = table.take_row_ids(numbers[best].tolist()).select(columns).to_arrow().select(columns)
    finally:
        table.checkout_latest()
    scores = _scores(as_matrix(rows[EMBEDDING]), probes) * _confidence(rows)
    order = _order(rows, scores)[:limit]
    return rows.take(pa.array(order)), scores[order], searched


def _candidates(
    table: Any, probes: NDArray[np.float32], fetch: int, where: str | None, vectors: list[str]
) -> tuple[pa.Table, float | None]:
    """The engine's best rows of every probe, each row once, with these columns of vectors.

    Returns:
        The rows, and the score below which rows may be missing, None where the whole table was fetched.
    """
    query = _query(table, probes, where).limit(fetch).select([*_plain_columns(table), *vectors, "_distance"])
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
        first = {key: row for row, key in reversed(list(enumerate(_keys(found))))}
        found = found.take(pa.array(sorted(first.values()), pa.int64()))
    return found, max(floors, default=None)


def _query(table: Any, probes: NDArray[np.float32], where: str | None) -> Any:
    """The engine's comparison of the rows that satisfy a condition with every probe; `_distance` is 1 - cosine."""
    # A single vector and a batch are different queries; only a batch answers with query_index.
    query: Any = table.search(probes if len(probes) > 1 else probes[0], vector_column_name=EMBEDDING)
    query = query.distance_type("dot").bypass_vector_index()
    return query if where is None else query.where(where, prefilter=True)


def _plain_columns(table: Any) -> list[str]:
    return [name for name in table.schema.names if name not in (EMBEDDING, SECOND_EMBEDDING)]


def _confidence(rows: pa.Table) -> Scores:
    """(N,) of the detections."""
    return np.asarray(rows["detection_score"].to_numpy(), dtype=np.float64)


def _scores(embeddings: NDArray[np.float32], probes: NDArray[np.float32]) -> Scores:
    """(N,) cosine similarity of each row (N, D) with the probe (P, D) most like it, in [-1, 1]."""
    rows = embeddings.astype(np.float64)
    # Elementwise product and sum, not a matrix product, whose order of summation depends on a row's position.
    scores = np.stack([(rows * probe.astype(np.float64)).sum(axis=1) for probe in probes])
    return np.clip(scores.max(axis=0), -1.0, 1.0)


def _order(rows: pa.Table, scores: Scores) -> NDArray[np.int64]:
    """Rows in falling score; ties by source, frame and index."""
    names = [np.asarray(rows[name].to_pylist(), dtype=object) for name in ("frame", "source")]
    index = rows["index"].to_numpy()
    ranks = [np.unique(name, return_inverse=True)[1] for name in names] if len(rows) else names
    return np.lexsort((index, *ranks, -scores))
