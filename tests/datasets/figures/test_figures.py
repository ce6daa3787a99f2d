"""Figures stand on the ground, are as tall as they should be, look forward, and come out alike from the same seed."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from datasets.figures import POSES, Look, Pose, draw_look, draw_pose, gear, near_double, person, seat_height
from datasets.rendering import Surface


def _looks(count: int, seed: int = 0) -> list[Look]:
    rng = np.random.default_rng(seed)
    return [draw_look(rng) for _ in range(count)]


def _same(first: Surface, second: Surface) -> bool:
    alike = all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("vertices", "normals", "uv", "triangles")
    )
    pictures = zip(first.materials, second.materials, strict=True)
    return alike and all(np.array_equal(a.texture, b.texture) for a, b in pictures)


@pytest.mark.parametrize("kind", POSES)
def test_every_pose_stands_on_the_ground_whole_and_sound(kind: str) -> None:
    rng = np.random.default_rng(3)
    for look in _looks(3, 1):
        surface = person(look, draw_pose(rng, kind))  # type: ignore[arg-type]
        assert np.isfinite(surface.vertices).all()
        assert surface.vertices[:, 2].min() == pytest.approx(0.13 if kind == "cycling" else 0, abs=1e-5)
        assert surface.vertices[:, 2].max() < 1.45 * look.height
        np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1), 1, atol=1e-4)
        assert np.abs(surface.vertices[:, :2]).max() < 1.3


def test_a_standing_person_is_as_tall_as_its_look() -> None:
    still = Pose("standing", 0.0, 1.0, (0.0,) * 16, 1)
    for look in _looks(12, 5):
        if look.headwear or look.hair in ("curly", "bun") or look.age == "old":
            continue
        tall = float(person(look, still).vertices[:, 2].max())
        assert look.height - 0.03 < tall < look.height + 0.06, look


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_person() -> None:
    first, second = _looks(1, 7)[0], _looks(1, 7)[0]
    pose = draw_pose(np.random.default_rng(1), "walking")
    assert first == second
    assert _same(person(first, pose), person(second, pose))
    assert len({look.seed for look in _looks(30)}) == 30


def test_a_walk_moves_the_legs_past_each_other() -> None:
    pose = Pose("walking", 0.0, 1.0, (0.0,) * 16, 1)
    look = _looks(1, 2)[0]
    reach = [np.ptp(person(look, replace(pose, phase=phase)).vertices[:, 0]) for phase in (0.0, 0.25)]
    assert reach[0] > 1.2 * reach[1]
    near = [person(look, replace(pose, phase=phase)).vertices for phase in (0.0, 0.5)]
    left_foot_first = [points[points[:, 2] < 0.08][:, :2] for points in near]
    ahead = [points[points[:, 0] > 0.15][:, 1].mean() for points in left_foot_first]
    assert ahead[0] > 0 > ahead[1]


def test_less_detail_has_fewer_triangles_and_the_same_size() -> None:
    look, pose = _looks(1, 4)[0], Pose("standing", 0.0, 1.0, (0.0,) * 16, 1)
    fine, coarse = person(look, pose), person(look, pose, detail=0.0)
    assert len(coarse.triangles) < 0.5 * len(fine.triangles)
    np.testing.assert_allclose(np.ptp(coarse.vertices, axis=0), np.ptp(fine.vertices, axis=0), atol=0.05)


def test_normals_look_away_from_the_body() -> None:
    surface = person(_looks(1, 9)[0], Pose("standing", 0.0, 1.0, (0.0,) * 16, 1))
    level = surface.vertices[:, 2] / np.ptp(surface.vertices[:, 2])
    chest = (level > 0.6) & (level < 0.76) & (np.abs(surface.vertices[:, 1]) < 0.1)
    front, back = chest & (surface.vertices[:, 0] > 0.09), chest & (surface.vertices[:, 0] < -0.1)
    assert front.any()
    assert back.any()
    assert (surface.normals[front, 0] > 0).mean() > 0.9
    assert (surface.normals[back, 0] < 0).mean() > 0.9


@pytest.mark.parametrize("detail", [-0.1, 1.5])
def test_a_detail_outside_its_range_is_refused(detail: float) -> None:
    with pytest.raises(ValueError, match=r"give a value in \[0, 1\]"):
        person(_looks(1)[0], draw_pose(np.random.default_rng(0), "standing"), detail)


def test_a_pose_of_an_unknown_kind_or_without_its_habits_is_refused() -> None:
    with pytest.raises(ValueError, match="give one of standing"):
        Pose("flying", 0.0, 1.0, (0.0,) * 16, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give 16 numbers"):
        Pose("standing", 0.0, 1.0, (0.0,), 1)


def test_gear_stands_on_the_ground_beside_the_hand_that_holds_it() -> None:
    rng = np.random.default_rng(6)
    look = _looks(1, 8)[0]
    kinds = [("suitcase", "walking"), ("stroller", "pushing"), ("trolley", "pushing"), ("bicycle", "cycling")]
    for name, kind in kinds:
        carried = gear(replace(look, gear=name), draw_pose(rng, kind))  # type: ignore[arg-type]
        assert carried is not None
        assert -0.03 < carried.vertices[:, 2].min() < 0.1, name
    umbrella = gear(replace(look, gear="umbrella"), draw_pose(rng, "walking"))
    assert umbrella is not None
    assert umbrella.vertices[:, 2].max() > look.height


def test_nothing_is_taken_along_without_a_hand_for_it() -> None:
    rng = np.random.default_rng(6)
    look = _looks(1, 8)[0]
    assert gear(replace(look, gear="umbrella"), draw_pose(rng, "sitting")) is None
    assert gear(replace(look, gear=""), draw_pose(rng, "walking")) is None


def test_a_bag_in_the_hand_stays_upright_while_its_owner_phones_with_the_other_hand() -> None:
    pose = Pose("phoning", 0.2, 1.0, (0.0,) * 11 + (1.0,) + (0.0,) * 4, 1)
    look = replace(_looks(1, 8)[0], bag="shopping", gear="", left_handed=True)
    bare, loaded = person(replace(look, bag=""), pose), person(look, pose)
    assert len(loaded.vertices) > len(bare.vertices)
    low = loaded.vertices[loaded.vertices[:, 2] < 0.45 * look.height]
    assert np.abs(low[:, 1]).max() > np.abs(bare.vertices[bare.vertices[:, 2] < 0.45 * look.height][:, 1]).max()


def test_a_near_double_differs_but_wears_the_same_kinds_of_clothes() -> None:
    rng = np.random.default_rng(4)
    for look in _looks(10, 3):
        double = near_double(rng, look)
        assert double != look
        assert (double.top.kind, double.lower.kind, double.age) == (look.top.kind, look.lower.kind, look.age)
        assert double.top.fabric == look.top.fabric


def test_cold_days_bring_coats_and_warm_ones_bare_arms() -> None:
    rng = np.random.default_rng(1)
    cold, warm = ([draw_look(rng, day) for _ in range(80)] for day in (0.0, 1.0))
    assert sum(look.over is not None for look in cold) > 60
    assert sum(look.over is not None for look in warm) < 10
    assert sum(look.lower.kind == "shorts" for look in warm) > sum(look.lower.kind == "shorts" for look in cold)
    with pytest.raises(ValueError, match=r"give a value in \[0, 1\]"):
        draw_look(rng, 1.5)


def _outline(surface: Surface, turn: float) -> np.ndarray:
    """The silhouette (400, 400) from the side that `turn` shows, 200 pixels a meter; the ground is at row 380."""
    seen = surface.moved(turn).vertices
    pixels = np.stack([200 + 200 * seen[:, 1], 380 - 200 * seen[:, 2]], -1)
    mask = np.zeros((400, 400), np.uint8)
    for corners in np.rint(pixels[surface.triangles]).astype(np.int32):
        cv2.fillConvexPoly(mask, corners, 1)
    return mask


def test_no_hole_opens_between_seat_and_head_from_any_side() -> None:
    still = Pose("standing", 0.0, 1.0, (0.0,) * 16, 1)
    for look in _looks(6, 11):
        surface = person(replace(look, age="adult", height=1.75), still, 0.5)
        for turn in np.arange(4) * np.pi / 2:
            mask = _outline(surface, turn)
            assert mask[380 - 325 : 380 - 180, 196:204].all(), look


def test_somebody_who_sits_does_so_at_the_height_of_a_chair() -> None:
    rng = np.random.default_rng(2)
    for look in _looks(12, 20):
        if look.age != "child":
            assert 0.33 < seat_height(look, draw_pose(rng, "sitting")) < 0.62
