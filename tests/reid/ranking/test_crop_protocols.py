"""All protocols over one set of embeddings, against loops, public figures and what chance must give."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.samples import UNLABELLED, Camera, CropSample
from reid.crops.splits import CropEmbeddings, multi_query
from reid.ranking.protocols import (
    MARKET,
    PROTOCOLS,
    STRANGER,
    CropTask,
    chance_results,
    evaluate_crops,
    identical_crops,
)
from reid.ranking.rerank import k_reciprocal


def samples(ids: list[int], cameras: list[Camera | None], prefix: str = "g") -> list[CropSample]:
    return [
        CropSample(Path(f"{prefix}{number}.jpg"), person, camera)
        for number, (person, camera) in enumerate(zip(ids, cameras, strict=True))
    ]


def unit_rows(rng: np.random.Generator, count: int, width: int = 6) -> np.ndarray:
    rows = rng.standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def problem(seed: int = 0) -> tuple[CropTask, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    query = samples(rng.integers(0, 5, 20).tolist(), rng.integers(0, 3, 20).tolist(), "q")
    gallery = samples(rng.integers(-1, 6, 50).tolist(), rng.integers(0, 3, 50).tolist())
    return CropTask.of(query, gallery), unit_rows(rng, 20), unit_rows(rng, 50)


def test_figures_against_a_loop() -> None:
    task, query, gallery = problem()
    precisions, first = [], []
    for row in range(20):
        ranked = [
            task.gallery_ids[column] == task.query_ids[row]
            for column in np.argsort(-(gallery @ query[row]), kind="stable")
            if not (
                task.gallery_ids[column] == task.query_ids[row]
                and task.gallery_cameras[column] == task.query_cameras[row]
            )
        ]
        assert sum(ranked) == task.answers()[row]
        hits = np.flatnonzero(ranked) + 1
        if len(hits):
            precisions.append(np.mean(np.arange(1, len(hits) + 1) / hits))
            first.append(hits[0])
    result = evaluate_crops(task, query, gallery).results[0]
    assert result.queries == len(precisions)
    assert result.metrics.mean_ap == pytest.approx(np.mean(precisions))
    assert result.metrics.cmc[4] == pytest.approx(np.mean(np.array(first) <= 5))


def test_every_protocol_has_its_row_and_a_chance_row() -> None:
    task, query, gallery = problem()
    evaluation = evaluate_crops(task, query, gallery, seed=3)
    names = [protocol.name for protocol in PROTOCOLS]
    assert [one.name for one in evaluation.results] == [one.name for one in evaluation.chance] == names
    step, trapezoid, all_shots, _ = (one.metrics for one in evaluation.results)
    assert trapezoid.mean_ap < step.mean_ap
    assert np.array_equal(step.cmc, trapezoid.cmc)
    assert (all_shots.cmc <= step.cmc + 1e-12).all()
    assert evaluation.pairs.same.sum() == task.answers().sum()


@pytest.mark.parametrize("name", ["100", "101"])
def test_public_figures(shared: Path, name: str) -> None:
    """The oracle's features through the whole of it, from samples to figures."""
    stored = np.load(shared / "oracles" / "reid_a.npz")
    expected = json.loads((shared / "oracles" / "reid_a.json").read_text())[name]
    sides = [
        samples(stored[f"{name}_{side}_ids"].tolist(), stored[f"{name}_{side}_cameras"].tolist(), side)
        for side in ("query", "gallery")
    ]
    task = CropTask.of(*sides)
    query, gallery = (
        stored[f"{name}_{side}_features"] / np.linalg.norm(stored[f"{name}_{side}_features"], axis=1, keepdims=True)
        for side in ("query", "gallery")
    )
    market, _, _, single_shot = (one.metrics for one in evaluate_crops(task, query, gallery).results)
    places = [0, 4, 9, 19]
    assert market.mean_ap == pytest.approx(expected["fastreid_market1501"]["mAP"], abs=1e-6)
    assert market.mean_inp == pytest.approx(expected["fastreid_market1501"]["mINP"], abs=1e-6)
    assert market.cmc[places] == pytest.approx(expected["fastreid_market1501"]["cmc"], abs=1e-6)
    assert single_shot.cmc[places] == pytest.approx(expected["openreid_cuhk03_600_draws"]["cmc"], abs=0.01)
    reranked = task.rank_distances(k_reciprocal(query, gallery)).metrics
    assert reranked.mean_ap == pytest.approx(expected["rerank_k20_6_03"]["mAP"], abs=1e-3)


def test_people_without_identity_stay_in_the_ranking_as_strangers() -> None:
    query = samples([1], [0], "q")
    gallery = samples([UNLABELLED, 1, UNLABELLED], [1, 1, 0])
    task = CropTask.of(query, gallery)
    assert task.gallery_ids.tolist() == [STRANGER, 1, STRANGER]
    points = np.array([[1, 0], [0.8, 0.6], [0, 1]], dtype=np.float32)
    metrics = task.rank(np.array([[1, 0]], dtype=np.float32), points).metrics
    assert metrics.mean_ap == 0.5
    assert metrics.first_ranks.tolist() == [2]


def test_without_cameras_only_the_identical_crop_is_skipped() -> None:
    gallery = samples([1, 1, 2], [None, None, None])
    task = CropTask.of(gallery[:1], gallery)
    assert task.answers().tolist() == [1]
    rows = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    order, similarities = task.nearest(0, rows[:1], rows)
    assert order.tolist() == [2, 1]
    assert similarities == pytest.approx([0.6, 0])
    assert task.rank(rows[:1], rows).metrics.mean_ap == 0.5


def test_a_crop_of_an_unknown_camera_beside_known_ones() -> None:
    query = samples([1, 1], [None, 0], "q")
    gallery = samples([1, 1, 2], [None, 0, 0])
    assert CropTask.of(query, gallery).answers().tolist() == [2, 1]


def test_nearest_is_the_ranking_that_the_figures_come_from() -> None:
    task, query, gallery = problem(1)
    metrics = task.rank(query, gallery).metrics
    for row in range(20):
        order, similarities = task.nearest(row, query, gallery, 50)
        assert (np.diff(similarities) <= 0).all()
        right = task.gallery_ids[order] == task.query_ids[row]
        assert (int(np.argmax(right)) + 1 if right.any() else 0) == metrics.first_ranks[row]
        assert task.nearest(row, query, gallery, 3)[0].tolist() == order[:3].tolist()


def test_given_distances_rank_as_embeddings_do() -> None:
    task, query, gallery = problem(2)
    by_distance = task.rank_distances(1 - query @ gallery.T)
    assert by_distance.metrics.mean_ap == pytest.approx(task.rank(query, gallery).metrics.mean_ap)


def test_official_mean_counts_queries_without_an_answer() -> None:
    task = CropTask.of(samples([1, 9], [0, 0], "q"), samples([1, 2], [1, 1]))
    rows = unit_rows(np.random.default_rng(0), 2)
    step, official = (task.rank(rows, rows, protocol) for protocol in PROTOCOLS[:2])
    assert (step.queries, official.queries) == (1, 2)
    assert official.metrics.cmc[-1] == 0.5


def test_chance_gives_what_a_random_order_must_give() -> None:
    """E[AP] = (H_N + (n - 1) / (N - 1) * (N - H_N)) / N and P(rank 1) = n / N for n answers among N crops."""
    answers, size, queries = 4, 60, 3000
    query = samples([1] * queries, [0] * queries, "q")
    gallery = samples([1] * answers + [2] * (size - answers), [1] * size)
    task = CropTask.of(query, gallery)
    # Queries that share a gallery are not independent draws: average galleries too.
    drawn = [chance_results(task, seed=seed)[0].metrics for seed in range(12)]
    harmonic = np.sum(1 / np.arange(1, size + 1))
    expected = (harmonic + (answers - 1) / (size - 1) * (size - harmonic)) / size
    assert np.mean([one.mean_ap for one in drawn]) == pytest.approx(expected, rel=0.1)
    assert np.mean([one.cmc[0] for one in drawn]) == pytest.approx(answers / size, rel=0.2)
    assert chance_results(task, seed=5)[0].metrics.mean_ap == drawn[5].mean_ap


def test_multi_query_averages_a_persons_crops_in_a_camera() -> None:
    rng = np.random.default_rng(0)
    query = CropEmbeddings(samples([1, 2, 3], [0, 0, 0], "q"), torch.from_numpy(unit_rows(rng, 3)))
    crops = CropEmbeddings(samples([2, 1, 1, 1], [0, 0, 1, 0], "b"), torch.from_numpy(unit_rows(rng, 4)))
    together = multi_query(query, crops)
    mean = (crops.embeddings[1] + crops.embeddings[3]).numpy()
    assert together[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert together[1] == pytest.approx(crops.embeddings[0].numpy(), abs=1e-6)
    assert together[2] == pytest.approx(query.embeddings[2].numpy())  # nobody beside it


def test_identical_crops_are_pairs_of_one_name() -> None:
    crops = samples([1] * 5, [0] * 5)
    pairs = identical_crops(crops[3:5], [crops[4], crops[0], crops[4], crops[3]])
    assert pairs.tolist() == [[0, 3], [1, 0], [1, 2]]


def test_bad_input_is_one_line() -> None:
    with pytest.raises(ValueError, match="0 query and 1 gallery crops, expected at least one of each"):
        CropTask.of([], samples([1], [0]))
    with pytest.raises(ValueError, match="none of 2 queries has another view of its person among 3 gallery crops"):
        CropTask.of(samples([1, 4], [0, 0], "q"), samples([1, 2, UNLABELLED], [0, 1, 1]))
    task, query, gallery = problem()
    with pytest.raises(ValueError, match="length 2"):
        evaluate_crops(task, 2 * query, gallery)
    with pytest.raises(ValueError, match="query_ids name"):
        task.rank(query[:-1], gallery, MARKET)
