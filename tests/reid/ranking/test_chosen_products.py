"""Products of chosen rows: those of the whole matrix, whatever the threads, and equal for equal rows."""

import numpy as np
import pytest

from reid.ranking import chosen_products as module
from reid.ranking.chosen_products import chosen_products


@pytest.mark.parametrize(("threads", "queries", "rows_at_once"), [(1, 5, 512), (2, 0, 512), (2, 1, 3), (7, 5, 4)])
def test_equals_the_whole_product_at_the_chosen_places(
    threads: int, queries: int, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "worker_threads", lambda: threads)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", rows_at_once)
    module._compiled.cache_clear()  # the number is a part of the machine code
    random = np.random.default_rng(queries)
    features, rows = random.standard_normal((queries, 19)), random.standard_normal((23, 19)).astype(np.float32)
    chosen = random.integers(0, 23, (queries, 9))
    counts = random.integers(0, 10, queries)
    chosen[np.arange(9) >= counts[:, None]] = -1
    products = chosen_products(features, rows, chosen)
    whole = (features @ rows.astype(np.float64).T).astype(np.float32)
    expected = np.where(chosen < 0, -np.inf, np.take_along_axis(whole, np.maximum(chosen, 0), axis=1))
    assert products.dtype == np.float32
    np.testing.assert_allclose(products, expected, rtol=1e-6, atol=1e-6)
    module._compiled.cache_clear()


def test_equal_rows_have_equal_products_wherever_they_stand() -> None:
    random = np.random.default_rng(0)
    rows = np.repeat(random.standard_normal((1, 33)).astype(np.float32), 40, axis=0)
    products = chosen_products(random.standard_normal((1, 33)), rows, np.arange(40)[None, ::-1])
    assert len(np.unique(products)) == 1


def test_rows_that_are_a_part_of_a_wider_array_are_read_as_they_are() -> None:
    wide = np.random.default_rng(1).standard_normal((6, 8)).astype(np.float32)
    products = chosen_products(np.ones((1, 4)), wide[:, ::2], np.array([[3, 5]]))
    np.testing.assert_allclose(products[0], wide[[3, 5], ::2].sum(axis=1), rtol=1e-6)
