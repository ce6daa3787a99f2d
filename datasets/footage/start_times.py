"""When recordings begin, how fast and by which camera they were taken, as files and their names tell."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import av

from datasets.footage.film import ASSUMED_RATE, open_container
from datasets.footage.series import Key
from datasets.moments import zone_named
from datasets.samples import Camera, canonical_camera

_DATE = r"(?:(?P<year>(?:19|20|21)\d\d)[-_. ]?(?P<month>\d\d)[-_. ]?(?P<day>\d\d)"
_REVERSED = r"|(?P<day2>\d\d)[-_.](?P<month2>\d\d)[-_.](?P<year2>(?:19|20|21)\d\d))"
_CLOCK = r"(?P<hour>[01]\d|2[0-3])[-_.:h ]?(?P<minute>[0-5]\d)(?:[-_.:m ]?(?P<second>[0-5]\d))?s?(?P<utc>Z\b)?(?!\d)"
_DATED = re.compile(rf"(?<!\d){_DATE}{_REVERSED}(?:[-_. ]*T?[-_. ]*){_CLOCK}", re.ASCII)
"""2026-05-01 08-00-00, 20260501_080000, 20260501080000, 01.05.2026 08.00, 2026-05-01T08:00:00Z."""

_NO_CAMERA = re.compile(
    r"(rec(ord(ing|er)?)?s?|vid(eo)?s?|clips?|movies?|mov|films?|im(a?ge?|g)s?|pic(ture)?s?|photos?|snap(shot)?s?|captures?|"
    r"files?|out(put)?|exports?|cameras?|cams?|channels?|ch|dvr|nvr|playback|main|sub(stream)?|stream|screen|part|pieces?|"
    r"untitled|new|test|temp|tmp|copy|footage|segments?|seg|mp4|avi|\W|_|\d)*",
    re.IGNORECASE,
)
"""Names that say what a file is, not which camera took it."""

_NUMBERED = re.compile(r"(cam(era)?|ch(annel)?|ipc)[-_ ]?\d+", re.IGNORECASE)
_WORDS = re.compile(r"[^\W\d_]+(?:[-_ ][^\W\d_]+)*")
_SEPARATORS = " _-.,([{"
_SHORTEST_NAME = 3

_EARLIEST, _LATEST_AHEAD = datetime(2000, 1, 1, tzinfo=UTC), timedelta(days=1)
"""A recorder whose clock was never set begins in 1904, 1970 or the like."""

_OVERLAP = 60.0
"""A piece may begin so many seconds before the end of the one before it."""


def dated(name: str) -> datetime | None:
    """The date and time of day in a file's name, as the clock showed it; None where there are not both.

    >>> dated("Entrance North 2026-05-01 08-00-00.mp4"), dated("part1.mp4")
    (datetime.datetime(2026, 5, 1, 8, 0), None)

    Args:
        name: The name or path of a file; of a path the last part is looked at.

    Returns:
        Without a zone, except where the name ends with Z, which is UTC.
    """
    found = _DATED.search(name.rpartition("/")[2])
    if found is None:
        return None
    year, month, day = (int(found[part] or found[f"{part}2"]) for part in ("year", "month", "day"))
    clock = (int(found["hour"]), int(found["minute"]), int(found["second"] or 0))
    try:
        return datetime(year, month, day, *clock, tzinfo=UTC if found["utc"] else None)
    except ValueError:
        return None


def camera_in_name(name: str) -> Camera | None:
    """The camera that the name of a video tells: what stands before its date, or the whole name where that is words.

    >>> camera_in_name("Entrance North 2026-05-01 08-00-00.mp4"), camera_in_name("gate.mp4"), camera_in_name("cam2.mp4")
    ('Entrance North', 'gate', 'cam2')
    >>> camera_in_name("rec_20260501_080000.mp4"), camera_in_name("part1.mp4"), camera_in_name("a8f3.mp4")
    (None, None, None)

    Args:
        name: The name or path of a video file; of a path the last part is looked at.
    """
    stem = Path(name.rpartition("/")[2]).stem
    found = _DATED.search(stem)
    told = (stem if found is None else stem[: found.start()]).strip(_SEPARATORS)
    if _NUMBERED.fullmatch(told):
        return canonical_camera(told)
    if _NO_CAMERA.fullmatch(told) or len(told) < _SHORTEST_NAME:
        return None
    return canonical_camera(told) if found is not None or _WORDS.fullmatch(told) else None


def created(file: Path) -> float | None:
    """When a video file says that it was recorded, in seconds since the epoch; None where it does not, or lies.

    Args:
        file: The video file.
    """
    try:
        with open_container(str(file)) as container:
            text = container.metadata.get("creation_time") or container.streams.video[0].metadata.get("creation_time")
        moment = datetime.fromisoformat(text or "")
    except (av.error.FFmpegError, OSError, ValueError, UnicodeError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.timestamp() if _EARLIEST <= moment <= datetime.now(UTC) + _LATEST_AHEAD else None


@dataclass
class StartTimes:
    """The times that the files of a source tell by themselves, one after the other.

    Args:
        time_zone: The name of the zone of the camera's clock; None is that of this machine.
        creation_times: Whether the creation time in a file is its start.

    Attributes:
        known: How many files had a time, by where it was found: "name" or "file"; "before" where it follows another.
        unknown: How many videos begin at a time that nothing tells.
    """

    time_zone: str | None = None
    creation_times: bool = False

    def __post_init__(self) -> None:
        self._zone: tzinfo | None = None if self.time_zone is None else zone_named(self.time_zone)
        self._ends: dict[Key, float] = {}
        self.known: Counter[str] = Counter()
        self.unknown = 0

    def of_picture(self, name: str) -> float | None:
        """When a picture was taken, in seconds since the epoch; None where its name does not tell."""
        told = dated(name)
        return None if told is None else self._seconds(told, None)

    def of_video(self, file: Path, name: str, key: Key) -> float | None:
        """When a video begins, in seconds since the epoch; None where nothing tells.

        Args:
            file: The file.
            name: Its name in the source.
            key: The series that it belongs to, whose files are asked for in their order.
        """
        before = self._ends.get(key)
        if (told := dated(name)) is not None:
            self.known["name"] += 1
            return self._seconds(told, before)
        if self.creation_times and (moment := created(file)) is not None:
            self.known["file"] += 1
            return moment
        if before is not None:
            self.known["before"] += 1
        self.unknown += before is None
        return before

    def ends(self, key: Key, moment: float) -> None:
        """Note when the last video of a series ended, where its begin was known."""
        self._ends[key] = moment

    def lines(self, videos: int) -> list[str]:
        """What was assumed, a line for each way, and a line where nothing is known.

        Args:
            videos: How many videos there are.
        """
        zone = self.time_zone or "the time zone of this machine"
        said = {
            "name": f"taken from their names, and read in {zone}",
            "file": "the creation times in the files, which are right where the recorder's clock was",
            "before": "the ends of the recordings before them",
        }
        nothing = (
            f"nothing tells when {self.unknown} of {videos} videos began, so their times count from 0 and `find` "
            "cannot choose among them by the time of day; --start-time says it"
        )
        return [nothing] * bool(self.unknown) + [
            f"the start times of {count} of {videos} videos are {said[way]}; --start-time says another"
            for way, count in sorted(self.known.items())
        ]

    def _seconds(self, told: datetime, before: float | None) -> float:
        """Seconds since the epoch; of an hour that comes twice, the one that goes on where the piece before ended."""
        first = (told if told.tzinfo else told.replace(tzinfo=self._zone)).timestamp()
        if told.tzinfo or before is None or first >= before - _OVERLAP:
            return first
        second = told.replace(tzinfo=self._zone, fold=1).timestamp()
        return second if second >= before - _OVERLAP else first


@dataclass
class FileRates:
    """Whether anybody told how many frames a second the videos of a source have, as far as they hold no times.

    Attributes:
        assumed: The names of videos of which nobody told it.
        told: How many videos were read at the rate that the user told.
    """

    assumed: list[str] = field(default_factory=list)
    told: int = 0

    def note(self, name: str, *, told: bool, assumed: bool) -> None:
        """Take a video that was opened.

        Args:
            name: Its name.
            told: Whether it was read at the rate that the user told.
            assumed: Whether nobody told its rate.
        """
        self.told += told
        if assumed:
            self.assumed.append(name)

    def lines(self, recorded_rate: float | None) -> list[str]:
        """What was assumed, and what the user told in vain.

        Args:
            recorded_rate: What the user told, None for nothing.
        """
        if recorded_rate is not None and not self.told:
            return [f"no file here holds frames without times, so --recorded-rate {recorded_rate:g} changed nothing"]
        if not self.assumed:
            return []
        others = len(self.assumed) - 1
        hold = f"{self.assumed[0]} holds" if not others else f"{self.assumed[0]} and {others} more hold"
        return [
            f"{hold} no times, and nothing that says how many frames a second were recorded: {ASSUMED_RATE:g} are "
            "assumed; --recorded-rate (recorded_rate in a cameras file) says another"
        ]


def cameras_line(cameras: Sequence[Camera | None]) -> str:
    """A line that names the cameras that were taken from names of files; empty where there is none."""
    named = sorted({str(camera) for camera in cameras if camera is not None})
    more = ", ..." if len(named) > 6 else ""
    return f"cameras are called as the files say: {', '.join(named[:6])}{more}; --camera says another" if named else ""
