"""Surfaces fit together, shapes are closed, and a camera's rays lead back to where its pixels came from."""

import numpy as np
import pytest

from datasets.rendering import Camera, Material, Surface, box, cylinder, ground, join, plain, quad

GREY = plain((120, 120, 120))


def outward(surface: Surface) -> np.ndarray:
    corners = surface.vertices[surface.triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return (across * surface.normals[surface.triangles[:, 0]]).sum(1)


def volume(surface: Surface) -> float:
    a, b, c = surface.vertices[surface.triangles].transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def test_shapes_are_closed_and_face_outward() -> None:
    brick = box((1, 2, 3), (2, 4, 6), GREY)
    assert volume(brick) == pytest.approx(6, rel=1e-5)
    drum = cylinder((0, 0, 1), (0, 0, 3), 0.5, GREY, sides=256)
    assert volume(drum) == pytest.approx(np.pi * 0.25 * 2, rel=1e-3)
    cone = cylinder((1, 0, 0), (4, 0, 0), (1.0, 0.0), GREY, sides=256)
    assert volume(cone) == pytest.approx(np.pi, rel=1e-3)
    for shape in (brick, drum, cone):
        assert outward(shape).min() > -1e-6
        np.testing.assert_allclose(np.linalg.norm(shape.normals, axis=1), 1, atol=1e-5)


def test_a_box_shows_its_texture_upright_and_at_its_scale() -> None:
    walls = box((0, 0, 0), (2, 3, 4), GREY, repeats_per_meter=0.5)
    upright = np.abs(walls.normals[:, 2]) < 0.5
    np.testing.assert_allclose(walls.uv[upright, 1], walls.vertices[upright, 2] / 2)


def test_joined_surfaces_keep_their_materials() -> None:
    red, blue = plain((255, 0, 0)), plain((0, 0, 255), gloss=0.5)
    floor, wall = ground((0, 0), (1, 1), red), quad((0, 0, 0), (1, 0, 0), (0, 0, 1), blue, pieces=(2, 3))
    whole = join([floor, wall, floor.moved(1.0, (5, 0, 0))])
    assert whole.materials == (red, blue)
    assert whole.material.tolist() == [0] * 2 + [1] * 12 + [0] * 2
    assert len(whole.triangles) == 16
    assert whole.triangles.max() == len(whole.vertices) - 1
    assert len(join([]).triangles) == 0


def test_moving_turns_counter_clockwise_then_shifts() -> None:
    corner = ground((1, 0), (2, 1), GREY).moved(np.pi / 2, (10, 0, 1)).vertices[0]
    np.testing.assert_allclose(corner, (10, 1, 1), atol=1e-6)


def test_arrays_that_do_not_fit_are_told() -> None:
    floor = ground((0, 0), (1, 1), GREY)
    with pytest.raises(ValueError, match="vertices up to"):
        Surface(floor.vertices[:2], floor.normals[:2], floor.uv[:2], floor.triangles, floor.material, (GREY,))
    with pytest.raises(ValueError, match="uv is float64"):
        Surface(floor.vertices, floor.normals, floor.uv.astype(float), floor.triangles, floor.material, (GREY,))
    with pytest.raises(ValueError, match="material goes up to 0"):
        Surface(floor.vertices, floor.normals, floor.uv, floor.triangles, floor.material, ())
    with pytest.raises(ValueError, match="texture is float64"):
        Material(np.zeros((2, 2, 3)))
    with pytest.raises(ValueError, match="no volume"):
        box((0, 0, 0), (1, 1, 0), GREY)
    with pytest.raises(ValueError, match="span no area"):
        quad((0, 0, 0), (1, 0, 0), (2, 0, 0), GREY)


@pytest.mark.parametrize("distortion", [0.0, -0.15, -0.5])
def test_rays_lead_back_to_the_points_that_were_projected(distortion: float) -> None:
    camera = Camera((1, 2, 3), yaw=0.7, pitch=0.4, roll=0.1, focal=300, width=640, height=480, distortion=distortion)
    ahead = np.asarray(camera.position) + 8 * camera.rotation[2]
    points = ahead + np.random.default_rng(0).uniform(-3, 3, (50, 3))
    pixels, depth = camera.project(points)
    toward = points - camera.position
    np.testing.assert_allclose(camera.rays(pixels), toward / np.linalg.norm(toward, axis=1, keepdims=True), atol=1e-9)
    np.testing.assert_allclose(depth, toward @ camera.rotation[2])


def test_a_camera_looks_where_it_is_told() -> None:
    def pixel(point: tuple[float, float, float], **turned: float) -> list[float]:
        turns = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0} | turned
        return Camera((0, 0, 0), focal=100, width=200, height=100, **turns).project([point])[0][0].tolist()

    assert pixel((10, 0, 1)) == [100, 40]  # what is higher is further up
    assert pixel((10, -1, 0)) == [110, 50]  # what is to the right of +x
    assert pixel((10, 0, 0), yaw=0.1)[0] > 100  # turning left moves things to the right
    assert pixel((10, 0, 0), pitch=0.1)[1] < 50  # looking down moves things up
    assert pixel((10, 0, 1), roll=0.1)[0] < 100  # the picture turns counter-clockwise
    assert np.isnan(pixel((-1, 0, 0))).all()


def test_wrong_cameras_are_told() -> None:
    with pytest.raises(ValueError, match="distortion is 0"):
        Camera((0, 0, 0), 0, 0, 0, 100, 200, 100, distortion=0.2)
    with pytest.raises(ValueError, match="values above 0"):
        Camera((0, 0, 0), 0, 0, 0, 0, 200, 100)
