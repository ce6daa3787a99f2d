"""Boxes: one way to write them down, how much two of them share, and the pixels inside one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

FloatBoxes = NDArray[np.float32]
"""Boxes (N, 4), or one box (4,): x1, y1, x2, y2 in pixels of the picture, x to the right and y downwards from 0."""


def as_boxes(boxes: object) -> FloatBoxes:
    """Boxes as a float32 array of shape (N, 4), also where there are none.

    Args:
        boxes: N rows of x1, y1, x2, y2: an array, or anything that NumPy turns into one.

    Raises:
        ValueError: The values cannot be read as rows of four numbers.

    >>> as_boxes([[10, 20, 30, 60]]).shape
    (1, 4)
    >>> as_boxes([]).shape
    (0, 4)
    """
    array = np.asarray(boxes, dtype=np.float32)
    if array.size == 0:
        return np.zeros((0, 4), dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes have shape {array.shape}, expected (N, 4) rows of x1, y1, x2, y2")
    return array


def box_overlap(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """How much boxes share: their intersection over their union, in float64 and without a pixel added to any side.

    The two arrays broadcast against each other: `box_overlap(a, b)` compares row by row,
    `box_overlap(a[:, None], b[None])` compares all pairs.

    Args:
        first: Boxes (..., 4) as x1, y1, x2, y2.
        second: Boxes (..., 4) in the same pixels.

    Returns:
        An array (...) of values from 0 (nothing shared) to 1 (equal boxes). Two boxes without an area share 0.

    >>> a = as_boxes([[0, 0, 10, 10], [0, 0, 4, 4]])
    >>> b = as_boxes([[0, 0, 10, 5], [6, 6, 9, 9]])
    >>> box_overlap(a, b).tolist()
    [0.5, 0.0]
    >>> box_overlap(a[:, None], b[None]).shape
    (2, 2)
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)  # [...]
    areas = (first[..., 2:] - first[..., :2]).prod(axis=-1) + (second[..., 2:] - second[..., :2]).prod(axis=-1)
    union = areas - shared
    return np.divide(shared, union, out=np.zeros_like(union), where=union > 0)


def paired_overlap(boxes: "Tensor", others: "Tensor") -> "Tensor":
    """The same figure as `box_overlap`, row by row, for tensors: it stays on their device and in their type.

    Args:
        boxes: Boxes (N, 4) as x1, y1, x2, y2.
        others: Boxes (N, 4); row n is compared with row n of `boxes`.

    Returns:
        A tensor (N,) of values from 0 to 1. Two boxes without an area share 0.
    """
    import torch  # a second that only those who have tensors should pay

    size = (torch.minimum(boxes[:, 2:], others[:, 2:]) - torch.maximum(boxes[:, :2], others[:, :2])).clamp(min=0)
    shared = size.prod(dim=1)  # [N]
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1) + (others[:, 2:] - others[:, :2]).prod(dim=1)
    return shared / (areas - shared).clamp(min=1e-9)


def cut(image: NDArray[np.uint8], box: Sequence[float] | NDArray[np.floating]) -> NDArray[np.uint8]:
    """The pixels of a picture that a box touches; what lies outside the picture is cut off.

    Args:
        image: A picture (H, W, 3) of uint8.
        box: The four numbers x1, y1, x2, y2 in pixels of that picture, whole or fractions.

    Returns:
        A view (h, w, 3) of the picture. Its h or w is 0 where the box touches no pixel, or is not finite.

    >>> picture = np.zeros((60, 80, 3), dtype=np.uint8)
    >>> cut(picture, [10.5, 20, 30, 70]).shape
    (40, 20, 3)
    >>> cut(picture, [90, 0, 95, 10]).size
    0
    """
    height, width = image.shape[:2]
    if not np.isfinite(box).all():
        return image[:0, :0]
    left, top = (max(0, int(np.floor(value))) for value in box[:2])
    right, bottom = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
    return image[top : max(top, bottom), left : max(left, right)]
