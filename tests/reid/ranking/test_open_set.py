"""False alarms of absent people by gallery size: exact against drawing galleries and against every subset."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from reid.ranking import distances
from reid.ranking.open_set import VerdictThresholds, identify, verdict_thresholds
from reid.ranking.pair_counts import BINS_IN_ONE, THRESHOLDS, count_pairs


def unit_rows(rng: np.random.Generator, count: int, width: int = 8) -> NDArray[np.float32]:
    rows = rng.standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def problem(seed: int = 3, queries: int = 12, gallery: int = 20, people: int = 5) -> dict[str, NDArray]:
    """Persons that are clusters, some sightings of nobody (-2) and of unknown people (-1)."""
    rng = np.random.default_rng(seed)
    centers = unit_rows(rng, people)
    ids = rng.integers(0, people, queries), rng.integers(-2, people, gallery)
    features = [centers[side] + 0.6 * unit_rows(rng, len(side)) for side in ids]
    query, items = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in features)
    return {
        "query": query, "gallery": items, "query_ids": ids[0], "gallery_ids": ids[1],
        "query_cameras": rng.integers(0, 3, queries), "gallery_cameras": rng.integers(0, 3, gallery),
    }  # fmt: skip


def one_by_one(
    case: dict[str, NDArray], excluded: Sequence[tuple[int, int]] = ()
) -> list[tuple[list[float], list[float]]]:
    """For each query the similarities of its person's sightings in other cameras, and those of other people."""
    answer = []
    for i in range(len(case["query"])):
        own, others = [], []
        for j in range(len(case["gallery"])):
            similarity = float(np.float32(case["query"][i] @ case["gallery"][j]))
            if case["gallery_ids"][j] == -1 or (i, j) in excluded:
                continue
            if case["gallery_ids"][j] != case["query_ids"][i]:
                others.append(similarity)
            elif case["gallery_cameras"][j] != case["query_cameras"][i]:
                own.append(similarity)
        answer.append((own, others))
    return answer


def bin_below(similarity: float) -> float:
    return np.floor(similarity * BINS_IN_ONE) / BINS_IN_ONE


@pytest.mark.parametrize("at_once", [1, 60, 2**22])
def test_rates_are_the_means_over_every_gallery_that_can_be_drawn(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "VALUES_AT_ONCE", at_once)
    case = problem(gallery=14)
    found = identify(**case)
    lists = one_by_one(case)
    assert found.probes == len(lists)
    assert found.sizes[-1] == min(len(others) for _, others in lists)
    assert (np.diff(found.sizes) > 0).all()
    for row, size in enumerate(found.sizes.tolist()):
        largest = [[max(drawn) for drawn in itertools.combinations(others, size)] for _, others in lists]
        rates = found.false_positive_rates(row)
        for threshold in (0.0, 0.25, 0.5, 0.75):
            edge = int((threshold + 1) * BINS_IN_ONE)
            assert THRESHOLDS[edge] == threshold
            expected = np.mean([np.mean(np.array(values) >= threshold) for values in largest])
            assert rates[edge] == pytest.approx(expected, abs=1e-9)
            assert found.false_positive_rate(row, threshold) == rates[edge]
        present = [
            (max(own), np.mean(np.array(values) < max(own)))
            for (own, _), values in zip(lists, largest, strict=True)
            if own
        ]
        np.testing.assert_allclose(found.best, [best for best, _ in present], atol=1e-6)
        np.testing.assert_allclose(found.unbeaten[row], [chance for _, chance in present], atol=1e-9)
        found_first = np.mean([chance * (best >= 0.5) for best, chance in present])
        assert found.found_first_rate(row, 0.5) == pytest.approx(found_first, abs=1e-9)
        assert found.found_rate(0.5) == pytest.approx(np.mean([best >= 0.5 for best, _ in present]))


def test_a_gallery_of_one_sighting_has_the_pairwise_false_match_rate() -> None:
    case = problem(gallery=60)
    case["gallery_ids"] = np.where(case["gallery_ids"] < 0, 9, case["gallery_ids"])
    # The mean over probes is the mean over pairs where every probe has equally many pairs.
    case["query_ids"] = np.full(12, 20)
    found, counts = identify(**case), count_pairs(**case)
    np.testing.assert_allclose(found.false_positive_rates(0), counts.false_match_rates(), atol=1e-12)


def test_the_whole_gallery_has_the_share_of_probes_whose_best_stranger_is_as_similar() -> None:
    case = problem(gallery=300, queries=50)
    case["gallery_ids"] = np.where(case["gallery_ids"] == -1, -2, case["gallery_ids"])
    lists = one_by_one(case)
    found = identify(**case)
    # Every probe's gallery of others is a little larger than the smallest of them.
    assert found.sizes[-1] == min(len(others) for _, others in lists)
    whole = np.array([max(others) for _, others in lists])
    for threshold in (0.5, 0.75):
        drawn = found.false_positive_rate(len(found.sizes) - 1, threshold)
        assert drawn == pytest.approx((whole >= threshold).mean(), abs=0.03)
    assert (np.diff([found.false_positive_rate(row, 0.5) for row in range(len(found.sizes))]) >= -1e-12).all()


@pytest.mark.parametrize("rate", [0.4, 0.1, 0.02, 1e-4])
def test_a_threshold_keeps_its_rate_and_no_lower_one_does(rate: float) -> None:
    found = identify(**problem(gallery=100, queries=40))
    for row, threshold in enumerate(found.thresholds_at(rate)):
        rates = found.false_positive_rates(row)
        edge = int(np.searchsorted(THRESHOLDS, threshold))
        assert rates[edge] <= rate + 1e-8
        assert edge == 0 or rates[edge - 1] > rate
    assert (np.diff(found.thresholds_at(rate)) >= 0).all()


def test_what_is_excluded_and_the_order_do_not_matter_otherwise() -> None:
    case = problem(gallery=40)
    pairs = [(0, 3), (0, 4), (5, 39), (7, 0)]
    found = identify(**case, excluded=pairs)
    lists = one_by_one(case, pairs)
    np.testing.assert_allclose(found.best, [max(own) for own, _ in lists if own], atol=1e-6)
    assert found.sizes[-1] == min(len(others) for _, others in lists)
    order = np.random.default_rng(0).permutation(40)
    shuffled = case | {name: case[name][order] for name in ("gallery", "gallery_ids", "gallery_cameras")}
    place = np.argsort(order)
    again = identify(**shuffled, excluded=[(query, int(place[row])) for query, row in pairs])
    np.testing.assert_allclose(again.others, found.others, atol=1e-9)
    np.testing.assert_allclose(again.unbeaten, found.unbeaten, atol=1e-9)


def test_without_cameras_every_sighting_of_the_person_counts() -> None:
    case = problem(gallery=40)
    plain = {name: value for name, value in case.items() if "cameras" not in name}
    unknown = case | {"query_cameras": [None] * 12, "gallery_cameras": [None] * 40}
    found = identify(**plain)
    everywhere = one_by_one(case | {"query_cameras": np.full(12, 9)})
    np.testing.assert_allclose(found.best, [max(own) for own, _ in everywhere if own], atol=1e-6)
    np.testing.assert_array_equal(identify(**unknown).others, found.others)


def test_chances_sum_to_the_probes_in_a_large_gallery() -> None:
    """Where only the best of many sightings are looked at."""
    rng = np.random.default_rng(0)
    query, gallery = unit_rows(rng, 30), unit_rows(rng, 5000)
    found = identify(query, gallery, np.arange(30), np.full(5000, 99))
    np.testing.assert_allclose(found.others.sum(axis=1), 30, atol=1e-8)
    similarities = query @ gallery.T
    drawn = np.array([rng.choice(5000, 100, replace=False) for _ in range(2000)])
    for threshold in (0.75, 0.875):
        simulated = np.mean([(similarities[row % 30][rows] >= threshold).any() for row, rows in enumerate(drawn)])
        row = int(np.flatnonzero(found.sizes == 100)[0])
        assert found.false_positive_rate(row, threshold) == pytest.approx(simulated, abs=0.03)


def test_nobody_there_and_nobody_else() -> None:
    case = problem(gallery=40)
    absent = identify(**case | {"query_ids": np.full(12, 77)})
    assert not len(absent.best)
    assert absent.unbeaten.shape == (len(absent.sizes), 0)
    assert np.isnan(absent.found_rate(0.5))
    assert np.isnan(absent.found_first_rate(0, 0.5))
    with pytest.raises(ValueError, match=r"a probe of person 3 has nobody else in the gallery"):
        identify(case["query"][:2], case["gallery"], [3, 3], np.full(40, 3))
    with pytest.raises(ValueError, match=r"a probe of person 3 has nobody else"):
        identify(case["query"][:2], case["gallery"], [3, 3], np.full(40, -1))
    with pytest.raises(ValueError, match="embedding has length 2"):
        identify(2 * case["query"], case["gallery"], case["query_ids"], case["gallery_ids"])
    with pytest.raises(ValueError, match="the query is empty"):
        identify(case["query"][:0], case["gallery"], [], case["gallery_ids"])


def test_one_stranger_is_a_gallery() -> None:
    rows = torch.eye(3)
    found = identify(rows[:1], rows, [0], [0, 1, -1])
    assert found.sizes.tolist() == [1]
    assert found.thresholds_at(0.01) == pytest.approx([1 / BINS_IN_ONE])
    assert found.best.tolist() == [1.0]
    assert found.unbeaten.tolist() == [[1.0]]


def test_an_equally_similar_stranger_beats() -> None:
    rows = torch.tensor([[1.0, 0], [1, 0], [1, 0]])
    found = identify(rows[:1], rows[1:], [0], [0, 1])
    assert found.unbeaten.tolist() == [[0.0]]


@pytest.mark.parametrize("rate", [0.0, 1.0, -1.0, float("nan")])
def test_rates_outside_of_their_range(rate: float) -> None:
    found = identify(**problem())
    with pytest.raises(ValueError, match="expected more than 0 and less than 1"):
        found.thresholds_at(rate)
    with pytest.raises(ValueError, match=r"match rate 0\.2 is above possible rate 0\.1"):
        verdict_thresholds(found, match_rate=0.2, possible_rate=0.1)


def test_thresholds_between_the_sizes_and_beyond() -> None:
    levels = VerdictThresholds((1, 10, 100), (0.1, 0.3, 0.4), (0.0, 0.1, 0.2))
    assert (levels.at(10).match, levels.at(10).possible) == (0.3, 0.1)
    assert levels.at(0) == levels.at(1)
    halfway = levels.at(32)
    assert halfway.match == pytest.approx(0.3 + 0.1 * np.log(3.2) / np.log(10))
    assert not halfway.extrapolated
    beyond = levels.at(1000)
    assert beyond.extrapolated
    assert (beyond.match, beyond.possible) == pytest.approx((1 - 0.6 * 0.6 / 0.7, 1 - 0.8 * 0.8 / 0.9))
    assert levels.at(10**30).match < 1, "a picture of the same moment can match in any gallery"
    crossing = VerdictThresholds((1, 10), (0.8, 0.81), (0.2, 0.8))
    assert crossing.at(10**4).possible == crossing.at(10**4).match
    assert VerdictThresholds((7,), (0.5,), (0.5,)).at(10**6).match == 0.5
    values = [levels.at(size).match for size in range(1, 2000, 7)]
    assert values == sorted(values)


def test_thresholds_of_a_problem_are_in_order() -> None:
    found = identify(**problem(gallery=200, queries=60))
    levels = verdict_thresholds(found, match_rate=0.01, possible_rate=0.1)
    assert levels.sizes == tuple(found.sizes)
    for size in (1, 3, 50, 10**5):
        assert levels.at(size).possible <= levels.at(size).match


@pytest.mark.parametrize(
    ("sizes", "match", "possible", "message"),
    [
        ((), (), (), "expected one each"),
        ((1, 2), (0.1,), (0.1,), "2 sizes with 1 and 1 thresholds"),
        ((0, 2), (0.1, 0.2), (0.1, 0.2), "expected rising numbers from 1"),
        ((2, 2), (0.1, 0.2), (0.1, 0.2), "expected rising numbers"),
        ((1, 2), (0.2, 0.1), (0.1, 0.1), "match thresholds .* do not fall"),
        ((1, 2), (0.1, float("nan")), (0.1, 0.1), "match thresholds"),
        ((1, 2), (0.1, 0.2), (0.1, 2.0), "possible thresholds"),
        ((1, 2), (0.1, 0.2), (0.1, 0.3), "'possible' lies above that of 'match'"),
    ],
)
def test_thresholds_that_cannot_be(sizes: tuple, match: tuple, possible: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VerdictThresholds(sizes, match, possible)
