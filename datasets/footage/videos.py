"""Frames of video files and streams, picked by time; what a file lost is counted, never passed over in silence."""

import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.samples import Camera

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp"}
)
STREAM_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "tcp", "srt", "rtp"})

Failures = list[tuple[str, str]]

_OPEN_TIMEOUT_MS = 10_000
_READ_TIMEOUT_MS = 10_000
_RECONNECT_WAITS = (1.0, 3.0, 9.0)
"""Seconds before each attempt to reopen a live stream that broke off."""

_MOST_FRAMES = 100_000_000
"""Nineteen days at 60 frames a second: a container that declares more does not know its length."""

_log = logging.getLogger(__name__)


class FrameError(ValueError):
    """One frame cannot be decoded; the text is the reason in one line."""


@dataclass(frozen=True)
class Item:
    """A frame of a source that has not been decoded yet.

    Args:
        name: unique and stable within the source.
        decode: gives (H, W, 3) uint8 RGB; valid only until the next item is asked for. Raises ValueError.
        camera: as in Frame.
        timestamp: as in Frame.
    """

    name: str
    decode: Callable[[], NDArray[np.uint8]]
    camera: Camera | None = None
    timestamp: float | None = None


def is_stream(source: str) -> bool:
    """Whether a text is the URL of a stream, not a path."""
    return urlsplit(source).scheme.lower() in STREAM_SCHEMES and "://" in source


def public_name(url: str) -> str:
    """Host and path of a URL: user name, password and query (they may hold secrets) left out."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.hostname or ''}{port}{parts.path}".rstrip("/")


def video_items(
    path: Path, name: str, failures: Failures, *, every_seconds: float, camera: Camera | None, start_time: float | None
) -> Iterator[Item]:
    """One frame each `every_seconds` of a video file.

    OpenCV reports the end of a file and a broken frame alike, so reading goes on until as many frames as the file
    declares have been tried; what is missing is appended to `failures`, as is a file that does not open.

    Args:
        path: the file.
        name: its name in the frames' names, "<name>#t=<seconds>".
        failures: (name, reason) of what could not be read.
        every_seconds: the least distance of two frames; 0 gives every frame.
        camera: for the frames.
        start_time: of the first frame, in seconds; None counts from 0.
    """
    capture = _open_file(path)
    try:
        if not capture.isOpened():
            failures.append((name, _why_closed(path)))
            return
        declared = _declared_frames(capture)
        yield from _picked(
            capture,
            name,
            failures,
            declared=declared,
            every_seconds=every_seconds,
            camera=camera,
            start_time=start_time,
        )
    finally:
        capture.release()


def stream_items(
    url: str, failures: Failures, *, every_seconds: float, camera: Camera | None, start_time: float | None
) -> Iterator[Item]:
    """One frame each `every_seconds` of a stream, as they arrive.

    A URL with a declared length (a video file on a web server) is read as a file. A live stream is timed by the clock
    of this machine and named "<host/path>#t=<seconds since the epoch>"; when it breaks off it is reopened after 1, 3
    and 9 seconds, and the interruption is appended to `failures`.
    """
    name = public_name(url)
    clock = _Clock(start_time)
    opened = False
    attempt = 0
    while True:
        capture = _open_stream(url)
        try:
            if capture.isOpened():
                opened = True
                declared = _declared_frames(capture)
                if declared:
                    yield from _picked(
                        capture,
                        name,
                        failures,
                        declared=declared,
                        every_seconds=every_seconds,
                        camera=camera,
                        start_time=start_time,
                    )
                    return
                for item in _live(capture, name, every_seconds, camera, clock):
                    attempt = 0
                    yield item
                reason = "the stream broke off"
            else:
                reason = f"the stream does not open within {_OPEN_TIMEOUT_MS // 1000} s; check address, login, network"
        finally:
            capture.release()
        if not opened:  # a wrong address does not become right by waiting
            failures.append((name, reason))
            return
        if attempt >= len(_RECONNECT_WAITS):
            failures.append((name, f"{reason}; given up after {attempt} attempts to reopen it"))
            return
        if attempt == 0:
            failures.append((name, reason))
        _log.warning("%s: %s, reopening in %g s", name, reason, _RECONNECT_WAITS[attempt])
        time.sleep(_RECONNECT_WAITS[attempt])
        attempt += 1


def count_video_frames(path: Path, every_seconds: float) -> int:
    """How many frames `video_items` will give, by what the file declares; 0 where it does not open."""
    capture = _open_file(path)
    try:
        count, rate = _declared_frames(capture), capture.get(cv2.CAP_PROP_FPS)
    finally:
        capture.release()
    if count <= 0:
        return 0
    if every_seconds <= 0 or rate <= 0 or every_seconds * rate <= 1:
        return count
    return math.floor((count - 1) / rate / every_seconds + 1e-6) + 1


def _picked(
    capture: cv2.VideoCapture,
    name: str,
    failures: Failures,
    *,
    declared: int,
    every_seconds: float,
    camera: Camera | None,
    start_time: float | None,
) -> Iterator[Item]:
    """The frames of an open file whose time passes the next multiple of `every_seconds`."""
    rate = capture.get(cv2.CAP_PROP_FPS)
    step = 1.0 / rate if rate > 0 else 0.04
    read = broken = pending = 0
    seconds, last_slot = -step, -1
    origin = 0.0 if start_time is None else start_time
    while True:
        if not capture.grab():
            pending += 1
            if read + broken + pending > declared:
                break
            continue
        broken, pending = broken + pending, 0
        read += 1
        # Presentation times survive gaps; where a container has none they stand still, and the frame rate counts on.
        told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        seconds = told if told > seconds else seconds + step
        slot = math.floor(seconds / every_seconds + 1e-6) if every_seconds > 0 else read
        if slot > last_slot:
            last_slot = slot
            yield Item(f"{name}#t={seconds:010.3f}", lambda: _retrieve(capture), camera, origin + seconds)
    # Some containers only estimate their length: a frame or two short is no loss by itself.
    if broken or declared - read > 2:
        lost = max(declared - read, broken)
        reason = f"{lost} of {declared} frames could not be read: the file is damaged or cut off; copy it again"
        failures.append((name, reason))
        _log.info("%s: %s", name, reason)


class _Clock:
    """Times of a live stream: this machine's clock, in whole milliseconds of which none is given twice.

    Frames that waited in a buffer arrive together, and names are made from times.
    """

    def __init__(self, start_time: float | None) -> None:
        self._origin = (time.time() if start_time is None else start_time) - time.monotonic()
        self._last = -1

    def now(self) -> float:
        """Seconds, later than any given before."""
        self._last = max(round((self._origin + time.monotonic()) * 1000), self._last + 1)
        return self._last / 1000


def _live(
    capture: cv2.VideoCapture, name: str, every_seconds: float, camera: Camera | None, clock: _Clock
) -> Iterator[Item]:
    """The frames of an open live stream, until it breaks off."""
    due = -math.inf
    while capture.grab():
        if time.monotonic() >= due:
            due = time.monotonic() + every_seconds
            timestamp = clock.now()
            yield Item(f"{name}#t={timestamp:.3f}", lambda: _retrieve(capture), camera, timestamp)


def _declared_frames(capture: cv2.VideoCapture) -> int:
    """The length that the container states; 0 where it states none (then FFmpeg gives negative or absurd numbers)."""
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if 0 < count < _MOST_FRAMES else 0


def _retrieve(capture: cv2.VideoCapture) -> NDArray[np.uint8]:
    done, image = capture.retrieve()
    if not done or image is None or image.size == 0:
        raise FrameError("the frame cannot be decoded")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _open_file(path: Path) -> cv2.VideoCapture:
    _quiet_decoder()
    return cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)


def _open_stream(url: str) -> cv2.VideoCapture:
    """FFmpeg by name: other backends know no time limits and would wait forever for a camera that is off."""
    _quiet_decoder()
    limits = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_TIMEOUT_MS,
    ]  # fmt: skip
    return cv2.VideoCapture(url, cv2.CAP_FFMPEG, limits)


def _quiet_decoder() -> None:
    """FFmpeg writes a line per broken packet to the terminal; the loss is reported once instead."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def _why_closed(path: Path) -> str:
    if not path.is_file():
        return "the file does not exist"
    if path.stat().st_size == 0:
        return "the file is empty (0 bytes); copy it again"
    return "is no readable video: damaged, cut off before its index, or of an unknown format; copy or convert it"
