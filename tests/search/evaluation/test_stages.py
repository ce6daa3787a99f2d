"""What each stage of a search gains: every row of the table against evaluate_search on plain inputs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from datasets.samples import Query
from detection.detections import Detections
from reid.ranking.rerank import k_reciprocal
from search.evaluation.protocols import evaluate_reranked, evaluate_search
from search.evaluation.splits import query_context
from search.evaluation.stages import (
    CASCADE,
    CONTEXT,
    PLAIN,
    RERANKED,
    SECOND,
    TRACKLETS,
    WEIGHTED,
    TrackletMeans,
    class_weighted,
    compare_stages,
    fused_detections,
)
from search.query.context import ContextSize
from search.query.ranking import Ranking
from search.tracks.tracklets import averaged

PEOPLE, FRAMES, SIZES = 6, 24, (10, 7)


def unit(rows: np.ndarray) -> Tensor:
    return torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True)).float()


@pytest.fixture(scope="module")
def world() -> tuple[list[tuple[dict[str, Detections], Tensor]], list[Query], dict[str, np.ndarray]]:
    """Three people in each frame; two looks at them, each embedding noisy around the person's own direction."""
    random = np.random.default_rng(3)
    boxes = np.array([[10, 10, 50, 90], [60, 10, 100, 90], [110, 10, 150, 90]], dtype=np.float32)
    present = [random.choice(PEOPLE, 3, replace=False) for _ in range(FRAMES)]
    queries = []
    for person in range(PEOPLE):
        members = random.choice(FRAMES, 15, replace=False)
        shown = [
            (f"{frame}.jpg", boxes[list(present[frame]).index(person)] if person in present[frame] else None)
            for frame in members
        ]
        queries.append(Query(person, shown, frame=f"{members[0]}.jpg", box=boxes[0]))
    scores = torch.from_numpy(random.uniform(0.3, 1, (FRAMES, 3))).float()
    looks = []
    for size in SIZES:
        people = random.standard_normal((PEOPLE, size))
        found = {
            f"{frame}.jpg": Detections(
                torch.from_numpy(boxes), scores[frame], unit(people[who] + 1.2 * random.standard_normal((3, size)))
            )
            for frame, who in enumerate(present)
        }
        looks.append((found, unit(people + 1.2 * random.standard_normal((PEOPLE, size)))))
    ignore = {f"{frame}.jpg": boxes[2:] for frame in range(0, FRAMES, 4)}
    return looks, queries, ignore


def naively_reranked(
    found: dict[str, Detections], queries: list[Query], probes: Tensor, candidates: int, score_threshold: float
) -> dict[str, Detections]:
    """Detections whose embeddings are their scores for every query: a product with a row of eye(Q) is a score."""
    answer = {name: one.with_embeddings(one.embeddings.double() @ probes.double().T) for name, one in found.items()}
    for number, query in enumerate(queries):
        place = [
            (name, row)
            for name in found
            if name in {frame for frame, _ in query.gallery}
            for row in range(len(found[name]))
            if found[name].scores[row] >= score_threshold
        ]
        place.sort(key=lambda at: -float(answer[at[0]].embeddings[at[1], number]))
        best = place[:candidates]
        items = torch.stack([found[name].embeddings[row] for name, row in best])
        distances = k_reciprocal(probes[number : number + 1], items)[0]
        for (name, row), distance in zip(best, distances, strict=True):
            answer[name].embeddings[row, number] = 3 - float(distance)
    return answer


@pytest.mark.parametrize("candidates", [5, 20, 1000])
def test_reranked_figures_are_those_of_a_naive_loop(world: tuple, candidates: int) -> None:
    looks, queries, ignore = world
    found, probes = looks[0]
    options = {"score_threshold": 0.5, "ignore": ignore}
    expected = evaluate_search(
        naively_reranked(found, queries, probes, candidates, 0.5), queries, torch.eye(PEOPLE), **options
    )
    result = evaluate_reranked(found, queries, probes, candidates=candidates, **options)
    np.testing.assert_allclose(result.average_precisions, expected.average_precisions, atol=1e-6)
    assert (result.top1, result.top5, result.top10) == (expected.top1, expected.top5, expected.top10)
    plain = evaluate_search(found, queries, probes, **options)
    # All neighbors of one another, a handful of candidates keeps its order.
    assert np.allclose(result.average_precisions, plain.average_precisions) == (candidates == 5)


def test_reranking_one_candidate_changes_nothing(world: tuple) -> None:
    looks, queries, _ = world
    plain = evaluate_search(looks[0][0], queries, looks[0][1])
    same = evaluate_reranked(looks[0][0], queries, looks[0][1], candidates=1)
    np.testing.assert_allclose(same.average_precisions, plain.average_precisions)
    with pytest.raises(ValueError, match="candidates is 0"):
        evaluate_reranked(looks[0][0], queries, looks[0][1], candidates=0)


def test_queries_do_not_help_one_another(world: tuple) -> None:
    looks, queries, _ = world
    found, probes = looks[0]
    together = evaluate_reranked(found, queries, probes).average_precisions
    alone = [evaluate_reranked(found, [query], probes[row : row + 1]).mean_ap for row, query in enumerate(queries)]
    np.testing.assert_allclose(together, alone)


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_every_stage_has_a_row_over_the_same_detections(world: tuple, weight: float) -> None:
    looks, queries, ignore = world
    stages = compare_stages(looks, queries, Ranking(weight, 30, rerank=True), ignore=ignore)
    both = f"{CASCADE} + {RERANKED}"
    assert list(stages) == [PLAIN, SECOND, CASCADE, both]
    alone = [evaluate_search(found, queries, probes, ignore=ignore) for found, probes in looks]
    np.testing.assert_allclose(stages[PLAIN].average_precisions, alone[0].average_precisions)
    np.testing.assert_allclose(stages[SECOND].average_precisions, alone[1].average_precisions)
    (first, probes), (second, second_probes) = looks
    summed = {
        name: one.with_embeddings(
            (1 - weight) * one.embeddings @ probes.T + weight * second[name].embeddings @ second_probes.T
        )
        for name, one in first.items()
    }
    expected = evaluate_search(summed, queries, torch.eye(PEOPLE), ignore=ignore)
    np.testing.assert_allclose(stages[CASCADE].average_precisions, expected.average_precisions, atol=1e-6)
    if weight in (0.0, 1.0):
        found, probes = looks[int(weight)]
        end = evaluate_reranked(found, queries, probes, ignore=ignore, candidates=30)
        np.testing.assert_allclose(stages[both].average_precisions, end.average_precisions, atol=1e-6)
    assert list(compare_stages(looks[:1], queries, Ranking())) == [PLAIN]
    assert list(compare_stages(looks[:1], queries, Ranking(rerank=True))) == [PLAIN, RERANKED]


def test_tracklets_and_context_have_rows_that_say_what_they_include(world: tuple) -> None:
    """Sightings share means look by look before both are weighted; probes and those beside them keep their own."""
    looks, queries, ignore = world
    random = np.random.default_rng(5)
    tracks = {name: random.permutation(5)[:3] - 1 for name in looks[0][0]}
    means, size, ranking = TrackletMeans(tracks, 0.7), ContextSize(6, 2), Ranking(0.4, 30, rerank=True)
    stages = compare_stages(looks, queries, ranking, ignore=ignore, context=size, tracklets=means)
    over = f"{CASCADE} + {TRACKLETS}"
    assert list(stages) == [PLAIN, CONTEXT, SECOND, CASCADE, over, f"{over} + {CONTEXT}", f"{over} + {RERANKED}"]
    (first, probes), (second, second_probes) = looks
    plain = fused_detections(first, second, 0.4)
    both = torch.cat([probes * 0.6**0.5, second_probes * 0.4**0.5], dim=1)
    steady = fused_detections(averaged(first, tracks, blend=0.7), averaged(second, tracks, blend=0.7), 0.4)
    beside = {"context_gallery": 6, "context_people": 2, "ignore": ignore}
    expected = {
        CONTEXT: evaluate_search(first, queries, probes, context=query_context(queries, probes, first), **beside),
        over: evaluate_search(steady, queries, both, ignore=ignore),
        f"{over} + {CONTEXT}": evaluate_search(
            steady, queries, both, context=query_context(queries, both, plain), **beside
        ),
        f"{over} + {RERANKED}": evaluate_reranked(steady, queries, both, ignore=ignore, candidates=30),
    }
    for label, metrics in expected.items():
        np.testing.assert_allclose(stages[label].average_precisions, metrics.average_precisions, atol=1e-6)
    assert stages[over].mean_ap != stages[CASCADE].mean_ap
    assert stages[CONTEXT].mean_ap != stages[PLAIN].mean_ap
    same = compare_stages(looks, queries, Ranking(0.4), ignore=ignore, tracklets=TrackletMeans(tracks, 0.0))
    np.testing.assert_allclose(same[over].average_precisions, same[CASCADE].average_precisions, atol=1e-6)
    alone = compare_stages(looks[:1], queries, Ranking(rerank=True), context=size, tracklets=means)
    assert list(alone) == [PLAIN, CONTEXT, TRACKLETS, f"{TRACKLETS} + {CONTEXT}", f"{TRACKLETS} + {RERANKED}"]


def test_the_last_row_has_everything_that_goes_together(world: tuple) -> None:
    """Context goes with weights, or else re-ranking does; the rows without stay what they were."""
    looks, queries, ignore = world
    size, tracks = ContextSize(6, 2), {name: np.array([0, 1, -1]) for name in looks[0][0]}
    everything = {"ignore": ignore, "context": size, "tracklets": TrackletMeans(tracks, 0.7)}
    over = f"{CASCADE} + {TRACKLETS} + "
    last = {}
    for weighted in (False, True):
        for rerank in (False, True):
            stages = compare_stages(looks, queries, Ranking(0.4, 30, rerank, weighted), **everything)
            last[weighted, rerank] = list(stages)[-1]
            same = compare_stages(looks, queries, Ranking(0.4, 30, rerank, weighted), **everything)
            assert {name: one.mean_ap for name, one in same.items()} == {
                name: one.mean_ap for name, one in stages.items()
            }
    assert last == {
        (False, False): over + CONTEXT,
        (False, True): over + RERANKED,
        (True, False): f"{over}{WEIGHTED} + {CONTEXT}",
        (True, True): f"{over}{WEIGHTED} + {RERANKED}",
    }
    alone = compare_stages(looks[:1], queries, Ranking(rerank=True, class_weighted=True), context=size)
    assert list(alone) == [PLAIN, WEIGHTED, CONTEXT, RERANKED, f"{WEIGHTED} + {RERANKED}"]
    assert list(compare_stages(looks[:1], queries, Ranking(class_weighted=True))) == [PLAIN, WEIGHTED]
    both = compare_stages(looks[:1], queries, Ranking(class_weighted=True), context=size, ignore=ignore)
    assert list(both) == [PLAIN, WEIGHTED, CONTEXT, f"{WEIGHTED} + {CONTEXT}"]
    found, probes = looks[0]
    expected = evaluate_search(
        class_weighted(found),
        queries,
        probes,
        context=query_context(queries, probes, found),
        context_gallery=6,
        context_people=2,
        ignore=ignore,
    )
    np.testing.assert_allclose(both[f"{WEIGHTED} + {CONTEXT}"].average_precisions, expected.average_precisions)
    sure = {name: replace(one, scores=torch.ones(3)) for name, one in found.items()}
    same = compare_stages([(sure, probes)], queries, Ranking(rerank=True, class_weighted=True))
    np.testing.assert_allclose(same[f"{WEIGHTED} + {RERANKED}"].average_precisions, same[RERANKED].average_precisions)


@pytest.mark.parametrize("size", [(0, 3), (10, 0)])
def test_a_context_of_nobody_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected at least 1"):
        ContextSize(*size)


def test_looks_at_different_detections_are_refused(world: tuple) -> None:
    (first, _), (second, _) = world[0]
    missing = {name: one for name, one in second.items() if name != "3.jpg"}
    moved = {**second, "3.jpg": replace(second["3.jpg"], boxes=second["3.jpg"].boxes + 1)}
    for other in (missing, moved):
        with pytest.raises(ValueError, match=r"frame 3\.jpg: the second stage has other detections"):
            fused_detections(first, other, 0.5)
    bare = {**second, "3.jpg": replace(second["3.jpg"], embeddings=None)}
    with pytest.raises(ValueError, match=r"frame 3\.jpg: detections have no embeddings"):
        fused_detections(first, bare, 0.5)


def test_one_frame_and_one_person_are_context_enough() -> None:
    box, embedding = np.array([[10.0, 10, 30, 60]]), np.array([[1.0, 0.0]])
    person = Detections(box, np.array([0.9]), embedding)
    query = Query(0, [("a", box[0])], crop=Path("crop.jpg"))
    found = evaluate_search({"a": person}, [query], embedding, context=[person], context_gallery=1, context_people=1)
    assert found.top1 == 1
