"""Reading image files: always uint8 RGB as a person would see the picture, or one line that says what is wrong."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})

_EXIF_ORIENTATION = 0x0112
_FIRST_TURNED = 5
"""EXIF orientations from 5 to 8 lie on their side."""

_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"
_JPEG_SCAN = 0xDA
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class ImageError(ValueError):
    """A file is no complete, readable image.

    Args:
        path: the file.
        reason: one line, without the path and the remedy.
        remedy: what to do about it.
    """

    def __init__(self, path: Path, reason: str, remedy: str = "copy the image again or remove it") -> None:
        super().__init__(f"{path}: {reason}; {remedy}")
        self.path = path
        self.reason = reason
        self.remedy = remedy


def read_image(path: Path | str) -> NDArray[np.uint8]:
    """Read an image file.

    The EXIF orientation is applied; grey, palette, 16-bit and CMYK pictures become 8-bit RGB; alpha is dropped.

    Damage inside a JPEG that has its end goes unnoticed: libjpeg repairs it and only warns.

    Args:
        path: any format OpenCV decodes; the content decides, not the suffix.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: the file is missing, empty, truncated or no image.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(path, "the file does not exist", "put the image there or correct the path") from None
    except OSError as error:
        raise ImageError(path, f"cannot be read ({error.strerror})") from error
    return decode_image(content, path)


def image_aspect(path: Path | str) -> float:
    """Width over height of a picture as `read_image` gives it, from its header alone; 1 where there is none to read."""
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(_EXIF_ORIENTATION, 1) >= _FIRST_TURNED
    except (OSError, ValueError, SyntaxError):  # what a damaged header raises; reading the picture will name it
        return 1.0
    return height / width if turned else width / height


def decode_image(content: bytes, path: Path) -> NDArray[np.uint8]:
    """Decode the bytes of an image file, as `read_image` does; `path` is for the error."""
    if not content:
        raise ImageError(path, "the file is empty (0 bytes)")
    if _is_truncated(content):
        raise ImageError(path, f"the image is truncated (its end is missing after {len(content)} bytes)")
    try:
        image = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError(path, f"cannot be decoded ({error.err or error.code})") from error
    if image is None:
        raise ImageError(path, f"is no readable image (starts with {content[:12]!r})")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _is_truncated(content: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end marker: some OpenCV versions decode such a file, half of it grey."""
    if content.startswith(_JPEG_START):
        return _jpeg_is_truncated(content)
    if content.startswith(_PNG_SIGNATURE):
        return b"IEND" not in content[-64 * 1024 :]
    return False


def _jpeg_is_truncated(content: bytes) -> bool:
    """Walk the segments to the first scan, then look for the end marker.

    A thumbnail inside EXIF has an end marker of its own, so segments before the scan are skipped by their length; after
    it the marker can't occur in the compressed data, where 0xFF is always followed by 0x00 or a restart marker.
    """
    position = 2
    while position + 4 <= len(content):
        if content[position] != 0xFF:
            return False  # not a segment: let the decoder judge
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1  # fill byte
            continue
        if marker == _JPEG_SCAN:
            return content.find(_JPEG_END, position) < 0
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return True
