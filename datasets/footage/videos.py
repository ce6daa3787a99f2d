"""Frames of video files, picked by time; what a file lost is counted, never passed over in silence."""

import logging
import math
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.footage.containers import Contents, examine
from datasets.images import MOST_PIXELS
from datasets.samples import Camera

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".qt", ".avi", ".divx", ".mkv", ".webm", ".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".vob"}
    | {".ts", ".mts", ".m2ts", ".m2t", ".trp", ".wmv", ".asf", ".flv", ".f4v", ".3gp", ".3g2", ".ogv", ".mxf", ".dv"}
    | {".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".mjpeg", ".mjpg", ".dav", ".ivf", ".nut", ".y4m", ".obu"}
)

Failures = list[tuple[str, str]]

_MOST_FRAMES = 100_000_000
"""Nineteen days at 60 frames a second: a container that declares more does not know its length."""

_FEW = 2
"""So many frames fewer than stated are no loss: containers round, and a decoder may keep the last ones."""

_log = logging.getLogger(__name__)


class FrameError(ValueError):
    """One frame cannot be decoded; the text is the reason in one line."""


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
    """

    name: str
    every_seconds: float
    camera: Camera | None = None
    start_time: float | None = None
    max_pixels: int = MOST_PIXELS


def video_items(path: Path, failures: Failures, picking: Picking) -> Generator[Item, None, float]:
    """Give one frame for each `picking.every_seconds` of a video file.

    OpenCV reports the end of a file and a broken frame alike. Reading therefore goes on until as many frames have been
    tried as the file holds. What is missing is appended to `failures`, and so is a file that does not open.

    Args:
        path: The video file.
        failures: A list to which (name, reason) of what could not be read is appended.
        picking: Which frames are taken, and what they are called.

    Returns:
        The generator's value at its end: how many seconds the video lasts, 0 where it does not open.
    """
    with opened(path) as (capture, target):
        if not capture.isOpened():
            failures.append((picking.name, _why_closed(path)))
            return 0.0
        return (yield from picked(capture, target, picking, failures))


def count_video_frames(path: Path, every_seconds: float) -> int:
    """Tell how many frames `video_items` will give, by what the file declares, for a progress bar.

    Args:
        path: The video file.
        every_seconds: The least distance of two frames in seconds; 0 counts every frame.

    Returns:
        About the number of frames; 0 where the file does not open or states no length.
    """
    with opened(path) as (capture, _):
        count, rate = declared_frames(capture), capture.get(cv2.CAP_PROP_FPS)
    if count <= 0:
        return 0
    if every_seconds <= 0 or rate <= 0 or every_seconds * rate <= 1:
        return count
    return math.floor((count - 1) / rate / every_seconds + 1e-6) + 1


def picked(
    capture: cv2.VideoCapture, target: str, picking: Picking, failures: Failures
) -> Generator[Item, None, float]:
    """Give the frames of an open video whose time passes the next multiple of `picking.every_seconds`.

    Args:
        capture: The video, opened and not yet read.
        target: Its path or URL, read once more where the stated length is not what could be read.
        picking: Which frames are taken.
        failures: A list to which (name, reason) of what could not be read is appended.

    Returns:
        The generator's value at its end: how many seconds the video lasts.
    """
    refused = _too_large(capture, picking)
    if refused:
        failures.append((picking.name, refused))
        return 0.0
    rate = capture.get(cv2.CAP_PROP_FPS)
    step = 1.0 / rate if rate > 0 else 0.04
    count = _Count(declared_frames(capture), target)
    seconds, last_slot = -step, -1
    origin = picking.start_time or 0.0
    while True:
        if not capture.grab():
            if count.failed_is_end():
                break
            continue
        count.succeeded()
        # Presentation times survive gaps; where a container has none they stand still, and the frame rate counts on.
        told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        seconds = told if told > seconds else seconds + step
        every = picking.every_seconds
        slot = math.floor(seconds / every + 1e-6) if every > 0 else count.read
        if slot > last_slot:
            last_slot = slot
            yield Item(
                f"{picking.name}#t={seconds:010.3f}", lambda: retrieve(capture), picking.camera, origin + seconds
            )
    reason = count.loss()
    if reason:
        failures.append((picking.name, reason))
        _log.info("%s: %s", picking.name, reason)
    return max(0.0, seconds + step, count.lost / rate if rate > 0 else 0.0)


class _Count:
    """How many frames were read and lost, and how many there are: what the container declares is often an estimate.

    Attributes:
        read: Frames that were read.
        lost: Frames that should have come and did not; known after `loss`.
    """

    def __init__(self, declared: int, target: str) -> None:
        self.read = self.lost = 0
        self._declared = declared
        self._target = target
        self._broken = self._pending = 0
        self._contents: Contents | None = None
        self._examined = False

    def succeeded(self) -> None:
        """Count a frame that was read; failures before it were broken frames."""
        self._broken, self._pending = self._broken + self._pending, 0
        self.read += 1

    def failed_is_end(self) -> bool:
        """Count a failed attempt, and tell whether it was the end of the video."""
        self._pending += 1
        if self.read == self._declared:
            return True
        tried = self.read + self._broken + self._pending
        truth = self._truth()
        return tried > (self._declared if truth is None else truth.pictures)

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


def declared_frames(capture: cv2.VideoCapture) -> int:
    """The length that the container states; 0 where it states none (then FFmpeg gives negative or absurd numbers)."""
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if 0 < count < _MOST_FRAMES else 0


def retrieve(capture: cv2.VideoCapture) -> NDArray[np.uint8]:
    """The frame that was grabbed last, (H, W, 3) uint8 RGB.

    Raises:
        FrameError: The frame cannot be decoded.
    """
    done, image = capture.retrieve()
    if not done or image is None or image.size == 0:
        raise FrameError("the frame cannot be decoded")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def quiet_decoder() -> None:
    """FFmpeg writes a line per broken packet to the terminal; the loss is reported once instead."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@contextmanager
def opened(path: Path) -> Generator[tuple[cv2.VideoCapture, str]]:
    """Open a video file, also one whose name is no text, which would crash OpenCV.

    Args:
        path: The video file.

    Returns:
        A context with the capture, which may not be open, and the path by which libraries can open the file.
    """
    quiet_decoder()
    target, descriptor = str(path), None
    try:
        target.encode()
    except UnicodeEncodeError:  # a name that is no UTF-8 cannot be given to OpenCV
        descriptor = os.open(path, os.O_RDONLY) if os.access(path, os.R_OK) else None
        target = f"/dev/fd/{descriptor}" if descriptor is not None else ""
    capture = cv2.VideoCapture(target, cv2.CAP_FFMPEG)
    try:
        yield capture, target
    finally:
        capture.release()
        if descriptor is not None:
            os.close(descriptor)


def _too_large(capture: cv2.VideoCapture, picking: Picking) -> str:
    """The reason to refuse a video for the size of its frames; empty where it is allowed."""
    width, height = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
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
