"""What makes a picture of a person a weak example, said before anybody waits for a search."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.boxes import cut
from detection.detections import Detections

SMALLEST_HEIGHT = 60
"""A person of fewer pixels from head to foot shows hardly more than the colors of the clothes."""

BORDER = 0.01
"""A box that comes nearer to the picture's border than this share of the side is taken to be cut off there."""

COMPARED_HEIGHT = 128
LEAST_SHARPNESS = 0.03
"""A person below this is called blurred; see `sharpness`. Of 87 people of real frames, at least 100 pixels tall, 99 in
100 have more than 0.09; blurred by a Gaussian of two pixels at a height of 128, 95 in 100 have less than 0.016."""

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Hint:
    """One thing to know about an example.

    Args:
        code: One word for programs, which may say it in another language.
        text: One sentence for a reader.
    """

    code: str
    text: str


def hints_of_picture(found: Detections) -> list[Hint]:
    """What to know about an uploaded picture before somebody in it is chosen.

    Args:
        found: The people found in it.
    """
    if not len(found):
        text = "Nobody was found in this picture; draw a box around the person, or choose another picture."
        return [Hint("nobody", text)]
    if len(found) == 1:
        return []
    return [Hint("several", f"{len(found)} people were found in this picture; choose the one you look for.")]


def hints_of_person(image: Image, box: Sequence[float]) -> list[Hint]:
    """What makes one person in a picture a weak example; empty where nothing does.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: x1, y1, x2, y2 in its pixels.
    """
    (height, width), (x1, y1, x2, y2) = image.shape[:2], box
    hints, tall = [], min(y2, height) - max(y1, 0.0)
    if tall < SMALLEST_HEIGHT:
        text = (
            f"The person is only {tall:.0f} pixels tall, which shows little more than the colors of the clothes; a "
            f"picture of at least {SMALLEST_HEIGHT} pixels is better."
        )
        hints.append(Hint("too_small", text))
    sides = {
        "left": x1 <= BORDER * width,
        "top": y1 <= BORDER * height,
        "right": x2 >= (1 - BORDER) * width,
        "bottom": y2 >= (1 - BORDER) * height,
    }
    touched = [side for side, near in sides.items() if near]
    # A picture cut closely around one person touches every side and shows the person whole.
    if touched and len(touched) < len(sides):
        where = " and ".join(touched)
        text = f"The person reaches the {where} of the picture and may be cut off there; a whole figure is better."
        hints.append(Hint("cut_off", text))
    person = cut(image, np.asarray(box, dtype=np.float32))
    if tall >= SMALLEST_HEIGHT and person.size and sharpness(person) < LEAST_SHARPNESS:
        hints.append(Hint("blurred", "The person is blurred; a sharper picture finds more."))
    return hints


def sharpness(person: Image) -> float:
    """How fast the brightness of a picture changes from pixel to pixel, beside how much it changes at all; 0 or more.

    It is the variance of the Laplacian divided by the variance of the gray levels, so that contrast does not matter.
    A person of more than 128 pixels is made that tall, so that size matters little. A picture of one color has 0.

    Args:
        person: (H, W, 3) uint8 RGB of one person, with at least one pixel.
    """
    gray = cv2.cvtColor(person, cv2.COLOR_RGB2GRAY)
    height, width = gray.shape
    if height > COMPARED_HEIGHT:
        size = (max(1, round(width * COMPARED_HEIGHT / height)), COMPARED_HEIGHT)
        gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    seen = gray.astype(np.float32)
    return float(cv2.Laplacian(seen, cv2.CV_32F).var() / max(float(seen.var()), 1.0))
