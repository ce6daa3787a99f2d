"""What it is worth to mark a few answers as right or wrong, and to search again with the marks."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datasets.samples import Query
from detection.detections import Detections
from detection.settings import LEAST_CONFIDENCE
from search.evaluation.protocols import products, query_features, require_queries, scored
from search.evaluation.stacking import AnyBoxes, FrameLookup, StackedQueries, stack_detections, stack_queries
from search.query.feedback import Examples

SEEN_FIRST = 10
"""The marks are drawn from so many of the first answers."""

SEEDS = (0, 1, 2)
"""A drawing of the marks for each of these seeds."""

CHUNK_QUERIES = 128

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class MarksWorth:
    """The mAP before and after the marks, over the same answers. Each value is a mean over the drawings.

    Args:
        before: The mAP of the ranking without marks, where the marked answers are left out of the scoring.
        after: The mAP after searching again with the marks, where the same answers are left out.
        before_each: The first figure of each drawing.
        after_each: The second figure of each drawing.
        right: How many marks of a query say that it is the person, in the mean.
        queries: How many queries are judged: those with somebody left to be found.
    """

    before: float
    after: float
    before_each: tuple[float, ...]
    after_each: tuple[float, ...]
    right: float
    queries: int


def marks_worth(
    detections: Mapping[str, Detections],
    queries: Sequence[Query],
    query_embeddings: Tensor,
    *,
    marks: int,
    score_threshold: float = LEAST_CONFIDENCE,
    ignore: Mapping[str, AnyBoxes] | None = None,
) -> MarksWorth:
    """Search, mark some of the first answers by the truth, search again, and compare both rankings.

    The marks of each query are drawn from its first ten answers. An answer is marked as the person if it fits the
    person's true box, else as somebody else (`search.query.feedback.Examples`). What is marked leaves both rankings,
    and a true box that was marked need not be found any more. So the gain is that of the other answers.

    Args:
        detections: frame name -> Detections with (N, D) embeddings, boxes in original pixels.
        queries: The protocol as data.
        query_embeddings: (Q, D) in the order of the queries.
        marks: How many answers of each query are marked, from 1 to 10.
        score_threshold: Detections with less confidence are dropped.
        ignore: frame name -> (M, 4) xyxy boxes; a detection on one of them leaves the ranking.

    Raises:
        ValueError: There is another number of marks, or as `evaluate_search`.
    """
    if not 1 <= marks <= SEEN_FIRST:
        raise ValueError(f"{marks} marks, expected 1 to {SEEN_FIRST}: they are drawn from the first answers")
    require_queries(queries)
    features = query_features(query_embeddings, len(queries))  # (Q, D)
    stack = stack_detections(detections, score_threshold, ignore, features.shape[1])
    frames = FrameLookup(stack)
    embeddings = stack.embeddings
    assert embeddings is not None
    generators = [np.random.default_rng(seed) for seed in SEEDS]
    values: list[list[tuple[NDArray[np.float64], NDArray[np.float64]]]] = [[] for _ in SEEDS]
    right = 0
    for start in range(0, len(queries), CHUNK_QUERIES):
        chunk = slice(start, start + CHUNK_QUERIES)
        stacked = stack_queries(queries[chunk], stack, frames)
        plain = products(features[chunk], embeddings)
        plain[~stacked.allowed] = -np.inf
        for number, generator in enumerate(generators):
            marked, is_person = _drawn(plain, stacked, marks, generator)
            right += int(is_person.sum())
            again = products(_moved(features[chunk], embeddings, marked, is_person), embeddings)
            again[~stacked.allowed] = -np.inf
            left = _without(stacked, marked, is_person)
            pair = []
            for ranking in (plain.copy(), again):
                rows = np.arange(len(ranking))[:, None]
                ranking[np.broadcast_to(rows, marked.shape)[marked >= 0], marked[marked >= 0]] = -np.inf
                pair.append(scored(ranking, left)[0])
            values[number].append((pair[0], pair[1]))
    frames.require_known()
    means = [[np.nanmean(np.concatenate(part)) for part in zip(*drawing, strict=True)] for drawing in values]
    before, after = (tuple(float(mean) for mean in side) for side in zip(*means, strict=True))
    judged = int(np.isfinite(np.concatenate([part for part, _ in values[0]])).sum())
    total = len(queries) * len(SEEDS)
    return MarksWorth(float(np.mean(before)), float(np.mean(after)), before, after, right / total, judged)


def _drawn(
    plain: Floats, stacked: StackedQueries, marks: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(Q, marks) rows of marked answers, -1 where there are fewer, and (Q, marks) whether each is the person."""
    marked = np.full((len(plain), marks), -1, dtype=np.int64)
    person = np.zeros((len(plain), marks), dtype=bool)
    fits = set(zip(stacked.pair_query.tolist(), stacked.pair_row.tolist(), strict=True))
    for query, values in enumerate(plain):
        first = np.argsort(-values, kind="stable")[:SEEN_FIRST]
        first = first[np.isfinite(values[first])]
        chosen = generator.choice(first, min(marks, len(first)), replace=False)
        marked[query, : len(chosen)] = chosen
        person[query, : len(chosen)] = [(query, int(row)) in fits for row in chosen]
    return marked, person


def _moved(
    features: NDArray[np.float64], embeddings: Floats, marked: NDArray[np.int64], person: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(Q, D) what each query is after its marks."""
    moved = np.empty_like(features)
    for query, feature in enumerate(features):
        known = marked[query] >= 0
        confirmed = embeddings[marked[query][known & person[query]]]
        rejected = embeddings[marked[query][known & ~person[query]]]
        examples = Examples(np.concatenate([feature[None], confirmed]), rejected)
        moved[query] = examples.directions(features.shape[1])[0]
    return moved


def _without(stacked: StackedQueries, marked: NDArray[np.int64], person: NDArray[np.bool_]) -> StackedQueries:
    """The same without the true boxes that a mark has found."""
    found = {(query, int(row)) for query, rows in enumerate(marked) for row in rows[person[query]]}
    pairs = zip(stacked.pair_query.tolist(), stacked.pair_row.tolist(), strict=True)
    hit = np.array([pair in found for pair in pairs], dtype=bool)
    gone = np.unique(stacked.pair_truth[hit])
    left = ~np.isin(stacked.pair_truth, gone)
    count = stacked.truth_count.copy()
    owner = stacked.pair_query[hit][np.unique(stacked.pair_truth[hit], return_index=True)[1]]
    np.subtract.at(count, owner, 1)
    return dataclasses.replace(
        stacked,
        truth_count=count,
        pair_query=stacked.pair_query[left],
        pair_truth=stacked.pair_truth[left],
        pair_row=stacked.pair_row[left],
    )
