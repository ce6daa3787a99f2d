"""Crop metrics: the reference vectors, hand-made rankings, naive loops, and ways in which public code has failed."""

import itertools
import json
import tracemalloc
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binom

import reid.ranking.distances
import reid.ranking.ranks
from reid.ranking.metrics import RankMetrics, rank_embeddings, rank_metrics
from reid.ranking.ranks import ranks_in_rows, stable_order, up_to_farthest_match
from reid.ranking.sides import RankingSides
from reid.ranking.single_shot import poisson_binomial_cdf

PROTOCOLS = ("market1501", "cuhk03", "allshots")


def sorted_ranking(query_id: int, gallery_ids: list[int], gallery_cameras: list[int], **options: Any) -> RankMetrics:
    """One query of camera 0 whose gallery is already in order."""
    distance = np.arange(len(gallery_ids), dtype=np.float32)[None]
    return rank_metrics(distance, [query_id], gallery_ids, [0], gallery_cameras, **options)


def random_problem(seed: int, *, ties: bool = False, queries: int = 12, gallery: int = 40) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    distance = random.integers(0, 6, (queries, gallery)) / 8 if ties else random.random((queries, gallery))
    return [
        distance,
        random.integers(0, 6, queries),
        random.integers(-1, 6, gallery),
        random.integers(0, 3, queries),
        random.integers(0, 3, gallery),
    ]


def kept_images(problem: list[Any], query: int, protocol: str, excluded: Collection[tuple[int, int]] = ()) -> list[int]:
    """The gallery images of a query, nearest first, by asking each of them."""
    distance, query_ids, gallery_ids, query_cameras, gallery_cameras = problem
    kept = []
    for image in sorted(range(len(gallery_ids)), key=lambda image: (distance[query][image], image)):
        same_camera = query_cameras is not None and query_cameras[query] == gallery_cameras[image]
        if gallery_ids[image] == -1 or (query, image) in excluded:
            continue
        if same_camera and (protocol == "cuhk03" or gallery_ids[image] == query_ids[query]):
            continue
        kept.append(image)
    return kept


def figures_by_loop(problem: list[Any], protocol: str, ap: str, length: int, **options: Any) -> dict[str, Any]:
    """Every figure, one query and one rank after another; the single shot by trying every possible draw."""
    precisions, penalties, curves = [], [], []
    for query, person in enumerate(problem[1]):
        kept = kept_images(problem, query, protocol, **options)
        right = [problem[2][image] == person for image in kept]
        ranks = [rank for rank, hit in enumerate(right, start=1) if hit]
        if not ranks:
            continue
        precision = [number / rank for number, rank in enumerate(ranks, start=1)]
        if ap == "trapezoid":
            left = [1.0 if rank == 1 else number / (rank - 1) for number, rank in enumerate(ranks)]
            precision = [(a + b) / 2 for a, b in zip(precision, left, strict=True)]
        precisions.append(sum(precision) / len(ranks))
        penalties.append(len(ranks) / ranks[-1])
        if protocol == "market1501":
            curve = [float(ranks[0] <= k) for k in range(1, length + 1)]
        elif protocol == "allshots":
            wrong_before = [rank - number for number, rank in enumerate(ranks)]
            curve = [sum(rank <= k for rank in wrong_before) / len(ranks) for k in range(1, length + 1)]
        else:
            curve = single_shot_by_draws(kept, [problem[2][image] for image in kept], person, length)
        curves.append(curve)
    return {"mean_ap": np.mean(precisions), "mean_inp": np.mean(penalties), "cmc": np.mean(curves, axis=0)}


def single_shot_by_draws(kept: list[int], identities: list[int], person: int, length: int) -> list[float]:
    by_person = [[rank for rank, identity in enumerate(identities) if identity == one] for one in set(identities)]
    draws = list(itertools.product(*by_person))
    places = [sorted(draw).index(next(r for r in draw if identities[r] == person)) + 1 for draw in draws]
    return [sum(place <= k for place in places) / len(places) for k in range(1, length + 1)]


# --- References ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["100", "101"])
def reference(request: pytest.FixtureRequest, shared: Path) -> tuple[list[np.ndarray], dict[str, Any]]:
    vectors = np.load(shared / "oracles" / "reid_a.npz")
    names = ("query_features", "gallery_features", "query_ids", "gallery_ids", "query_cameras", "gallery_cameras")
    figures = json.loads((shared / "oracles" / "reid_a.json").read_text())[request.param]
    return [vectors[f"{request.param}_{name}"] for name in names], figures


def at_1_5_10_20(metrics: RankMetrics) -> np.ndarray:
    return metrics.cmc[[0, 4, 9, 19]]


def test_market_figures_equal_public_evaluators(reference: tuple[list[np.ndarray], dict[str, Any]]) -> None:
    sides, figures = reference
    metrics = rank_embeddings(*sides[:2], RankingSides.of(*sides[2:]))
    for name in ("torchreid_market1501", "openreid_market1501", "fastreid_market1501"):
        assert metrics.mean_ap == pytest.approx(figures[name]["mAP"], abs=1e-7)
        np.testing.assert_allclose(at_1_5_10_20(metrics), figures[name]["cmc"], atol=1e-7)
    assert metrics.mean_inp == pytest.approx(figures["fastreid_market1501"]["mINP"], abs=1e-7)


def test_expected_cuhk03_curve_is_what_many_random_draws_approach(
    reference: tuple[list[np.ndarray], dict[str, Any]],
) -> None:
    sides, figures = reference
    metrics = rank_embeddings(*sides[:2], RankingSides.of(*sides[2:]), protocol="cuhk03")
    np.testing.assert_allclose(at_1_5_10_20(metrics), figures["openreid_cuhk03_600_draws"]["cmc"], atol=0.01)
    # The other public reading keeps strangers of the query's camera; it is expressed by excluding pairs.
    same = (sides[2][:, None] == sides[3]) & (sides[4][:, None] == sides[5])
    metrics = rank_embeddings(*sides[:2], RankingSides.of(*sides[2:4], excluded=np.argwhere(same)), protocol="cuhk03")
    np.testing.assert_allclose(at_1_5_10_20(metrics), figures["torchreid_cuhk03_600_draws"]["cmc"], atol=0.01)


@pytest.mark.parametrize(
    ("distance", "ids", "cameras", "expected"),
    [
        (
            [[0, 1, 2, 3, 4], [1, 0, 2, 3, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [1, 2, 3, 4, 0]],
            range(5), ([0] * 5, [1] * 5), [0.6, 0.6, 0.8, 1, 1],
        ),
        (np.tile(np.arange(4), (4, 1)), [0, 0, 1, 1], ([0] * 4, [1] * 4), [0.5, 0.5, 1, 1]),
        (np.tile(np.arange(5), (5, 1)), [0, 0, 0, 1, 1], ([0] * 5, [0, 1, 1, 1, 1]), [0.6, 0.6, 0.6, 1, 1]),
    ],
)  # fmt: skip
def test_allshots_curves_of_open_reid(distance: Any, ids: Any, cameras: Any, expected: list[float]) -> None:
    metrics = rank_metrics(distance, list(ids), list(ids), *cameras, protocol="allshots", max_rank=len(expected))
    np.testing.assert_allclose(metrics.cmc, expected)


def test_a_ranking_made_by_hand() -> None:
    gallery = ([2, 1, 1, 0, 1], [1, 1, 0, 2, 2])
    market = sorted_ranking(1, *gallery, max_rank=4)
    assert (market.mean_ap, market.mean_inp, market.cmc.tolist()) == (0.5, 0.5, [0, 1, 1, 1])
    assert market.first_ranks.tolist() == [2]
    assert sorted_ranking(1, *gallery, protocol="allshots", max_rank=4).cmc.tolist() == [0, 0.5, 1, 1]
    assert sorted_ranking(1, *gallery, ap="trapezoid").mean_ap == pytest.approx(1 / 3)


def test_a_single_shot_made_by_hand() -> None:
    metrics = sorted_ranking(1, [2, 1, 2, 1, 3, 3], [1, 1, 1, 1, 0, 1], protocol="cuhk03", max_rank=3)
    assert metrics.cmc.tolist() == [0.25, 1, 1]


# --- Naive loops ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("ap", ["step", "trapezoid"])
def test_equals_a_loop(protocol: str, ap: str, ties: bool) -> None:
    for seed in range(3):
        problem = random_problem(seed, ties=ties, gallery=14)
        metrics = rank_metrics(*problem, protocol=protocol, ap=ap, max_rank=9)  # type: ignore[arg-type]
        for name, value in figures_by_loop(problem, protocol, ap, 9).items():
            np.testing.assert_allclose(getattr(metrics, name), value, err_msg=name)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_cameras_only_the_excluded_pairs_are_skipped(protocol: str) -> None:
    problem: list[Any] = random_problem(5, ties=True, gallery=14)
    problem[3] = problem[4] = None
    # Among them pairs of different people, and one pair twice.
    pairs = [(0, 3), (0, 3), (1, 1), (2, 13), *((query, query % 14) for query in range(12))]
    metrics = rank_metrics(*problem, protocol=protocol, excluded=pairs, max_rank=9)  # type: ignore[arg-type]
    expected = figures_by_loop(problem, protocol, "step", 9, excluded=pairs)
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(metrics, name), value, err_msg=name)
    assert metrics.mean_ap != rank_metrics(*problem, protocol=protocol).mean_ap  # type: ignore[arg-type]


@pytest.mark.parametrize("largest", [2, 30, 10**6])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_orders_and_ranks_are_those_of_a_stable_sort(largest: int, kind: type) -> None:
    random = np.random.default_rng(0)
    block = random.integers(0, largest, (30, 101)).astype(kind)
    expected = np.argsort(block, axis=1, kind="stable")
    np.testing.assert_array_equal(stable_order(block), expected)
    rows, columns = random.integers(0, 30, 200), random.integers(0, 101, 200)
    np.testing.assert_array_equal(ranks_in_rows(block, rows, columns), np.argsort(expected, axis=1)[rows, columns])


def test_poisson_binomial_equals_all_outcomes_and_the_binomial() -> None:
    random = np.random.default_rng(0)
    shares = random.random((40, 7)) * (random.random((40, 7)) < 0.7)
    shares[random.random((40, 7)) < 0.2] = 1
    expected = np.zeros((40, 7 + 1))
    for outcome in itertools.product([0, 1], repeat=7):
        expected[:, sum(outcome)] += np.where(outcome, shares, 1 - shares).prod(axis=1)
    np.testing.assert_allclose(poisson_binomial_cdf(shares, 4), expected.cumsum(axis=1)[:, :4], atol=1e-12)
    equal = poisson_binomial_cdf(np.full((1, 300), 0.05), 40)
    np.testing.assert_allclose(equal[0], binom.cdf(np.arange(40), 300, 0.05), atol=1e-12)


# --- Properties ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_order_of_the_gallery_and_scale_of_the_distance_do_not_matter(protocol: Any) -> None:
    distance, query_ids, gallery_ids, query_cameras, gallery_cameras = random_problem(1)
    metrics = rank_metrics(distance, query_ids, gallery_ids, query_cameras, gallery_cameras, protocol=protocol)
    mixed = np.random.default_rng(1).permutation(len(gallery_ids))
    other = rank_metrics(
        np.exp(3 * distance[:, mixed]), query_ids, gallery_ids[mixed], query_cameras, gallery_cameras[mixed],
        protocol=protocol,
    )  # fmt: skip
    np.testing.assert_allclose(other.cmc, metrics.cmc)
    np.testing.assert_array_equal(other.average_precisions, metrics.average_precisions)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_blocks_do_not_matter(protocol: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    query, gallery = random.normal(size=(30, 8)), random.normal(size=(90, 8))
    sides = (
        *(random.integers(0, 9, count) for count in (30, 90)),
        *(random.integers(0, 4, count) for count in (30, 90)),
    )
    whole = rank_embeddings(query, gallery, RankingSides.of(*sides), protocol=protocol)
    distance = ((query[:, None] - gallery) ** 2).sum(axis=2)
    monkeypatch.setattr(reid.ranking.distances, "VALUES_AT_ONCE", 500)
    for metrics in (
        rank_embeddings(torch.from_numpy(query), torch.from_numpy(gallery), RankingSides.of(*sides), protocol=protocol),
        rank_metrics(distance, *sides, protocol=protocol),
    ):
        np.testing.assert_allclose(metrics.average_precisions, whole.average_precisions)
        np.testing.assert_allclose(metrics.cmc, whole.cmc, atol=1e-12)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_cutting_rankings_behind_the_farthest_match_does_not_matter(
    protocol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(8)
    people = [random.integers(0, 60, count) for count in (80, 700)]
    centers = random.normal(size=(60, 3))
    # Whole numbers make ties; the noise makes easy and hopeless queries.
    sides = [
        np.round(4 * (centers[ids] + random.normal(size=(len(ids), 3)) * random.random((len(ids), 1))))
        for ids in people
    ]
    distance = ((sides[0][:, None] - sides[1]) ** 2).sum(axis=2)
    problem = [distance, *people, *(random.integers(0, 4, count) for count in (80, 700))]
    excluded = np.argwhere(random.random(distance.shape) < 0.02)
    found = []
    for shares in ((), (2,), (64, 8), (100, 50, 20, 10, 5, 3)):
        monkeypatch.setattr(reid.ranking.ranks, "SHARES", shares)
        found.append(rank_metrics(*problem, protocol=protocol, excluded=excluded))
    counts = {
        len(stretch.rows) for stretch in up_to_farthest_match(distance, (people[0][:, None] == people[1]).nonzero())
    }
    assert len(counts) > 2
    for metrics in found[1:]:
        np.testing.assert_array_equal(metrics.first_ranks, found[0].first_ranks)
        np.testing.assert_array_equal(metrics.average_precisions, found[0].average_precisions)
        np.testing.assert_array_equal(metrics.inverse_negative_penalties, found[0].inverse_negative_penalties)
        np.testing.assert_allclose(metrics.cmc, found[0].cmc, atol=1e-12)
    if protocol != "cuhk03":
        pairs = {(int(query), int(image)) for query, image in excluded}
        expected = figures_by_loop(problem, protocol, "step", 50, excluded=pairs)
        np.testing.assert_allclose(found[0].cmc, expected["cmc"])


def test_curves_never_fall_and_are_never_short() -> None:
    # A query keeps fewer images than max_rank, as on the fixture where a public evaluator's curve went up and down.
    distance = np.tile(np.arange(6), (2, 1))
    for protocol in PROTOCOLS:
        metrics = rank_metrics(
            distance, [2, 1], [1, 1, 1, 2, 2, 2], [0, 0], [0, 0, 1, 0, 1, 1], protocol=protocol, max_rank=60
        )  # type: ignore[arg-type]
        assert metrics.cmc.shape == (60,)
        assert (np.diff(metrics.cmc) >= 0).all()
        assert metrics.cmc[-1] == 1


def test_the_trapezoid_is_never_larger_than_the_steps() -> None:
    problem = random_problem(3, queries=50)
    step, trapezoid = (rank_metrics(*problem, ap=ap).average_precisions for ap in ("step", "trapezoid"))  # type: ignore[arg-type]
    assert (trapezoid[~np.isnan(step)] <= step[~np.isnan(step)] + 1e-12).all()


def test_junk_takes_no_rank_and_a_distractor_does() -> None:
    assert sorted_ranking(1, [-1, 1], [1, 1]).cmc[0] == 1
    assert sorted_ranking(1, [0, 1], [1, 1]).cmc[:2].tolist() == [0, 1]


def test_equal_distances_keep_the_order_of_the_gallery() -> None:
    distance = np.zeros((1, 4), dtype=np.float32)
    assert rank_metrics(distance, [1], [1, 0, 0, 0]).first_ranks.tolist() == [1]
    assert rank_metrics(distance, [1], [0, 0, 1, 0]).first_ranks.tolist() == [3]


def test_queries_without_a_match_are_counted() -> None:
    distance = np.tile(np.arange(3.0), (3, 1))
    metrics = rank_metrics(distance, [1, 9, -1], [1, 2, -1])
    assert (metrics.invalid_queries, metrics.mean_ap, metrics.cmc[0]) == (2, 1, 1)
    assert np.isnan(metrics.average_precisions[1:]).all()
    assert metrics.first_ranks.tolist() == [1, 0, 0]
    for protocol in PROTOCOLS:
        official = rank_metrics(distance, [1, 9, -1], [1, 2, -1], mean_over="all", protocol=protocol)  # type: ignore[arg-type]
        assert (official.mean_ap, official.mean_inp, official.cmc[-1]) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_cameras_may_be_names_tensors_or_unknown(protocol: Any) -> None:
    problem = random_problem(4)
    expected = rank_metrics(*problem, protocol=protocol)
    names = [[f"camera {number}" for number in side] for side in problem[3:]]
    assert rank_metrics(*problem[:3], *names, protocol=protocol).mean_ap == expected.mean_ap
    tensors = [torch.from_numpy(side) for side in problem]
    assert rank_metrics(*tensors, protocol=protocol).mean_ap == expected.mean_ap
    unknown = rank_metrics(*problem[:3], [None] * 12, [None] * 40, protocol=protocol)
    assert unknown.mean_ap == rank_metrics(*problem[:3], protocol=protocol).mean_ap != expected.mean_ap


def test_whole_numbers_and_half_precision_are_distances() -> None:
    distance = np.array([[3, 1, 2], [1, 2, 3]])
    for kind in (np.int64, np.uint8, np.float16, np.float32):
        assert rank_metrics(distance.astype(kind), [1, 1], [0, 1, 0]).first_ranks.tolist() == [1, 2]


def test_the_given_distance_is_left_as_it_is() -> None:
    problem = random_problem(0)
    before = problem[0].copy()
    rank_metrics(*problem)
    np.testing.assert_array_equal(problem[0], before)


def test_embeddings_are_never_compared_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    query, gallery = (random.normal(size=(count, 4)).astype(np.float32) for count in (800, 2000))
    ids = [random.integers(0, 400, count) for count in (800, 2000)]
    monkeypatch.setattr(reid.ranking.distances, "VALUES_AT_ONCE", 2**16)
    tracemalloc.start()
    rank_embeddings(query, gallery, RankingSides.of(*ids))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 800 * 2000 * 4 / 3


# --- Bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distance": np.zeros(3)}, r"distance has shape \(3,\), expected"),
        ({"distance": np.array([[np.nan, 1, 2]])}, "NaN or infinity"),
        ({"distance": np.array([[np.inf, 1, 2]])}, "NaN or infinity"),
        ({"distance": np.zeros((0, 3)), "query_ids": []}, "the query is empty"),
        ({"distance": np.zeros((1, 0)), "gallery_ids": []}, "the gallery is empty"),
        ({"query_ids": [1, 2]}, "query_ids name 2 images, expected 1"),
        ({"gallery_ids": [0.5, 1, 2]}, "gallery_ids are float64"),
        ({"query_cameras": [1], "gallery_cameras": [1]}, "1 gallery cameras for 3 images"),
        ({"gallery_ids": [[1, 2, 3]]}, r"gallery_ids are int64 of shape \(1, 3\), expected a row of integers"),
        ({"excluded": [(0, 3)]}, "outside of 1 queries and 3 gallery images"),
        ({"excluded": [0, 1]}, "expected integers"),
        ({"protocol": "cuhk"}, "protocol is 'cuhk', expected one of market1501, cuhk03, allshots"),
        ({"ap": "area"}, "ap is 'area', expected one of step, trapezoid"),
        ({"mean_over": "some"}, "mean_over is 'some'"),
        ({"max_rank": 0}, "max_rank is 0"),
        ({"query_ids": [7]}, "none of 1 queries has a match in the gallery under market1501"),
        ({"query_cameras": [0], "gallery_cameras": [0, 0, 0]}, "give None as cameras"),
    ],
)
def test_bad_input_is_named(changes: dict[str, Any], message: str) -> None:
    arguments = {"distance": np.array([[0.0, 1, 2]]), "query_ids": [1], "gallery_ids": [1, 2, 3], **changes}
    with pytest.raises(ValueError, match=message):
        rank_metrics(**arguments)


def test_embeddings_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="query embeddings are 3 wide, gallery embeddings 4"):
        rank_embeddings(np.zeros((1, 3)), np.zeros((1, 4)), RankingSides.of([1], [1]))
    with pytest.raises(ValueError, match="gallery embeddings hold NaN"):
        rank_embeddings(np.zeros((1, 3)), np.full((1, 3), np.nan), RankingSides.of([1], [1]))
    with pytest.raises(ValueError, match=r"query embeddings have shape \(3,\)"):
        rank_embeddings(np.zeros(3), np.zeros((1, 3)), RankingSides.of([1], [1]))
