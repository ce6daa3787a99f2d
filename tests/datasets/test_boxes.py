"""Boxes against slow references: overlap by counting cells, cutting by asking every pixel."""

import numpy as np
import pytest
import torch

from datasets.boxes import as_boxes, box_overlap, cut, paired_overlap


def whole_boxes(count: int, side: int = 12) -> np.ndarray:
    corners = np.sort(np.random.default_rng(0).integers(0, side, (count, 2, 2)), axis=1)
    return corners.reshape(count, 4).astype(np.float32)


def cells(box: np.ndarray) -> set[tuple[int, int]]:
    x1, y1, x2, y2 = box.astype(int)
    return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}


def test_overlap_is_the_share_of_common_cells_of_two_whole_boxes() -> None:
    boxes = whole_boxes(20)
    found = box_overlap(boxes[:, None], boxes[None])
    for row, first in enumerate(boxes):
        for column, second in enumerate(boxes):
            union = cells(first) | cells(second)
            assert found[row, column] == pytest.approx(len(cells(first) & cells(second)) / len(union) if union else 0)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(box_overlap(boxes, boxes[::-1]), np.diag(found[:, ::-1]))


def test_tensors_in_pairs_overlap_as_arrays_do() -> None:
    boxes = whole_boxes(30)
    others = boxes[::-1].copy()
    found = paired_overlap(torch.from_numpy(boxes), torch.from_numpy(others))
    np.testing.assert_allclose(found.numpy(), box_overlap(boxes, others), atol=1e-6)


@pytest.mark.parametrize(("given", "shape"), [([], (0, 4)), (np.zeros((0, 4)), (0, 4)), ([[1, 2, 3, 4]], (1, 4))])
def test_boxes_are_rows_of_four_float32(given: object, shape: tuple[int, int]) -> None:
    boxes = as_boxes(given)
    assert boxes.shape == shape
    assert boxes.dtype == np.float32


@pytest.mark.parametrize("given", [[1, 2, 3, 4], [[1, 2, 3]], [[[1, 2, 3, 4]]]])
def test_what_is_no_list_of_boxes_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match=r"expected \(N, 4\) rows of x1, y1, x2, y2"):
        as_boxes(given)


def test_a_box_is_cut_at_every_pixel_that_it_touches() -> None:
    height, width = 20, 30
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, rows + columns], axis=-1).astype(np.uint8)
    random = np.random.default_rng(1)
    for _ in range(200):
        corners = np.sort(random.uniform(-8, 38, (2, 2)), axis=0)
        if random.random() < 0.5:
            corners = np.round(corners)
        x1, y1, x2, y2 = corners.ravel()
        touched = (columns < x2) & (columns + 1 > x1) & (rows < y2) & (rows + 1 > y1)
        found = cut(image, [x1, y1, x2, y2])
        if touched.any():
            height_of, width_of = np.ptp(rows[touched]) + 1, np.ptp(columns[touched]) + 1
            np.testing.assert_array_equal(found, image[touched].reshape(height_of, width_of, 3))
        else:
            assert not found.size


@pytest.mark.parametrize("box", [[np.nan, 0, 5, 5], [0, 0, np.inf, 5], [5, 5, 5, 9], [9, 9, 3, 3], [100, 0, 120, 9]])
def test_a_box_without_a_pixel_gives_an_empty_picture(box: list[float]) -> None:
    assert not cut(np.ones((10, 10, 3), dtype=np.uint8), box).size


def test_a_cut_is_a_view() -> None:
    image = np.zeros((10, 10, 3), dtype=np.uint8)
    cut(image, [2, 2, 4, 4])[:] = 7
    assert image.sum() == 2 * 2 * 3 * 7
