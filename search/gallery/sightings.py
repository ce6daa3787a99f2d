"""One person seen in one frame, and how its time and names are shown."""

import hashlib
import math
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Self

from datasets.footage.cameras import CameraDescription
from datasets.moments import clock_of, machine_zone, zone_named

EPOCH_BEGINS = 1.0e8
"""Timestamps from here on (March 1973) are seconds since the epoch; smaller ones count from the start of a recording,
which would have to run for three years to be mistaken."""

NO_CAMERA = "unknown"
"""How a sighting without a camera is shown; in the value types its camera is None."""


def is_clock_time(timestamp: float) -> bool:
    """Whether a timestamp is seconds since the epoch rather than since the start of a recording."""
    return timestamp >= EPOCH_BEGINS


def display_time(timestamp: float | None, zone: tzinfo | None = None) -> str:
    """A timestamp for people: ISO 8601 for a clock time, hh:mm:ss from the start of the recording otherwise.

    Args:
        timestamp: seconds, see `Frame.timestamp`; None gives "-". Fractions are cut, not rounded, so that a time is
            never shown later than it was.
        zone: The zone of the clock that shows the time; None is that of this machine.

    Returns:
        "2024-05-01T10:30:00+02:00" ("2024-05-01T08:30:00Z" where the zone is UTC), "01:02:03", or "-".
    """
    if timestamp is None or not math.isfinite(timestamp):
        return "-"
    if is_clock_time(timestamp):
        try:
            return clock_of(math.floor(timestamp), zone).isoformat().replace("+00:00", "Z")
        except (OverflowError, OSError, ValueError):  # past the year 9999: microseconds taken for seconds, say
            return f"{timestamp:.0f} s"
    sign, seconds = ("-", -timestamp) if timestamp < 0 else ("", timestamp)
    whole = int(seconds)
    return f"{sign}{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


@dataclass(frozen=True)
class ClockZones:
    """In which time zones times are read and shown.

    A camera of which nobody noted a zone has that of this machine.

    >>> zones = ClockZones(of_cameras=(("gate", "Europe/Berlin"), ("pier", "Asia/Tokyo")))
    >>> zones.display(1777617000, "gate"), zones.display(1777617000, "pier")
    ('2026-05-01T08:30:00+02:00', '2026-05-01T15:30:00+09:00')

    Args:
        chosen: The name of the zone of all times; None shows a camera's times in the camera's own zone.
        of_cameras: The names of cameras with those of their zones, as far as they are noted.
    """

    chosen: str | None = None
    of_cameras: tuple[tuple[str, str], ...] = ()

    @classmethod
    def known(cls, cameras: Sequence[CameraDescription], chosen: str | None = None) -> Self:
        """The zones of described cameras.

        Raises:
            ValueError: There is no zone of the chosen name.
        """
        if chosen is not None:
            zone_named(chosen)
        return cls(chosen, tuple((one.id, one.time_zone) for one in cameras if one.time_zone is not None))

    def zone(self, *cameras: str | None) -> tzinfo | None:
        """The zone that cameras share; None is this machine's, also where they share none.

        Args:
            *cameras: Their names, None for those of frames of which nobody knows the camera.
        """
        noted = dict(self.of_cameras)
        names = {self.chosen or noted.get(camera or "") for camera in cameras} or {self.chosen}
        name = names.pop() if len(names) == 1 else None
        return None if name is None else zone_named(name)

    def zone_name(self, *cameras: str | None) -> str:
        """The name of what `zone` gives."""
        zone = self.zone(*cameras)
        return machine_zone() if zone is None else str(zone)

    def by_name(self, cameras: Sequence[str | None]) -> dict[str, list[str | None]]:
        """The names of the zones of cameras, each with its cameras; without cameras the zone of this machine."""
        grouped: dict[str, list[str | None]] = {}
        for camera in cameras or [None]:
            grouped.setdefault(self.zone_name(camera), []).append(camera)
        return grouped

    def display(self, timestamp: float | None, *cameras: str | None) -> str:
        """A timestamp for people, see `display_time`, on the clock of the cameras that it belongs to, see `zone`."""
        return display_time(timestamp, self.zone(*cameras))


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

    def to_dict(self, zones: ClockZones = ClockZones()) -> dict[str, object]:
        """JSON-able, keys stable: what a program reads. The zones are those in which the time is written."""
        return {
            "id": self.id,
            "score": self.score,
            "similarity": self.similarity,
            "camera": self.camera,
            "timestamp": self.timestamp,
            "time": None if self.timestamp is None else zones.display(self.timestamp, self.camera),
            "source": self.source,
            "frame": self.frame,
            "box": list(self.box),
            "detection_score": self.detection_score,
            "frame_width": self.frame_width,
            "frame_height": self.frame_height,
            "location": self.location,
        }
