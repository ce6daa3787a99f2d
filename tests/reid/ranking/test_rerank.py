"""k-reciprocal re-ranking: the reference matrices, the algorithm written down as loops, copies, and memory."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import reid.ranking.distances
from reid.ranking.metrics import rank_metrics
from reid.ranking.rerank import jaccard_distances, k_reciprocal, nearest_neighbors


def clusters(
    seed: int, queries: int, gallery: int, people: int = 5, dimension: int = 6
) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    centers = random.normal(size=(people, dimension))
    rows = centers[random.integers(0, people, queries + gallery)] + 0.6 * random.normal(
        size=(queries + gallery, dimension)
    )
    return rows[:queries].astype(np.float32), rows[queries:].astype(np.float32)


def by_loops(
    query: np.ndarray, gallery: np.ndarray, k1: int, k2: int, lambda_value: float, power: int = 1
) -> np.ndarray:
    """The published algorithm on the whole matrix in double precision, one image after another."""
    rows = np.concatenate([query, gallery]).astype(np.float64)
    total = len(rows)
    squared = ((rows[:, None] - rows) ** 2).sum(axis=2)
    scaled = (squared / squared.max(axis=1, keepdims=True)) ** power
    for_order = squared - 2 * np.eye(total)  # each image before its copies
    order = np.argsort(for_order, axis=1, kind="stable")

    def reciprocal(image: int, count: int) -> set[int]:
        return {int(other) for other in order[image, :count] if image in order[other, :count]}

    weights = np.zeros((total, total))
    for image in range(total):
        own = reciprocal(image, k1 + 1)
        extended = set(own)
        for candidate in own:
            theirs = reciprocal(candidate, round(k1 / 2) + 1)
            if len(theirs & own) > 2 / 3 * len(theirs):
                extended |= theirs
        chosen = sorted(extended)
        weights[image, chosen] = np.exp(-scaled[image, chosen])
        weights[image] /= weights[image].sum()
    weights = np.stack([weights[order[image, :k2]].mean(axis=0) for image in range(total)])
    smaller = np.minimum(weights[: len(query), None], weights[None, len(query) :]).sum(axis=2)
    return (1 - lambda_value) * (1 - smaller / (2 - smaller)) + lambda_value * scaled[: len(query), len(query) :]


@pytest.fixture(scope="module", params=["100", "101"])
def reference(request: pytest.FixtureRequest, shared: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    vectors = np.load(shared / "oracles" / "reid_a.npz")
    figures = json.loads((shared / "oracles" / "reid_a.json").read_text())[request.param]
    prefix = f"{request.param}_"
    return {name.removeprefix(prefix): vectors[name] for name in vectors.files if name.startswith(prefix)}, figures


def test_equals_the_canonical_matrix_and_its_figures(
    reference: tuple[dict[str, np.ndarray], dict[str, Any]],
) -> None:
    vectors, figures = reference
    distance = k_reciprocal(vectors["query_features"], vectors["gallery_features"])
    np.testing.assert_allclose(distance, vectors["rerank_distance"], atol=1e-6)
    sides = [vectors[name] for name in ("query_ids", "gallery_ids", "query_cameras", "gallery_cameras")]
    metrics = rank_metrics(distance, *sides)
    assert metrics.mean_ap == pytest.approx(figures["rerank_k20_6_03"]["mAP"], abs=1e-7)
    np.testing.assert_allclose(metrics.cmc[[0, 4, 9, 19]], figures["rerank_k20_6_03"]["cmc"], atol=1e-7)


def test_squaring_twice_equals_the_public_code_that_does(
    reference: tuple[dict[str, np.ndarray], dict[str, Any]],
) -> None:
    vectors, _ = reference
    distance = k_reciprocal(vectors["query_features"], vectors["gallery_features"], distance="squared_twice")
    np.testing.assert_allclose(distance, vectors["rerank_distance_squared_twice"], atol=1e-6)


@pytest.mark.parametrize(
    ("k1", "k2", "expected"),
    [
        (2, 1, [0.003698, 0.013415, 0.775, 0.799187, 1]),
        (2, 2, [0.000750, 0.009065, 0.775, 0.799187, 1]),
        (3, 1, [0.244509, 0.255953, 0.632097, 0.799187, 1]),
    ],
)
def test_points_on_a_line(k1: int, k2: int, expected: list[float]) -> None:
    points = np.array([[0], [0.1], [0.25], [1], [1.15], [2]])
    np.testing.assert_allclose(k_reciprocal(points[:1], points[1:], k1=k1, k2=k2)[0], expected, atol=1e-6)


# Odd halves in both directions (5 -> 2, 7 -> 4), a k1 beyond all images, and k2 beyond k1.
@pytest.mark.parametrize(("k1", "k2"), [(20, 6), (6, 3), (7, 2), (5, 1), (19, 6), (1, 1), (100, 6), (3, 9)])
@pytest.mark.parametrize("power", [1, 2])
def test_equals_loops(k1: int, k2: int, power: int) -> None:
    query, gallery = clusters(k1, 9, 45)
    mode = "squared" if power == 1 else "squared_twice"
    distance = k_reciprocal(query, torch.from_numpy(gallery), k1=k1, k2=k2, lambda_value=0.2, distance=mode)  # type: ignore[arg-type]
    np.testing.assert_allclose(distance, by_loops(query, gallery, k1, k2, 0.2, power), atol=2e-6)
    assert distance.shape == (9, 45)
    assert distance.dtype == np.float32


def test_copies_stand_in_their_order() -> None:
    # Whole numbers, so that equal distances are exactly equal, and most images several times.
    random = np.random.default_rng(0)
    query, gallery = (random.integers(0, 3, (count, 2)).astype(np.float32) for count in (10, 60))
    for k1, k2 in ((3, 2), (8, 4), (20, 6)):
        np.testing.assert_allclose(
            k_reciprocal(query, gallery, k1=k1, k2=k2), by_loops(query, gallery, k1, k2, 0.3), atol=2e-6
        )


def test_nothing_but_copies_is_at_distance_zero_of_everything() -> None:
    rows = np.ones((4, 3), dtype=np.float32)
    distance = k_reciprocal(rows[:1], rows[1:], k1=10)
    np.testing.assert_allclose(distance, 0, atol=1e-6)
    assert k_reciprocal(rows[:1], rows[:1]).shape == (1, 1)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    query, gallery = clusters(3, 20, 120)
    whole = k_reciprocal(query, gallery)
    monkeypatch.setattr(reid.ranking.distances, "VALUES_AT_ONCE", 300)
    np.testing.assert_allclose(k_reciprocal(query, gallery), whole, atol=1e-6)


def test_permuting_the_gallery_permutes_the_columns() -> None:
    query, gallery = clusters(4, 10, 80)
    mixed = np.random.default_rng(0).permutation(80)
    np.testing.assert_allclose(k_reciprocal(query, gallery[mixed]), k_reciprocal(query, gallery)[:, mixed], atol=1e-6)


def test_all_of_the_original_distance_is_no_reranking() -> None:
    query, gallery = clusters(5, 6, 30)
    squared = ((query[:, None] - gallery) ** 2).sum(axis=2)
    distance = k_reciprocal(query, gallery, lambda_value=1)
    np.testing.assert_array_equal(np.argsort(distance, axis=1), np.argsort(squared, axis=1))


def test_reranking_helps_where_people_are_clusters() -> None:
    random = np.random.default_rng(0)
    people, views = random.normal(size=(40, 12)), random.integers(0, 40, 640)
    rows = (people[views] + 0.9 * random.normal(size=(640, 12))).astype(np.float32)
    plain = rank_metrics(((rows[:40, None] - rows[40:]) ** 2).sum(axis=2), views[:40], views[40:])
    assert rank_metrics(k_reciprocal(rows[:40], rows[40:]), views[:40], views[40:]).mean_ap > plain.mean_ap + 0.05


def test_jaccard_distances_of_known_rows() -> None:
    from scipy import sparse

    first = sparse.csr_array(np.array([[0.5, 0.5, 0, 0], [0, 0, 1, 0]]))
    second = sparse.csr_array(np.array([[0.5, 0.5, 0, 0], [0.25, 0, 0.75, 0], [0, 0, 0, 1]]))
    # Smaller weights sum to 1, 1/4, 0 and 0, 3/4, 0; larger ones to 2 minus that.
    expected = [[0, 1 - 0.25 / 1.75, 1], [1, 1 - 0.75 / 1.25, 1]]
    np.testing.assert_allclose(jaccard_distances(first, second), expected, atol=1e-6)


def test_neighbors_begin_with_the_image_itself() -> None:
    rows = np.array([[0, 0], [0, 0], [3, 4], [0, 1]], dtype=np.float32)
    neighbors, farthest = nearest_neighbors(reid.ranking.distances.SquaredDistances(rows), 3)
    assert neighbors.tolist() == [[0, 1, 3], [1, 0, 3], [2, 3, 0], [3, 0, 1]]
    assert farthest.tolist() == [25, 25, 25, 18]


def test_memory_does_not_grow_with_the_square_of_the_gallery(monkeypatch: pytest.MonkeyPatch) -> None:
    query, gallery = clusters(0, 20, 3000, people=300)
    monkeypatch.setattr(reid.ranking.distances, "VALUES_AT_ONCE", 2**18)
    tracemalloc.start()
    k_reciprocal(query, gallery)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3020**2 * 4 / 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k1": 0}, "k1 is 0, k2 is 6"),
        ({"k2": 0}, "k1 is 20, k2 is 0"),
        ({"lambda_value": 1.5}, r"lambda_value is 1\.5"),
        ({"distance": "cosine"}, "distance is 'cosine', expected squared or squared_twice"),
        ({"query": np.zeros((0, 2))}, "0 query and 3 gallery embeddings"),
        ({"query": np.zeros((1, 3))}, "query embeddings are 3 wide, gallery embeddings 2"),
        ({"query": np.array([[np.inf, 0]])}, "query embeddings hold NaN or infinity"),
    ],
)
def test_bad_input_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        k_reciprocal(**{"query": np.zeros((1, 2)), "gallery": np.zeros((3, 2)), **changes})
