"""What the network is shown of a probe: a box in its frame, or a crop placed on a canvas as people stand in frames."""

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

Image = NDArray[np.uint8]

CROP_SHARE = 1 / 4
"""Height of a crop in the canvas it is embedded in, as a share of the canvas: people in frames stand about so high.

Measured on prw_c6 with a ResNet-18 model of 12 epochs, 120 crops of test boxes against the boxes of other frames: the
box in its own frame gives mAP 0.35, its crop alone 0.06, its crop on a canvas 0.24, 0.32 and 0.33 at shares of 1/2, 1/3
and 1/4 (cosine with the box in its frame 0.986, 0.995 and 0.996).
"""

CANVAS_RATIO = 4 / 3
"""Width of that canvas to its height."""

MOST_CROP_HEIGHT = 384
"""Taller crops are made smaller first; the network would do so with the canvas anyway."""


def as_tensor(image: Image) -> Tensor:
    """(H, W, 3) uint8 RGB to (3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255


def as_pixels(image: Tensor) -> Image:
    """(3, H, W) in [0, 1] to (H, W, 3) uint8 RGB: exactly the picture that `as_tensor` was given."""
    return np.asarray((image.detach().cpu() * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy())


def crop_probe(image: Image) -> tuple[Image, NDArray[np.float32]]:
    """A picture of a person in the middle of a canvas of frame-like proportions.

    The person then has the size, for the network, that people in frames have, and the box touches no border, where a
    network sees padding. The outermost pixels are continued to the canvas's edges, which makes no new edge.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        The canvas, and the (4,) xyxy box of the picture in it.

    Raises:
        ValueError: the picture has no pixel, or is no RGB picture.
    """
    _require_picture(image)
    if image.shape[0] > MOST_CROP_HEIGHT:
        size = (max(1, round(image.shape[1] * MOST_CROP_HEIGHT / image.shape[0])), MOST_CROP_HEIGHT)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    height, width = image.shape[:2]
    canvas_height = max(height / CROP_SHARE, 1.5 * width / CANVAS_RATIO)
    above = max(1, round((canvas_height - height) / 2))
    beside = max(1, round((canvas_height * CANVAS_RATIO - width) / 2))
    canvas = cv2.copyMakeBorder(image, above, above, beside, beside, cv2.BORDER_REPLICATE)
    box = np.array([beside, above, beside + width, above + height], dtype=np.float32)
    return np.asarray(canvas, dtype=np.uint8), box


def whole_picture(image: Image) -> tuple[Image, NDArray[np.float32]]:
    """A picture of a person as it is, and the (4,) xyxy box of all of it: how a model of crops sees a crop.

    Raises:
        ValueError: the picture has no pixel, or is no RGB picture.
    """
    _require_picture(image)
    height, width = image.shape[:2]
    return image, np.array([0, 0, width, height], dtype=np.float32)


def box_probe(image: Image, box: ArrayLike) -> NDArray[np.float32]:
    """A box (4,) xyxy cut at the borders of a picture.

    Raises:
        ValueError: the box is not four finite numbers, has no area, or lies outside the picture.
    """
    height, width = image.shape[:2]
    try:
        values = np.asarray(box, dtype=np.float32).reshape(-1)
    except (TypeError, ValueError):
        raise ValueError(f"box {box!r}, expected four numbers x1,y1,x2,y2") from None
    if values.shape != (4,) or not np.isfinite(values).all():
        raise ValueError(f"box {values.tolist()}, expected four finite numbers x1,y1,x2,y2")
    clipped = np.clip(values, 0, np.array([width, height, width, height], dtype=np.float32))
    text = ",".join(f"{value:g}" for value in values)
    if not (values[0] < values[2] and values[1] < values[3]):
        raise ValueError(f"box {text} has no area, expected x1,y1,x2,y2 with x1 < x2 and y1 < y2")
    if not (clipped[0] < clipped[2] and clipped[1] < clipped[3]):
        raise ValueError(f"box {text} lies outside the frame of {width} x {height} pixels; give one inside it")
    return np.asarray(clipped, dtype=np.float32)


def _require_picture(image: Image) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"crop is {image.dtype} {image.shape}, expected uint8 (H, W, 3) RGB with at least one pixel")
