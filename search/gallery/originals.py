"""Where the frames of a gallery come from, and reading one again from the image file or video that was indexed."""

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.boxes import cut
from datasets.footage.names import VIDEO_MARK, file_of, moment_named, written
from datasets.footage.streams import is_stream, public_name
from datasets.footage.videos import frame_at
from datasets.images import ImageError, encode_jpeg, read_image
from search.gallery.cutouts import CUTOUT_SIDE
from search.gallery.sightings import Sighting

SAME_PICTURE = 1.5
"""Mean difference of gray levels up to which two JPEG files of a cut-out show the same pixels: another version of the
encoder differs by less, another frame of the same camera by more."""


@dataclass(frozen=True)
class SourcePlace:
    """How a gallery names a source: the folder its frame names are relative to, or a stream's address without secrets.

    A folder, a video in it and a JSON file in it share the folder, so a frame indexed through two of them is one frame.

    >>> source_place("rtsp://admin:secret@camera/live?channel=2").name
    'camera/live?channel=2'

    Args:
        name: The name, as text that can be stored.
        folder: The folder; None for a stream.
    """

    name: str
    folder: Path | None

    def location(self, frame_name: str) -> str | None:
        """Where the frame can be read again, see `Sighting.location`; links are resolved, so that a file has one place.

        Args:
            frame_name: The frame's name in this source.
        """
        if self.folder is None:
            return None
        file, second = split_location(str(self.folder / frame_name))
        return written(os.path.realpath(file_of(file))) + second


def source_place(source: str | Path) -> SourcePlace:
    """The place of a source, as `index` records it.

    Args:
        source: What the user named: a path, or the address of a stream.
    """
    if is_stream(str(source)):
        return SourcePlace(public_name(str(source)), None)
    path = Path(os.path.realpath(source))
    folder = path if path.is_dir() else path.parent
    return SourcePlace(written(str(folder)), folder)


def split_location(location: str) -> tuple[str, str]:
    """The file of a location, and the rest that names a moment in a video; the rest is empty for a picture.

    >>> split_location("/disk/gate.mp4#t=000012.000")
    ('/disk/gate.mp4', '#t=000012.000')
    >>> split_location("/disk/gate.jpg")
    ('/disk/gate.jpg', '')

    Args:
        location: As in `Sighting.location`.
    """
    path, mark, seconds = location.rpartition(VIDEO_MARK)
    if mark and not os.path.lexists(file_of(location)):
        return path, mark + seconds
    return location, ""


def file_state(file: str) -> str | None:
    """Size and time of change of a file, as one text; None where there is no such file.

    Args:
        file: The file of a location, see `split_location`.
    """
    try:
        status = os.stat(file_of(file))
    except (OSError, ValueError):
        return None
    return f"{status.st_size}:{status.st_mtime_ns}"


def read_original(sighting: Sighting, cutout: bytes | None = None) -> NDArray[np.uint8] | None:
    """Read the full frame of a sighting again, where it is still the frame that was indexed.

    Args:
        sighting: Its `location` is an image file, or a video file, "#t=" and the seconds from its start.
        cutout: The JPEG of the sighting's box that the gallery stores. A frame whose box now shows something else was
            replaced, and is not given. None does not compare.

    Returns:
        (H, W, 3) uint8 RGB; None where the frame cannot be read again, or is another one than was indexed, so that the
        box would mark something else.
    """
    if sighting.location is None:
        return None
    file, moment = split_location(sighting.location)
    try:
        if moment:
            image = frame_at(file_of(file), *moment_named(moment))
        else:
            image = read_image(file_of(file))
    except (ImageError, ValueError, OSError):
        return None
    if image is None:
        return None
    # A camera that hangs turned was turned upright when it was indexed; the stored picture tells how.
    for quarters in range(4):
        turned = np.ascontiguousarray(np.rot90(image, -quarters))
        right_size = turned.shape[:2] == (sighting.frame_height, sighting.frame_width)
        if right_size and (not cutout or shows(turned, sighting, cutout)):
            return turned
    return None


def shows(image: NDArray[np.uint8], sighting: Sighting, cutout: bytes) -> bool:
    """Whether the box of a sighting has the pixels in a frame that the stored cut-out has."""
    now = cut(image, sighting.box)
    if not now.size:
        return True
    again = encode_jpeg(now, longest_side=CUTOUT_SIDE)
    if again == cutout:
        return True
    first, second = (cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in (again, cutout))
    if first is None or second is None or first.shape != second.shape:
        return False
    return float(np.abs(first.astype(np.int16) - second).mean()) <= SAME_PICTURE
