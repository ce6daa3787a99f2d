"""Frames of live streams and webcams as they arrive, reopened where they break off; addresses without their secrets."""

import errno
import glob
import hashlib
import logging
import math
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.footage.film import Film
from datasets.footage.reading import RECONNECT_MINUTES
from datasets.footage.videos import Failures, FrameError, Item, Picking, picked

WEBCAM = "webcam"
"""The scheme of a webcam's address: webcam://0."""

STREAM_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "tcp", "srt", "rtp", WEBCAM})

_TIMEOUT_SECONDS = 10.0
"""So long is waited for a stream to open, and for each of its pictures."""

_WAITS = (1.0, 3.0, 9.0)
"""Seconds before the first attempts to reopen a stream; the last one is repeated."""

_OFF_ERRORS = (
    av.error.ConnectionRefusedError, av.error.ConnectionResetError, av.error.ConnectionAbortedError,
    av.error.BrokenPipeError, av.error.TimeoutError, av.error.ExitError, av.error.EOFError, av.error.HTTPServerError,
    av.error.HTTPTooManyRequestsError,
)  # fmt: skip
_OFF_NUMBERS = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN})
"""How cameras and networks answer that are off; a wrong login or another kind of content does not pass by waiting."""

_SECRET = re.compile(
    r"(^|[^a-z])(u|p|k|usr|user\w*|login\w*|account|e?mail|pass\w*|pwd|passwd|psw|pw|pin|otp|code|token\w*|\w*token|"
    r"\w*key|key\w*|\w*secret\w*|auth\w*|\w*auth|credential\w*|cred\w*|sig|signature|sign|hmac|hash|digest|nonce|"
    r"session\w*|\w*session\w*|sid|ssid|jwt|bearer|access\w*|ticket|expires?|exp|policy|x-amz-.*|\w*passw\w*|"
    r"\w*user\w*|\w*pwd\w*|response|opaque)$",
    re.IGNORECASE,
)
"""Names of parameters that may hold a secret, or that change with each login: they are left out."""

_PLAIN = re.compile(
    r"(ch\w*|cam\w*|device\w*|dev|id|idx|index|input|inst|instance|stream\w*|substream|sub\w*type|subtype|sub|src|"
    r"source|feed|view|monitor|mon|video\w*|profile\w*|track\w*|lens|port|slot|name|nr|no|num|number|unit|room|area|"
    r"site|zone|location|type|quality|res\w*|real_stream|media\w*|program|service|encoder|line|start\w*|end\w*|"
    r"begin\w*|from|to|date|time|day|file|clip|recording|path|proto\w*|unicast|mode|format|fmt|fps)$",
    re.IGNORECASE,
)
"""Names of parameters that say which camera or which recording, and are shown as they are."""

_PLAIN_VALUE = re.compile(r"[\w.:\- /]{0,64}")
_IN_PATH = re.compile(r"([A-Za-z][A-Za-z0-9-]*)=(.*?)(?=_[A-Za-z][A-Za-z0-9-]*=|[&;/?]|\.sdp\b|$)")
"""A parameter inside the path, as some recorders write it: /user=admin_password=_channel=1_stream=0.sdp."""

_log = logging.getLogger(__name__)


@dataclass
class StreamState:
    """What a stream is doing now, for who watches it.

    Args:
        live: Whether it is open and never ends by itself; a video file on a web server is no live stream.
        doing: What it is doing instead of giving frames: "connecting", or why and when it is tried again; empty while
            it gives frames.
    """

    live: bool = False
    doing: str = ""


def webcam_address(word: str) -> str | None:
    """The address of the webcam that a typed number means; None for other words.

    >>> webcam_address("0"), webcam_address("gate.mp4")
    ('webcam://0', None)

    Args:
        word: What the user typed.
    """
    return f"{WEBCAM}://{int(word)}" if word.isascii() and word.isdecimal() and not os.path.lexists(word) else None


def is_stream(source: str) -> bool:
    """Tell whether a text is the URL of a stream or a webcam, not a path.

    >>> is_stream("rtsp://camera/live"), is_stream("recordings/gate.mp4")
    (True, False)

    Args:
        source: What the user named.
    """
    return urlsplit(source).scheme.lower() in STREAM_SCHEMES and "://" in source


def public_name(url: str) -> str:
    """Name a stream by what tells cameras apart, without what may be secret.

    User name, password and parameters such as `token` are left out. Parameters that say which camera are kept, in the
    order of their names. Of any other parameter four digits of a hash are kept: enough to tell two cameras apart, too
    little to guess the value.

    >>> public_name("http://admin:secret@10.0.0.7/play?token=abc&channel=2")
    '10.0.0.7/play?channel=2'
    >>> public_name("rtsp://10.0.0.7:554/user=admin&password=x&channel=1&stream=0.sdp?")
    '10.0.0.7:554/channel=1&stream=0.sdp'

    Args:
        url: The stream's address.

    Returns:
        Host, port, path and the parameters that are kept.
    """
    parts = urlsplit(url)
    if parts.scheme == WEBCAM:
        return f"{WEBCAM} {parts.netloc}"
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # no number: opening the stream will say so
        port = ""
    path = re.sub(r"[&;_]+(?=/|$|\.sdp)|(?<=/)[&;_]+", "", _IN_PATH.sub(_kept_in_path, parts.path))
    kept = sorted(
        shown
        for name, value in parse_qsl(parts.query.replace(";", "&"), keep_blank_values=True)
        if (shown := _kept(name, value))
    )
    query = "?" + "&".join(kept) if kept else ""
    return f"{parts.hostname or ''}{port}{path}".rstrip("/") + query


def _kept(name: str, value: str) -> str:
    """A parameter as it is shown; empty where it may be a secret."""
    if _SECRET.search(name) or (not value and len(name) > 16):
        return ""
    harmless = _PLAIN.fullmatch(name) and _PLAIN_VALUE.fullmatch(value)
    if harmless or (value.isdecimal() and len(value) <= 2) or (not value and name.isdecimal() and len(name) <= 2):
        return f"{name}={value}" if value else name
    return f"{name}=~{hashlib.sha256(f'{name}={value}'.encode()).hexdigest()[:4]}" if value else ""


def _kept_in_path(match: re.Match[str]) -> str:
    return _kept(match[1], unquote(match[2]))


def stream_items(
    url: str,
    failures: Failures,
    picking: Picking,
    *,
    reconnect_minutes: float = RECONNECT_MINUTES,
    state: StreamState | None = None,
) -> Iterator[Item]:
    """Give one frame for each `picking.every_seconds` of a stream, as they arrive.

    A URL with a declared length (a video file on a web server) is read as a file. A live stream is timed by the clock
    of this machine, and its frames are named "<name>#t=<seconds since the epoch>". When it breaks off it is reopened
    for as long as asked, and the interruption is appended to `failures`. One that is off at first is waited for as
    long; a wrong login, or what is no video, is given up at once.

    Args:
        url: The stream's address.
        failures: A list to which (name, reason) of what could not be read is appended.
        picking: Which frames are taken, and what they are called.
        reconnect_minutes: For how many minutes without a frame a stream that is off is tried again; 0 gives up at once.
        state: Where the stream says what it is doing.
    """
    name = picking.name
    state = state or StreamState()
    clock = _Clock(picking.start_time)
    off = ""  # why it was off at first
    attempt, last_frame = 0, time.monotonic()
    while True:
        state.doing = state.doing or "connecting"
        source, reason, passes = _opened(url)
        if source is not None:
            if off:
                failures.append((name, f"was off at first: {off}"))
                off = ""
            try:
                state.doing = ""
                if isinstance(source, Film) and source.declared:
                    yield from picked(source, url, picking, failures)
                    return
                state.live = True
                for item in _live(source, picking, clock):
                    attempt = 0
                    yield item
                    last_frame = time.monotonic()
            finally:
                source.close()
        if not state.live and (not passes or reconnect_minutes == 0):
            failures.append((name, reason))
            return
        if not state.live:
            off = reason
        elif attempt == 0:
            failures.append((name, reason))
        wait = _WAITS[min(attempt, len(_WAITS) - 1)]
        left = last_frame + 60 * reconnect_minutes - time.monotonic()
        if left <= 0:
            span = "1 minute" if reconnect_minutes == 1 else f"{reconnect_minutes:g} minutes"
            tried = f"{attempt} attempts in {span} without a frame"
            failures.append((name, f"{reason}; given up after {tried}, raise --reconnect-minutes to wait longer"))
            return
        _log.warning("%s: %s, reopening in %g s", name, reason, wait)
        state.doing = f"{reason}, tried again for {left / 60:.0f} min" if left > 90 else f"{reason}, tried again"
        time.sleep(min(wait, left))
        attempt += 1


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


class _Pictures(Protocol):
    """What gives pictures without an end."""

    def grab(self) -> bool:
        """Takes the next picture, and says whether there was one."""

    def retrieve(self) -> NDArray[np.uint8]:
        """Gives the picture that was taken, (H, W, 3) RGB."""

    def close(self) -> None:
        """Lets go of the source."""


class _Webcam:
    """A webcam of this machine, by its number."""

    def __init__(self, number: int) -> None:
        os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
        self._capture = cv2.VideoCapture(number)

    @property
    def is_open(self) -> bool:
        """Whether there is a webcam of this number that may be used."""
        return self._capture.isOpened()

    def grab(self) -> bool:
        """Take the next picture."""
        return self._capture.grab()

    def retrieve(self) -> NDArray[np.uint8]:
        """The picture, (H, W, 3) uint8 RGB."""
        done, image = self._capture.retrieve()
        if not done or image is None or image.size == 0:
            raise FrameError("the frame cannot be decoded")
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)

    def close(self) -> None:
        """Let other programs use it."""
        self._capture.release()


def _live(source: _Pictures, picking: Picking, clock: _Clock) -> Iterator[Item]:
    """The frames of an open live source, until it breaks off."""
    due = -math.inf
    while source.grab():
        if time.monotonic() >= due:
            due = time.monotonic() + picking.every_seconds
            timestamp = clock.now()
            yield Item(f"{picking.name}#t={timestamp:.3f}", source.retrieve, picking.camera, timestamp)


def _opened(url: str) -> "tuple[Film | _Webcam | None, str, bool]":
    """An open stream or webcam, and what is said where it breaks off; None, and why it does not open.

    The last value tells whether what is wrong may pass by itself.
    """
    if url.startswith(f"{WEBCAM}://"):
        webcam = _Webcam(int(url.removeprefix(f"{WEBCAM}://") or 0))
        return (webcam, "the webcam broke off", True) if webcam.is_open else (None, _why_no_webcam(url), False)
    begun, passes = time.monotonic(), False
    try:
        return Film.opened(url, stream=True, timeout=_TIMEOUT_SECONDS), "the stream broke off", True
    except av.error.FFmpegError as error:
        passes = _may_pass(error, url)
        why = (
            error.strerror or os.strerror(error.errno or 0)
        ).lower()  # its own text holds the address with its password
        if isinstance(error, av.error.ExitError) or time.monotonic() - begun >= _TIMEOUT_SECONDS:
            why = f"no answer within {_TIMEOUT_SECONDS:g} s"
    except (OSError, ValueError):
        why = "it answers, but with nothing that can be read as video"
    return None, f"the stream does not open: {why}; check address, login, network", passes


def _may_pass(error: av.error.FFmpegError, url: str) -> bool:
    """Whether a stream that does not open may do so later: its camera is off, or the network is."""
    if isinstance(error, _OFF_ERRORS) or error.errno in _OFF_NUMBERS:
        return True
    if isinstance(error, av.error.HTTPNotFoundError):
        # Servers of cameras say so of a camera that is off; of a file on a web server it is the last word.
        return not url.lower().startswith("http")
    if error.errno != errno.EIO:
        return False
    try:  # FFmpeg says the same where a host has no name and where it answers with nothing
        socket.getaddrinfo(urlsplit(url).hostname, None)
    except (OSError, UnicodeError):
        return True
    return False


def missing_webcam(url: str) -> str | None:
    """What is wrong with the address of a webcam that is not there, with the remedy; None for every other address.

    Nothing is opened. Only Linux tells without opening which webcams there are; elsewhere each is taken to be there.

    Args:
        url: The address of a stream, or of a webcam as `webcam_address` gives it.
    """
    number = url.removeprefix(f"{WEBCAM}://")
    device = f"/dev/video{number or 0}"
    if number == url or not sys.platform.startswith("linux") or os.path.exists(device):
        return None
    there = ", ".join(sorted(glob.glob("/dev/video*"))) or "none"
    return f"the webcam does not open: there is no {device} (there: {there}); plug it in, or give another number"


def _why_no_webcam(url: str) -> str:
    """Why a webcam does not open, with the remedy."""
    return missing_webcam(url) or "the webcam does not open; close other programs that use it, and allow this one to"
