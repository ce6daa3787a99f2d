"""Class-weighted similarity: the same ranking in a gallery as in the evaluation, and thresholds of its own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from asking import ask, look_for, similarity
from blob_scenes import PEOPLE, BlobModel, scene, write
from numpy.typing import NDArray

from datasets.samples import Frame, Query
from detection.detections import Detections
from reid.ranking.open_set import VerdictThresholds
from reid.ranking.rerank import k_reciprocal
from search.evaluation.labelled_people import stacked_scores
from search.evaluation.protocols import evaluate_search
from search.evaluation.splits import query_context
from search.evaluation.stages import CASCADE, CONTEXT, RERANKED, WEIGHTED, compare_stages
from search.gallery.description import GalleryDescription
from search.gallery.footage import Footage
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy
from search.pipeline import PersonSearch
from search.query import rank as rank_module
from search.query.calibration_files import StoredCalibrations, read_calibrations, store_calibrations
from search.query.context import Company, ContextSize
from search.query.fusion import class_weighted_probes, class_weighted_rows, fused, reranked
from search.query.ranking import Ranking
from search.query.results import RankedSightings
from search.query.verdict import Calibration, LabelledData

WHO, FRAMES, SIZES = 6, 24, (10, 7)
BOXES = np.array([[10, 10, 50, 90], [60, 10, 100, 90], [110, 10, 150, 90]], dtype=np.float32)
IMAGE = np.full((100, 160, 3), 120, dtype=np.uint8)
Looks = list[tuple[dict[str, Detections], torch.Tensor]]


def unit(rows: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy(rows / np.linalg.norm(rows, axis=-1, keepdims=True)).float()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gallery, Looks, list[Query]]:
    """Three of six people in each frame, some hardly seen; two looks at them, and the gallery that holds both."""
    random = np.random.default_rng(3)
    present = [random.choice(WHO, 3, replace=False) for _ in range(FRAMES)]
    names = [f"{frame:02d}.jpg" for frame in range(FRAMES)]
    queries = []
    for person in range(WHO):
        shown = [
            (name, BOXES[list(who).index(person)] if person in who else None)
            for name, who in zip(names, present, strict=True)
        ]
        own = next(number for number, who in enumerate(present) if person in who)
        queries.append(Query(person, shown, frame=names[own], box=shown[own][1]))
    scores = torch.from_numpy(random.uniform(0.05, 1, (FRAMES, 3))).float()
    looks: Looks = []
    for size in SIZES:
        people = random.standard_normal((WHO, size))
        found = {
            name: Detections(BOXES, scores[row], unit(people[present[row]] + 1.2 * random.standard_normal((3, size))))
            for row, name in enumerate(names)
        }
        looks.append((found, unit(people + 1.2 * random.standard_normal((WHO, size)))))
    path = tmp_path_factory.mktemp("weighted") / "people"
    gallery = Gallery.create(path, GalleryDescription(SIZES[0], EmbeddedBy("x", "crops"), SIZES[1]))
    with gallery:
        for row, name in enumerate(names):
            frame = Frame(name, IMAGE, f"c{row % 2}")
            gallery.add(frame, looks[0][0][name], second_embeddings=looks[1][0][name].embeddings)
    return gallery, looks, queries


def as_scores(found: dict[str, Detections], answers: list[RankedSightings]) -> dict[str, Detections]:
    """Detections whose embeddings are their scores for every query: a product with a row of eye(Q) is a score."""
    scored = {name: np.full((len(one), len(answers)), -9.0) for name, one in found.items()}
    for query, answer in enumerate(answers):
        for one in answer:
            scored[one.frame][one.index, query] = one.score
    return {name: one.with_embeddings(torch.from_numpy(scored[name])) for name, one in found.items()}


@pytest.mark.parametrize("stages", [1, 2])
@pytest.mark.parametrize("how", [WEIGHTED, f"{WEIGHTED} + {RERANKED}", f"{WEIGHTED} + {CONTEXT}"])
def test_a_search_ranks_as_the_evaluation(world: tuple[Gallery, Looks, list[Query]], stages: int, how: str) -> None:
    gallery, looks, queries = world
    size = ContextSize(6, 2) if CONTEXT in how else None
    # Candidates are all, as the evaluation sums both stages over all.
    ranking = Ranking(0.4, 1000, RERANKED in how, class_weighted=True)
    (found, probes), (_, second) = looks
    figures = compare_stages(looks[:stages], queries, ranking, score_threshold=0, context=size)
    beside = [query_context(queries, rows, one, score_threshold=0) for one, rows in looks]
    answers = []
    for row in range(WHO):
        company = [people[row].embeddings[:2].numpy() for people in beside]
        asked = {"second_embeddings": second[row]} if stages == 2 else {}
        if size is not None:
            asked["company"] = Company(company[0], company[1] if stages == 2 else None, 6)
        answers.append(ask(gallery, probes[row], ranking=ranking, limit=100, **asked))
    metrics = evaluate_search(as_scores(found, answers), queries, torch.eye(WHO), score_threshold=0)
    expected = figures[how if stages == 1 else f"{CASCADE} + {how}"]
    np.testing.assert_allclose(metrics.average_precisions, expected.average_precisions, atol=1e-6)
    assert not np.allclose(expected.average_precisions, next(iter(figures.values())).average_precisions)


@pytest.mark.parametrize("rerank", [False, True])
@pytest.mark.parametrize("candidates", [1, 10, 100])
def test_candidates_are_the_best_by_the_weighted_similarity(
    world: tuple[Gallery, Looks, list[Query]], candidates: int, rerank: bool
) -> None:
    gallery, looks, _ = world
    rows = [torch.cat([one.embeddings for one in found.values()]).double().numpy() for found, _ in looks]
    confidence = torch.cat([one.scores for one in looks[0][0].values()]).double().numpy()
    for first, second in zip(*(probes for _, probes in looks), strict=True):
        ranking = Ranking(0.3, candidates, rerank, class_weighted=True)
        answer = ask(gallery, first, second_embeddings=second, ranking=ranking, limit=candidates)
        best = np.argsort(-(rows[0] @ first.numpy()) * confidence)[:candidates]
        both = (0.7 * rows[0] @ first.numpy() + 0.3 * rows[1] @ second.numpy()) * confidence
        assert {int(one.frame[:2]) * 3 + one.index for one in answer} == set(best.tolist())
        for one in answer:
            assert one.similarity == pytest.approx(both[int(one.frame[:2]) * 3 + one.index], abs=1e-6)
        assert answer.best_similarity == pytest.approx(both[best].max(), abs=1e-6)
        scores = both[best]
        if rerank:
            query = fused(first[None], second[None], 0.3)
            items = fused(*(torch.from_numpy(look[best]).float() for look in rows), 0.3)
            scores = (1 - k_reciprocal(query, items)[0]) * confidence[best]
        assert [one.score for one in answer] == pytest.approx(sorted(scores, reverse=True), abs=1e-5)


@pytest.mark.parametrize("limit", [1, 7, 1000])
@pytest.mark.parametrize("pictures", [1, 3])
def test_the_weighted_best_are_those_of_a_naive_loop(
    tmp_path: Path, limit: int, pictures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most similar are the least sure here, so that the engine's order says nothing; every third has a twin."""
    random = np.random.default_rng(8)
    probes = unit(random.standard_normal((pictures, 5))).numpy()
    rows = unit(random.standard_normal((120, 5)) + 0.5)
    rows[::3] = rows[1::3]
    similarity = (rows.numpy().astype(np.float64) @ probes.T.astype(np.float64)).max(axis=1)
    scores = torch.from_numpy(np.where(similarity > 0.5, 0.1, random.uniform(0.3, 1, 120))).float()
    scores[::3] = scores[1::3]
    with Gallery.create(tmp_path / "g", GalleryDescription(5, EmbeddedBy("x"))) as gallery:
        for row in range(0, 120, 2):
            found = Detections(BOXES[:2], scores[row : row + 2], rows[row : row + 2])
            gallery.add(Frame(f"{row:03d}", IMAGE, f"c{row % 4}"), found)
        for cameras in (None, ["c2"]):
            options = {"ranking": Ranking(class_weighted=True), "combine": "max", "cameras": cameras, "limit": limit}
            answer = ask(gallery, probes, **options)
            among = [row for row in range(120) if cameras is None or row // 2 % 2]
            weighted = similarity * scores.double().numpy()
            order = sorted(among, key=lambda row: (-round(weighted[row], 9), row))
            assert [int(one.frame) + one.index for one in answer] == order[:limit]
            assert [one.score for one in answer] == pytest.approx(weighted[order[:limit]], abs=1e-6)
            assert answer.searched == len(among)
            assert (answer.searched, answer.best_similarity) == (len(among), answer[0].score)
        monkeypatch.setattr(rank_module, "MOST_CANDIDATES", 1)
        assert [one.score for one in ask(gallery, probes, **options)] == [one.score for one in answer]
        # The table is at its newest version again.
        gallery.add(Frame("more", IMAGE, "c2"), Detections(BOXES[:1], [1.0], rows[:1]))
        assert ask(gallery, probes, **options).searched == len(among) + 1
        plain = ask(gallery, probes, combine="max", limit=1)
        assert plain[0].score == pytest.approx(max(similarity.max(), 0), abs=1e-6)
        assert ask(gallery, probes, ranking=Ranking(class_weighted=True), exclude_frame="more", after=None, limit=1)
    empty = Gallery.create(tmp_path / "empty", GalleryDescription(5, EmbeddedBy("x")))
    for how in (Ranking(class_weighted=True), Ranking(rerank=True, class_weighted=True)):
        assert len(ask(empty, probes, ranking=how)) == 0


def test_the_least_similarity_counts_whatever_score_orders_the_sightings(
    world: tuple[Gallery, Looks, list[Query]],
) -> None:
    """Re-ranked scores are no similarities: nobody is left out, or kept, for them."""
    gallery, looks, _ = world
    probe = looks[0][1][:1]
    for ranking in (Ranking(), Ranking(rerank=True), Ranking(rerank=True, class_weighted=True)):
        whole = list(ask(gallery, probe, ranking=ranking, limit=500))
        least = sorted(one.similarity for one in whole)[len(whole) // 2]
        kept = [one.id for one in ask(gallery, probe, ranking=ranking, limit=500, minimum_similarity=least)]
        assert kept == [one.id for one in whole if one.similarity >= least]
        assert 0 < len(kept) < len(whole)
        cut_by_score = [one.id for one in whole if one.score >= least]
        assert not ranking.rerank or kept != cut_by_score


def test_unit_rows_whose_products_are_the_weighted_similarities() -> None:
    random = np.random.default_rng(2)
    rows, probes = unit(random.standard_normal((30, 6))), unit(random.standard_normal((4, 6)))
    confidence = torch.from_numpy(np.append(random.uniform(0, 1, 28), [0.0, 1.0])).float()
    long, asked = class_weighted_rows(rows, confidence), class_weighted_probes(probes)
    torch.testing.assert_close(long.norm(dim=1), torch.ones(30))
    torch.testing.assert_close(asked.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(asked @ long.T, (probes @ rows.T) * confidence)
    found = {"b": Detections(BOXES[:2], [0.5, 0.25], None), "a": Detections(BOXES[:1], [0.75], None)}
    samples = [type("Sample", (), {"name": name})() for name in ("a", "unread", "b")]
    assert stacked_scores(samples, found).tolist() == [0.75, 0.5, 0.25]  # type: ignore[arg-type]


def test_neighbors_are_found_without_the_confidence() -> None:
    random = np.random.default_rng(6)
    query, rows = unit(random.standard_normal((2, 6))), unit(random.standard_normal((40, 6)))
    confidence = random.uniform(0.1, 1, 40)
    np.testing.assert_allclose(reranked(query, rows, confidence), reranked(query, rows) * confidence)


def calibration(by: dict[str, Any]) -> Calibration:
    data = LabelledData("square", footage=Footage(("gate at 160x120",)))
    return Calibration(*by.values(), VerdictThresholds((1,), (0.99,), (0.5,)), 0.01, 0.1, data)


def test_a_file_of_before_is_of_similarities_without_weights(tmp_path: Path) -> None:
    by = similarity("weights", weighted=True)
    file = store_calibrations(tmp_path, [calibration(similarity("weights")), calibration(by)])
    both = StoredCalibrations(file, read_calibrations(file))
    assert [both.of(**one).ranking.class_weighted for one in (similarity("weights"), by)] == [False, True]
    content = json.loads(file.read_text())
    content["calibrations"] = content["calibrations"][:1]
    assert content["calibrations"][0]["ranking"].pop("class_weighted") is False
    assert content["calibrations"][0].pop("rate_of") == "probes"
    file.write_text(json.dumps(content))
    old = StoredCalibrations(file, read_calibrations(file))
    assert old.of(**similarity("weights")) == calibration(similarity("weights"))
    assert old.of(**by) is None
    assert old.missing(**by).endswith("was made for other searches than this one: without --class-weighted")


def test_a_verdict_is_of_the_way_that_was_calibrated(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / "footage" / "gate" / f"{number}.png", scene([0, 1], number))
    crop = np.full((50, 18, 3), PEOPLE[0], dtype=np.uint8)
    plain, weighted = calibration(similarity("blobs")), calibration(similarity("blobs", weighted=True))
    search = PersonSearch(BlobModel(), device="cpu")
    with search.open_gallery(tmp_path / "people", create=True) as gallery:
        search.index(tmp_path / "footage", gallery)
        for stored, ranking, judged in (
            ((plain,), Ranking(), True),
            ((plain,), Ranking(class_weighted=True), False),
            ((weighted,), Ranking(), False),
            ((plain, weighted), Ranking(class_weighted=True), True),
        ):
            search.calibrations = StoredCalibrations(Path("model.calibration.json"), stored)
            answer = look_for(search, gallery, crop=crop, ranking=ranking)
            assert (answer.verdict is not None) == judged
            assert ("--class-weighted" in answer.no_verdict) == (not judged)
            if answer.verdict is not None:
                assert answer.verdict.calibration == stored[-1]
                assert answer.verdict.similarity == answer[0].similarity
