"""Times as people type them."""

import re
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.moments import seconds_of

if TYPE_CHECKING:
    from search.query.asked_times import AskedTimes


def parse_time(text: str, option: str, zone: tzinfo | None = None) -> float:
    """Read a time that was typed as a date, as seconds since the epoch, or as seconds from the start of a recording.

    Eight digits are a date, 20260501; fourteen are a date with a time, 20260501083000. Four digits from 1900 to 2199
    may be a year or a moment in a recording and are refused; 2026.0 is the number.

    >>> parse_time("2026-05-01T08:30+02:00", "--after")
    1777617000.0
    >>> parse_time("90", "--after")
    90.0

    Args:
        text: For example "2024-05-01T08:30", "2024-05-01 08:30:00+02:00", "20240501", "1714552200", or seconds from the
            start of a recording.
        option: The option's name, for the error.
        zone: The zone of a time that names none; None is that of this machine.

    Raises:
        ValueError: The text is neither a number nor a date, may be either, counts in milliseconds, or lies beyond the
            year 2200.
    """
    typed = text.strip()
    if re.fullmatch(r"(19|2[01])\d\d", typed, re.ASCII):
        raise ValueError(f"{option} {text!r} may be a year or seconds, expected one; write {typed}-01-01 or {typed}.0")
    try:
        return seconds_of(typed, zone)
    except ValueError as error:
        raise ValueError(f"{option} {error}") from None


def times_asked_for(
    gallery: Path,
    after: str | None,
    before: str | None,
    *,
    cameras: Sequence[str] | None,
    time_zone: str | None = None,
    others: str = "--time-zone or --camera",
) -> "AskedTimes":
    """Read `--after` and `--before` on the clock of the cameras that are asked for, see `search.query.asked_times`.

    Args:
        gallery: The gallery's folder.
        after: What was typed for `--after`.
        before: What was typed for `--before`.
        cameras: What was typed for `--camera`.
        time_zone: What was typed for `--time-zone`.
        others: The options that choose one zone where the cameras have several.

    Raises:
        FileNotFoundError: No gallery is there.
        ValueError: A text is no time, names no zone and may mean several moments, no time lies between both, a camera
            is not in the gallery, or there is no such zone.
    """
    from search.gallery.gallery import Gallery
    from search.gallery.sightings import ClockZones
    from search.query.asked_times import TimeOptions, cameras_asked_for, read_times

    for text, option in ((after, "--after"), (before, "--before")):
        if text is not None:
            parse_time(text, option)  # whatever the zone, it is a time or none
    with Gallery.open(gallery) as store:
        asked_for = cameras_asked_for(store.path, cameras, store.filmed_by())
        zones = ClockZones.known(store.description.cameras, time_zone)
    return read_times(after, before, zones, asked_for, TimeOptions("--after", "--before", others, "--time-zone"))
