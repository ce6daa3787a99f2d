"""The published full-frame search protocols, as one pure function of detections and queries."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.boxes import box_overlap
from datasets.samples import Query
from detection.detections import Detections
from detection.settings import LEAST_CONFIDENCE
from reid.ranking.chosen_products import chosen_products
from search.evaluation.stacking import (
    AnyBoxes,
    FrameLookup,
    StackedDetections,
    StackedQueries,
    embeddings_of,
    stack_detections,
    stack_queries,
)
from search.query.context import match_by_context
from search.query.fusion import reranked
from search.query.ranking import Ranking

CHUNK_ELEMENTS = 2**22
"""Similarities held at once; bounds the memory of an evaluation to some hundred megabytes."""

SMALL_PART = 0.1
"""Galleries of less than this share of all frames are compared detection by detection, not in a product of matrices."""

MANY_PAIRS = 2**24
"""Pairs of queries and detections that make up for compiling the loop over chosen detections."""

Similarities = Callable[[slice], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class SearchMetrics:
    """The figures of person search, in [0, 1]; means over the queries whose gallery shows their person at all.

    Attributes:
        mean_ap: mean of `average_precisions`.
        top1, top5, top10: share of queries with the person among so many most similar detections.
        average_precisions: (Q,) float64 per query, NaN where the query's gallery has no true box.
    """

    mean_ap: float
    top1: float
    top5: float
    top10: float
    average_precisions: NDArray[np.float64] = field(repr=False)


def evaluate_search(
    detections: Mapping[str, Detections],
    queries: Sequence[Query],
    query_embeddings: Tensor | NDArray[np.floating],
    *,
    score_threshold: float = LEAST_CONFIDENCE,
    context: Sequence[Detections | None] | None = None,
    context_gallery: int = 10,
    context_people: int = 3,
    ignore: Mapping[str, AnyBoxes] | None = None,
) -> SearchMetrics:
    """Rank all detections of each query's gallery by similarity, and say how well the person was found.

    In each frame of the gallery that shows the person, the most similar detection with enough overlap is right
    (0.5, less for small boxes, see overlap_threshold), everything else is wrong, also a second detection of the same
    person. The average precision is step-wise over those found, times the share of true boxes found. The query's own
    frame takes part where the gallery lists it.

    Ties: detections of equal similarity share a threshold in the average precision; for the top figures wrong
    detections come first among equals, so that a model that gives everybody one embedding gains nothing.

    Source: the evaluators of CUHK-SYSU (Xiao et al. 2017) and PRW (Zheng et al. 2017) as SeqNet (Li and Miao, AAAI
    2021) has them: a frame that a gallery lists twice is ranked once but its true boxes count twice. Deviation: a
    query whose gallery holds no true box is left out of the means (the reference divides by zero).

    Args:
        detections: frame name -> Detections with (N, D) embeddings, boxes in original pixels. A frame that is
            missing counts against recall. To weight similarities by detection scores, scale the embeddings.
        queries: the protocol as data.
        query_embeddings: (Q, D) in the order of the queries.
        score_threshold: detections with a lower score are dropped; raising it drops false and true ones.
        context: per query the people of its frame, row 0 the query's own box, or None for a query without; switches
            on context matching (search/query/context.py). None for the plain protocol.
        context_gallery: the frames of how many best detections are matched; 10 (CUHK-SYSU) or 30 (PRW) published.
        context_people: how many rows of a query's context take part; 3 (CUHK-SYSU) or 4 (PRW) published.
        ignore: frame name -> (M, 4) xyxy boxes, of unlabelled people say: detections that overlap one of them, by the
            same threshold, and do not fit the true box at least as well leave the ranking.

    Returns:
        The figures; see SearchMetrics.

    Raises:
        ValueError: there is no query or none with a true box; embeddings are missing, of another width or not
            finite; no frame of the galleries is among the detections; the context is not one entry per query.
    """
    require_queries(queries)
    features = query_features(query_embeddings, len(queries))
    if context_gallery < 1 or context_people < 1:
        raise ValueError(f"context_gallery is {context_gallery}, context_people {context_people}, expected at least 1")
    people = _context_features(context, queries, features.shape[1], context_people)
    stack = stack_detections(detections, score_threshold, ignore, features.shape[1])
    embeddings = stack.embeddings
    assert embeddings is not None

    def in_context(similarities: NDArray[np.float32], first_query: int) -> None:
        for row, companions in enumerate(people[first_query : first_query + len(similarities)]):
            if companions is not None:
                match_by_context(
                    similarities[row], companions, embeddings, stack.offsets, stack.frame_of, context_gallery
                )

    if context is not None:
        return _evaluate(stack, queries, lambda chunk: products(features[chunk], embeddings), in_context)

    def of_chosen(chunk: slice, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return chosen_products(features[chunk], embeddings, rows)

    return _evaluate(stack, queries, lambda chunk: products(features[chunk], embeddings), None, of_chosen)


def evaluate_reranked(
    detections: Mapping[str, Detections],
    queries: Sequence[Query],
    query_embeddings: Tensor | NDArray[np.floating],
    *,
    score_threshold: float = LEAST_CONFIDENCE,
    ignore: Mapping[str, AnyBoxes] | None = None,
    candidates: int = Ranking.candidates,
    weighted: bool = False,
) -> SearchMetrics:
    """As `evaluate_search`, after the best detections of each query were re-ranked by their k-reciprocal neighbors.

    Each query is searched alone, as `find` does: its candidates come from its own gallery, and no other query helps,
    unlike in published figures of re-ranking. What is ignored is a neighbor all the same, for a search does not know
    it; detections that are no candidates follow in their order.

    Args:
        detections: frame name -> Detections with (N, D) embeddings, boxes in original pixels.
        queries: the protocol as data.
        query_embeddings: (Q, D) in the order of the queries.
        score_threshold: Detections with less confidence are dropped.
        ignore: frame name -> (M, 4) xyxy boxes; a detection on one of them leaves the ranking, unless it fits the true
            box at least as well.
        candidates: how many detections are re-ranked for each query; time grows with the square of it.
        weighted: multiply similarities by the detections' confidence, before the candidates are chosen and after they
            are re-ranked (`search.query.fusion.reranked`).

    Returns:
        The figures; see SearchMetrics.

    Raises:
        ValueError: as evaluate_search, or candidates is below 1.
    """
    require_queries(queries)
    if candidates < 1:
        raise ValueError(f"candidates is {candidates}, expected at least 1")
    features = query_features(query_embeddings, len(queries))
    stack = stack_detections(detections, score_threshold, ignore, features.shape[1])
    everybody = dataclasses.replace(stack, ignored=np.zeros(len(stack)))
    frames = FrameLookup(everybody)
    embeddings = stack.embeddings
    assert embeddings is not None
    confidence = stack.scores if weighted else np.ones(len(stack), dtype=np.float32)

    def similarities(chunk: slice) -> NDArray[np.float32]:
        values = products(features[chunk], embeddings) * confidence
        allowed = stack_queries(queries[chunk], everybody, frames).allowed
        for row, feature in enumerate(features[chunk]):
            members = np.flatnonzero(allowed[row])
            best = members[np.argsort(-values[row, members], kind="stable")[:candidates]]
            if len(best):
                values[row, best] = values[row].max() + 1 + reranked(feature[None], embeddings[best], confidence[best])
        return values

    return _evaluate(stack, queries, similarities, None)


def random_search(
    detections: Mapping[str, Detections],
    queries: Sequence[Query],
    *,
    score_threshold: float = LEAST_CONFIDENCE,
    ignore: Mapping[str, AnyBoxes] | None = None,
    draws: int = 5,
    seed: int = 0,
) -> SearchMetrics:
    """What chance alone gets from the same detections and queries: the figure to print beside a real one.

    Args:
        detections: frame name -> Detections, boxes in original pixels; embeddings are not looked at.
        queries: the protocol as data.
        score_threshold: Detections with less confidence are dropped.
        ignore: frame name -> (M, 4) xyxy boxes; a detection on one of them leaves the ranking, unless it fits the true
            box at least as well.
        draws: how many random rankings are averaged; more brings the mean nearer to the expectation.
        seed: The seed of the random similarities, 0 or more.

    Returns:
        The means over the draws, also of each query's average precision.

    Raises:
        ValueError: as evaluate_search, or draws is below 1.
    """
    require_queries(queries)
    if draws < 1:
        raise ValueError(f"draws is {draws}, expected at least 1")
    stack = stack_detections(detections, score_threshold, ignore, None)
    generator = np.random.default_rng(seed)

    def draw(chunk: slice) -> NDArray[np.float32]:
        return generator.random((chunk.stop - chunk.start, len(stack)), dtype=np.float32)

    results = [_evaluate(stack, queries, draw, None) for _ in range(draws)]
    return SearchMetrics(
        mean_ap=float(np.mean([each.mean_ap for each in results])),
        top1=float(np.mean([each.top1 for each in results])),
        top5=float(np.mean([each.top5 for each in results])),
        top10=float(np.mean([each.top10 for each in results])),
        average_precisions=np.mean([each.average_precisions for each in results], axis=0),
    )


def _evaluate(
    stack: StackedDetections,
    queries: Sequence[Query],
    similarities: Similarities,
    in_context: Callable[[NDArray[np.float32], int], None] | None,
    of_chosen: Callable[[slice, NDArray[np.int64]], NDArray[np.float32]] | None = None,
) -> SearchMetrics:
    """The protocol over any source of similarities, some queries at a time.

    Where galleries are a small part of all frames, `of_chosen` computes the similarities of their detections alone.
    """
    frames = FrameLookup(stack)
    entries = max(len(query.gallery) for query in queries)
    usual = sum(len(query.gallery) for query in queries) / len(queries)
    narrow = len(queries) * len(stack) > MANY_PAIRS and usual < SMALL_PART * len(stack.rows)
    at_once = len(stack.rows) if of_chosen is not None and narrow else max(len(stack), len(stack.rows))
    step = max(1, CHUNK_ELEMENTS // max(at_once, entries, 1))
    precisions, ranks = [], []
    for start in range(0, len(queries), step):
        chunk = slice(start, min(start + step, len(queries)))
        stacked = stack_queries(queries[chunk], stack, frames)
        if of_chosen is not None and narrow:
            rows, stacked = stacked.narrowed()
            values = of_chosen(chunk, rows)
        else:
            values = similarities(chunk)
            values[~stacked.allowed] = -np.inf
        if in_context is not None:
            in_context(values, start)
        precision, rank = scored(values, stacked)
        precisions.append(precision)
        ranks.append(rank)
    frames.require_known()
    average_precisions, first_hit = np.concatenate(precisions), np.concatenate(ranks)
    judged = ~np.isnan(average_precisions)
    if not judged.any():
        raise ValueError(
            f"none of the {len(queries)} queries has a true box in its gallery; nothing can be found there: "
            "check identities and the camera rule of the protocol"
        )
    top1, top5, top10 = (float((first_hit[judged] <= top).mean()) for top in (1, 5, 10))
    return SearchMetrics(float(average_precisions[judged].mean()), top1, top5, top10, average_precisions)


def scored(similarities: NDArray[np.float32], stacked: StackedQueries) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Average precision and position of the first right detection, (Q,) each, of masked similarities (Q, N)."""
    count = len(similarities)
    # Of several detections that fit one true box only the most similar is right.
    starts = np.flatnonzero(np.diff(stacked.pair_truth, prepend=-1))
    hits = similarities[stacked.pair_query, stacked.pair_row]
    hits = np.maximum.reduceat(hits, starts) if len(starts) else hits
    hit_query = stacked.pair_query[starts]
    order = np.lexsort((hits, hit_query))
    hits, hit_query = hits[order], hit_query[order]
    found = np.bincount(hit_query, minlength=count)
    width = max(1, int(found.max()))
    column = np.arange(len(hits)) - np.repeat(np.cumsum(found) - found, found)
    thresholds = np.full((count, width), np.inf, dtype=np.float32)
    thresholds[hit_query, column] = hits

    # The precision at a right detection only needs the number of detections at least as similar: count them
    # between the right ones' similarities instead of sorting whole rows.
    levels = torch.from_numpy(thresholds)
    bucket = torch.searchsorted(levels, torch.from_numpy(similarities), right=True, out_int32=True)
    bucket += torch.arange(count, dtype=torch.int32).unsqueeze(1) * (width + 1)
    histogram = torch.bincount(bucket.flatten(), minlength=count * (width + 1)).reshape(count, width + 1)
    ranked = histogram.flip(1).cumsum(1).flip(1)[:, 1:].numpy()  # (Q, width)
    right = found[:, None] - torch.searchsorted(levels, levels).numpy()
    precision = np.where(np.isfinite(thresholds), right / np.maximum(ranked, 1), 0).sum(axis=1)
    average = np.full(count, np.nan)
    np.divide(precision, stacked.truth_count, out=average, where=stacked.truth_count > 0)

    first_hit = np.full(count, np.iinfo(np.int64).max)
    known = np.flatnonzero(found)
    best = found[known] - 1
    first_hit[known] = ranked[known, best] - right[known, best] + 1
    return average, first_hit


def require_queries(queries: Sequence[Query]) -> None:
    """Refuse a protocol without a query.

    Raises:
        ValueError: There is none.
    """
    if not len(queries):
        raise ValueError("no query to evaluate, expected at least one; check the data set's list of queries")


def products(features: NDArray[np.float64], embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """(Q, N) inner products, in float64 and rounded once, so that equal embeddings give equal similarities."""
    products = np.empty((len(features), len(embeddings)), dtype=np.float32)
    for start in range(0, len(embeddings), 8192):
        block = slice(start, start + 8192)
        products[:, block] = features @ embeddings[block].astype(np.float64).T
    return products


def query_features(query_embeddings: Tensor | NDArray[np.floating], count: int) -> NDArray[np.float64]:
    """(Q, D) embeddings of the queries.

    Raises:
        ValueError: There is not one row for each query, or one is not finite.
    """
    if isinstance(query_embeddings, Tensor):
        query_embeddings = query_embeddings.detach().cpu().float().numpy()
    # Through float32, as the detections' embeddings are, so that a query finds its own box at similarity 1.
    features = np.asarray(query_embeddings, dtype=np.float32).astype(np.float64)
    if features.ndim != 2 or len(features) != count:
        raise ValueError(f"query embeddings have shape {features.shape}, expected ({count}, D): one row per query")
    wrong = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if wrong.size:
        raise ValueError(
            f"the embedding of query {wrong[0]} is not finite ({wrong.size} of {count}); the model has diverged, "
            "use an earlier checkpoint"
        )
    return features


def _context_features(
    context: Sequence[Detections | None] | None, queries: Sequence[Query], embedding_dim: int, people: int
) -> list[NDArray[np.float32] | None]:
    """Per query the embeddings of the first people of its frame; all None without context matching."""
    if context is None:
        return [None] * len(queries)
    if len(context) != len(queries):
        raise ValueError(f"context of {len(context)} queries, expected {len(queries)}: one entry per query")
    features: list[NDArray[np.float32] | None] = []
    for number, (query, companions) in enumerate(zip(queries, context, strict=True)):
        if companions is None or not len(companions):
            features.append(None)
            continue
        own = companions.boxes[0].cpu().numpy()
        if query.box is not None and box_overlap(query.box, own) < 0.5:
            raise ValueError(
                f"context of query {number} begins with the box {own.tolist()}, expected the query's own box "
                f"{query.box.tolist()} as row 0"
            )
        features.append(embeddings_of(f"context of query {number}", companions, embedding_dim)[:people])
    return features
