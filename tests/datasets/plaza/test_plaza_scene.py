"""The synthetic world before it is written: cameras, drawn people, light and timetables."""

from itertools import pairwise

import numpy as np
import pytest

from datasets.plaza import draw_looks, plaza_cameras
from datasets.plaza.light import PERIODS
from datasets.plaza.render import FrameRenderer, figure_in_world
from datasets.plaza.skeleton import BONES, walking_pose
from datasets.plaza.walks import OBSTACLES, Placement, Timetable, draw_path

# ---------------------------------------------------------------- geometry


@pytest.mark.parametrize("index", range(5))
def test_projection_homography_and_back_agree(index):
    camera = plaza_cameras(640)[index]
    rng = np.random.default_rng(index)
    forward = camera.rotation[2, :2] / np.linalg.norm(camera.rotation[2, :2])
    ground = camera.position[:2] + forward * rng.uniform(7, 25, (40, 1)) + rng.uniform(-2, 2, (40, 2))
    pixels, depth = camera.project(np.column_stack([ground, np.zeros(40)]))
    homogeneous = np.column_stack([ground, np.ones(40)]) @ camera.ground_homography().T
    np.testing.assert_allclose(homogeneous[:, :2] / homogeneous[:, 2:], pixels, atol=1e-8)
    np.testing.assert_allclose(homogeneous[:, 2], depth, atol=1e-9)
    back, meets = camera.to_ground(pixels)
    assert meets.all()
    np.testing.assert_allclose(back, ground, atol=1e-8)
    np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(camera.rotation) == pytest.approx(1.0)
    assert 4.5 <= camera.position[2] <= 7.0


def test_the_sky_is_not_on_the_ground():
    camera = plaza_cameras(640)[0]
    _, meets = camera.to_ground(np.array([[320.0, -4000.0], [320.0, 300.0]]))
    assert meets.tolist() == [False, True]


def test_a_person_is_as_high_as_a_pin_hole_says():
    camera = plaza_cameras(1280)[1]
    ahead = camera.rotation[2, :2] / np.linalg.norm(camera.rotation[2, :2])
    look = draw_looks(np.random.default_rng(0), 1)[0]
    object.__setattr__(look, "height", 1.75)
    object.__setattr__(look, "bicycle", False)
    for distance in (9.0, 14.0, 21.0):
        spot = camera.position[:2] + ahead * distance
        placement = Placement(0, float(spot[0]), float(spot[1]), 0.0, 0.0, 0.0)
        _, vertices = figure_in_world(look, placement)
        assert vertices[:, 2].min() == pytest.approx(0.0, abs=0.02)
        assert vertices[:, 2].max() == pytest.approx(1.75, abs=0.04)
        ends, _ = camera.project(np.array([[*spot, 1.75], [*spot, 0.0]]))
        # By hand: angles below the optical axis of foot and head.
        pitch = np.arcsin(-camera.rotation[2, 2])
        below = [np.arctan2(camera.position[2] - z, distance) - pitch for z in (1.75, 0.0)]
        by_hand = camera.focal * (np.tan(below[1]) - np.tan(below[0]))
        assert ends[1, 1] - ends[0, 1] == pytest.approx(by_hand, rel=1e-9)
        pixels, _ = camera.project(vertices)
        assert np.ptp(pixels[:, 1]) == pytest.approx(by_hand, rel=0.10)


def test_small_camera_is_half_as_wide_and_two_to_one():
    cameras = plaza_cameras(640)
    assert [(c.width, c.height) for c in cameras] == [(640, 360)] * 4 + [(320, 160)]
    blue = cameras[4].sensor.develop(np.full((1, 3), 0.5))[0]
    assert blue[2] > blue[1] > blue[0]


# ---------------------------------------------------------------- pictures and boxes


@pytest.fixture(scope="module")
def renderer() -> FrameRenderer:
    return FrameRenderer(plaza_cameras(640)[2], PERIODS[1], draw_looks(np.random.default_rng(2), 6), seed=4)


def alone(renderer: FrameRenderer, placement: Placement):
    """What a person changes in the picture, without shadow and noise, and the silhouette's record."""
    image = renderer.background.image.copy()
    _, found = renderer.render([placement], np.random.default_rng(0))
    sprite = renderer._draw(placement, *figure_in_world(renderer.looks[placement.person], placement))
    renderer._composite(image, sprite)
    return np.any(image != renderer.background.image, axis=-1), found[0]


@pytest.mark.parametrize("person", range(6))
@pytest.mark.parametrize(("x", "y"), [(8.0, 6.0), (6.5, 7.0), (3.0, -4.5)])
def test_boxes_are_tight_around_the_drawn_pixels(renderer, person, x, y):
    if renderer.looks[person].bicycle:
        pytest.fail("the fixture's seed was chosen for people on foot")
    changed, silhouette = alone(renderer, Placement(person, x, y, person * 1.1, person * 0.3, 1.0))
    assert silhouette.visible > 0.95
    assert silhouette.inside == pytest.approx(1.0)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    drawn = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    np.testing.assert_allclose(silhouette.box, drawn, atol=1.3)


def test_who_stands_behind_is_seen_less(renderer):
    front, back = Placement(0, 8.0, 6.5, 0.0, 0.0, 0.0), Placement(1, 7.6, 6.1, 0.0, 0.0, 0.0)
    _, found = renderer.render([front, back], np.random.default_rng(0))
    by_person = {silhouette.person: silhouette for silhouette in found}
    assert by_person[0].visible == pytest.approx(1.0, abs=0.01)
    assert by_person[1].visible < 0.75
    _, reversed_order = renderer.render([back, front], np.random.default_rng(0))
    assert {s.person: s.visible for s in reversed_order} == {s.person: s.visible for s in found}


def test_furniture_hides_people_behind_it_but_not_before_it():
    camera = plaza_cameras(640)[2]
    renderer = FrameRenderer(camera, PERIODS[1], draw_looks(np.random.default_rng(2), 1), seed=4)
    towards = np.array([0.5, 0.5]) - camera.position[:2]
    towards /= np.linalg.norm(towards)
    for distance, hidden in ((3.2, True), (-3.2, False)):
        spot = np.array([0.5, 0.5]) + towards * distance
        _, found = renderer.render([Placement(0, *map(float, spot), 0.0, 0.0, 0.0)], np.random.default_rng(0))
        assert (found[0].visible < 0.9) == hidden


def test_nobody_is_drawn_behind_the_camera(renderer):
    spot = renderer.camera.position[:2] - renderer.camera.rotation[2, :2] * 5
    image, found = renderer.render([Placement(0, *map(float, spot), 0.0, 0.0, 0.0)], np.random.default_rng(0))
    assert found == []
    assert image.shape == (360, 640, 3)
    assert image.dtype == np.uint8


def test_periods_differ_in_light():
    camera, looks = plaza_cameras(160)[0], draw_looks(np.random.default_rng(0), 1)
    means = [FrameRenderer(camera, period, looks, seed=4).background.image.mean(axis=(0, 1)) for period in PERIODS]
    assert means[2].sum() < means[0].sum() < means[1].sum()
    warmth = [mean[0] / mean[2] for mean in means]
    assert warmth[1] < warmth[0]
    assert warmth[1] < warmth[2]


# ---------------------------------------------------------------- people


def test_looks_are_all_different_and_some_differ_little():
    looks = draw_looks(np.random.default_rng(7), 60)
    counts = [len(a.differences(b)) for i, a in enumerate(looks) for b in looks[:i]]
    assert min(counts) >= 1
    assert sum(count <= 2 for count in counts) >= 5
    assert np.median(counts) > 6


def test_feet_stand_on_the_ground_in_every_phase():
    look = draw_looks(np.random.default_rng(0), 1)[0]
    object.__setattr__(look, "bicycle", False)
    for way in np.linspace(0, 1.5, 13):
        _, vertices = figure_in_world(look, Placement(0, 0.0, 0.0, 0.0, float(way), 1.0))
        assert -0.03 < vertices[:, 2].min() < 0.03
        assert vertices[:, 2].max() == pytest.approx(look.height, rel=0.06)


def test_bones_stay_rigid_and_the_gait_repeats():
    first, second = walking_pose(1.8, 1.0, 0.3), walking_pose(1.8, 1.0, 0.3 + 0.82 * 1.8)
    np.testing.assert_allclose(first.positions, second.positions, atol=1e-9)
    eye = np.broadcast_to(np.eye(3), (BONES, 3, 3))
    np.testing.assert_allclose(first.rotations @ first.rotations.transpose(0, 2, 1), eye, atol=1e-12)


def test_paths_go_around_what_stands_there():
    rng = np.random.default_rng(3)
    for _ in range(20):
        path = draw_path(rng)
        distance = np.linalg.norm(path[:, None] - OBSTACLES[None, :, :2], axis=-1)
        assert np.all(distance > OBSTACLES[:, 2] - 0.3)
        assert np.all(np.linalg.norm(np.diff(path, axis=0), axis=1) < 0.26)


def test_timetable_never_shows_anybody_twice_and_everybody_in_the_end():
    looks = draw_looks(np.random.default_rng(1), 14)
    seconds = Timetable(np.random.default_rng(1), looks, range(14)).run(120)
    assert len(seconds) == 120
    for placements in seconds:
        people = [placement.person for placement in placements]
        assert len(set(people)) == len(people)
    assert {p.person for placements in seconds for p in placements} == set(range(14))
    pace = [
        np.hypot(a.x - b.x, a.y - b.y)
        for earlier, later in pairwise(seconds)
        for a in earlier
        for b in later
        if a.person == b.person and a.vigour and b.vigour and not looks[a.person].bicycle
    ]
    assert 0.8 < np.median(pace) < 1.7
    assert max(pace) < 3.0
