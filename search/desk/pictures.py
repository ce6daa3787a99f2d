"""Pictures as a browser takes them: whole frames read again from the footage, and the cut-out of each sighting."""

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from datasets.boxes import cut
from datasets.footage.names import file_of
from datasets.images import encode_jpeg
from search.desk.catalog import CatalogFrame
from search.desk.opened_gallery import OpenedGallery
from search.desk.refusals import NotThere
from search.gallery.cutouts import CUTOUT_SIDE
from search.gallery.originals import file_state, read_original, split_location
from search.gallery.sightings import Sighting

WIDTHS = range(32, 3841)
"""How wide a frame may be asked for, in pixels."""

MOST_CACHED_BYTES = 64 * 1024 * 1024
QUALITY = 85

Image = NDArray[np.uint8]


class Pictures:
    """The pictures of a gallery; those that were shown lately are kept in memory.

    Args:
        gallery: Where the frames are looked up.
    """

    def __init__(self, gallery: OpenedGallery) -> None:
        self._gallery = gallery
        self._cache = _Cache(MOST_CACHED_BYTES)
        # Decoding a video takes a whole processor: two at once are enough for several readers.
        self._reading = threading.BoundedSemaphore(2)

    def frame(self, frame: CatalogFrame, width: int | None = None) -> bytes:
        """A whole frame as JPEG.

        Args:
            frame: The frame.
            width: The width in pixels, one of `WIDTHS`; a wider frame is made smaller, a narrower one stays. None
                keeps the size.

        Raises:
            NotThere: The footage is gone, or has been replaced.
        """

        def made() -> bytes:
            image = self.original(frame)
            height = None if width is None else round(image.shape[0] * width / image.shape[1])
            side = None if width is None or height is None else max(width, height, 1)
            return encode_jpeg(image, longest_side=side, quality=QUALITY)

        return self._cache.get((frame.key, width), made)

    def person(self, sighting: Sighting) -> bytes:
        """The stored picture of a sighting as JPEG; where there is none, it is cut from the frame.

        Raises:
            NotThere: There is neither.
        """
        stored = self._gallery.cutout(sighting)
        if stored:
            return stored

        def made() -> bytes:
            picture = cut(self.original(self._gallery.frame(sighting.key.rpartition(".")[0])), sighting.box)
            if not picture.size:
                raise NotThere("empty_box")
            return encode_jpeg(picture, longest_side=CUTOUT_SIDE)

        return self._cache.get((sighting.key, None), made)

    def original(self, frame: CatalogFrame) -> Image:
        """The frame (H, W, 3) uint8 RGB, read again from its file.

        Raises:
            NotThere: The footage is gone, or has been replaced.
        """
        why = missing_footage(frame)
        if not why:
            with self._reading:
                image = read_original(_bare_sighting(frame))
            if image is not None:
                return image
            why = "footage_shows_another"
        raise NotThere(why)


def missing_footage(frame: CatalogFrame) -> str:
    """Why a frame cannot be read again, as the code of a sentence; empty where its file is there as it was."""
    if frame.location is None:
        return "footage_is_stream"
    file = split_location(frame.location)[0]
    if not file_of(file).exists():
        return "footage_gone"
    if frame.file_state is not None and file_state(file) != frame.file_state:
        return "footage_changed"
    return ""


def _bare_sighting(frame: CatalogFrame) -> Sighting:
    """A frame in the form in which originals are read: a sighting of the whole picture."""
    box = (0.0, 0.0, float(frame.width), float(frame.height))
    place = (frame.frame, 0, frame.source, frame.camera, frame.time)
    return Sighting(*place, box, 1.0, 0.0, frame.width, frame.height, frame.location)


class _Cache:
    """Encoded pictures, at most so many bytes; what was not asked for longest goes first."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[tuple[str, int | None], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, int | None], make: Callable[[], bytes]) -> bytes:
        """Gives the picture that is kept under a key, or makes and keeps it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            if key not in self._kept and len(made) <= self._most // 4:
                self._kept[key] = made
                self._bytes += len(made)
            while self._bytes > self._most:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return made
