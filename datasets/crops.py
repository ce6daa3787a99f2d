"""Crops: reading the picture of any `CropSample`, and cutting crops from the boxes of any full-frame split."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.images import ImageError, read_image
from datasets.samples import CropSample, FloatBoxes


def read_crop(sample: CropSample) -> NDArray[np.uint8]:
    """The picture of one crop.

    A box is cut at whole pixels: from the pixel that holds its left upper corner to the last pixel that it touches.

    Returns:
        (H, W, 3) uint8 RGB, H and W >= 1.

    Raises:
        ImageError: the file is missing or no image, the box has no area inside the frame, or the archive has no such
            picture.
    """
    image = read_image(sample.path)
    return image if sample.box is None else cut(image, sample.box, sample.path)


def cut(image: NDArray[np.uint8], box: FloatBoxes, path: Path) -> NDArray[np.uint8]:
    """The pixels of `image` (H, W, 3) that `box` (4,) xyxy touches, clipped to the frame; `path` is for the error.

    Raises:
        ImageError: the box has no area inside the frame.
    """
    height, width = image.shape[:2]
    if np.isfinite(box).all():
        x1, y1 = np.floor(np.maximum(box[:2], 0)).astype(int)
        x2, y2 = np.ceil(np.minimum(box[2:], (width, height))).astype(int)
        if x2 > x1 and y2 > y1:
            return np.ascontiguousarray(image[y1:y2, x1:x2])
    corners = ", ".join(f"{corner:g}" for corner in box.tolist())
    reason = f"the box ({corners}) has no area inside the frame of {width}x{height} pixels"
    raise ImageError(path, reason, "correct the box or remove it")
