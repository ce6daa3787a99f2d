"""Cameras: what is known of one, and which of them took a file, its path told apart from dates and mere containers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from datasets.samples import Camera, canonical_camera


@dataclass(frozen=True)
class CameraDescription:
    """What is known of a camera beside its pictures; galleries store it, and pages show it.

    >>> CameraDescription("gate", "North gate", (120.0, 80.0), "Europe/Berlin").name
    'North gate'

    Args:
        id: The text by which cameras are compared and chosen, as `datasets.samples.camera_name` writes it.
        name: How people call the camera.
        place: Where it is: right and down on a plan, or latitude and longitude; None where nobody said.
        time_zone: The IANA name of the zone of its clock; None where nobody said.
    """

    id: str
    name: str
    place: tuple[float, float] | None = None
    time_zone: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Everything but the id, for JSON."""
        return {"name": self.name, "place": None if self.place is None else [*self.place], "time_zone": self.time_zone}

    @classmethod
    def from_dict(cls, camera: str, content: Any) -> "CameraDescription":
        """What `to_dict` gave, of the camera with this id.

        Raises:
            KeyError, TypeError, ValueError: A value is missing or of another kind.
        """
        place = content["place"]
        x, y = (0.0, 0.0) if place is None else map(float, place)
        zone = content["time_zone"]
        return cls(camera, str(content["name"]), None if place is None else (x, y), None if zone is None else str(zone))


_FILE_CAMERA = re.compile(r"c(\d+)(s\d+|p\d+)?_", re.ASCII)
"""The names of PRW and Plaza: c3s1_000123, c3p1_000123, c3_000123."""

_FTP_NAME = re.compile(r"(?P<camera>[^\W\d_][^_]*)_(?P<channel>\d\d)_(19|20)\d{12}(\D.*)?", re.ASCII)
"""How cameras name pictures that they send by FTP: Gate_00_20260501083000.jpg."""

_CONTENT_FOLDERS = frozenset(
    {"frames", "images", "image", "imgs", "img", "img1", "jpegimages", "jpg", "jpeg", "jpgs", "pictures", "picture"}
    | {"photos", "photo", "snapshots", "snapshot", "stills", "videos", "video", "recordings", "recording", "records"}
    | {"record", "clips", "clip", "footage", "mp4", "avi", "dav", "media", "dcim", "files", "data"}
)
"""Sub-folders, in lower case, that say what lies in them, not which camera took it."""

_YEAR = r"(19|20)\d\d"
_TWO_DIGITS = r"(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
_MONTH, _DAY = r"(0?[1-9]|1[0-2])", r"(0?[1-9]|[12]\d|3[01])"
_HOUR, _SIXTY = r"([01]?\d|2[0-4])", r"[0-5]\d"
_CLOCK = rf"{_HOUR}([-_.:h]?{_SIXTY}([-_.:m]?{_SIXTY})?)?[smh]?"
_DATE = rf"({_YEAR}{_TWO_DIGITS}|{_YEAR}[-_. ]{_MONTH}[-_. ]{_DAY}|{_DAY}[-_. ]{_MONTH}[-_. ]{_YEAR})"
_COMPACT = rf"{_YEAR}{_TWO_DIGITS}([01]\d|2[0-4]){_SIXTY}({_SIXTY})?"
_FULL_DATE = re.compile(
    rf"({_COMPACT}|{_DATE}([-_. T]+{_CLOCK})?)([-_. ]+({_COMPACT}|({_DATE}[-_. T]+)?{_CLOCK}))?Z?",
    re.ASCII | re.IGNORECASE,
)
_YEAR_MONTH = re.compile(rf"{_YEAR}[-_. ]?(0[1-9]|1[0-2])", re.ASCII)
_YEAR_ALONE = re.compile(_YEAR, re.ASCII)
_MONTH_NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_LONG_NAMES = "uary|ruary|ch|il|e|y|ust|t|tember|ober|ember"
_NAMED_PART = re.compile(
    rf"(\d\d?[-_. ]?)?({_MONTH_NAMES})({_LONG_NAMES})?([-_. ]?\d\d?)?([-_. ]?{_YEAR})?|"
    r"(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?|"
    r"(day|month|year|hour|hr|h|minute|min)[-_. ]?\d{1,4}|\d\d?(h|hr|hrs|hour|hours|min|m)|"
    r"([01]\d|2[0-4])[-_.:h][0-5]\d([-_.:m][0-5]\d)?s?([-_. ]+([01]\d|2[0-4])[-_.:h][0-5]\d([-_.:m][0-5]\d)?s?)?|"
    r"([01]\d|2[0-4])-([01]\d|2[0-4])",
    re.ASCII | re.IGNORECASE,
)
"""Months and weekdays by name, hour 08, 08h, 08-00, 08-00-00_09-00-00, 08-09."""

_NEXT_PARTS = (("month", 1, 12), ("day", 1, 31), ("hour", 0, 24), ("minute", 0, 59), ("second", 0, 59))
"""What a folder that is only a number means below a year, a month, a day ..., with its least and largest value."""


def camera_of(name: str, above: Sequence[str] = ()) -> Camera | None:
    """The camera that a relative path tells: by a file name such as c3_000123, otherwise by the first sub-folder.

    A folder that is a date, an hour, or only says what lies in it ("frames") is no camera.

    >>> camera_of("gate/0001.jpg"), camera_of("3/0001.jpg"), camera_of("c5s2_000007.jpg")
    ('gate', 3, 5)
    >>> camera_of("2026-05-01/08/gate/00.10.jpg"), camera_of("2026/05/01/0001.jpg")
    ('gate', None)

    Args:
        name: The path of a file relative to the folder that is read, with forward slashes.
        above: The names of the folders above it; a number below a date is an hour.

    Returns:
        A whole number where the name is one without leading zeros (the folders 01 and 1 are two cameras), otherwise
        a text in composed letters (NFC); None where the path does not tell.
    """
    *folders, file = name.split("/")
    found = _FILE_CAMERA.match(file)
    if found:
        return int(found[1])
    times = folders_of_time([*above, *folders])[len(above) :]
    for folder, is_time in zip(folders, times, strict=True):
        if not is_time and folder.strip().lower() not in _CONTENT_FOLDERS:
            return canonical_camera(folder)
    sent = _FTP_NAME.fullmatch(PurePath(file).stem)
    if sent is None:
        return None
    return canonical_camera(sent["camera"] if sent["channel"] == "00" else f"{sent['camera']}_{sent['channel']}")


def folders_of_time(folders: Sequence[str]) -> list[bool]:
    """Tell for each folder of a path whether it is a date or a part of one: year, month, day, hour, minute.

    A number alone is taken for a part of a date only below a year or a date.

    >>> folders_of_time(["2026", "05", "01", "gate"]), folders_of_time(["05", "gate"])
    ([True, True, True, False], [False, False])

    Args:
        folders: Names of folders, the outermost first.
    """
    answers = []
    expected = len(_NEXT_PARTS)  # which of _NEXT_PARTS a number would be; the length for none
    for folder in folders:
        name = folder.strip()
        is_time = True
        if _FULL_DATE.fullmatch(name):
            expected = 2
        elif _YEAR_MONTH.fullmatch(name):
            expected = 1
        elif _YEAR_ALONE.fullmatch(name):
            expected = 0
        elif _NAMED_PART.fullmatch(name):
            expected = min(expected + 1, len(_NEXT_PARTS)) if expected < len(_NEXT_PARTS) else expected
        elif _is_next_part(name, expected):
            expected += 1
        else:
            is_time = False
        answers.append(is_time)
    return answers


def _is_next_part(name: str, expected: int) -> bool:
    """Whether a folder that is a number can be the next part of the date above it."""
    if expected >= len(_NEXT_PARTS) or not (name.isascii() and name.isdecimal()):
        return False
    part, least, most = _NEXT_PARTS[expected]
    # Hours and what follows always have two digits: a camera may be called 3 below a date.
    digits = (1, 2) if part in ("month", "day") else (2,)
    return len(name) in digits and least <= int(name) <= most
