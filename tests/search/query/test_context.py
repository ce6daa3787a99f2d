"""Context matching against every possible assignment, and what must not change."""

from itertools import permutations

import numpy as np
import pytest

from datasets.samples import Query
from detection.detections import Detections
from search.evaluation.protocols import evaluate_search
from search.query.context import match_by_context, match_context


def unit_rows(random: np.random.Generator, count: int, dim: int = 4) -> np.ndarray:
    rows = random.normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def match_by_trying_everything(people: np.ndarray, companions: np.ndarray) -> tuple[int, float] | None:
    weights = people.astype(np.float64) @ companions.astype(np.float64).T
    pairs = min(weights.shape)
    assignments = [
        list(zip(rows, columns, strict=True))
        for rows in permutations(range(len(people)), pairs)
        for columns in permutations(range(len(companions)), pairs)
    ]
    best = max(assignments, key=lambda assignment: sum(weights[pair] for pair in assignment))
    query = [column for row, column in best if row == 0]
    return (query[0], max(weights[pair] for pair in best)) if query else None


@pytest.mark.parametrize("sizes", [(1, 1), (1, 4), (3, 3), (3, 2), (2, 4), (4, 1)])
def test_matching_is_the_best_of_all_assignments(sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(sum(sizes))
    for _ in range(10):
        people, companions = unit_rows(random, sizes[0]), unit_rows(random, sizes[1])
        found, expected = match_context(people, companions), match_by_trying_everything(people, companions)
        if expected is None:
            assert found is None
        else:
            assert found is not None
            assert found == (expected[0], pytest.approx(expected[1]))


def refined(similarities: list[float], people: np.ndarray, embeddings: np.ndarray, gallery: int) -> list[float]:
    """Two frames: rows 0 and 1, rows 2 and 3."""
    values = np.array(similarities, dtype=np.float32)
    match_by_context(values, people, embeddings, np.array([0, 2, 4]), np.array([0, 0, 1, 1]), gallery)
    return values.tolist()


def test_the_detection_matched_to_the_query_takes_the_largest_weight_of_its_frame() -> None:
    query, companion = np.eye(2, dtype=np.float32)
    embeddings = np.array([[0.6, 0.8], [0.0, 1.0], [0.8, 0.6], [0.7, 0.1]], dtype=np.float32)
    plain = (embeddings @ query).tolist()
    # Frame 0: the query takes row 0 (0.6), the companion row 1 (1.0). Frame 1: the query row 3 (0.7), the companion
    # row 2 (0.6): together more than 0.8 + 0.1.
    people = np.stack([query, companion])
    assert refined(plain, people, embeddings, 4) == pytest.approx([1.0, 0.0, 0.8, 0.7])
    assert refined(plain, people[:1], embeddings, 4) == pytest.approx(plain)


def test_only_the_frames_of_the_best_detections_are_looked_at_and_ties_of_the_last_all() -> None:
    people = np.eye(2, dtype=np.float32)
    embeddings = np.array([[0.6, 0.0], [0.0, 1.0], [0.6, 0.0], [0.0, 0.9]], dtype=np.float32)
    assert refined([0.6, 0.0, 0.5, 0.0], people, embeddings, 1) == pytest.approx([1.0, 0.0, 0.5, 0.0])
    assert refined([0.6, 0.0, 0.6, 0.0], people, embeddings, 1) == pytest.approx([1.0, 0.0, 0.9, 0.0])


def test_detections_outside_the_ranking_stay_outside() -> None:
    people = np.eye(2, dtype=np.float32)
    embeddings = np.array([[0.9, 0.0], [0.5, 0.0], [0.6, 0.0], [0.0, 0.9]], dtype=np.float32)
    outside = float("-inf")
    assert refined([outside, 0.5, outside, outside], people, embeddings, 9)[0] == outside
    assert refined([outside] * 4, people, embeddings, 9) == [outside] * 4


BOX = np.array([[0, 0, 50, 100]], dtype=np.float32)


def problem(random: np.random.Generator) -> tuple[dict[str, Detections], list[Query], np.ndarray, list[Detections]]:
    found = {}
    for number in range(6):
        count = int(random.integers(1, 5))
        corners = random.uniform(0, 400, (count, 2))
        found[f"{number}"] = Detections(np.hstack([corners, corners + 60]), np.ones(count), unit_rows(random, count))
    gallery = [(name, people.boxes[0].numpy()) for name, people in found.items()]
    queries = [Query(0, gallery, frame="own", box=BOX[0]) for _ in range(4)]
    features = unit_rows(random, 4)
    context = [
        Detections(np.repeat(BOX, 3, axis=0), np.ones(3), np.vstack([row, unit_rows(random, 2)])) for row in features
    ]
    return found, queries, features, context


def test_a_query_alone_in_its_frame_is_ranked_plainly() -> None:
    found, queries, features, context = problem(np.random.default_rng(0))
    plain = evaluate_search(found, queries, features).average_precisions
    alone = evaluate_search(found, queries, features, context=context, context_people=1).average_precisions
    without = evaluate_search(found, queries, features, context=[None, None, context[2], None]).average_precisions
    np.testing.assert_allclose(alone, plain)
    np.testing.assert_allclose(without[[0, 1, 3]], plain[[0, 1, 3]])


def test_context_changes_rankings_and_takes_the_number_of_people_asked_for() -> None:
    found, queries, features, context = problem(np.random.default_rng(0))
    figures = [
        evaluate_search(found, queries, features, context=context, context_people=people).average_precisions
        for people in (1, 2, 3, 30)
    ]
    assert not np.allclose(figures[0], figures[1])
    assert not np.allclose(figures[1], figures[2])
    np.testing.assert_array_equal(figures[2], figures[3])


def test_context_that_does_not_begin_with_the_query_is_refused() -> None:
    found, queries, features, context = problem(np.random.default_rng(0))
    wrong = Detections(BOX + 300, np.ones(1), features[:1])
    with pytest.raises(ValueError, match="context of query 1 begins with the box"):
        evaluate_search(found, queries, features, context=[context[0], wrong, context[2], context[3]])
