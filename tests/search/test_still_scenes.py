"""Frames in which nothing changed since nobody was seen are passed over, and nobody who comes is missed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from blob_scenes import BlobModel, scene, write
from numpy.typing import NDArray

import search.still_scenes
from datasets.footage.cameras_file import read_cameras
from datasets.footage.planning import PlannedSource, planned
from datasets.footage.reading import Reading
from datasets.samples import Frame
from detection.detections import Detections
from search.gallery.gallery import Gallery
from search.indexing import index_sources
from search.pipeline import PersonSearch
from search.source_runs import SourceRun
from search.still_scenes import LOOK_AGAIN, Answer, StillScenes

HEIGHT, WIDTH = 540, 960
Image = NDArray[np.uint8]


def ground(seed: int, *, noise: float = 6.0, light: float = 0.0) -> Image:
    """An empty square with the noise of a sensor."""
    shades = np.random.default_rng(0).uniform(40, 200, (HEIGHT // 60, WIDTH // 60, 3))
    clean = np.kron(shades, np.ones((60, 60, 1)))
    noisy = clean + light + np.random.default_rng(seed + 1).normal(0, noise, clean.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def with_person(image: Image, left: int = 500, height: int = 60) -> Image:
    """Somebody who differs from the ground behind by 70 of 255."""
    shown = image.copy()
    part = shown[300 : 300 + height, left : left + height // 3]
    part[:] = np.where(part > 120, part - 70, part + 70)
    return shown


class Asked:
    """A model that says of each image how many people it was told to find there, and counts what it was asked."""

    def __init__(self, *people: int) -> None:
        self.people = list(people)
        self.images: list[Image] = []

    def __call__(self, images: Sequence[Image]) -> list[Answer]:
        self.images += images
        counts = [self.people.pop(0) if self.people else 0 for _ in images]
        return [(Detections(torch.zeros(n, 4), torch.ones(n), torch.ones(n, 3)), torch.ones(n, 2)) for n in counts]


def frames(images: Sequence[Image], camera: str = "gate") -> list[Frame]:
    return [Frame(str(number), image, camera) for number, image in enumerate(images)]


def counts(answers: Sequence[Answer]) -> list[int]:
    assert all(people.embeddings is not None and second is not None for people, second in answers)
    return [len(people) for people, _ in answers]


def test_noise_is_no_change_and_the_models_are_spared() -> None:
    scenes, model = StillScenes(), Asked()
    for number in range(10):
        assert counts(scenes.look(frames([ground(number)]), model)) == [0]
    assert (len(model.images), scenes.passed_over) == (1, 9)


def test_who_comes_is_looked_at_also_while_he_stands_still_and_the_empty_view_is_known_afterwards() -> None:
    scenes, model = StillScenes(), Asked(0, 1, 1, 1)
    views = [ground(0), with_person(ground(1)), with_person(ground(2)), with_person(ground(3)), ground(4)]
    found = [scenes.look(frames([view]), model)[0] for view in views]
    assert counts(found) == [0, 1, 1, 1, 0]
    assert (len(model.images), scenes.passed_over) == (4, 1)
    assert found[-1][0].embeddings.shape == (0, 3)  # type: ignore[union-attr]
    assert found[-1][1].shape == (0, 2)  # type: ignore[union-attr]


@pytest.mark.parametrize("left", range(480, 500, 5))
def test_a_small_person_is_a_change_wherever_he_stands(left: int) -> None:
    scenes, model = StillScenes(), Asked(0, 1)
    scenes.look(frames([ground(0)]), model)
    assert counts(scenes.look(frames([with_person(ground(1), left, height=36)]), model)) == [1]


def test_one_batch_holds_what_is_looked_at_and_what_is_not_in_its_order() -> None:
    scenes, model = StillScenes(), Asked(0, 2, 3)
    scenes.look(frames([ground(0)]), model)
    views = [ground(1), with_person(ground(2)), ground(3), with_person(ground(4), 200)]
    assert counts(scenes.look(frames(views), model)) == [0, 2, 0, 3]
    np.testing.assert_array_equal(model.images[1], views[1])
    np.testing.assert_array_equal(model.images[2], views[3])


def test_a_changed_light_is_looked_at_once() -> None:
    scenes, model = StillScenes(), Asked()
    for number, light in enumerate((0, 0, 20, 20, 20)):
        scenes.look(frames([ground(number, light=light)]), model)
    assert (len(model.images), scenes.passed_over) == (2, 3)


def test_after_a_while_the_models_look_all_the_same_and_who_was_overlooked_is_watched_from_then_on() -> None:
    scenes, model = StillScenes(), Asked(0, 1, 1)
    view = with_person(ground(0))
    found = counts([scenes.look(frames([view]), model)[0] for _ in range(LOOK_AGAIN + 3)])
    assert found == [0, *[0] * LOOK_AGAIN, 1, 1]


def test_of_a_batch_one_frame_is_looked_at_again_and_those_after_it_where_it_shows_somebody() -> None:
    scenes, model = StillScenes(), Asked(0, 0, 1, 1, 1, 1, 0)
    still = [ground(0)]
    scenes.look(frames(still), model)
    for people in ([0] * 6, [0, 0, 1, 1, 1, 1]):
        scenes.look(frames(still * (LOOK_AGAIN - 2)), model)
        assert counts(scenes.look(frames(still * 6), model)) == people
    assert len(model.images) == 1 + 1 + 4


def test_cameras_and_sizes_have_views_of_their_own() -> None:
    scenes, model = StillScenes(), Asked()
    scenes.look(frames([ground(0)], "gate"), model)
    scenes.look(frames([ground(1)], "yard"), model)
    scenes.look(frames([ground(2)[:270, :480]], "gate"), model)
    assert (len(model.images), scenes.passed_over) == (3, 0)
    scenes.look(frames([ground(3)], "gate"), model)
    assert scenes.passed_over == 1


def test_a_thin_picture_has_a_view() -> None:
    scenes = StillScenes()
    for _ in range(2):
        scenes.look(frames([np.zeros((1, 900, 3), np.uint8)]), Asked())
    assert scenes.passed_over == 1


def indexed(path: Path, sources: Sequence[PlannedSource]) -> tuple[Gallery, list[SourceRun]]:
    searching = PersonSearch(BlobModel(), batch_size=3, device="cpu")
    gallery = searching.open_gallery(path, create=True)
    return gallery, index_sources(sources, gallery, searching.looking(gallery), batch_size=3)


def test_a_gallery_has_the_same_sightings_and_every_frame_is_done(tmp_path: Path) -> None:
    for number in range(24):
        write(tmp_path / "gate" / f"c1_{number:06d}.png", scene([1, 2] if number in (9, 10, 17) else [], number))
    words = [str(tmp_path / "gate")]
    plain, all_looked = indexed(tmp_path / "plain", planned(words, Reading())[0])
    spared, some_looked = indexed(tmp_path / "spared", planned(words, Reading(skip_still=True))[0])
    assert (all_looked[0].still, some_looked[0].still) == (0, 24 - 3 - 3)  # a first batch of three, and three frames
    assert some_looked[0].summary().still == 18
    assert some_looked[0].summary().frames == all_looked[0].summary().frames == 24
    kept = [
        {name: found.boxes.tolist() for name, found in one.detections().items() if len(found)}
        for one in (plain, spared)
    ]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 3
    _, again = indexed(tmp_path / "spared", planned(words, Reading(skip_still=True))[0])
    assert (again[0].looked, again[0].summary().skipped) == (0, 24)


def test_a_cameras_file_says_it_for_one_camera(tmp_path: Path) -> None:
    file = tmp_path / "cameras.yaml"
    file.write_text("cameras:\n  - {id: a, source: a.mp4, skip_still: true}\n  - {id: b, source: b.mp4}\n")
    for default in (False, True):
        sources, _ = planned([], Reading(skip_still=default), read_cameras(file))
        assert [one.reading.skip_still for one in sources] == [True, default]
    file.write_text("cameras:\n  - {id: a, source: a.mp4, skip_still: perhaps}\n")
    with pytest.raises(ValueError, match="skip_still is 'perhaps', expected true or false"):
        read_cameras(file)


def test_a_change_of_one_cell_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.still_scenes, "CELLS", 10)
    empty = np.full((100, 100, 3), 50, np.uint8)
    for change, looked in ((search.still_scenes.CHANGE, 1), (search.still_scenes.CHANGE + 1, 2)):
        other = empty.copy()
        other[90:, 90:, 2] += np.uint8(change)
        scenes, model = StillScenes(), Asked()
        scenes.look(frames([empty]), model)
        scenes.look(frames([other]), model)
        assert len(model.images) == looked
