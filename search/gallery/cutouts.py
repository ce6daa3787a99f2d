"""The side store of a gallery: small JPEG pictures of the sightings, many in one packed file."""

import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datasets.files import write_whole
from search.gallery.sightings import Cutout

CUTOUT_SIDE = 192
"""Longest side of a stored cut-out in pixels: about 5 KB, enough to recognize a person on a page."""


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
