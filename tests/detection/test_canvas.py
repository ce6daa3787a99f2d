"""The canvas of a crop probe: where the crop stands, how large, and what surrounds it."""

import numpy as np
import pytest

from detection.canvas import on_canvas


def test_a_crop_stands_in_its_canvas_untouched() -> None:
    random = np.random.default_rng(0)
    for height, width in ((128, 64), (40, 200), (1, 1), (380, 20)):
        crop = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        canvas, box = on_canvas(crop)
        x1, y1, x2, y2 = box.astype(int)
        np.testing.assert_array_equal(canvas[y1:y2, x1:x2], crop)
        assert x1 > 0
        assert y1 > 0
        assert x2 < canvas.shape[1]
        assert y2 < canvas.shape[0]
        assert canvas.shape[0] >= 1.4 * height
    canvas, box = on_canvas(np.zeros((2000, 1000, 3), dtype=np.uint8))
    assert canvas.shape[0] < 2000
    assert box[3] - box[1] == pytest.approx(2 * (box[2] - box[0]))


@pytest.mark.parametrize(("height", "width"), [(128, 64), (100, 30), (40, 60)])
def test_a_crop_takes_a_quarter_of_the_height_of_a_canvas_shaped_four_to_three(height: int, width: int) -> None:
    canvas, box = on_canvas(np.zeros((height, width, 3), dtype=np.uint8))
    assert canvas.shape[0] == pytest.approx(4 * height, abs=2)
    assert canvas.shape[1] == pytest.approx(canvas.shape[0] * 4 / 3, abs=2)
    # In the middle, up to one pixel.
    assert box[0] + box[2] == pytest.approx(canvas.shape[1], abs=1)
    assert box[1] + box[3] == pytest.approx(canvas.shape[0], abs=1)


def test_a_wide_crop_takes_two_thirds_of_the_width() -> None:
    canvas, box = on_canvas(np.zeros((10, 400, 3), dtype=np.uint8))
    assert canvas.shape[1] == pytest.approx(600, abs=2)
    assert box[2] - box[0] == 400


def test_the_canvas_continues_the_border_of_the_crop() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    canvas, box = on_canvas(crop)
    x1, y1, x2, y2 = box.astype(int)
    np.testing.assert_array_equal(canvas[:y1, x1:x2], np.broadcast_to(crop[0], (y1, 20, 3)))
    np.testing.assert_array_equal(canvas[y1:y2, x2:], np.broadcast_to(crop[:, -1:], (30, canvas.shape[1] - x2, 3)))


@pytest.mark.parametrize(
    ("height", "width", "seen"), [(384, 100, (384, 100)), (385, 100, (384, 100)), (768, 9, (384, 4))]
)
def test_only_crops_higher_than_384_pixels_are_made_smaller(height: int, width: int, seen: tuple[int, int]) -> None:
    _, box = on_canvas(np.zeros((height, width, 3), dtype=np.uint8))
    assert (box[3] - box[1], box[2] - box[0]) == seen


@pytest.mark.parametrize(("height", "width"), [(300, 6000), (2, 20000), (6000, 300), (20000, 2), (1, 1)])
def test_a_picture_of_any_proportions_takes_little_memory(height: int, width: int) -> None:
    canvas, box = on_canvas(np.zeros((height, width, 3), dtype=np.uint8))
    assert canvas.size < 3 * 5_000_000
    assert (box[2:] - box[:2] >= 1).all()
