"""Pairs counted by similarity, and thresholds: exact against counting every pair by itself."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from reid.ranking import distances
from reid.ranking.pair_counts import (
    BINS,
    BINS_IN_ONE,
    THRESHOLDS,
    PairCounts,
    binned,
    count_pairs,
    equal_error,
    threshold_at,
)


def unit_rows(rng: np.random.Generator, count: int, width: int = 8) -> NDArray[np.float32]:
    rows = rng.standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def problem() -> dict[str, NDArray]:
    """Persons that are clusters, so that both kinds of pairs overlap but differ."""
    rng = np.random.default_rng(3)
    centers = unit_rows(rng, 7)
    ids = rng.integers(0, 7, 40), rng.integers(0, 7, 61)
    features = [centers[side] + 0.5 * unit_rows(rng, len(side)) for side in ids]
    query, gallery = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in features)
    return {
        "query": query, "gallery": gallery, "query_ids": ids[0], "gallery_ids": ids[1],
        "query_cameras": rng.integers(0, 3, 40), "gallery_cameras": rng.integers(0, 3, 61),
    }  # fmt: skip


def pairs_one_by_one(problem: dict[str, NDArray]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Similarities of same and of different persons, each pair looked at by itself."""
    similarities = (problem["query"] @ problem["gallery"].T).astype(np.float64)
    same, different = [], []
    for i, j in itertools.product(range(len(similarities)), range(similarities.shape[1])):
        if problem["query_ids"][i] != problem["gallery_ids"][j]:
            different.append(similarities[i, j])
        elif problem["query_cameras"][i] != problem["gallery_cameras"][j]:
            same.append(similarities[i, j])
    return np.array(same), np.array(different)


def counts_of(same: list[float], different: list[float]) -> PairCounts:
    """Counts of given similarities, through embeddings that have them."""

    def histogram(values: list[float]) -> NDArray[np.int64]:
        return np.histogram(values, bins=THRESHOLDS)[0]

    return PairCounts(histogram(same), histogram(different))


@pytest.mark.parametrize("at_once", [1, 200, 2**22])
def test_every_pair_is_counted_once(problem: dict[str, NDArray], at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "VALUES_AT_ONCE", at_once)
    counts = count_pairs(**problem)
    same, different = pairs_one_by_one(problem)
    assert (counts.same.sum(), counts.different.sum()) == (len(same), len(different))
    # A product computed in blocks of another shape may differ in its last bits, so by one bin at most.
    for found, truth in ((counts.same, same), (counts.different, different)):
        expected = np.cumsum(np.histogram(truth, bins=THRESHOLDS)[0])
        shifted = np.cumsum(np.histogram(truth + 1e-6, bins=THRESHOLDS)[0])
        lowered = np.cumsum(np.histogram(truth - 1e-6, bins=THRESHOLDS)[0])
        assert (np.cumsum(found) <= lowered).all()
        assert (np.cumsum(found) >= shifted).all()
        assert np.abs(np.cumsum(found) - expected).max() <= 1


def test_rates_are_those_of_every_threshold(problem: dict[str, NDArray]) -> None:
    counts = count_pairs(**problem)
    same, different = pairs_one_by_one(problem)
    false_match, false_non_match = counts.false_match_rates(), counts.false_non_match_rates()
    assert (false_match[0], false_match[-1], false_non_match[0], false_non_match[-1]) == (1, 0, 0, 1)
    assert (np.diff(false_match) <= 0).all()
    assert (np.diff(false_non_match) >= 0).all()
    for edge in range(0, BINS, 997):
        assert false_match[edge] == pytest.approx(np.mean(different >= THRESHOLDS[edge]), abs=1.5 / len(different))
        assert false_non_match[edge] == pytest.approx(np.mean(same < THRESHOLDS[edge]), abs=1.5 / len(same))


def test_equal_error_against_every_pair_as_threshold(problem: dict[str, NDArray]) -> None:
    same, different = pairs_one_by_one(problem)
    candidates = np.sort(np.concatenate([same, different]))
    rates = [(np.mean(different >= threshold), np.mean(same < threshold)) for threshold in candidates]
    best = min(rates, key=lambda rate: abs(rate[0] - rate[1]))
    point = equal_error(count_pairs(**problem))
    assert point.error_rate == pytest.approx(sum(best) / 2, abs=2e-3)
    assert point.false_match_rate == pytest.approx(np.mean(different >= point.threshold), abs=1.5 / len(different))
    assert 0 < point.error_rate < 0.4


@pytest.mark.parametrize("wanted", [0.5, 0.1, 0.01, 1e-9])
def test_threshold_at_is_the_lowest_that_keeps_the_rate(problem: dict[str, NDArray], wanted: float) -> None:
    counts = count_pairs(**problem)
    point = threshold_at(counts, wanted)
    edge = int(np.flatnonzero(point.threshold == THRESHOLDS)[0])
    assert counts.false_match_rates()[edge] == point.false_match_rate <= wanted
    assert counts.false_match_rates()[edge - 1] > wanted
    assert counts.false_non_match_rates()[edge] == point.false_non_match_rate


def test_a_gap_is_cut_in_its_middle() -> None:
    counts = counts_of([0.8, 0.9], [0.1, 0.2])
    point = equal_error(counts)
    assert point.threshold == pytest.approx(0.5, abs=2 / BINS_IN_ONE)
    assert point.error_rate == 0
    lowest = threshold_at(counts, 0.001)
    assert 0.2 < lowest.threshold <= 0.2 + 1 / BINS_IN_ONE
    assert (lowest.false_match_rate, lowest.false_non_match_rate) == (0, 0)


def test_one_embedding_for_everybody_is_worth_a_coin() -> None:
    same_everywhere = np.ones((3, 1), dtype=np.float32)
    counts = count_pairs(same_everywhere, same_everywhere, [0, 1, 2], [0, 1, 2])
    assert counts.same[-1] == 3  # similarity 1 has a bin, and a threshold above it
    assert counts.different[-1] == 6
    assert equal_error(counts).error_rate == 0.5
    refused = threshold_at(counts, 0.01)
    assert refused.threshold > 1
    assert (refused.false_match_rate, refused.false_non_match_rate) == (0, 1)


def test_similarities_past_the_ends_are_kept() -> None:
    longer = np.array([[1 + 1e-4]], dtype=np.float32)
    counts = count_pairs(longer, np.concatenate([longer, -longer]), [0], [0, 1])
    assert (counts.same[-1], counts.different[0]) == (1, 1)


def test_an_edge_belongs_to_the_bin_above() -> None:
    for value in (0.25, -0.5, 0.0, 3 / BINS_IN_ONE):
        query = np.array([[1, 0]], dtype=np.float32)
        gallery = np.array([[value, np.sqrt(1 - value**2)]], dtype=np.float32)
        counts = count_pairs(query, gallery, [0], [0])
        assert THRESHOLDS[np.flatnonzero(counts.same)[0]] == value


def test_without_cameras_all_pairs_count(problem: dict[str, NDArray]) -> None:
    counts = count_pairs(*(problem[name] for name in ("query", "gallery", "query_ids", "gallery_ids")))
    alike = int((problem["query_ids"][:, None] == problem["gallery_ids"]).sum())
    assert (counts.same.sum(), counts.different.sum()) == (alike, 40 * 61 - alike)


def test_what_is_not_ranked_is_not_counted(problem: dict[str, NDArray]) -> None:
    problem["gallery_ids"][[3, 7]] = -1
    cameras = problem["query_cameras"].tolist(), problem["gallery_cameras"].tolist()
    cameras[0][5] = cameras[1][9] = None  # an unknown camera equals no other
    alike = problem["query_ids"][:, None] == problem["gallery_ids"]
    one_camera = np.array([[a == b is not None for b in cameras[1]] for a in cameras[0]])
    kept = (problem["gallery_ids"] != -1) & ~(alike & one_camera)
    excluded = np.argwhere(kept)[[0, 1000]]
    kept[tuple(excluded.T)] = False
    problem |= {"query_cameras": cameras[0], "gallery_cameras": cameras[1], "excluded": excluded}
    counts = count_pairs(**problem)
    assert (counts.same.sum(), counts.different.sum()) == ((alike & kept).sum(), (~alike & kept).sum())


def test_binned_keeps_the_shares() -> None:
    rng = np.random.default_rng(0)
    same, different = rng.uniform(0.2, 0.9, 500), rng.uniform(-0.4, 0.5, 3000)
    counts = counts_of(same.tolist(), different.tolist())
    edges, same_share, different_share = binned(counts, 40)
    assert len(same_share) == len(different_share) == len(edges) - 1 <= 40
    assert edges[0] <= different.min() < edges[1]
    assert edges[-2] <= same.max() < edges[-1]
    for share, values in ((same_share, same), (different_share, different)):
        assert share == pytest.approx(np.histogram(values, bins=edges)[0] / len(values))
    only_same = binned(counts_of([0.5], []), 40)
    assert [len(each) for each in only_same] == [2, 1, 1]
    assert (only_same[1].item(), only_same[2].item()) == (1, 0)


def test_bad_input_is_one_line(problem: dict[str, NDArray]) -> None:
    with pytest.raises(ValueError, match=r"query embedding has length 2, expected 1"):
        count_pairs(**{**problem, "query": 2 * problem["query"]})
    with pytest.raises(ValueError, match="61 gallery cameras for 3 images"):
        count_pairs(**{**problem, "gallery_ids": [1, 2, 3]})
    counts = count_pairs(**problem)
    for rate in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match="expected more than 0 and less than 1"):
            threshold_at(counts, rate)
    with pytest.raises(ValueError, match="expected at least 1"):
        binned(counts, 0)
    nothing = np.zeros(BINS, dtype=np.int64)
    with pytest.raises(ValueError, match="no pair of different persons"):
        equal_error(PairCounts(counts.same, nothing))
    with pytest.raises(ValueError, match="no pair of the same person"):
        threshold_at(PairCounts(nothing, counts.different), 0.1)
    with pytest.raises(ValueError, match="no pair to draw"):
        binned(PairCounts(nothing, nothing))
    with pytest.raises(ValueError, match="counts of 0 or more"):
        PairCounts(nothing - 1, nothing)
