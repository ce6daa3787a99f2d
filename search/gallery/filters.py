"""The filters of a gallery as SQL conditions, and the refusal of those that nothing could ever pass."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from datasets.samples import Camera
from search.query.results import display_time, is_clock_time


def quoted(text: str) -> str:
    """A string as an SQL literal, whatever it contains."""
    return "'" + text.replace("'", "''") + "'"


def frames_sql(names_by_source: Mapping[str, Iterable[str]]) -> str:
    """The condition that a row belongs to one of these frames, at least one."""
    return " OR ".join(
        f"(source = {quoted(source)} AND frame IN ({', '.join(map(quoted, names))}))"
        for source, names in names_by_source.items()
    )


def as_camera_names(cameras: Camera | Sequence[Camera] | None) -> tuple[str, ...] | None:
    """Cameras as a gallery stores them, strings; a single one is a list of one, None stays None."""
    if cameras is None:
        return None
    return tuple(map(str, [cameras] if isinstance(cameras, int | str) else cameras))


def require_cameras(gallery: Path, names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a camera that no sighting has: a typing error more often than an empty answer.

    Args:
        gallery: for the error.
        names: asked for.
        known: the gallery's; where it has none, anything may be asked.

    Raises:
        ValueError: a name is not among the known ones.
    """
    missing = sorted(set(names) - set(known))
    if known and missing:
        listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        raise ValueError(f"camera {missing[0]!r} is not in gallery {gallery}; it has: {listed}")


def filter_sql(
    cameras: Sequence[str] | None,
    after: float | None,
    before: float | None,
    exclude: tuple[str | None, str] | None = None,
) -> str | None:
    """The condition for the filters of a search, None for no filter.

    Args:
        cameras: names, at least one, or None.
        after: inclusive, seconds.
        before: exclusive, seconds.
        exclude: (source | None for every source, frame name) to leave out.

    Raises:
        ValueError: no camera, a time that is not finite, or an empty span of time.
    """
    conditions = []
    if cameras is not None:
        if not cameras:
            raise ValueError("the filter names no camera; name at least one, or leave it out to search all")
        conditions.append(f"camera IN ({', '.join(map(quoted, cameras))})")
    for name, value, comparison in (("after", after, ">="), ("before", before, "<")):
        if value is not None:
            if not math.isfinite(value):
                raise ValueError(f"{name} is {value}, expected seconds as a finite number")
            conditions.append(f"timestamp {comparison} {float(value)!r}")
    if after is not None and before is not None and after >= before:
        raise ValueError(f"after {after} is not earlier than before {before}; nothing can lie between: exchange them")
    if exclude is not None:
        source, frame = exclude
        same = f"frame = {quoted(frame)}"
        conditions.append(f"NOT ({same})" if source is None else f"NOT ({same} AND source = {quoted(source)})")
    return " AND ".join(conditions) or None


def require_times(gallery: Path, span: tuple[float, float] | None, asked: Sequence[float]) -> None:
    """Refuse times that no sighting of a gallery could have: a misunderstanding, not an empty answer.

    Args:
        gallery: for the error.
        span: first and last timestamp of its frames, None where none has one.
        asked: the filter's times, seconds; at least one.

    Raises:
        ValueError: there are no times, or a clock time is asked for and all count from the start of a recording.
    """
    remedy = "index into a new gallery with --start-time, when the recording began (a JSON's images want 'timestamp')"
    if span is None:
        raise ValueError(f"gallery {gallery} has no times to choose by; {remedy}")
    if is_clock_time(max(asked)) and not is_clock_time(span[1]):
        first, last = map(display_time, span)
        raise ValueError(
            f"gallery {gallery} has times from {first} to {last} since the start of a recording, asked for is "
            f"{display_time(max(asked))}; {remedy}, or ask for seconds since the start"
        )


def without_file(frames: Any, path: str | Path, where: str | None) -> str | None:
    """A condition, and that a row is of no frame that was read from this image file, through whatever source or link.

    A link of another name in the indexed folder is not recognised: names are compared before the disk is asked.

    Args:
        frames: the table of frames.
        path: the image file.
        where: the condition so far.
    """
    file = Path(path).resolve()
    rows = frames.search().select(["source", "frame", "location"]).to_arrow()
    namesakes = rows.filter(pc.fill_null(pc.ends_with(rows["location"], file.name), False)).to_pylist()
    own: dict[str, list[str]] = {}
    for row in namesakes:
        if Path(row["location"]).resolve() == file:
            own.setdefault(row["source"], []).append(row["frame"])
    if not own:
        return where
    return f"NOT ({frames_sql(own)})" + (f" AND {where}" if where else "")
