"""The search protocols: reference figures, a naive evaluation query by query, properties and bad input."""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import datasets
import search.evaluation.protocols
from datasets.samples import Query, QueryGallery
from detection.detections import Detections
from search.evaluation.protocols import SearchMetrics, evaluate_search, random_search

FORMATS = {"cuhk-sysu": (10, 3), "prw": (30, 4)}
"""Context matching as published: people looked at in the gallery, people of the query's frame."""


def figures(metrics: SearchMetrics) -> list[float]:
    return [metrics.mean_ap, metrics.top1, metrics.top5, metrics.top10]


def iou(first: Sequence[float], second: Sequence[float]) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0) * max(height, 0)
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)) - shared
    return shared / union if union > 0 else 0


def least_overlap(box: Sequence[float]) -> float:
    width, height = box[2] - box[0], box[3] - box[1]
    return min(0.5, width * height / ((width + 10) * (height + 10)))


def naive_query(
    found: Mapping[str, Detections], query: Query, embedding: np.ndarray, ignore: Mapping[str, Any], threshold: float
) -> tuple[float, float]:
    """Average precision and rank of the first hit, as the specification tells it, one detection at a time."""
    true_boxes = sum(box is not None for _, box in query.gallery)
    if not true_boxes:
        return float("nan"), float("nan")
    ranking: list[tuple[float, bool]] = []
    seen = set()
    for name, true_box in query.gallery:
        if name in seen or name not in found:
            continue
        seen.add(name)
        people = found[name]
        entries = []
        for box, score, features in zip(
            people.boxes.tolist(), people.scores.tolist(), people.embeddings.numpy(), strict=True
        ):
            if score < threshold:
                continue
            fits = 0.0
            if true_box is not None and iou(true_box, box) >= least_overlap(true_box):
                fits = iou(true_box, box)
            covered = [iou(region, box) for region in ignore.get(name, []) if iou(region, box) >= least_overlap(region)]
            if covered and fits < max(covered):
                continue
            similarity = float(np.float32(features.astype(np.float64) @ embedding.astype(np.float64)))
            entries.append((similarity, fits > 0))
        entries.sort(key=lambda entry: -entry[0])
        right = next((number for number, (_, fits) in enumerate(entries) if fits), None)
        ranking += [(similarity, number == right) for number, (similarity, _) in enumerate(entries)]
    levels = sorted({similarity for similarity, right in ranking if right}, reverse=True)
    precision, first_hit = 0.0, float("inf")
    for level in levels:
        above = [right for similarity, right in ranking if similarity >= level]
        at_level = sum(right for similarity, right in ranking if similarity == level)
        precision += at_level * sum(above) / len(above)
        first_hit = min(first_hit, above.count(False) + 1)
    return precision / true_boxes, first_hit


def naive_search(
    found: Mapping[str, Detections],
    queries: Sequence[Query],
    embeddings: np.ndarray,
    ignore: Mapping[str, Any] | None = None,
    threshold: float = 0.5,
) -> tuple[list[float], list[float]]:
    pairs = [naive_query(found, q, e, ignore or {}, threshold) for q, e in zip(queries, embeddings, strict=True)]
    judged = [(average, rank) for average, rank in pairs if not np.isnan(average)]
    means = [sum(average for average, _ in judged) / len(judged)]
    means += [sum(rank <= top for _, rank in judged) / len(judged) for top in (1, 5, 10)]
    return means, [average for average, _ in pairs]


def as_detections(vectors: Mapping[str, np.ndarray], prefix: str = "") -> list[Detections]:
    offsets = vectors[f"{prefix}offsets"]
    return [
        Detections(*(vectors[f"{prefix}{field}"][first:last] for field in ("boxes", "scores", "embeddings")))
        for first, last in pairwise(offsets.tolist())
    ]


class Oracle:
    """One data set of the reference vectors."""

    def __init__(self, shared: Path, name: str) -> None:
        vectors = np.load(shared / "oracles" / f"full_frame_a_{name}.npz")
        self.detections = dict(zip(vectors["frames"].tolist(), as_detections(vectors), strict=True))
        self.context = as_detections(vectors, "query_context_")
        self.query_embeddings = vectors["query_embeddings"]
        self.metrics = json.loads((shared / "oracles" / "full_frame_a.json").read_text())[name]["metrics"]
        self.root = shared / "oracles" / "mini_a" / name


@pytest.fixture(scope="module", params=FORMATS)
def oracle(request: pytest.FixtureRequest, shared: Path) -> tuple[str, Oracle]:
    return request.param, Oracle(shared, request.param)


def oracle_queries(name: str, root: Path, variant: str) -> list[Query]:
    if name == "prw":
        return datasets.load_queries("prw", root, same_camera=variant == "samecam1")
    return datasets.load_queries("cuhk-sysu", root, gallery_size=int(variant[1:]))


def variants(name: str) -> list[str]:
    return ["samecam1"] if name == "prw" else ["g50", "g100"]


def test_equals_the_reference_figures_plain_and_with_context(oracle: tuple[str, Oracle]) -> None:
    name, data = oracle
    gallery, people = FORMATS[name]
    for variant in variants(name):
        queries = oracle_queries(name, data.root, variant)
        for context_matching in (0, 1):
            metrics = evaluate_search(
                data.detections,
                queries,
                data.query_embeddings,
                context=data.context if context_matching else None,
                context_gallery=gallery,
                context_people=people,
            )
            expected = data.metrics[f"search_{variant}_cbgm{context_matching}"]
            np.testing.assert_allclose(figures(metrics), expected, rtol=0, atol=1e-6)


def test_queries_as_plain_pairs_give_the_same_as_the_fast_path(oracle: tuple[str, Oracle]) -> None:
    name, data = oracle
    queries = oracle_queries(name, data.root, variants(name)[0])
    plain = [Query(q.person_id, list(q.gallery), frame=q.frame, box=q.box) for q in queries]
    first = evaluate_search(data.detections, queries, data.query_embeddings)
    second = evaluate_search(data.detections, plain, torch.from_numpy(data.query_embeddings))
    np.testing.assert_array_equal(first.average_precisions, second.average_precisions)


def test_other_cameras_alone_equal_the_naive_evaluation_and_leave_out_who_is_nowhere(shared: Path) -> None:
    data = Oracle(shared, "prw")
    queries = oracle_queries("prw", data.root, "samecam0")
    metrics = evaluate_search(data.detections, queries, data.query_embeddings)
    expected, averages = naive_search(data.detections, queries, data.query_embeddings.astype(np.float32))
    np.testing.assert_allclose(figures(metrics), expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(metrics.average_precisions, averages, rtol=0, atol=1e-9)
    nowhere = [not any(box is not None for _, box in query.gallery) for query in queries]
    assert any(nowhere)
    assert np.isnan(metrics.average_precisions).tolist() == nowhere


class World:
    """A random problem with everything that happens: duplicates, ties, ignore boxes, missing and empty frames."""

    def __init__(self, seed: int, frames: int = 12, queries: int = 9, ties: bool = True) -> None:
        self.random = np.random.default_rng(seed)
        self.names = [f"f{number}.jpg" for number in range(frames)]
        self.detections = {name: self.people(ties) for name in self.names if self.random.random() < 0.85}
        self.detections[self.names[0]] = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 3)))
        self.ignore = {
            name: self.near(found.boxes.numpy(), 2) for name, found in self.detections.items() if len(found) > 3
        } | {"nobody-asks.jpg": np.array([[0, 0, 9, 9.0]])}
        self.embeddings = self.features(queries, ties)
        self.queries = [Query(number, self.gallery(), crop=Path("crop.jpg")) for number in range(queries)]

    def features(self, count: int, ties: bool) -> np.ndarray:
        rows = self.random.integers(-2, 3, (count, 3)) / 2 if ties else self.random.normal(size=(count, 3))
        return rows.astype(np.float32)

    def boxes(self, count: int) -> np.ndarray:
        corner = self.random.uniform(0, 60, (count, 2))
        return np.concatenate([corner, corner + self.random.uniform(5, 60, (count, 2))], axis=1).astype(np.float32)

    def near(self, boxes: np.ndarray, count: int) -> np.ndarray:
        chosen = boxes[self.random.integers(0, len(boxes), count)]
        return (chosen + self.random.normal(0, 3, (count, 4))).astype(np.float32)

    def people(self, ties: bool) -> Detections:
        count = int(self.random.integers(0, 8))
        return Detections(self.boxes(count), self.random.uniform(0.3, 1, count), self.features(count, ties))

    def gallery(self) -> QueryGallery:
        members = self.random.integers(0, len(self.names), 14)
        true_boxes = {}
        for position in self.random.permutation(14)[: self.random.integers(0, 7)].tolist():
            found = self.detections.get(self.names[members[position]])
            true_boxes[position] = self.near(found.boxes.numpy(), 1)[0] if found else self.boxes(1)[0]
        return QueryGallery(tuple(self.names), members, true_boxes)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("elements", [1, 40, 2**22])
@pytest.mark.parametrize("small_part", [0.0, 2.0], ids=["whole products", "chosen detections"])
def test_equals_the_naive_evaluation_on_random_problems(
    seed: int, elements: int, small_part: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search.evaluation.protocols, "CHUNK_ELEMENTS", elements)
    monkeypatch.setattr(search.evaluation.protocols, "SMALL_PART", small_part)
    monkeypatch.setattr(search.evaluation.protocols, "MANY_PAIRS", 0)
    if small_part:
        monkeypatch.setattr(search.evaluation.protocols, "products", None)
    world = World(seed, ties=seed % 3 > 0)
    for ignore in (None, world.ignore):
        metrics = evaluate_search(world.detections, world.queries, world.embeddings, ignore=ignore)
        expected, averages = naive_search(world.detections, world.queries, world.embeddings, ignore)
        np.testing.assert_allclose(metrics.average_precisions, averages, rtol=0, atol=1e-9)
        np.testing.assert_allclose(figures(metrics), expected, rtol=0, atol=1e-9)


def test_random_problems_hold_what_they_promise() -> None:
    worlds = [World(seed) for seed in range(12)]
    galleries = [query.gallery for world in worlds for query in world.queries]
    assert any(not gallery.true_boxes for gallery in galleries)
    assert all(len(set(gallery.members.tolist())) < len(gallery) for gallery in galleries)
    changed = [
        evaluate_search(world.detections, world.queries, world.embeddings, ignore=ignore).mean_ap
        for world in worlds
        for ignore in (None, world.ignore)
    ]
    assert sum(plain != other for plain, other in zip(changed[::2], changed[1::2], strict=True)) > 6


def test_order_of_detections_frames_and_galleries_does_not_matter() -> None:
    world = World(3)
    names = list(world.detections)
    world.random.shuffle(names)
    shuffled = {name: world.detections[name] for name in names}
    shuffled = {name: found[world.random.permutation(len(found))] for name, found in shuffled.items()}
    unique = []
    for query in world.queries:
        pairs = list({name: (name, box) for name, box in query.gallery}.values())
        unique.append((pairs, [pairs[row] for row in world.random.permutation(len(pairs))]))
    for context in (None, [world.people(True) for _ in world.queries]):
        results = [
            evaluate_search(
                found,
                [Query(0, pairs[side], crop=Path("crop.jpg")) for pairs in unique],
                world.embeddings,
                context=context,
                context_gallery=4,
            )
            for side, found in ((0, world.detections), (1, shuffled))
        ]
        np.testing.assert_allclose(results[0].average_precisions, results[1].average_precisions, rtol=0, atol=1e-12)
        assert figures(results[0])[1:] == figures(results[1])[1:]


BOX = np.array([10, 10, 60, 160], dtype=np.float32)
ELSEWHERE = np.array([200, 10, 260, 160], dtype=np.float32)


def people(*similarities: float, boxes: Sequence[np.ndarray] = (BOX, ELSEWHERE)) -> Detections:
    """Detections whose similarity to the query [1, 0] is given; the first is the person."""
    chosen = np.array(similarities)
    embeddings = np.stack([chosen, np.sqrt(1 - chosen**2)], axis=1)
    return Detections(np.stack(boxes[: len(chosen)]), np.ones(len(chosen)), embeddings)


def search_one(found: Mapping[str, Detections], *gallery: tuple[str, Any], **arguments: Any) -> SearchMetrics:
    query = Query(0, list(gallery), crop=Path("crop.jpg"))
    return evaluate_search(found, [query], np.array([[1.0, 0.0]]), **arguments)


def test_perfect_and_hopeless_rankings() -> None:
    found = {"a": people(0.9, 0.1), "b": people(0.8, 0.2)}
    assert figures(search_one(found, ("a", BOX), ("b", BOX))) == [1, 1, 1, 1]
    assert figures(search_one(found, ("a", BOX + 500), ("b", None))) == [0, 0, 0, 0]


def test_frames_without_detections_count_against_recall() -> None:
    found = {"a": people(0.9, 0.1), "empty": people(0.9)[[False]]}
    assert search_one(found, ("a", BOX), ("empty", BOX), ("missing", BOX), ("missing too", None)).mean_ap == (
        pytest.approx(1 / 3)
    )


def test_nothing_detected_anywhere_is_zero_not_an_error() -> None:
    for found in ({}, {"a": people(0.9)[[False]]}, {"a": Detections(np.zeros((0, 4)), np.zeros(0))}):
        assert figures(search_one(found, ("a", BOX))) == [0, 0, 0, 0]


def test_frame_listed_twice_is_ranked_once_but_its_truth_counts_twice() -> None:
    found = {"a": people(0.9, 0.1)}
    assert search_one(found, ("a", BOX), ("a", ELSEWHERE)).mean_ap == pytest.approx(0.5)
    assert search_one(found, ("a", None), ("a", BOX)).mean_ap == 0


def test_second_detection_of_the_person_is_wrong() -> None:
    found = {"a": people(0.9, 0.8, boxes=[BOX, BOX + 1]), "b": people(0.7, 0.1)}
    assert search_one(found, ("a", BOX), ("b", BOX)).mean_ap == pytest.approx((1 + 2 / 3) / 2)


def test_small_boxes_need_less_overlap() -> None:
    small = np.array([0, 0, 8, 16], dtype=np.float32)
    shifted = small + np.array([3, 3, 3, 3], dtype=np.float32)
    assert 0.2735 < iou(small, shifted) < 0.5
    assert search_one({"a": people(0.9, boxes=[shifted])}, ("a", small)).mean_ap == 1
    large, shifted = 20 * small, 20 * shifted
    assert search_one({"a": people(0.9, boxes=[shifted])}, ("a", large)).mean_ap == 0


def test_an_empty_true_box_is_found_by_nobody() -> None:
    assert search_one({"a": people(0.9)}, ("a", np.array([10, 10, 10, 90]))).mean_ap == 0


def test_scores_below_the_threshold_are_dropped() -> None:
    found = {"a": Detections(np.stack([BOX, ELSEWHERE]), np.array([0.5, 0.49]), np.array([[0.8, 0.6], [1, 0]]))}
    assert search_one(found, ("a", BOX)).mean_ap == 1
    assert search_one(found, ("a", BOX), score_threshold=0.4).mean_ap == 0.5
    assert search_one(found, ("a", BOX), score_threshold=0.6).mean_ap == 0


def test_one_embedding_for_everybody_gains_nothing() -> None:
    found = {name: people(0.9, 0.9) for name in "abc"}
    metrics = search_one(found, ("a", BOX), ("b", None), ("c", None))
    assert figures(metrics) == [pytest.approx(1 / 6), 0, 0, 1]


def test_ignored_detections_leave_the_ranking_unless_they_are_the_person() -> None:
    found = {"a": people(0.5, 0.9)}
    assert search_one(found, ("a", BOX)).mean_ap == 0.5
    assert search_one(found, ("a", BOX), ignore={"a": torch.from_numpy(ELSEWHERE[None])}).mean_ap == 1
    assert search_one(found, ("a", BOX), ignore={"a": np.stack([ELSEWHERE, BOX + 2])}).mean_ap == 1
    assert search_one(found, ("a", BOX + 2), ignore={"a": np.stack([ELSEWHERE, BOX])}).mean_ap == 0
    assert search_one(found, ("a", BOX), ignore={"a": np.zeros((0, 4))}).mean_ap == 0.5


def test_random_ranking_is_the_expectation_and_repeats() -> None:
    found = {f"{number}": people(0.9, 0.1) for number in range(4)}
    query = Query(0, [("0", BOX), ("1", None), ("2", None), ("3", None)], crop=Path("crop.jpg"))
    metrics = random_search(found, [query] * 200, draws=20)
    assert metrics.mean_ap == pytest.approx(sum(1 / rank for rank in range(1, 9)) / 8, abs=0.02)
    assert metrics.top1 == pytest.approx(1 / 8, abs=0.02)
    assert metrics.top5 == pytest.approx(5 / 8, abs=0.03)
    assert figures(random_search(found, [query] * 200, draws=20)) == figures(metrics)
    assert figures(random_search(found, [query] * 200, draws=20, seed=1)) != figures(metrics)


def test_random_ranking_needs_no_embeddings_and_knows_the_ignore_boxes() -> None:
    found = {"a": Detections(np.stack([BOX, ELSEWHERE]), np.ones(2))}
    queries = [Query(0, [("a", BOX)], crop=Path("crop.jpg"))] * 50
    assert random_search(found, queries).mean_ap < 1
    assert random_search(found, queries, ignore={"a": ELSEWHERE[None]}).mean_ap == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"queries": []}, "no query"),
        ({"embeddings": np.ones((2, 2))}, r"shape \(2, 2\), expected \(1, D\)"),
        ({"embeddings": np.array([[np.nan, 0]])}, "query 0 is not finite"),
        ({"embeddings": None}, r"expected \(1, D\)"),
        ({"embeddings": np.ones((1, 3))}, "frame a: embeddings have 2 dimensions but the queries' 3"),
        ({"found": {"a": Detections(BOX[None], np.ones(1))}}, "frame a: detections have no embeddings"),
        ({"found": {"a": Detections(BOX[None], np.ones(1), np.full((1, 2), np.nan))}}, "frame a: .*not finite"),
        ({"found": {"a.png": people(0.9)}}, "'a'.*'a.png'"),
        ({"queries": [Query(0, [("a", None)], crop=Path("crop.jpg"))]}, "none of the 1 queries"),
        ({"queries": [Query(0, [], crop=Path("crop.jpg"))], "found": {}}, "none of the 1 queries"),
        ({"context": []}, "context of 0 queries, expected 1"),
        ({"context": [people(0.9)], "context_people": 0}, "context_people 0"),
        ({"context": [people(0.9)], "context_gallery": 0}, "context_gallery is 0"),
        ({"context": [Detections(BOX[None], np.ones(1))]}, "context of query 0: detections have no embeddings"),
        ({"ignore": {"a": np.zeros((1, 3))}}, r"\(1, 3\)"),
    ],
)
def test_bad_input_is_named_in_one_line(arguments: dict[str, Any], complaint: str) -> None:
    found = arguments.pop("found", {"a": people(0.9)})
    queries = arguments.pop("queries", [Query(0, [("a", BOX)], crop=Path("crop.jpg"))])
    embeddings = arguments.pop("embeddings", np.array([[1.0, 0.0]]))
    with pytest.raises(ValueError, match=complaint) as caught:
        evaluate_search(found, queries, embeddings, **arguments)
    assert "\n" not in str(caught.value)


def test_random_ranking_refuses_no_query_and_no_draw() -> None:
    with pytest.raises(ValueError, match="no query"):
        random_search({"a": people(0.9)}, [])
    with pytest.raises(ValueError, match="draws is 0"):
        random_search({"a": people(0.9)}, [Query(0, [("a", BOX)], crop=Path("crop.jpg"))], draws=0)
