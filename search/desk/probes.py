"""Uploaded pictures: checked before they are decoded, kept in memory for a while, and forgotten."""

import io
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.images import ImageError, decode_image, encode_jpeg, header_size
from detection.detections import Detections
from search.desk.hints import Hint
from search.desk.refusals import NoPicture, NotThere, TooLarge, TooMany

STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"GIF87a", b"GIF89a")
"""How JPEG, PNG, BMP, TIFF and GIF begin; WebP is looked at apart. The content decides, not the name or the type."""

QUALITY = 90

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class UploadLimits:
    """What is taken of uploaded pictures, and how long it is kept.

    Args:
        most_bytes: A larger file is refused.
        most_pixels: A picture with more pixels is refused from its header, before it is decoded.
        most_kept: So many pictures are kept; then the one that was not used for longest goes.
        most_kept_bytes: The decoded pictures that are kept take at most so many bytes together.
        a_minute: More uploads than this within a minute are refused.
        seconds: A picture that was not used for so long is forgotten.
    """

    most_bytes: int = 20 * 1024 * 1024
    most_pixels: int = 40_000_000
    most_kept: int = 100
    most_kept_bytes: int = 512 * 1024 * 1024
    a_minute: int = 60
    seconds: float = 3600.0


@dataclass(frozen=True, eq=False)
class StoredProbe:
    """An uploaded picture and the people found in it.

    Args:
        probe: Its name, which nobody can guess.
        image: (H, W, 3) uint8 RGB.
        found: The people found in it, the surest first.
        hints: What to know about it before somebody in it is chosen.
    """

    probe: str
    image: Image
    found: Detections
    hints: tuple[Hint, ...] = ()
    _jpeg: list[bytes] = field(default_factory=list)

    def jpeg(self) -> bytes:
        """The picture encoded anew, without anything else that the file held."""
        if not self._jpeg:
            self._jpeg.append(encode_jpeg(self.image, quality=QUALITY))
        return self._jpeg[0]


def decoded(content: bytes, limits: UploadLimits) -> Image:
    """An uploaded picture as (H, W, 3) uint8 RGB.

    Args:
        content: The bytes of the file.
        limits: What is taken.

    Raises:
        NoPicture: The content is no JPEG, PNG, WebP, BMP, TIFF or GIF, or is damaged.
        TooLarge: It has too many bytes or pixels; nothing was decoded.
    """
    if len(content) > limits.most_bytes:
        raise TooLarge("upload_too_large", most=limits.most_bytes // 1024**2)
    if not content.startswith(STARTS) and not (content[:4] == b"RIFF" and content[8:12] == b"WEBP"):
        raise NoPicture("no_picture")
    size = header_size(io.BytesIO(content))
    if size is None:
        raise NoPicture("picture_cut")
    if size[0] * size[1] > limits.most_pixels:
        raise TooLarge("picture_too_many_pixels", width=size[0], height=size[1], most=limits.most_pixels)
    try:
        return decode_image(content, Path("picture"), max_pixels=limits.most_pixels)
    except ImageError as error:
        raise NoPicture("picture_unreadable", why=error.reason) from error


class ProbeStore:
    """The uploaded pictures, in memory alone; safe to be used by several threads.

    Args:
        limits: How many are kept, and for how long.
        clock: Seconds that only grow.
    """

    def __init__(self, limits: UploadLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, StoredProbe]] = OrderedDict()
        self._lately: deque[float] = deque()

    def admit(self) -> None:
        """Count an upload that begins.

        Raises:
            TooMany: Too many began within a minute.
        """
        now = self._clock()
        with self._lock:
            while self._lately and self._lately[0] <= now - 60:
                self._lately.popleft()
            if len(self._lately) >= self.limits.a_minute:
                raise TooMany("too_many_uploads", most=self.limits.a_minute)
            self._lately.append(now)

    def put(self, image: Image, found: Detections, hints: tuple[Hint, ...]) -> StoredProbe:
        """Keep a picture, and forget those that are old or too many."""
        probe = StoredProbe(secrets.token_urlsafe(16), image, found, hints)
        with self._lock:
            self._kept[probe.probe] = (self._clock(), probe)
            self._forget()
        return probe

    def get(self, name: str) -> StoredProbe:
        """The picture of a name, which counts as used.

        Raises:
            NotThere: There is none, or it was forgotten.
        """
        with self._lock:
            self._forget()
            if name not in self._kept:
                raise NotThere("picture_not_kept")
            probe = self._kept[name][1]
            self._kept[name] = (self._clock(), probe)
            self._kept.move_to_end(name)
            return probe

    def __len__(self) -> int:
        with self._lock:
            self._forget()
            return len(self._kept)

    def _forget(self) -> None:
        """Drop what is too old, and the oldest where there is too much; at least one picture stays."""
        least = self._clock() - self.limits.seconds
        while self._kept and next(iter(self._kept.values()))[0] < least:
            self._kept.popitem(last=False)
        while len(self._kept) > 1 and (len(self._kept) > self.limits.most_kept or self._bytes() > self._most_bytes):
            self._kept.popitem(last=False)

    @property
    def _most_bytes(self) -> int:
        return self.limits.most_kept_bytes

    def _bytes(self) -> int:
        return sum(probe.image.nbytes for _, probe in self._kept.values())
