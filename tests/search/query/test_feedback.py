"""Several examples of one person and pictures of others: directions against a slow loop, and searches by them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from asking import ask
from blob_scenes import BlobModel, scene, write
from numpy.typing import NDArray

from datasets.images import read_image
from search.gallery.filters import Filters
from search.gallery.gallery import Gallery
from search.nearest.resident import keep_in_memory
from search.pipeline import PersonSearch
from search.query.feedback import OTHERS_SHARE, WITH_OTHERS, Examples, stored_embeddings
from search.query.named import frames_that_show, read_named, sighting_named
from search.query.rank import EmbeddedProbe, rank_sightings
from search.shown import MOST_SHOWN, Shown

DIM = 5


def unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values / np.linalg.norm(values, axis=-1, keepdims=True))


@pytest.mark.parametrize("combine", ["mean", "max"])
def test_directions_are_those_of_a_slow_loop(combine: str) -> None:
    random = np.random.default_rng(0)
    person, others = random.standard_normal((3, DIM)), random.standard_normal((4, DIM))
    away = np.zeros(DIM)
    for one in others:
        away += unit(one) / len(others)
    rows = [unit(one) for one in person]
    if combine == "mean":
        rows = [unit(sum(rows) / 3)]  # type: ignore[arg-type]
    expected = [unit(one - OTHERS_SHARE * away) for one in rows]
    made = Examples(person, others).directions(DIM, combine)
    np.testing.assert_allclose(made, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-6)


def test_a_single_picture_is_its_own_direction_to_the_bit() -> None:
    one = unit(np.random.default_rng(1).standard_normal(DIM)).astype(np.float32)
    for others in (None, np.zeros((0, DIM)), torch.zeros(0, DIM)):
        assert np.array_equal(Examples(one, others).directions(DIM)[0], unit(one.astype(np.float64)).astype(np.float32))


def test_whoever_looks_like_the_others_comes_later() -> None:
    person, other = np.eye(DIM)[0], np.eye(DIM)[1]
    like_both, like_nobody_else = unit(person + other), unit(person + np.eye(DIM)[2])
    plain, aware = Examples(person).directions(DIM)[0], Examples(person, other).directions(DIM)[0]
    assert like_both @ plain == pytest.approx(like_nobody_else @ plain)
    assert like_both @ aware < like_nobody_else @ aware


@pytest.mark.parametrize(
    ("person", "others", "combine", "message"),
    [
        (np.eye(DIM)[0], None, "sum", "combine 'sum'"),
        (np.zeros(DIM), None, "mean", "missing, not finite or zero"),
        (np.eye(DIM)[0], np.ones((1, 3)), "mean", "picture of somebody else"),
        (np.eye(DIM)[:0], None, "mean", "embedding is missing"),
    ],
)
def test_bad_examples_are_refused(person: object, others: object, combine: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Examples(person, others).directions(DIM, combine)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames") / "footage"
    for number in range(6):
        write(folder / f"{number}.png", scene([0, 1, 2], number))
    return folder


@pytest.fixture(scope="module")
def search() -> PersonSearch:
    return PersonSearch(BlobModel(), device="cpu")


@pytest.fixture(scope="module")
def gallery(search: PersonSearch, footage: Path) -> Gallery:
    made = search.open_gallery(footage.parent / "people", create=True)
    with made:
        search.index(footage, made)
    return made


def test_a_stored_sighting_is_an_example_as_good_as_its_box(
    search: PersonSearch, gallery: Gallery, footage: Path
) -> None:
    frame = read_image(footage / "2.png")
    everybody = search.find(gallery, frame=frame, box=(0, 0, 30, 60), filters=Filters(limit=100))
    for sighting in everybody[:3]:
        (stored,) = stored_embeddings(gallery, [sighting])[0]
        expected = ask(gallery, stored)
        answer = search.find(gallery, like=[sighting], filters=Filters(limit=50))
        assert [one.id for one in answer] == [one.id for one in expected]
        assert answer[0].score == pytest.approx(1, abs=1e-6)
    two = stored_embeddings(gallery, [everybody[1], everybody[0]])[0]
    assert torch.equal(two[1], stored_embeddings(gallery, [everybody[0]])[0][0])


def test_several_frames_and_crops_are_one_person(search: PersonSearch, gallery: Gallery, footage: Path) -> None:
    frames = [read_image(footage / f"{number}.png") for number in (0, 3)]
    boxes = [search.detect([frame])[0].boxes[0].numpy() for frame in frames]
    rows = torch.stack([search.embed_box(frame, box) for frame, box in zip(frames, boxes, strict=True)])
    answer = search.find(gallery, frame=frames, box=boxes, filters=Filters(limit=50))
    expected = ask(gallery, rows)
    assert [(one.id, one.score) for one in answer] == [(one.id, one.score) for one in expected]
    single = search.find(gallery, frame=frames[0], box=boxes[0], filters=Filters(limit=50))
    assert [(one.id, one.score) for one in single] == [(one.id, one.score) for one in ask(gallery, rows[0])]


def test_others_are_asked_for_in_one_comparison_and_give_no_verdict(
    search: PersonSearch, gallery: Gallery, footage: Path
) -> None:
    everybody = search.find(gallery, frame=read_image(footage / "0.png"), box=(0, 0, 30, 60), filters=Filters(limit=99))
    person, other = everybody[0], everybody[-1]
    answer = search.find(gallery, like=[person], others=Shown(sightings=[other]), filters=Filters(limit=99))
    (mine,), (theirs,) = (stored_embeddings(gallery, [one])[0].numpy().astype(np.float64) for one in (person, other))
    direction = unit(mine - OTHERS_SHARE * theirs)
    for one in answer:
        (stored,) = stored_embeddings(gallery, [one])[0].numpy().astype(np.float64)
        assert one.score == pytest.approx(float(stored @ direction), abs=1e-5)
    assert answer.searched == len(everybody)
    calibrated = PersonSearch(BlobModel(), device="cpu", calibrations=_no_calibrations(footage))
    assert calibrated.find(gallery, like=[person], others=Shown(sightings=[other])).no_verdict == WITH_OTHERS
    assert calibrated.find(gallery, like=[person]).no_verdict != WITH_OTHERS


def _no_calibrations(folder: Path) -> object:
    from search.query.calibration_files import StoredCalibrations

    return StoredCalibrations(folder / "none.calibration.json")


def test_sightings_that_are_left_out_cost_no_others(search: PersonSearch, gallery: Gallery) -> None:
    probe = EmbeddedProbe(np.ones(gallery.description.embedding_dim))
    whole = rank_sightings(gallery, probe, Filters(limit=99))
    gone = whole[1]
    filters = Filters(limit=99, exclude_sightings=[(gone.source, gone.frame, gone.index)])
    assert Filters.from_dict(filters.to_dict()) == filters
    left = rank_sightings(gallery, probe, filters)
    assert [one.id for one in left] == [one.id for one in whole if one.id != gone.id]
    assert left.searched == whole.searched - 1
    chosen = {
        "exclude_sightings": [(one.source, one.frame, one.index) for one in whole[2:4]],
        "exclude_frames": [(whole[0].source, whole[0].frame)],
    }
    on_disk = rank_sightings(gallery, probe, Filters(limit=99, **chosen))
    keep_in_memory(gallery)
    try:
        in_memory = rank_sightings(gallery, probe, Filters(limit=99, **chosen))
    finally:
        gallery.in_memory = None
    assert [(one.id, one.score) for one in in_memory] == [(one.id, one.score) for one in on_disk]
    assert in_memory.searched == on_disk.searched < whole.searched - 2


def test_nobody_too_many_and_half_a_frame_are_refused(search: PersonSearch, gallery: Gallery, footage: Path) -> None:
    picture = read_image(footage / "0.png")
    with pytest.raises(ValueError, match="give one of them or several"):
        search.find(gallery)
    with pytest.raises(ValueError, match="give one of them or several"):
        search.find(gallery, frame=[picture, picture], box=[(0, 0, 9, 9)])
    with pytest.raises(ValueError, match=f"{MOST_SHOWN + 1} pictures are given, expected at most {MOST_SHOWN}"):
        search.find(gallery, crop=[picture] * (MOST_SHOWN + 1))


def test_names_that_answers_print_lead_back(gallery: Gallery, footage: Path, tmp_path: Path) -> None:
    one = sighting_named(gallery, "2.png#1")
    assert (one.frame, one.index) == ("2.png", 1)
    with pytest.raises(ValueError, match=r"'2\.png' shows \d people; say which one: 2\.png#0 at "):
        sighting_named(gallery, "2.png")
    with pytest.raises(ValueError, match=r"no sighting '2\.png#77'"):
        sighting_named(gallery, "2.png#77")
    image, own = read_named(gallery, "2.png")
    assert np.array_equal(image, read_image(footage / "2.png"))
    assert [frame for _, frame in own] == ["2.png"]
    write(tmp_path / "elsewhere.png", image)
    copy, none = read_named(gallery, tmp_path / "elsewhere.png")
    everybody = rank_sightings(gallery, EmbeddedProbe(np.ones(gallery.description.embedding_dim)), Filters(limit=99))
    assert none == []
    assert [frame for _, frame in frames_that_show(gallery, copy, everybody)] == ["2.png"]
    with pytest.raises(ValueError, match=r"nowhere\.png"):
        read_named(gallery, "nowhere.png")
