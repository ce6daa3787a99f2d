"""Pictures against what is known: where things appear, how much of them is seen, in which light."""

import numpy as np
import pytest

from datasets.rendering import Camera, Lamp, Light, Material, Surface, View, box, cylinder, ground, join, plain, quad

GREY = plain((140, 140, 140))
SUN = Light((0, 1, 1), (1, 1, 1), (0.3, 0.3, 0.3), (0.2, 0.2, 0.2))
FLAT = Light(None, sky_color=(1, 1, 1), ground_color=(1, 1, 1))
CAMERA = Camera((0, 0, 1.5), yaw=0, pitch=0.15, roll=0.05, focal=200, width=240, height=160)
FLOOR = ground((-30, -30), (60, 30), GREY)


def person(x: float, y: float, color: tuple[int, int, int] = (200, 40, 40), height: float = 1.8) -> Surface:
    return box((-0.2, -0.25, 0), (0.2, 0.25, height), plain(color)).moved(0.3, (x, y, 0))


@pytest.mark.parametrize("distortion", [0.0, -0.2])
def test_a_figure_in_the_open_fills_its_box_and_is_wholly_seen(distortion: float) -> None:
    camera = Camera((0, 0, 1.5), 0, 0.15, 0.05, 200, 240, 160, distortion)
    figure = person(6, 0.5)
    picture = View(FLOOR, camera, SUN).draw([figure])
    pixels, _ = camera.project(figure.vertices)
    np.testing.assert_allclose(picture.boxes[0], [*pixels.min(0), *pixels.max(0)], atol=0.05)
    rows, columns = np.nonzero(picture.owner == 0)
    drawn = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(picture.boxes[0], drawn, atol=1)
    np.testing.assert_array_equal(picture.inside, picture.boxes)
    assert picture.visible[0] > 0.995
    assert picture.depth[rows, columns].min() == pytest.approx(6, abs=0.5)


def test_what_hides_a_figure_and_what_cuts_it_off_count_alike() -> None:
    wall = quad((4, 0, -1), (0, -5, 0), (0, 0, 6), GREY)  # hides all that is right of the middle
    camera = Camera((0, 0, 1), 0, 0, 0, 200, 240, 400)
    front = box((6, -0.25, 0), (6.01, 0.25, 1.8), GREY)
    assert View(join([FLOOR, wall]), camera, SUN).draw([front]).visible[0] == pytest.approx(0.5, abs=0.03)
    narrow = Camera((0, 0, 1), 0, 0, 0, 1000, 240, 400)  # sees 0.4 m to each side of x = 3.3
    half_out = box((3.33, -0.8, 0.8), (3.34, 0, 1.2), GREY)
    assert View(FLOOR, narrow, SUN).draw([half_out]).visible[0] == pytest.approx(0.5, abs=0.02)
    both = View(FLOOR, camera, SUN).draw([person(8, 0), person(5, 0), person(30, 0.05, height=1)])
    assert both.visible[1] > 0.995
    assert both.visible[0] < 0.35
    assert both.visible[2] == 0


def test_a_figure_behind_the_camera_has_no_box_and_one_beside_it_has() -> None:
    picture = View(FLOOR, CAMERA, SUN).draw([person(-5, 0), person(3, 9)])
    assert np.isnan(picture.boxes[0]).all()
    assert picture.boxes[1, 2] < 0
    assert picture.visible.tolist() == [0, 0]
    assert (picture.owner == -1).all()


def test_a_figure_at_the_lens_is_cut_not_broken() -> None:
    picture = View(FLOOR, CAMERA, SUN).draw([person(0.1, 0)])
    assert np.isfinite(picture.image).all()
    assert picture.boxes[0, 2] - picture.boxes[0, 0] > 240
    assert 0 < picture.visible[0] < 1


def test_a_picture_on_a_wall_is_seen_upright_in_its_colors() -> None:
    corners = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], dtype=np.uint8)
    poster = Material(corners.repeat(16, 0).repeat(16, 1))
    wall = quad((4, 2, -1), (0, -4, 0), (0, 0, 4), poster)
    image = View(wall, Camera((0, 0, 1), 0, 0, 0, 100, 100, 100), FLAT).draw([]).image
    np.testing.assert_allclose(image[25, 25], (1, 0, 0), atol=0.02)
    np.testing.assert_allclose(image[25, 75], (0, 1, 0), atol=0.02)
    np.testing.assert_allclose(image[75, 25], (0, 0, 1), atol=0.02)
    np.testing.assert_allclose(image[75, 75], (1, 1, 1), atol=0.02)


def test_far_textures_become_their_average() -> None:
    board = np.kron(np.indices((2, 2)).sum(0) % 2, np.full((8, 8), 255))
    checks = Material(board[..., None].repeat(3, 2).astype(np.uint8))
    wall = quad((4, 4, -3), (0, -8, 0), (0, 0, 8), checks, repeats=(400, 400))
    image = View(wall, Camera((0, 0, 1), 0, 0, 0, 100, 100, 100), FLAT).draw([]).image
    np.testing.assert_allclose(image[20:80, 20:80], 0.5, atol=0.03)


def test_holes_show_what_is_behind() -> None:
    texture = np.full((16, 16, 4), 255, dtype=np.uint8)
    texture[:, 8:, 3] = 0
    leaf = quad((4, 2, -1), (0, -4, 0), (0, 0, 4), Material(texture))
    behind = quad((6, 5, -5), (0, -10, 0), (0, 0, 10), plain((0, 0, 0)))
    image = View(join([leaf, behind]), Camera((0, 0, 1), 0, 0, 0, 100, 100, 100), FLAT).draw([]).image
    assert image[50, 25].min() > 0.8
    assert image[50, 75].max() < 0.01


@pytest.mark.parametrize("light", [SUN, Light(None, lamps=(Lamp((6, 6, 6), (2, 2, 2), 8),))])
def test_a_figure_throws_its_shadow_away_from_the_light(light: Light) -> None:
    camera = Camera((0, 0, 5), 0, 0.6, 0, 150, 240, 160)
    view = View(FLOOR, camera, light)
    tall = join([cylinder((0, 0, z / 10), (0, 0, z / 10 + 0.1), 0.22, GREY) for z in range(18)])
    kept = view.draw([tall.moved(0, (6, 0, 0))]).image.mean(2) / view.draw([]).image.mean(2)

    def at(x: float, y: float) -> float:
        column, row = camera.project([(x, y, 0)])[0][0].astype(int)
        return float(kept[row - 1 : row + 2, column - 1 : column + 2].mean())

    assert at(6, -0.9) < 0.75  # behind the figure
    assert at(6, 0.9) > 0.8  # towards the light
    assert at(9, 3) > 0.97
    assert at(6, 0.35) < 0.98  # right next to it some of the sky is hidden


def test_furniture_stands_in_its_own_shadow() -> None:
    camera = Camera((0, 0, 5), 0, 0.6, 0, 150, 240, 160)
    image = View(join([FLOOR, box((6, -0.5, 0), (7, 0.5, 1.5), GREY)]), camera, SUN).draw([]).image.mean(2)
    (shade, sun) = camera.project([(6.5, -1, 0), (6.5, 2.5, 0)])[0].astype(int)
    assert image[shade[1], shade[0]] < 0.6 * image[sun[1], sun[0]]


def test_under_infrared_light_all_is_grey_and_cloth_may_shine() -> None:
    light = Light(None, sky_color=(1, 1, 1), ground_color=(1, 1, 1), infrared=True)
    dark = box((5, -1, 0), (5.1, 1, 2), plain((60, 30, 30), infrared=6))
    image = View(FLOOR, CAMERA, light).draw([dark]).image
    np.testing.assert_allclose(image, image[..., :1].repeat(3, 2), atol=1e-6)
    plainly = View(FLOOR, CAMERA, light).draw([box((5, -1, 0), (5.1, 1, 2), plain((60, 30, 30)))]).image
    assert image[60:80, 110:130].mean() > 3 * plainly[60:80, 110:130].mean()


def test_the_same_world_gives_the_same_bytes() -> None:
    people = [person(6, 0.5), person(8, -1, (10, 90, 40))]
    first, second = (View(FLOOR, CAMERA, SUN).draw(people) for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
    assert first.visible.tobytes() == second.visible.tobytes()


def test_an_empty_place_shows_the_sky() -> None:
    picture = View(join([]), CAMERA, SUN).draw([person(5, 0)])
    assert np.isinf(picture.depth[:5]).all()
    assert picture.image.min() > 0
    assert picture.visible[0] > 0.995


def test_straight_edges_bend_with_the_lens() -> None:
    camera = Camera((0, 0, 1), 0, 0, 0, 150, 240, 160, distortion=-0.3)
    wall = quad((4, 8, 2), (0, -16, 0), (0, 0, 9), plain((255, 255, 255)))
    image = View(wall, camera, Light(None, (0, 0, 0), (1, 1, 1), (0, 0, 0))).draw([]).depth
    for y in (-2.5, -1, 0, 2):
        column, row = camera.project([(4, y, 2)])[0][0]
        drawn = np.nonzero(np.isfinite(image[:, int(column)]))[0].max() + 1
        assert drawn == pytest.approx(row, abs=1)


def test_a_figure_that_the_frame_cuts_has_a_box_of_what_it_holds() -> None:
    widths = [(0.6 if height < 0.8 else 0.2, height) for height in np.arange(0, 1.8, 0.02)]
    figure = join([box((4, -wide, z), (4.02, wide, z + 0.02), GREY) for wide, z in widths])
    camera = Camera((0, 0, 1.7), 0, 0, 0, 300, 240, 120)  # its lower edge is at 0.9 m where the figure stands
    picture = View(FLOOR, camera, SUN).draw([figure, person(-5, 0), person(3, 9)])
    rows, columns = np.nonzero(picture.owner == 0)
    held = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(picture.inside[0], held, atol=1)
    assert picture.inside[0, 3] == 120
    assert picture.boxes[0, 2] - picture.boxes[0, 0] > 2.9 * (picture.inside[0, 2] - picture.inside[0, 0])
    assert np.isnan(picture.inside[1:]).all()
