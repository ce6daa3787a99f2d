"""Pixels as a person sees them: deep pictures scaled to 8 bits, transparent parts filled from what is around them."""

import re

import cv2
import numpy as np
from numpy.typing import NDArray

SENSOR_TOPS = (255, 1023, 4095, 16383, 65535)
"""The largest values of sensors with 8, 10, 12, 14 and 16 bits, which all write 16-bit files."""

OUTLIERS = 1e-4
"""Share of the pixels that may lie beyond a sensor's largest value: dead pixels and single hot ones."""

NARROW = 1 / 16
"""A deep picture whose values fill less than this share of its range (a thermal camera's, say) is stretched."""

OPAQUE = 128
"""Alpha from here on, of 255: the pixel's own color is what one sees."""

FILL_SIDE = 256
"""Longest side in pixels at which the colors under transparent parts are computed; nobody sees detail there."""

_PORTABLE_MAP = re.compile(rb"P[2356](?:\s+|#[^\n]*\n)+\d+(?:\s+|#[^\n]*\n)+\d+(?:\s+|#[^\n]*\n)+(\d+)\s")


def as_eight_bits(image: NDArray[np.generic], top: float | None = None) -> NDArray[np.uint8]:
    """Scale a picture of any number type to 8 bits, by the values that occur in it.

    A file says that it holds 16 bits, but not how many of them the sensor fills. The smallest of SENSOR_TOPS (and 1 for
    fractions) that no more than a few outliers exceed is taken for white. A picture that fills only a small part of
    that range is stretched from its darkest to its brightest value.

    >>> twelve_bits = np.array([[0, 2048, 4095]], dtype=np.uint16)
    >>> as_eight_bits(twelve_bits).tolist()
    [[0, 128, 255]]
    >>> as_eight_bits(np.array([[0.0, 0.5, 1.0]], dtype=np.float32)).tolist()
    [[0, 127, 255]]

    Args:
        image: Any shape; whole numbers or fractions. Values that are not finite become black.
        top: The value of white, where the file tells it; None looks at the values.

    Returns:
        The same shape as uint8. Pictures of uint8 come back unchanged.
    """
    if image.dtype == np.uint8 and top is None:
        return np.asarray(image, dtype=np.uint8)
    values = np.nan_to_num(image.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    if not values.size:
        return values.astype(np.uint8)
    low, high = (float(value) for value in np.quantile(values, (OUTLIERS, 1 - OUTLIERS), method="nearest"))
    fractions = np.issubdtype(image.dtype, np.floating)
    tops = (1, *SENSOR_TOPS) if fractions else SENSOR_TOPS
    white = top or next((one for one in tops if high <= one), None)
    deep = white is None or white > 255 or white == 1
    if white is None or low < 0 or (top is None and deep and 0 < high - low < NARROW * white):
        return _clipped((values - low) * (255 / (high - low or 1.0)))
    if white in SENSOR_TOPS and not fractions:
        return _clipped(values * (256 / (white + 1)))  # the shift by whole bits that every decoder does
    return _clipped(values * (255 / white))


def white_of_portable_map(content: bytes) -> int | None:
    """The value of white that the header of a PGM or PPM file states; None for other files and for the usual 255.

    >>> white_of_portable_map(b"P5 640 480 1023 ...")
    1023
    """
    found = _PORTABLE_MAP.match(content[:1000])
    white = int(found[1]) if found else 255
    return white if white not in (0, 255) else None


def filled(image: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture whose transparent parts show the colors around them, whatever color lies hidden under them.

    A picture without any opaque part (a file that uses the fourth channel for something else) comes back unchanged.

    Args:
        image: (H, W, 3) uint8.
        alpha: (H, W) uint8; 0 is invisible, 255 opaque.

    Returns:
        (H, W, 3) uint8.
    """
    hidden = alpha < OPAQUE
    if alpha.min() == 255 or hidden.all():
        return image
    around = _from_the_rim(image, hidden) if hidden.any() else image
    share = np.where(hidden, alpha, 255)[..., None] / np.float32(255)  # [H, W, 1]
    return _clipped(np.rint(share * image + (1 - share) * around))


def _from_the_rim(image: NDArray[np.uint8], hidden: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(H, W, 3): the hidden parts filled by inpainting, at no more than FILL_SIDE pixels, so that it takes no time."""
    height, width = hidden.shape
    scale = min(1.0, FILL_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    seen = (~hidden).astype(np.float32)
    # The mean of the visible pixels only: a hidden one must not color its neighbors.
    weight = np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA)).reshape(size[1], size[0])
    total = cv2.resize(image * seen[..., None], size, interpolation=cv2.INTER_AREA)
    small = _clipped(total.reshape(size[1], size[0], 3) / np.maximum(weight, 1e-6)[..., None])
    mask = (weight <= 1e-6).astype(np.uint8)
    if mask.all():
        return image
    small = np.asarray(cv2.inpaint(small, mask, 3, cv2.INPAINT_TELEA), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _clipped(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.clip(values, 0, 255).astype(np.uint8)
