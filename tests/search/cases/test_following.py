"""Films that follow people: which sightings are one walk, what a scene shows, and what is left out."""

import dataclasses
from pathlib import Path

import av
import numpy as np
import pytest
from cases_world import RATE, SECONDS, seen

from search.cases.following import MARGIN_SECONDS, level_color, scenes_of, write_film
from search.cases.footage import NoFootage
from search.cases.values import CaseSighting
from search.gallery.gallery import Gallery
from search.pages.lettering import ACCENT, POSSIBLE, RIGHT


def ranked(gallery: Gallery, *places: tuple[str, int, int]) -> list[CaseSighting]:
    return [CaseSighting(seen(gallery, *place), rank) for rank, place in enumerate(places, start=1)]


def test_sightings_of_one_walk_are_one_scene(gallery: Gallery) -> None:
    (scene,) = scenes_of(gallery, ranked(gallery, ("hall", 0, 5), ("hall", 0, 1), ("hall", 0, 3)))
    ((since, walk),) = scene.walks
    assert [one.rank for one in walk.sightings] == [1, 2, 3]
    assert (since, scene.anchor.rank) == (0.0, 1)
    assert scene.start == pytest.approx(-5 - MARGIN_SECONDS)
    assert scene.end == pytest.approx(2 + MARGIN_SECONDS)


def test_two_people_at_once_are_one_scene_with_two_boxes(gallery: Gallery) -> None:
    (scene,) = scenes_of(gallery, ranked(gallery, ("hall", 2, 6), ("hall", 0, 1)))
    assert [(since, walk.best.rank) for since, walk in scene.walks] == [(0.0, 1), (-5.0, 2)]
    standing, walking = (walk.way for _, walk in scene.walks)
    assert np.ptp(standing.boxes[:, 0]) <= 2 < np.ptp(walking.boxes[:, 0])


def test_the_order_is_that_of_time_and_untimed_scenes_come_last(gallery: Gallery) -> None:
    scenes = scenes_of(gallery, ranked(gallery, ("yard", 0, 1), ("hall", 0, 5)))
    assert [scene.anchor.sighting.camera for scene in scenes] == ["hall", "yard"]
    assert scenes[1].time == np.inf


def test_permuting_the_sightings_permutes_nothing_but_who_is_best(gallery: Gallery) -> None:
    asked = ranked(gallery, ("hall", 0, 5), ("hall", 2, 1), ("hall", 0, 2), ("yard", 2, 0))
    keys = [sorted(one.key for one in scene.sightings) for scene in scenes_of(gallery, asked)]
    assert [sorted(one.key for one in scene.sightings) for scene in scenes_of(gallery, asked[::-1])] == keys


def test_a_film_shows_every_scene_and_tells_how_far_it_is(gallery: Gallery, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    scenes = scenes_of(gallery, ranked(gallery, ("hall", 0, 5), ("yard", 0, 1)))
    film, missing = write_film(
        tmp_path / "a.mp4", gallery, scenes, on_progress=lambda done, total: told.append((done, total))
    )
    assert missing == ()
    assert film.frames == pytest.approx(SECONDS * RATE + 10, abs=1), "the whole video, and one second of one picture"
    assert told[-1][0] == told[-1][1] > 0
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert sum(1 for _ in container.decode(video=0)) == film.frames


def test_recordings_that_are_gone_are_left_out_and_named(gallery: Gallery, tmp_path: Path) -> None:
    there, gone = ranked(gallery, ("hall", 0, 5), ("yard", 0, 1))
    gone = dataclasses.replace(gone, sighting=dataclasses.replace(gone.sighting, location=f"{tmp_path}/gone.png"))
    _, missing = write_film(tmp_path / "a.mp4", gallery, scenes_of(gallery, [there, gone]))
    assert len(missing) == 1
    assert "gone.png is not there any more" in missing[0]
    with pytest.raises(NoFootage, match=r"gone\.png"):
        write_film(tmp_path / "b.mp4", gallery, scenes_of(gallery, [gone]))
    with pytest.raises(NoFootage, match="no sighting to show"):
        write_film(tmp_path / "b.mp4", gallery, ())
    assert not (tmp_path / "b.mp4").exists()


def test_colors_say_the_verdict() -> None:
    assert [level_color(level) for level in ("match", "possible", "no confident match", None)] == [
        RIGHT,
        POSSIBLE,
        ACCENT,
        ACCENT,
    ]
