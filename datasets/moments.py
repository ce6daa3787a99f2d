"""Moments as people, cameras and programs write them, as seconds; and the zones in which clocks on walls are read."""

import difflib
import math
import os
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

EARLIEST_CLOCK = 1.0e8
"""Seconds from here on (March 1973) count since the epoch; smaller ones count from the start of a recording."""

LATEST = 7_258_118_400.0
"""The year 2200, in seconds since the epoch: a larger number counts in another unit."""

_DIGITS = re.compile(
    r"((?:19|20|21)\d\d)(\d\d)(\d\d)(?:[-_T ]?(\d\d)(\d\d)(?:(\d\d)(\d{3})?)?)?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
"""20260501, 202605010830, 20260501083000, 20260501_083000, 20260501083000123: as cameras print a time."""

_UNITS = ((1e3, "milliseconds"), (1e6, "microseconds"), (1e9, "nanoseconds"))


def zone_named(name: str) -> tzinfo:
    """Give the time zone of a name.

    >>> str(zone_named("Europe/Berlin"))
    'Europe/Berlin'
    >>> zone_named("Europe/Brelin")
    Traceback (most recent call last):
    ...
    ValueError: 'Europe/Brelin' is no time zone, expected one such as UTC or Asia/Tokyo; did you mean Europe/Berlin?

    Args:
        name: A name of the IANA data base.

    Raises:
        ValueError: There is no such zone.
    """
    try:
        return ZoneInfo(name.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = difflib.get_close_matches(name.strip(), available_timezones(), n=1)
        remedy = f"did you mean {close[0]}?" if close else "correct it"
        raise ValueError(f"{name!r} is no time zone, expected one such as UTC or Asia/Tokyo; {remedy}") from None


def machine_zone() -> str:
    """The name of the zone of this machine's clock, such as "Europe/Berlin"; "UTC" where the machine says none."""
    told = os.environ.get("TZ", "").removeprefix(":")
    if told in available_timezones():
        return told
    try:
        place = Path("/etc/localtime").resolve().parts
        return "/".join(place[place.index("zoneinfo") + 1 :])
    except (OSError, ValueError):
        return "UTC"


def clock_of(seconds: float, zone: tzinfo | None) -> datetime:
    """Tell what a clock on the wall shows at a moment.

    >>> clock_of(1777617000, zone_named("Europe/Berlin")).isoformat()
    '2026-05-01T08:30:00+02:00'

    Args:
        seconds: Seconds since the epoch.
        zone: The zone of the clock; None is that of this machine.

    Returns:
        Date and time with their distance from UTC.
    """
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone)


def seconds_of(value: str | float, zone: tzinfo | None = UTC) -> float:
    """Read a moment as seconds.

    >>> seconds_of("2026-05-01T08:30:00+02:00") == seconds_of("20260501063000") == seconds_of(1777617000)
    True
    >>> seconds_of(1777617000000)
    Traceback (most recent call last):
    ...
    ValueError: 1777617000000 looks like milliseconds since the epoch, expected seconds; write 1777617000

    Args:
        value: ISO 8601, a date in 8 digits with or without a time in 4, 6 or 9 digits, or a number of seconds, since
            the epoch or since the start of a recording.
        zone: The zone of a date that names none; None is that of this machine. Of an hour that daylight saving
            repeats, the first is meant.

    Returns:
        Seconds since the epoch, or the number of seconds itself.

    Raises:
        ValueError: The value is no moment, lies beyond the year 2200, or counts in another unit than seconds.
    """
    text = value.strip() if isinstance(value, str) else _plain(value)
    seconds = _from_digits(text, zone)
    if seconds is None and not (isinstance(value, str) and re.fullmatch(r"\d{8}", text)):
        seconds = _from_number(text)
    if seconds is None:
        seconds = _from_iso(text, zone)
    if seconds > LATEST:
        raise ValueError(f"{text} lies beyond the year 2200, expected an earlier time; correct it")
    return seconds


def names_no_zone(text: str) -> bool:
    """Whether a moment means something else in another time zone: a date that names none.

    >>> names_no_zone("2026-05-01T08:30"), names_no_zone("2026-05-01T08:30Z"), names_no_zone("90")
    (True, False, False)

    Args:
        text: A moment as `seconds_of` takes it.

    Raises:
        ValueError: It is none.
    """
    return seconds_of(text, UTC) != seconds_of(text, timezone(timedelta(hours=1)))


def _plain(value: float) -> str:
    """A number in digits, without an exponent."""
    return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)


def _from_digits(text: str, zone: tzinfo | None) -> float | None:
    """Seconds of a date in digits; None for other texts."""
    found = _DIGITS.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, millis = (int(part or 0) for part in found.groups()[:7])
    if found[8]:
        zone = datetime.fromisoformat(f"2000-01-01T00:00:00{found[8]}").tzinfo
    try:
        # Without a zone, Python takes the time for one of this machine.
        return datetime(year, month, day, hour, minute, second, 1000 * millis, tzinfo=zone).timestamp()
    except ValueError:
        return None


def _from_number(text: str) -> float | None:
    """A number of seconds; None for other texts."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is no time, expected ISO 8601 such as 2024-05-01T08:30:00 or seconds")
    for factor, unit in _UNITS:
        if abs(seconds) > LATEST and EARLIEST_CLOCK <= abs(seconds) / factor <= LATEST:
            raise ValueError(
                f"{text} looks like {unit} since the epoch, expected seconds; write {_plain(seconds / factor)}"
            )
    if abs(seconds) > LATEST:
        raise ValueError(f"{text} lies beyond the year 2200, expected seconds; correct it")
    return seconds


def _from_iso(text: str, zone: tzinfo | None) -> float:
    """Seconds of an ISO 8601 text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time, expected ISO 8601 such as 2024-05-01T08:30:00 or seconds") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
