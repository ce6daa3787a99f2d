"""A picture of one person, placed on a canvas as people stand in frames: how a joint model is shown a crop."""

import cv2
import numpy as np
from numpy.typing import NDArray

CROP_SHARE = 1 / 4
"""The height of a crop as a share of its canvas: people in frames stand about so high.

Measured on prw_c6 with a ResNet-18 model of 12 epochs, 120 crops of test boxes against the boxes of other frames: the
box in its own frame gives mAP 0.35, its crop alone 0.06, its crop on a canvas 0.24, 0.32 and 0.33 at shares of 1/2, 1/3
and 1/4 (cosine with the box in its frame 0.986, 0.995 and 0.996).
"""

CANVAS_RATIO = 4 / 3
"""The width of the canvas divided by its height."""

MOST_CROP_HEIGHT = 384
"""Taller crops are made smaller first; the network would do so with the canvas anyway."""

MOST_CROP_WIDTH = 1536
"""Wider crops are made smaller too, so that a long thin picture does not take gigabytes."""


def on_canvas(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Puts a picture of a person in the middle of a canvas of frame-like proportions.

    The network then sees the person as large as people in frames are, and the box touches no border, where a network
    sees padding. The outermost pixels are continued to the edges of the canvas, which makes no new edge.

    Args:
        picture: (H, W, 3) uint8 RGB. One higher than 384 or wider than 1536 pixels is made smaller.

    Returns:
        The canvas, (H', W', 3) uint8 RGB, and the box of the picture in it, (4,) float32 xyxy.

    Raises:
        ValueError: The picture has no pixel, or is no RGB picture.

    Example:
        >>> import numpy as np
        >>> canvas, box = on_canvas(np.zeros((90, 40, 3), dtype=np.uint8))
        >>> canvas.shape, box.tolist()
        ((360, 480, 3), [220.0, 135.0, 260.0, 225.0])
    """
    require_picture(picture)
    height, width = picture.shape[:2]
    if height > MOST_CROP_HEIGHT:
        height, width = MOST_CROP_HEIGHT, max(1, round(width * MOST_CROP_HEIGHT / height))
    if width > MOST_CROP_WIDTH:
        height, width = max(1, round(height * MOST_CROP_WIDTH / width)), MOST_CROP_WIDTH
    if (height, width) != picture.shape[:2]:
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    canvas_height = max(height / CROP_SHARE, 1.5 * width / CANVAS_RATIO)  # wide pictures keep some room beside them
    above = max(1, round((canvas_height - height) / 2))
    beside = max(1, round((canvas_height * CANVAS_RATIO - width) / 2))
    canvas = cv2.copyMakeBorder(picture, above, above, beside, beside, cv2.BORDER_REPLICATE)
    box = np.array([beside, above, beside + width, above + height], dtype=np.float32)
    return np.asarray(canvas, dtype=np.uint8), box


def require_picture(image: NDArray[np.uint8]) -> None:
    """Refuses what is no picture.

    Raises:
        ValueError: The array is not uint8 of shape (H, W, 3), or has no pixel.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"crop is {image.dtype} {image.shape}, expected uint8 (H, W, 3) RGB with at least one pixel")


class SeesFrames:
    """What joint models have in common: they look at whole frames, and so a picture of one person goes on a canvas."""

    @property
    def sees_surroundings(self) -> bool:
        """True: an embedding also depends on what surrounds the box."""
        return True

    def view(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Places a picture of one person on a canvas, as people stand in frames.

        Args:
            picture: (H, W, 3) uint8 RGB, of any size.

        Returns:
            The canvas, (H', W', 3) uint8 RGB, and the box of the person in it, (4,) float32 xyxy.

        Raises:
            ValueError: The picture has no pixel, or is no RGB picture.
        """
        return on_canvas(picture)
