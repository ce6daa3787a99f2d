"""Boxes and words on pictures: a frame around a person, a label on it, and a band that says where and when."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

Image = NDArray[np.uint8]
Color = tuple[int, int, int]

INK: Color = (255, 255, 255)
BAND: Color = (17, 20, 26)
ACCENT: Color = (47, 95, 208)
"""The blue of the pages."""

RIGHT: Color = (18, 128, 74)
POSSIBLE: Color = (190, 112, 20)
WRONG: Color = (200, 55, 45)


def text_width(text: str, size: int, *, bold: bool = False) -> int:
    """How many pixels a line of text is wide.

    Args:
        text: One line.
        size: The height of its letters in pixels.
        bold: Whether it is in bold type.
    """
    return int(np.ceil(_font(size, bold).getlength(text)))


def write_text(image: Image, text: str, place: tuple[int, int], size: int, color: Color, *, bold: bool = False) -> None:
    """Write a line of text onto a picture, in place; what lies beyond its edges is cut.

    Args:
        image: (H, W, 3) uint8 RGB.
        text: One line; letters that the font lacks show as boxes.
        place: The left upper corner in pixels.
        size: The height of the letters in pixels.
        color: RGB.
        bold: Whether it is in bold type.
    """
    stencil = _stencil(text, size, bold)  # [h, w] from 0 to 1
    left, top = max(0, place[0]), max(0, place[1])
    part = image[top : top + stencil.shape[0], left : left + stencil.shape[1]]
    cover = stencil[: part.shape[0], : part.shape[1], None]
    part[:] = np.round(part + cover * (np.array(color, dtype=np.float32) - part)).astype(np.uint8)


def shortened(text: str, width: int, size: int, *, bold: bool = False) -> str:
    """The text, with its middle left out where it is wider than `width` pixels."""
    if text_width(text, size, bold=bold) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        head = (kept + 1) // 2
        candidate = f"{text[:head]}…{text[len(text) - (kept - head) :]}"
        if text_width(candidate, size, bold=bold) <= width:
            return candidate
    return "…"


def draw_box(image: Image, box: Sequence[float] | NDArray[np.floating], color: Color, label: str = "") -> None:
    """Draw a box around a person onto a picture, in place, with a label on its upper edge.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: xyxy pixels of this picture.
        color: RGB of the line; a white rim lifts it from any background.
        label: A few words; none where it is empty.
    """
    height, width = image.shape[:2]
    line = max(2, round(max(height, width) / 480))
    x1, y1, x2, y2 = (round(float(value)) for value in box)
    corners = (max(0, x1), max(0, y1)), (min(width - 1, x2), min(height - 1, y2))
    cv2.rectangle(image, *corners, INK, 2 * line + 1, cv2.LINE_AA)
    cv2.rectangle(image, *corners, color, line, cv2.LINE_AA)
    if not label:
        return
    size = letter_size(height, width)
    pad = max(3, size // 3)
    label_width, label_height = text_width(label, size, bold=True) + 2 * pad, size + 2 * pad
    left = int(np.clip(x1 - line, 0, max(0, width - label_width)))
    top = y1 - label_height - line
    if top < 0:  # no room above the person: below, or else inside the box
        below = y2 + line + 1
        top = below if below + label_height <= height else min(max(0, y1 + line), max(0, height - label_height))
    cv2.rectangle(image, (left, top), (left + label_width, top + label_height), color, -1)
    write_text(image, label, (left + pad, top + pad - size // 8), size, INK, bold=True)


def draw_band(image: Image, left: str, right: str, tall: int) -> None:
    """Fill the lower edge of a picture with a dark band, in place, with words at both of its ends.

    Args:
        image: (H, W, 3) uint8 RGB.
        left: What stands at the left, in bold; shortened where it does not fit.
        right: What stands at the right.
        tall: The height of the band in pixels, see `band_height`.
    """
    height, width = image.shape[:2]
    size = round(tall / 2.2)
    pad = (tall - size) // 2
    image[height - tall :] = BAND
    top = height - tall + pad - size // 8
    room = width - 3 * pad - text_width(right, size)
    write_text(image, right, (width - pad - text_width(right, size), top), size, INK)
    write_text(image, shortened(left, room, size, bold=True), (pad, top), size, INK, bold=True)


def band_height(height: int, width: int) -> int:
    """The height in pixels, an even number, of a band that is well read below a picture of this size."""
    return 2 * round(1.1 * letter_size(height, width))


def letter_size(height: int, width: int) -> int:
    """The height of letters in pixels that is well read on a picture of this size."""
    return max(11, round(min(height, width) / 30))


@lru_cache(maxsize=64)
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings: Latin, Greek and Cyrillic letters look alike on every machine."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)


@lru_cache(maxsize=512)
def _stencil(text: str, size: int, bold: bool) -> NDArray[np.float32]:
    """(h, w) how much each pixel belongs to the letters, from 0 to 1."""
    picture = PillowImage.new("L", (max(1, text_width(text, size, bold=bold) + 1), round(1.4 * size)))
    ImageDraw.Draw(picture).text((0, 0), text, fill=255, font=_font(size, bold))
    return np.asarray(picture, dtype=np.float32) / np.float32(255)
