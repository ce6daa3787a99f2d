"""The side store of a gallery: small JPEG pictures of the sightings, many in one packed file."""

import uuid
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.files import write_whole
from search.gallery.sightings import Cutout

CUTOUT_SIDE = 192
"""Longest side of a stored cut-out in pixels: about 5 KB, enough to recognise a person on a page."""

JPEG_QUALITY = 82


def encode_jpeg(image: NDArray[np.uint8], *, longest_side: int | None = None, quality: int = JPEG_QUALITY) -> bytes:
    """An RGB picture as JPEG bytes, made smaller where a side exceeds `longest_side`, never larger.

    Args:
        image: (H, W, 3) uint8 RGB with H, W > 0.
        longest_side: pixels; None keeps the size.
        quality: 1 to 100.

    Raises:
        ValueError: the picture has no pixel.
    """
    height, width = image.shape[:2]
    if not height or not width:
        raise ValueError(f"picture of {width} x {height} pixels, expected at least one pixel")
    if longest_side is not None and max(height, width) > longest_side:
        scale = longest_side / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"picture of {width} x {height} pixels could not be written as JPEG")
    return encoded.tobytes()


class CutoutStore:
    """Packed files of JPEG pictures in a folder.

    One file is written per batch and never changed: a picture is addressed by file, offset and length, and a reader
    in another process never sees a half-written file.

    Args:
        folder: created when the first pack is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, jpegs: Sequence[bytes]) -> list[Cutout]:
        """Store pictures durably; on return they survive a crash.

        Args:
            jpegs: encoded pictures; empty bytes stand for a box without a pixel.

        Returns:
            Their addresses, in order.
        """
        if not jpegs:
            return []
        pack = f"{uuid.uuid4().hex}.pack"
        write_whole(self.folder / pack, b"".join(jpegs), durable=True)
        ends = np.cumsum([len(jpeg) for jpeg in jpegs])
        return [Cutout(pack, int(end) - len(jpeg), len(jpeg)) for end, jpeg in zip(ends, jpegs, strict=True)]

    def read(self, cutout: Cutout) -> bytes | None:
        """The JPEG bytes of a picture, or None where the box held no pixel or the file is gone or cut short."""
        if not cutout.length:
            return None
        try:
            with (self.folder / cutout.pack).open("rb") as file:
                file.seek(cutout.offset)
                content = file.read(cutout.length)
        except OSError:
            return None
        return content if len(content) == cutout.length else None
