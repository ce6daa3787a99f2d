"""Places: whatever is drawn, people have room, nobody stands inside of things, and cameras see them."""

import math

import numpy as np
import pytest

from datasets.rendering.builders import box
from datasets.rendering.surface import plain
from datasets.worlds.cameras import draw_camera, visible_ground
from datasets.worlds.places import PLACES, draw_place
from datasets.worlds.scenery import CELL, Scenery
from datasets.worlds.textures import masonry, noise, tone


@pytest.mark.parametrize("kind", PLACES)
def test_a_place_has_a_surface_and_room_for_people(kind: str) -> None:
    place = PLACES[kind](np.random.default_rng(7))
    assert place.kind == kind
    assert place.indoor == math.isfinite(place.ceiling)
    assert np.isfinite(place.surface.vertices).all()
    np.testing.assert_allclose(np.linalg.norm(place.surface.normals, axis=1), 1, atol=1e-3)
    assert 0.2 < place.free.mean() < 0.98
    assert len(place.flows) > 0
    low, high = place.surface.vertices.min(axis=0), place.surface.vertices.max(axis=0)
    assert (low[:2] <= np.add(place.low, 1e-3)).all()
    assert high[2] > 2
    room = place.standing_room()
    rows, columns = place.cells(room).T
    assert place.free[rows, columns].all()


def test_the_same_chance_gives_the_same_place_and_another_one_another() -> None:
    one, two, other = (draw_place(np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.surface.vertices, two.surface.vertices)
    np.testing.assert_array_equal(one.free, two.free)
    assert all(
        (a.texture == b.texture).all() for a, b in zip(one.surface.materials, two.surface.materials, strict=True)
    )
    assert one.surface.vertices.shape != other.surface.vertices.shape


def test_nobody_stands_in_a_thing_or_sees_through_a_tall_one() -> None:
    scenery = Scenery(np.random.default_rng(0), (-5, -5), (5, 5))
    block = box((-1, -0.2, 0), (1, 0.2, 2), plain((9, 9, 9)))
    scenery.put(block, 1.0, 0.0, math.pi / 2, tall=True)  # it reaches from y = -1 to y = 1 at x = 1
    place = scenery.finish("square")
    room = place.standing_room()
    inside = (np.abs(room[:, 0] - 1) < 0.3) & (np.abs(room[:, 1]) < 1.1)
    assert not inside.any()
    assert ((np.abs(room[:, 0] - 1) < 0.3) & (np.abs(room[:, 1]) < 1.6)).any()
    seen = place.sees((-3, 0), np.array([(0.0, 0.0), (3.0, 0.0), (3.0, 4.0)]))
    assert seen.tolist() == [True, False, True]


def test_a_thing_goes_only_where_there_is_room() -> None:
    scenery = Scenery(np.random.default_rng(0), (0, 0), (6, 6))
    block = box((-0.5, -0.5, 0), (0.5, 0.5, 1), plain((9, 9, 9)))
    assert scenery.try_put(block, 2, 2)
    assert not scenery.try_put(block, 2.6, 2)
    assert scenery.try_put(block, 4, 2, gap=0.4)
    scenery.flow((0, 5), (6, 5), 2.0)
    assert not scenery.try_put(block, 3, 5)


@pytest.mark.parametrize("kind", ["street", "shop"])
def test_cameras_see_where_people_may_stand(kind: str) -> None:
    rng = np.random.default_rng(2)
    place = PLACES[kind](rng)
    room = place.standing_room()[::17]
    for _ in range(4):
        camera = draw_camera(place, rng)
        assert camera.position[2] < place.ceiling
        seen = room[visible_ground(place, camera, room)]
        assert len(seen) > 10
        pixels, depth = camera.project(np.concatenate([seen, np.full((len(seen), 1), 1.1)], axis=1))
        assert (depth > 0.5).all()
        assert (np.abs(pixels / (camera.width, camera.height) - 0.5) < 0.55).all()


def test_textures_wrap_and_have_the_color_that_was_asked_for() -> None:
    rng = np.random.default_rng(1)
    field = noise(rng, 64, 1.2)
    assert abs(float(field.mean())) < 1e-3
    assert float(field.std()) == pytest.approx(1, abs=1e-3)
    step = np.abs(np.diff(field, axis=1)).mean()
    assert np.abs(field[:, 0] - field[:, -1]).mean() < 2 * step
    wall = masonry(rng, (200, 100, 50), (4, 4), variety=0.0, joint=2)
    assert wall.shape == (384, 384, 3)
    np.testing.assert_allclose(np.median(wall.reshape(-1, 3), axis=0), (200, 100, 50), rtol=0.08)
    red, green, blue = tone(rng, (0, 0), (1, 1), (1, 1))
    assert (red, green, blue) == (255, 0, 0)
    assert CELL == 0.1
