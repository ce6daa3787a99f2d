"""Query expansion and combined queries against loops."""

import numpy as np
import pytest
import torch

import reid.ranking.distances
from reid.ranking.expansion import combine_queries, expand_both, expand_queries


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def unit_rows(count: int, seed: int, dimension: int = 5) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, dimension))).astype(np.float32)


def expanded_by_loop(query: np.ndarray, gallery: np.ndarray, neighbors: int, alpha: float) -> np.ndarray:
    found = []
    for row in query.astype(np.float64):
        similarity = gallery @ row
        total = row.copy()
        for image in np.argsort(-similarity)[:neighbors]:
            total += max(similarity[image], 0) ** alpha * gallery[image]
        found.append(unit(total))
    return np.array(found)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.5, 3.0])
@pytest.mark.parametrize("neighbors", [1, 4, 50])
def test_expanded_queries_equal_a_loop(alpha: float, neighbors: int) -> None:
    query, gallery = unit_rows(7, 0), unit_rows(20, 1)
    expanded = expand_queries(torch.from_numpy(query), gallery, neighbors=neighbors, alpha=alpha)
    np.testing.assert_allclose(expanded, expanded_by_loop(query, gallery, neighbors, alpha), atol=1e-6)
    twice = expand_queries(query, gallery, neighbors=neighbors, alpha=alpha, rounds=2)
    np.testing.assert_allclose(twice, expanded_by_loop(expanded, gallery, neighbors, alpha), atol=1e-6)


def test_average_expansion_of_two_images_by_hand() -> None:
    query, gallery = np.array([[1.0, 0]]), np.array([[0.6, 0.8], [0.6, -0.8], [-1, 0]])
    np.testing.assert_allclose(expand_queries(query, gallery, neighbors=1, alpha=0), unit(np.array([[1.6, 0.8]])))
    np.testing.assert_allclose(expand_queries(query, gallery, neighbors=2, alpha=0), [[1, 0]], atol=1e-7)
    # The image behind has no weight, though it is asked for.
    np.testing.assert_allclose(expand_queries(query, gallery, neighbors=3, alpha=3), [[1, 0]], atol=1e-7)


def test_both_sides_are_expanded_by_all_others() -> None:
    query, gallery = unit_rows(4, 2), unit_rows(9, 3)
    rows = np.concatenate([query, gallery])
    expected = [expanded_by_loop(rows[i : i + 1], np.delete(rows, i, axis=0), 3, 2.0)[0] for i in range(13)]
    np.testing.assert_allclose(np.concatenate(expand_both(query, gallery, neighbors=3, alpha=2)), expected, atol=1e-6)
    shapes = [side.shape for side in expand_both(query, gallery, neighbors=100, rounds=2)]
    assert shapes == [(4, 5), (9, 5)]


def test_blocks_and_lengths_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    query, gallery = unit_rows(30, 4), unit_rows(60, 5)
    whole = expand_queries(query, gallery)
    monkeypatch.setattr(reid.ranking.distances, "VALUES_AT_ONCE", 300)
    np.testing.assert_allclose(expand_queries(3 * query, 0.2 * gallery), whole, atol=1e-6)


@pytest.mark.parametrize("combine", ["mean", "max"])
def test_combined_queries_equal_a_loop(combine: str) -> None:
    rows = unit_rows(40, 6)
    random = np.random.default_rng(7)
    people, cameras = random.integers(0, 5, 40), random.integers(0, 3, 40)
    combined = combine_queries(rows, people, cameras, combine=combine)  # type: ignore[arg-type]
    keys = list(dict.fromkeys(zip(people.tolist(), cameras.tolist(), strict=True)))
    assert list(zip(combined.person_ids.tolist(), combined.cameras, strict=True)) == keys
    for embedding, (person, camera) in zip(combined.embeddings, keys, strict=True):
        chosen = rows[(people == person) & (cameras == camera)]
        expected = chosen.mean(axis=0) if combine == "mean" else chosen.max(axis=0)
        np.testing.assert_allclose(embedding, unit(expected), atol=1e-6)


def test_queries_are_combined_by_person_alone_where_cameras_are_missing() -> None:
    combined = combine_queries(torch.eye(4), [3, 1, 3, 1])
    assert (combined.person_ids.tolist(), combined.cameras) == ([3, 1], [None, None])
    np.testing.assert_allclose(combined.embeddings[0], [0.5**0.5, 0, 0.5**0.5, 0], atol=1e-7)
    named = combine_queries(torch.eye(4), [3, 1, 3, 1], ["door", "door", "yard", "door"])
    assert named.cameras == ["door", "door", "yard"]


def test_bad_input_is_named() -> None:
    rows = unit_rows(3, 0)
    for changes in ({"neighbors": 0}, {"alpha": -1.0}, {"rounds": 0}):
        for expand in (expand_queries, expand_both):
            with pytest.raises(ValueError, match="expected neighbors and rounds of at least 1"):
                expand(rows, rows, **changes)  # type: ignore[operator]
    with pytest.raises(ValueError, match="combine is 'median', expected mean or max"):
        combine_queries(rows, [1, 2, 3], combine="median")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"3 embeddings, \(2,\) person ids and 3 cameras"):
        combine_queries(rows, [1, 2])
    with pytest.raises(ValueError, match="no query images to combine"):
        combine_queries(rows[:0], [])
