"""The times that somebody asks by, read on the clock of the cameras that are asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from datasets.moments import clock_of, machine_zone, names_no_zone, seconds_of
from search.gallery.filters import matching_cameras
from search.gallery.sightings import NO_CAMERA, ClockZones, display_time

Typed = float | str | None
"""A time as it was asked for: a date, a number of seconds, or none."""

_MOST_LISTED = 6


@dataclass(frozen=True)
class TimeOptions:
    """What the options of a time are called where it was typed.

    Args:
        after: The option of the first moment.
        before: The option of the end.
        others: The options that choose one zone, in words for "or give ...".
        time_zone: The option that names the zone; where there is none its name does not matter.
    """

    after: str = '"after"'
    before: str = '"before"'
    others: str = '"time_zone" or "cameras"'
    time_zone: str = '"time_zone"'


@dataclass(frozen=True)
class AskedTimes:
    """The times that are asked for.

    Args:
        after: The first moment in seconds, as in `Frame.timestamp`; None where none is asked for.
        before: The end in seconds; None where none is asked for.
        zones: The zones of the cameras.
        cameras: The cameras that are asked for, None among them where frames of unknown camera are.
        said: One line that says how times without a zone were read; empty where none was typed.
    """

    after: float | None
    before: float | None
    zones: ClockZones
    cameras: tuple[str | None, ...]
    said: str = ""

    @property
    def zone(self) -> tzinfo | None:
        """The zone that the cameras share; None is that of this machine."""
        return self.zones.zone(*self.cameras)

    @property
    def zone_name(self) -> str:
        """The name of that zone."""
        return self.zones.zone_name(*self.cameras)


def cameras_asked_for(
    gallery: Path, names: Sequence[str] | None, filmed_by: Sequence[str | None]
) -> tuple[str | None, ...]:
    """The cameras whose clocks matter to a question.

    Args:
        gallery: The gallery's folder, for the error.
        names: The cameras that are asked for; None asks for all.
        filmed_by: The cameras of the gallery, None among them where there are frames of unknown camera.

    Raises:
        ValueError: A camera is not in the gallery.
    """
    if names is None:
        return tuple(filmed_by)
    return matching_cameras(gallery, names, [one for one in filmed_by if one is not None])


def read_times(
    after: Typed,
    before: Typed,
    zones: ClockZones,
    cameras: Sequence[str | None],
    options: TimeOptions = TimeOptions(),
) -> AskedTimes:
    """Read the times that were typed. One that names no zone is read in the zone that the cameras share.

    >>> berlin = ClockZones(of_cameras=(("gate", "Europe/Berlin"), ("yard", "Europe/Berlin")))
    >>> read_times("2026-05-01T08:30", None, berlin, ["gate", "yard"]).said
    '"after" 2026-05-01T08:30 is read as 2026-05-01T08:30:00+02:00, in Europe/Berlin, the zone of cameras gate, yard'

    Args:
        after: The first moment.
        before: The end.
        zones: The zones of the gallery's cameras, or the one that was chosen for all of them.
        cameras: The cameras that are asked for, see `cameras_asked_for`.
        options: What the options are called.

    Raises:
        ValueError: A text is no time, it names no zone and is another moment on the clock of another camera, or no time
            lies between both.
    """
    first = None if after is None else read_time(after, zones, cameras, options.after, options)
    end = None if before is None else read_time(before, zones, cameras, options.before, options)
    if first is not None and end is not None and first >= end:
        remedy = "exchange them" if first > end else f"give a later {options.before}"
        raise ValueError(
            f"{options.after} {_shown(after)} is not before {options.before} {_shown(before)}; nothing can lie "
            f"between: {remedy}"
        )
    said = said_of_reading({options.after: after, options.before: before}, zones, cameras, options)
    return AskedTimes(first, end, zones, tuple(cameras), said)


def read_time(
    typed: float | str,
    zones: ClockZones,
    cameras: Sequence[str | None],
    option: str,
    options: TimeOptions = TimeOptions(),
) -> float:
    """Read one time as seconds; arguments and errors as of `read_times`, `option` is what it was typed for."""
    if not isinstance(typed, str):
        return typed
    if not names_no_zone(typed):
        return seconds_of(typed)
    grouped = zones.by_name(cameras)
    readings = [seconds_of(typed, zones.zone(group[0])) for group in grouped.values()]
    if len(set(readings)) > 1:
        listed = ", ".join(f"{name} ({_clocks(zones, group)})" for name, group in grouped.items())
        example = clock_of(readings[0], zones.zone(next(iter(grouped.values()))[0])).isoformat()
        raise ValueError(
            f"{option} {typed} names no time zone, and the cameras do not share one: {listed}; write the zone, such as "
            f"{example}, or give {options.others}"
        )
    return readings[0]


def said_of_reading(
    typed: Mapping[str, Typed],
    zones: ClockZones,
    cameras: Sequence[str | None],
    options: TimeOptions = TimeOptions(),
) -> str:
    """One line that says how times without a zone are read; empty where none of them is such a time.

    Args:
        typed: The times by the options that they were typed for; they were read before.
        zones: As of `read_times`, and so are the others.
        cameras: See there.
        options: See there.
    """
    lines = [
        f"{option} {text} is read as {display_time(read_time(text, zones, cameras, option), zones.zone(*cameras))}"
        for option, text in typed.items()
        if isinstance(text, str) and names_no_zone(text)
    ]
    return f"{' and '.join(lines)}, in {_whose(zones, cameras, options)}" if lines else ""


def _shown(typed: Typed) -> str:
    return typed if isinstance(typed, str) else f"{typed:.15g}"


def _named(cameras: Sequence[str | None]) -> str:
    """Cameras by their names, the first of them where they are many."""
    names = [NO_CAMERA if one is None else one for one in cameras]
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"camera{'s' if len(names) > 1 else ''} {', '.join(names[:_MOST_LISTED])}{more}"


def _clocks(zones: ClockZones, cameras: Sequence[str | None]) -> str:
    """The cameras of a zone, and where it comes from if nobody noted it."""
    unnoted = all(zones.zone(camera) is None for camera in cameras)
    return f"{_named(cameras)}{', of which none is noted: the zone of this machine' if unnoted else ''}"


def _whose(zones: ClockZones, cameras: Sequence[str | None], options: TimeOptions) -> str:
    """The zone in which times are read, and why."""
    if zones.chosen is not None:
        return f"{zones.chosen}, as {options.time_zone} says"
    if all(zones.zone(camera) is None for camera in cameras):
        return f"{machine_zone()}, the zone of this machine"
    return f"{' and '.join(zones.by_name(cameras))}, the zone of {_named(cameras)}"
