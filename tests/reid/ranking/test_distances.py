"""Distances in blocks: what goes in, what comes out, and how rows are cut into spans."""

import numpy as np
import pytest
import torch

import reid.ranking.distances
from reid.ranking.distances import SquaredDistances, embedding_pair, embedding_rows, row_spans


def rows_of(count: int, seed: int = 0, width: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)


def test_distances_are_the_squares_of_euclidean_ones() -> None:
    rows, block = rows_of(7), rows_of(4, 1)
    distances = SquaredDistances(rows)
    expected = ((block[:, None].astype(np.float64) - rows) ** 2).sum(axis=2)
    np.testing.assert_allclose(distances(block), expected, atol=1e-5)
    np.testing.assert_allclose(distances.between(np.array([0, 6, 2]), np.array([3, 6, 1])), [
        ((rows[0] - rows[3]) ** 2).sum(), 0, ((rows[2] - rows[1]) ** 2).sum()
    ], atol=1e-5)  # fmt: skip


def test_no_distance_is_below_zero() -> None:
    rows = 1000 * rows_of(50)
    assert (SquaredDistances(rows)(rows) >= 0).all()


def test_spans_of_pairs_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    distances = SquaredDistances(rows_of(30))
    first, second = np.random.default_rng(2).integers(0, 30, (2, 40))
    whole = distances.between(first, second)
    monkeypatch.setattr(reid.ranking.distances, "VALUES_AT_ONCE", 12)
    np.testing.assert_array_equal(distances.between(first, second), whole)


def test_embeddings_of_any_kind_become_float32_rows() -> None:
    rows = rows_of(3)
    for given in (rows, rows.astype(np.float64), torch.from_numpy(rows).requires_grad_(), rows[:, ::-1][:, ::-1]):
        found = embedding_rows(given, "query")
        np.testing.assert_array_equal(found, rows)
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
    assert embedding_rows(rows, "query") is rows
    assert embedding_rows(torch.ones(2, 3, dtype=torch.bfloat16), "query").tolist() == [[1, 1, 1]] * 2
    assert [side.shape for side in embedding_pair(rows_of(2), rows_of(0))] == [(2, 5), (0, 5)]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_named(wrong: float) -> None:
    rows = rows_of(4)
    rows[2, 1] = wrong
    with pytest.raises(ValueError, match="probe embeddings hold NaN or infinity"):
        embedding_rows(rows, "probe")


@pytest.mark.parametrize("shape", [(3,), (3, 0), (2, 2, 2)])
def test_what_is_no_row_of_numbers_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"probe embeddings have shape .* expected \(N, D\)"):
        embedding_rows(np.zeros(shape), "probe")


def test_spans_hold_every_row_once_and_about_so_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reid.ranking.distances, "VALUES_AT_ONCE", 100)
    costs = np.random.default_rng(0).integers(1, 180, 60)
    spans = row_spans(costs)
    assert [row for start, stop in spans for row in range(start, stop)] == list(range(60))
    assert all(stop - start == 1 or costs[start:stop].sum() < 100 + costs[start] for start, stop in spans)
    assert len(spans) <= costs.sum() / 100 + 1
    assert row_spans(np.full(10, 10)) == [(0, 9), (9, 10)]
    assert row_spans(np.full(3, 250)) == [(0, 1), (1, 2), (2, 3)]
    assert row_spans(costs[:0]) == []
