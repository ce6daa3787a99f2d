"""One person seen in one frame, and how its time and names are shown."""

import hashlib
import math
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime

EPOCH_BEGINS = 1.0e8
"""Timestamps from here on (March 1973) are seconds since the epoch; smaller ones count from the start of a recording,
which would have to run for three years to be mistaken."""

NO_CAMERA = "unknown"
"""How a sighting without a camera is shown; in the value types its camera is None."""


def is_clock_time(timestamp: float) -> bool:
    """Whether a timestamp is seconds since the epoch rather than since the start of a recording."""
    return timestamp >= EPOCH_BEGINS


def display_time(timestamp: float | None) -> str:
    """A timestamp for people: ISO 8601 UTC for a clock time, hh:mm:ss from the start of the recording otherwise.

    Args:
        timestamp: seconds, see `Frame.timestamp`; None gives "-". Fractions are cut, not rounded, so that a time is
            never shown later than it was.

    Returns:
        "2024-05-01T08:30:00Z", "01:02:03", or "-".
    """
    if timestamp is None or not math.isfinite(timestamp):
        return "-"
    if is_clock_time(timestamp):
        try:
            return datetime.fromtimestamp(math.floor(timestamp), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        except (OverflowError, OSError, ValueError):  # past the year 9999: microseconds taken for seconds, say
            return f"{timestamp:.0f} s"
    sign, seconds = ("-", -timestamp) if timestamp < 0 else ("", timestamp)
    whole = int(seconds)
    return f"{sign}{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def printable(text: str) -> str:
    """A name safe for a terminal and for one table row: control and bidirectional-override characters replaced."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def frame_key(source: str, frame: str) -> str:
    """A short name of a frame that says nothing of its source: 22 letters, digits, "-" and "_", fit for an address.

    >>> frame_key("/disk/square", "gate/000123.jpg")
    '9v6frG9NK7RmfKASHJg2QA'

    Args:
        source: The source as the gallery names it.
        frame: The frame's name in that source.

    Returns:
        The first 16 bytes of the SHA-256 of both, which is the same on every machine.
    """
    digest = hashlib.sha256(f"{source}\0{frame}".encode("utf-8", "surrogatepass")).digest()
    return urlsafe_b64encode(digest[:16]).decode("ascii").rstrip("=")


@dataclass(frozen=True)
class Cutout:
    """Where the cut-out picture of a sighting lies in a gallery's side store.

    Args:
        pack: name of the packed file.
        offset: first byte of the JPEG.
        length: its bytes; 0 where the box held no pixel.
    """

    pack: str
    offset: int
    length: int


@dataclass(frozen=True)
class Sighting:
    """One person seen in one frame.

    Args:
        frame: the frame's name.
        index: the detection's row in that frame, so that (source, frame, index) is unique in a gallery.
        source: the folder or stream the frame came from.
        camera: None where unknown.
        timestamp: as in `Frame`; None where unknown.
        box: xyxy pixels of the frame.
        detection_score: the detector's confidence in [0, 1].
        score: what it is ranked by: the similarity, or, re-ranked, a value in [0, 1].
        frame_width: pixels.
        frame_height: pixels.
        location: the image file, or "clip.mp4#t=000012.000" for the frame of a video at that second; None where the
            frame cannot be read again (a live stream).
        cutout: the stored picture of the box.
        similarity: with the probe, the cosine in [-1, 1], class-weighted times the detection score, also where
            re-ranking gave another score; None where nobody compared.
    """

    frame: str
    index: int
    source: str
    camera: str | None
    timestamp: float | None
    box: tuple[float, float, float, float]
    detection_score: float
    score: float
    frame_width: int
    frame_height: int
    location: str | None = None
    cutout: Cutout | None = None
    similarity: float | None = None

    @property
    def id(self) -> str:
        """The sighting's name within its source: frame name and row."""
        return f"{self.frame}#{self.index}"

    @property
    def key(self) -> str:
        """The sighting's name in its gallery, fit for an address: the key of its frame, a dot, and its row there."""
        return f"{frame_key(self.source, self.frame)}.{self.index}"

    def to_dict(self) -> dict[str, object]:
        """JSON-able, keys stable: what a program reads."""
        return {
            "id": self.id,
            "score": self.score,
            "similarity": self.similarity,
            "camera": self.camera,
            "timestamp": self.timestamp,
            "time": None if self.timestamp is None else display_time(self.timestamp),
            "source": self.source,
            "frame": self.frame,
            "box": list(self.box),
            "detection_score": self.detection_score,
            "frame_width": self.frame_width,
            "frame_height": self.frame_height,
            "location": self.location,
        }
