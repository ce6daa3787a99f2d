"""Where the frames of a gallery come from, and reading one again from the image file or video that was indexed."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.footage.streams import is_stream, public_name
from datasets.images import ImageError, read_image
from search.gallery.sightings import Sighting

VIDEO_MARK = "#t="
"""Between a video's path and the seconds of a frame in it, as `frames_from_source` names them."""

SEEK_BACK_SECONDS = (0.5, 5.0, 60.0)
"""Seeking in a video is not exact: it starts this much earlier, and reads on; further back where it overshot."""


@dataclass(frozen=True)
class SourcePlace:
    """How a gallery names a source: the folder its frame names are relative to, or a stream's address without secrets.

    A folder, a video in it and a JSON file in it share the folder, so a frame indexed through two of them is one frame.
    """

    name: str
    folder: Path | None

    def location(self, frame_name: str) -> str | None:
        """Where the frame can be read again, see `Sighting.location`."""
        return None if self.folder is None else str(self.folder / frame_name)


def source_place(source: str | Path) -> SourcePlace:
    """The place of a source, as `index` records it."""
    if is_stream(str(source)):
        return SourcePlace(public_name(str(source)), None)
    path = Path(source).resolve()
    folder = path if path.is_dir() else path.parent
    return SourcePlace(str(folder), folder)


def read_original(sighting: Sighting) -> NDArray[np.uint8] | None:
    """The full frame of a sighting.

    Args:
        sighting: `location` is an image file, or a video file, "#t=" and the seconds from its start.

    Returns:
        (H, W, 3) uint8 RGB; None where the frame cannot be read again, or is no longer of the size it was indexed
        with, so that the box would not fit.
    """
    if sighting.location is None:
        return None
    path, mark, seconds = sighting.location.rpartition(VIDEO_MARK)
    try:
        if mark and not Path(sighting.location).exists():
            image = _video_frame(path, float(seconds))
        else:
            image = read_image(sighting.location)
    except (ImageError, ValueError):
        return None
    if image is None or image.shape[:2] != (sighting.frame_height, sighting.frame_width):
        return None
    return image


def _video_frame(path: str, seconds: float) -> NDArray[np.uint8] | None:
    """The first frame of a video at or after a time, as indexing picked it."""
    for back in SEEK_BACK_SECONDS:
        video = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
        try:
            start = max(0.0, seconds - back)
            # A fresh capture stands before the first frame, seeking to zero would only cost time.
            if start:
                video.set(cv2.CAP_PROP_POS_MSEC, 1000 * start)
            first = True
            while video.grab():
                # Half a millisecond: the name of the frame holds three digits.
                reached = video.get(cv2.CAP_PROP_POS_MSEC) / 1000 >= seconds - 6e-4
                if reached and (not first or not start):
                    done, image = video.retrieve()
                    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8) if done else None
                if reached:
                    break  # already past it at the first frame: start earlier
                first = False
        finally:
            video.release()
    return None
