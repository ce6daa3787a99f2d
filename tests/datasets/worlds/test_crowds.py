"""Crowds: everybody is seen by the camera, stands on free ground or sits, and nobody stands in another."""

import itertools
import math

import numpy as np
import pytest

from datasets.rendering.camera import Camera
from datasets.worlds.cameras import draw_camera
from datasets.worlds.crowds import Crowd, CrowdHabits, draw_habits
from datasets.worlds.places import PLACES


@pytest.mark.parametrize("kind", ["square", "office"])
def test_people_stand_on_free_ground_and_apart(kind: str) -> None:
    rng = np.random.default_rng(11)
    place = PLACES[kind](rng)
    camera = draw_camera(place, rng)
    crowd = Crowd(place, camera, draw_habits(rng), rng)
    counts = []
    for _ in range(20):
        placed = crowd.moment(list(range(9)))
        counts.append(len(placed))
        assert len({one.person for one in placed}) == len(placed)
        for one in placed:
            if one.pose.kind != "sitting":
                row, column = place.cells((one.x, one.y))[0]
                assert place.free[row, column]
                assert one.z == 0
            else:
                assert any(math.hypot(seat.x - one.x, seat.y - one.y) < 1e-9 for seat in place.seats)
        for a, b in itertools.combinations(placed, 2):
            assert math.hypot(a.x - b.x, a.y - b.y) >= 0.5
    assert np.mean(counts) > 6


def test_most_people_are_seen_and_close_ones_are_close() -> None:
    rng = np.random.default_rng(5)
    place = PLACES["square"](rng)
    room = place.standing_room()
    x, y = room[len(room) // 2]
    camera = Camera((float(x), float(y), 1.6), math.pi, 0.05, 0.0, 600.0, 960, 540)
    crowd = Crowd(place, camera, CrowdHabits(1.0, 0.4, 0.1), rng)
    seen, shares = [], []
    for _ in range(20):
        placed = crowd.moment(list(range(6)), close=True)
        chests = [(one.x, one.y, 1.1) for one in placed]
        pixels, depth = camera.project(chests)
        seen += ((pixels > 0) & (pixels < (camera.width, camera.height))).all(axis=1).tolist()
        shares.append(camera.focal * 1.7 / depth.min() / camera.height)
    assert np.mean(seen) > 0.75
    assert 0.8 < np.median(shares) < 3


def test_a_camera_that_sees_no_ground_shows_nobody() -> None:
    rng = np.random.default_rng(5)
    place = PLACES["park"](rng)
    away = Camera((200.0, 200.0, 3.0), 0.0, 0.0, 0.0, 500.0, 640, 480)
    assert Crowd(place, away, draw_habits(rng), rng).moment([0, 1, 2]) == []


def test_the_same_chance_places_the_same_people() -> None:
    first, again = (
        Crowd(place, draw_camera(place, rng), draw_habits(rng), rng).moment([0, 1, 2, 3])
        for rng in (np.random.default_rng(8), np.random.default_rng(8))
        for place in [PLACES["hall"](rng)]
    )
    assert first == again
    assert len(first) >= 3
