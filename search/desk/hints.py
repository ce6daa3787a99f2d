"""What makes a picture of a person a weak example, said to whoever searches by it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.boxes import cut
from detection.canvas import on_canvas
from detection.detections import Detections
from detection.settings import LEAST_CONFIDENCE

SMALLEST_HEIGHT = 60
"""A person of fewer pixels from head to foot shows hardly more than the colors of the clothes."""

BORDER = 0.01
"""A box that comes nearer to the picture's border than this share of the side is taken to be cut off there."""

COMPARED_HEIGHT = 128
LEAST_SHARPNESS = 0.03
"""A person below this is called blurred; see `sharpness`. Of 87 people of real frames, at least 100 pixels tall, 99 in
100 have more than 0.09; blurred by a Gaussian of two pixels at a height of 128, 95 in 100 have less than 0.016."""

ONE_PERSON = 0.7
"""A box that overlaps a found person by this share of their union (IoU) or more is that person's, whoever else is in
it. With the shipped detector, none of 24 crops of Market-1501 and 24 boxes of prw_c6 that show one person was called
empty or several. Of 24 pictures of floors and walls 17 were called empty, of 24 pictures of two people 21 several."""

MOSTLY_INSIDE = 0.6
"""A found person counts as in a box where this share of the person lies in it."""

LEAST_TALL = 0.5
"""Of several people in a box those count who are at least this share as tall as the tallest."""

Image = NDArray[np.uint8]
Detect = Callable[[Sequence[Image]], Sequence[Detections]]
"""Finds the people of some images (H, W, 3) uint8 RGB; boxes are in their pixels."""


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


def hints_of_probe(image: Image, box: Sequence[float] | None, detect: Detect | None) -> list[Hint]:
    """What makes a picture or a box that somebody searches by a weak example; empty where nothing does.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: x1, y1, x2, y2 in its pixels; None for a picture that shows the person alone.
        detect: What finds people; None where nothing does. Whether anybody is in the box is not known then.
    """
    height, width = image.shape[:2]
    whole = (0.0, 0.0, float(width), float(height)) if box is None else tuple(map(float, box))
    hints = hints_of_person(image, whole)
    if detect is None:
        return hints
    # A picture of one person fills its frame, as people in footage never do.
    seen, place = (image, np.asarray(whole)) if box is not None else on_canvas(image)
    (found,) = detect([seen])
    inside = people_in(found[found.scores >= LEAST_CONFIDENCE].boxes.numpy(), np.asarray(place, dtype=np.float64))
    if len(inside) == 1:
        return hints
    if not len(inside):
        where = "this picture" if box is None else "this box"
        text = f"Nobody was found in {where}: the answer shows what looks like it, whoever that is."
        return [Hint("nobody", text), *hints]
    if box is None:
        inside = (inside - [place[0], place[1]] * 2) * (width / (place[2] - place[0]))
    inside = inside.clip(0, [width, height] * 2)
    sides = " or ".join(",".join(f"{side:.0f}" for side in one) for one in inside)
    text = (
        f"{len(inside)} people were found in it, and the search looks for all of them together; choose one: "
        f"--frame PICTURE --box {sides}."
    )
    return [Hint("several", text), *hints]


def people_in(people: NDArray[np.float32], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """The people whom a box shows: the one that it is drawn around, or all that lie in it.

    >>> people_in(np.array([[0, 0, 10, 30], [12, 0, 22, 30], [50, 0, 60, 30]]), np.array([0, 0, 24, 30])).tolist()
    [[0.0, 0.0, 10.0, 30.0], [12.0, 0.0, 22.0, 30.0]]

    Args:
        people: (N, 4) xyxy of the people of the picture.
        box: (4,) xyxy.

    Returns:
        (M, 4) xyxy from left to right; those much smaller than the tallest are left out.
    """
    boxes = people.astype(np.float64)
    shared = np.clip(np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2]), 0, None).prod(axis=1)
    areas, own = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1), (box[2:] - box[:2]).prod()
    union = shared / np.maximum(areas + own - shared, 1e-9)
    if len(boxes) and union.max() >= ONE_PERSON:
        return boxes[[union.argmax()]]
    inside = boxes[shared >= MOSTLY_INSIDE * np.maximum(areas, 1e-9)]
    if not len(inside):  # a box around a part of somebody
        return boxes[[shared.argmax()]] if len(boxes) and shared.max() >= 0.5 * own else inside
    tall = inside[:, 3] - inside[:, 1]
    inside = inside[tall >= LEAST_TALL * tall.max()]
    return inside[inside[:, 0].argsort(kind="stable")]


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
