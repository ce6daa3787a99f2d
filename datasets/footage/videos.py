"""Frames of video files, picked by time; what a file lost is counted, never passed over in silence."""

import logging
import math
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from datasets.footage.containers import Contents, examine
from datasets.footage.film import Film, FrameError, picture
from datasets.footage.names import moment_name
from datasets.footage.sparse import SparseFilm, Unclear
from datasets.footage.start_times import FileRates
from datasets.images import MOST_PIXELS
from datasets.samples import Camera

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".qt", ".avi", ".divx", ".mkv", ".webm", ".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".vob"}
    | {".ts", ".mts", ".m2ts", ".m2t", ".trp", ".wmv", ".asf", ".flv", ".f4v", ".3gp", ".3g2", ".ogv", ".mxf", ".dv"}
    | {".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".mjpeg", ".mjpg", ".dav", ".ivf", ".nut", ".y4m", ".obu"}
)

__all__ = [
    "FrameCount", "FrameError", "Item", "Picking", "count_video_frames", "frame_at", "frames_from", "picked",
    "readable_film", "target_of", "video_item", "video_items", "video_rate",
]  # fmt: skip

Failures = list[tuple[str, str]]

_FEW = 2
"""So many frames fewer than stated are no loss: containers round, and a decoder may keep the last ones."""

SEEK_BACK_SECONDS = (0.5, 5.0, 60.0)
"""Seeking in a video is not exact: it starts this much earlier, and reads on; further back where it overshot."""

_NAMED = 6e-4
"""Half a millisecond and a little: the name of a frame holds three digits."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Item:
    """A frame of a source that has not been decoded yet.

    Args:
        name: The frame's name, unique and stable within the source.
        decode: A function that gives the picture, (H, W, 3) uint8 RGB. It works only until the next item is asked for,
            and raises ValueError where the picture cannot be read.
        camera: The camera, as in `Frame`.
        timestamp: The time in seconds, as in `Frame`.
    """

    name: str
    decode: Callable[[], NDArray[np.uint8]]
    camera: Camera | None = None
    timestamp: float | None = None


@dataclass(frozen=True)
class Picking:
    """Which frames of a video are taken, and what they are called.

    Args:
        name: The video's name; a frame is called "<name>#t=<seconds>".
        every_seconds: The least distance of two frames in seconds; 0 gives every frame.
        camera: The camera of all frames.
        start_time: The time of the first frame in seconds; None counts from 0.
        max_pixels: A video whose frames have more pixels is refused.
        recorded_rate: How many frames a second a file without times has; None takes what it tells.
    """

    name: str
    every_seconds: float
    camera: Camera | None = None
    start_time: float | None = None
    max_pixels: int = MOST_PIXELS
    recorded_rate: float | None = None


def video_items(
    path: Path, failures: Failures, picking: Picking, rates: FileRates | None = None
) -> Generator[Item, None, float]:
    """Give one frame for each `picking.every_seconds` of a video file.

    Where frames are far apart only what they need is decoded. Where anything is unusual everything is decoded, until as
    many frames have been tried as the file holds. What is missing is appended to `failures`, and so is a file that does
    not open. A file that names other files, such as a list of them, does not open whatever its suffix.

    Args:
        path: The video file.
        failures: A list to which (name, reason) of what could not be read is appended.
        picking: Which frames are taken, and what they are called.
        rates: Where it is noted whether anybody told how many frames a second there are.

    Returns:
        The generator's value at its end: how many seconds the video lasts, 0 where it does not open.
    """
    last_slot = -1
    with readable_film(path, failures, picking, rates) as (target, film):
        if film is None:
            return 0.0
        if film.is_counted or picking.every_seconds * film.rate < 2:
            return (yield from picked(film, target, picking, failures))
        sparse = SparseFilm(film, picking.every_seconds)
        try:
            for seconds, frame in sparse.frames():
                last_slot = math.floor(seconds / picking.every_seconds + 1e-6)
                yield video_item(picking, film, seconds, partial(picture, frame))
            if not FrameCount(film.declared, target, sparse.count).loss():
                return sparse.length
        except Unclear as error:
            _log.info("%s: decoded as a whole (%s)", picking.name, error)
        film.close()
        again = _opened(target, picking.recorded_rate)
        if again is None:
            return 0.0
        with again:
            return (yield from picked(again, target, picking, failures, last_slot))


@contextmanager
def readable_film(
    path: Path, failures: Failures, picking: Picking, rates: FileRates | None = None
) -> Generator[tuple[str, Film | None]]:
    """Open a video file for reading, or note down why it is not read.

    Args:
        path: The video file.
        failures: A list to which (name, reason) is appended where it does not open, or its frames are too large.
        picking: What its frames are called, and how large they may be.
        rates: Where it is noted whether anybody told how many frames a second there are.

    Returns:
        A context with the path that libraries can open, and the film; None where it is not read.
    """
    with target_of(path) as target:
        film = _opened(target, picking.recorded_rate)
        if film is None:
            failures.append((picking.name, _why_closed(path)))
            yield target, None
            return
        with film:
            if rates is not None:
                rates.note(picking.name, told=film.told_rate is not None, assumed=film.is_rate_assumed)
            if refused := _too_large(film, picking):
                failures.append((picking.name, refused))
                yield target, None
            else:
                yield target, film


def count_video_frames(path: Path, every_seconds: float) -> int:
    """Tell how many frames `video_items` will give, by what the file declares, for a progress bar.

    Args:
        path: The video file.
        every_seconds: The least distance of two frames in seconds; 0 counts every frame.

    Returns:
        About the number of frames; 0 where the file does not open or states no length.
    """
    with target_of(path) as target:
        film = _opened(target)
        if film is None:
            return 0
        with film:
            count, rate = film.declared, film.rate
    if count <= 0:
        return 0
    if every_seconds <= 0 or rate <= 0 or every_seconds * rate <= 1:
        return count
    return math.floor((count - 1) / rate / every_seconds + 1e-6) + 1


def picked(
    film: Film, target: str, picking: Picking, failures: Failures, last_slot: int = -1
) -> Generator[Item, None, float]:
    """Give the frames of an open video whose time passes the next multiple of `picking.every_seconds`.

    Args:
        film: The video, opened and not yet read. All of its frames are decoded.
        target: Its path or URL, read once more where the stated length is not what could be read.
        picking: Which frames are taken.
        failures: A list to which (name, reason) of what could not be read is appended.
        last_slot: The number of the last interval of which a frame was given before; -1 where none was.

    Returns:
        The generator's value at its end: how many seconds the video lasts.
    """
    if refused := _too_large(film, picking):
        failures.append((picking.name, refused))
        return 0.0
    rate = film.rate
    step = 1.0 / rate if rate > 0 else 0.04
    count = FrameCount(film.declared, target)
    seconds = -step
    while film.grab():
        count.succeeded(film.failures)
        # Presentation times survive gaps; where a container has none they stand still, and the frame rate counts on.
        told = film.seconds
        seconds = told if told > seconds else seconds + step
        every = picking.every_seconds
        slot = math.floor(seconds / every + 1e-6) if every > 0 else count.read
        if slot > last_slot:
            last_slot = slot
            yield video_item(picking, film, seconds, film.retrieve)
    reason = count.loss()
    if reason:
        failures.append((picking.name, reason))
        _log.info("%s: %s", picking.name, reason)
    return max(0.0, seconds + step, count.lost / rate if rate > 0 else 0.0)


def frames_from(path: Path, seconds: float, rate: float | None = None) -> Iterator[tuple[float, Film]]:
    """Read the frames of a video file from a time on.

    A file whose frames must be counted is decoded from its start.

    Args:
        path: The video file.
        seconds: Seconds from its start.
        rate: How many frames a second it has, where the names of its frames tell it.

    Returns:
        An iterator over the seconds of each frame, and the film that can retrieve it until the next one is asked for;
        close it, or use it up. It is empty where the file does not open or has no such frame.
    """
    for back in SEEK_BACK_SECONDS:
        with target_of(path) as target:
            film = _opened(target, rate)
            if film is None:
                return
            with film:
                start = 0.0 if film.is_counted else max(0.0, seconds - back)
                # A fresh film stands before the first frame, seeking to zero would only cost time.
                if start and not film.seek(start):
                    return
                first = True
                while film.grab():
                    at = film.seconds
                    if first and start and at > seconds + _NAMED:
                        break  # already past it at the first frame: start earlier
                    first = False
                    if at >= seconds - _NAMED:
                        yield at, film
                else:
                    return


def frame_at(path: Path, seconds: float, rate: float | None = None) -> NDArray[np.uint8] | None:
    """Read one frame of a video file: the first at or after a time, as `video_items` names it.

    Args:
        path: The video file.
        seconds: Seconds from its start.
        rate: As for `frames_from`.

    Returns:
        (H, W, 3) uint8 RGB; None where there is no such frame.

    Raises:
        FrameError: The frame cannot be decoded.
    """
    with closing(frames_from(path, seconds, rate)) as frames:  # type: ignore[type-var]
        return next((film.retrieve() for _, film in frames), None)


def video_rate(path: Path) -> float:
    """Tell how many frames a second a video file has; 0 where it does not tell or does not open."""
    with target_of(path) as target:
        film = _opened(target)
        if film is None:
            return 0.0
        with film:
            return film.rate


def video_item(picking: Picking, film: Film, seconds: float, decode: Callable[[], NDArray[np.uint8]]) -> Item:
    """The frame of a video at some seconds from its start, with its name and its time.

    Args:
        picking: What the frames of the video are called.
        film: The video.
        seconds: Seconds from the start of the video.
        decode: As in `Item`.
    """
    time = (picking.start_time or 0.0) + seconds
    return Item(moment_name(picking.name, seconds, film.told_rate), decode, picking.camera, time)


def _opened(target: str, rate: float | None = None) -> Film | None:
    """The film of a file, None where it does not open as a video; `rate` as for `frames_from`."""
    try:
        return Film.opened(target, told_rate=rate)
    except (av.error.FFmpegError, OSError, ValueError):
        return None


class FrameCount:
    """How many frames were read and lost, and how many there are: what the container declares is often an estimate.

    Args:
        declared: How many frames the container states.
        target: The video's path or address, which is read once more where the figures do not agree.
        read: How many frames were read so far.

    Attributes:
        read: Frames that were read.
        lost: Frames that should have come and did not; known after `loss`.
    """

    def __init__(self, declared: int, target: str, read: int = 0) -> None:
        self.read, self.lost = read, 0
        self._declared = declared
        self._target = target
        self._broken = 0
        self._contents: Contents | None = None
        self._examined = False

    def succeeded(self, failures: int) -> None:
        """Count a frame that was read, before which so many failed; those behind the last one may be no frames."""
        self.read += 1
        self._broken = failures

    def loss(self) -> str:
        """What was lost, as one line; empty where everything was read."""
        if not self.read:
            return "holds no picture that can be read; copy it again"
        truth = None if abs(self._declared - self.read) <= _FEW and not self._broken else self._truth()
        there = self._declared
        if truth is not None and not truth.cut_off:
            there = truth.pictures
            if abs(there - 2 * self.read) <= _FEW and not self._broken:
                return ""  # interlaced: each of the two fields of a frame is a packet
        short = there - self.read
        if not self._broken and short <= _FEW:
            return ""
        self.lost = max(short, self._broken)
        there = max(there, self.read + self.lost)
        return f"{self.lost} of {there} frames could not be read: the file is damaged or cut off; copy it again"

    def _truth(self) -> Contents | None:
        """What the file holds; it is read through for this, once, and only where the numbers do not agree."""
        if not self._examined:
            self._contents, self._examined = examine(self._target), True
        return self._contents


@contextmanager
def target_of(path: Path) -> Generator[str]:
    """The path by which libraries can open a file, also one whose name is no text.

    Args:
        path: The file.

    Returns:
        A context with the path, which is empty where the file cannot be read.
    """
    target, descriptor = str(path), None
    try:
        target.encode()
    except UnicodeEncodeError:
        descriptor = os.open(path, os.O_RDONLY) if os.access(path, os.R_OK) else None
        target = f"/dev/fd/{descriptor}" if descriptor is not None else ""
    try:
        yield target
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _too_large(film: Film, picking: Picking) -> str:
    """The reason to refuse a video for the size of its frames; empty where it is allowed."""
    width, height = film.size
    if width * height <= picking.max_pixels:
        return ""
    return f"has frames of {width} x {height} pixels, more than {picking.max_pixels:,}; raise --max-pixels for it"


def _why_closed(path: Path) -> str:
    if not path.is_file():
        return "the file does not exist"
    if not os.access(path, os.R_OK):
        return "cannot be read (permission denied); allow reading it"
    if path.stat().st_size == 0:
        return "the file is empty (0 bytes); copy it again"
    return "is no readable video: damaged, cut off before its index, or of an unknown format; copy or convert it"
