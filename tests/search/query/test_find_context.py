"""Context matching at search: against the evaluation's own over the same gallery, and through the predictor."""

from pathlib import Path

import numpy as np
import pytest
import torch
from asking import ask, look_for
from blob_scenes import PEOPLE, BlobModel, scene, write
from numpy.typing import NDArray

from datasets.samples import Frame
from detection.detections import Detections
from search.gallery.description import GalleryDescription
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy
from search.pipeline import PersonSearch
from search.query.context import Company, match_by_context
from search.query.ranking import Ranking

DIM, SECOND, WEIGHT = 8, 5, 0.6
BOXES = torch.tensor([[40.0 * place, 5, 40 * place + 30, 80] for place in range(4)])


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Gallery, NDArray[np.float32], NDArray[np.float32]]:
    """Twenty frames of two cameras with one to four people, their embeddings by both stages, frame by frame."""
    random = np.random.default_rng(4)
    path = tmp_path_factory.mktemp("context") / "people"
    gallery = Gallery.create(path, GalleryDescription(DIM, EmbeddedBy("x", "crops"), SECOND))
    stacked: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
    image = np.zeros((100, 200, 3), np.uint8)
    for number in range(20):
        count = 1 + number % 4
        looks = [unit(random.standard_normal((count, size))) for size in (DIM, SECOND)]
        detections = Detections(BOXES[:count], torch.full((count,), 0.9), torch.from_numpy(looks[0]))
        frame = Frame(f"{number:02d}.png", image, f"c{number % 2}", float(number))
        # The same names in two sources are other frames.
        gallery.add(frame, detections, second_embeddings=looks[1], source=f"s{number // 10}")
        for part, rows in zip(stacked, looks, strict=True):
            part.append(rows)
    return gallery, *(np.concatenate(part) for part in stacked)


def expected(
    people: NDArray[np.float32], embeddings: NDArray[np.float32], frames: int, camera: int | None = None
) -> dict[tuple[str, int], float]:
    """Scores by frame and row as the evaluation makes them, of frames of one camera where it is given."""
    counts = [1 + number % 4 for number in range(20)]
    offsets = np.cumsum([0, *counts])
    owner = np.repeat(np.arange(20), counts)
    values = (embeddings @ people[0]).astype(np.float32)
    if camera is not None:
        values[owner % 2 != camera] = -np.inf
    match_by_context(values, people, embeddings, offsets, owner, frames)
    return {
        (f"{frame:02d}.png", row - offsets[frame]): float(values[row])
        for row, frame in enumerate(owner)
        if values[row] > -np.inf
    }


@pytest.mark.parametrize("best", [1, 4, 30])
@pytest.mark.parametrize("people", [1, 3])
@pytest.mark.parametrize("stages", [1, 2])
def test_scores_are_those_of_the_evaluation(filled: tuple, best: int, people: int, stages: int) -> None:
    gallery, first, second = filled
    random = np.random.default_rng(people)
    looks = [unit(random.standard_normal((people, size))) for size in (DIM, SECOND)]
    company = Company(looks[0], looks[1] if stages == 2 else None, best)
    asked = {"second_embeddings": looks[1][0], "ranking": Ranking(WEIGHT)} if stages == 2 else {}
    answer = ask(gallery, looks[0][0], company=company, limit=100, **asked)
    plain = {(one.frame, one.index): one.score for one in ask(gallery, looks[0][0], limit=100, **asked)}
    if stages == 2:
        shares = (1 - WEIGHT) ** 0.5, WEIGHT**0.5
        looks[0] = np.concatenate([share * rows for share, rows in zip(shares, looks, strict=True)], axis=1)
        first = np.concatenate([share * rows for share, rows in zip(shares, (first, second), strict=True)], axis=1)
    naive = expected(looks[0], first, best)
    found = {(one.frame, one.index): one.score for one in answer}
    assert found == pytest.approx(naive, abs=1e-5)
    assert {(one.frame, one.index): one.similarity for one in answer} == pytest.approx(plain, abs=1e-6)
    assert [one.score for one in answer] == sorted(found.values(), reverse=True)
    # Alone the probe is matched with whom it is most like; in company somebody's score is another pair's somewhere.
    same = found == pytest.approx(plain, abs=1e-6)
    assert same if people == 1 else not same or best < 30
    # Who is matched in a frame comes in, though the search alone would have cut before.
    few = ask(gallery, looks[0][0][:DIM] if stages == 1 else company.embeddings[0], company=company, limit=3, **asked)
    assert [one.id for one in few] == [one.id for one in answer][:3]


def test_filters_hold_for_company_too(filled: tuple) -> None:
    gallery, first, _ = filled
    people = unit(np.random.default_rng(9).standard_normal((3, DIM)))
    answer = ask(gallery, people[0], company=Company(people, None, 5), cameras="c1", limit=100)
    found = {(one.frame, one.index): one.score for one in answer}
    assert found == pytest.approx(expected(people, first, 5, camera=1), abs=1e-5)
    assert {one.camera for one in answer} == {"c1"}
    nothing = ask(gallery, people[0], company=Company(people), cameras="c1", after=100.0)
    assert len(nothing) == 0


def test_company_does_not_go_with_reranking_or_several_probes(filled: tuple) -> None:
    gallery, _, _ = filled
    people = unit(np.random.default_rng(9).standard_normal((3, DIM)))
    with pytest.raises(ValueError, match="context matching is of one probe"):
        ask(gallery, people[0], company=Company(people), ranking=Ranking(rerank=True))
    with pytest.raises(ValueError, match="context matching is of one probe"):
        ask(gallery, people[:2], company=Company(people), combine="max")


def test_the_predictor_finds_who_walks_in_the_same_company(tmp_path: Path) -> None:
    """Two frames show the person's look alike; the one with the companion comes first."""
    for number, people in enumerate(([1, 4], [1, 2], [3, 0])):
        write(tmp_path / "footage" / f"{number}.png", scene(people))
    search = PersonSearch(BlobModel(), device="cpu")
    with search.open_gallery(tmp_path / "people", create=True) as gallery:
        search.index(tmp_path / "footage", gallery)
        grey = scene([1, 2])
        grey[30:70, 8:26] = (PEOPLE[1] * 0.8 + np.array([30, 0, 30])).astype(np.uint8)
        probe = {"frame": grey, "box": [8, 30, 26, 70]}
        plain = look_for(search, gallery, **probe)  # type: ignore[arg-type]
        assert plain[0].score == pytest.approx(plain[1].score, abs=1e-4)
        answer = look_for(search, gallery, ranking=Ranking(context=True), **probe)  # type: ignore[arg-type]
        assert answer[0].frame == "1.png"
        assert answer[0].score == pytest.approx(1, abs=1e-3)
        assert answer[0].similarity == pytest.approx(plain[0].score, abs=1e-3)
        assert len(answer) == len(plain)
        with pytest.raises(ValueError, match="nobody is beside a person in a crop"):
            look_for(search, gallery, crop=grey[30:70, 8:26], ranking=Ranking(context=True))
