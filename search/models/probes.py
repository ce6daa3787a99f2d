"""What the network is shown of a probe: a box in its frame, or a whole picture."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detection.canvas import require_picture

Image = NDArray[np.uint8]


def whole_picture(image: Image) -> tuple[Image, NDArray[np.float32]]:
    """A picture of a person as it is, and the (4,) xyxy box of all of it: how a model of crops sees a crop.

    Raises:
        ValueError: the picture has no pixel, or is no RGB picture.
    """
    require_picture(image)
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
