"""Corrections of what a gallery says about footage: its camera and its time; no picture is looked at again."""

import os
import shlex
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from datasets.footage.cameras import CameraDescription
from datasets.footage.names import VIDEO_MARK, moment_named, written
from datasets.footage.planning import PlannedSource
from datasets.footage.streams import is_stream, public_name
from datasets.moments import clock_of, zone_named
from datasets.samples import camera_name
from search.gallery.description import note_cameras, write_description
from search.gallery.filters import matching_cameras, quoted
from search.gallery.gallery import Gallery
from search.gallery.sightings import NO_CAMERA, display_time, is_clock_time
from search.gallery.store import retried
from search.gallery.upkeep import writing

_SAME = 5e-4
"""Times that differ by less are one time: names of frames hold milliseconds."""

_MOST_NAMED = 3
"""Of the files of one source so many are named one by one."""


@dataclass(frozen=True)
class Correction:
    """What is right about some footage.

    Args:
        source: The footage: a file, a folder with everything in it, or the address of a stream.
        camera: The camera that took it; None leaves it.
        start_time: When it began, in seconds since the epoch: its earliest recording begins then, and all of its other
            times move with it. None leaves them.

    Raises:
        ValueError: Nothing is said.
    """

    source: str
    camera: str | None = None
    start_time: float | None = None

    def __post_init__(self) -> None:
        if camera_name(self.camera) is None and self.start_time is None:
            raise ValueError("nothing says what is right; give --camera, --start-time, or both")


@dataclass(frozen=True)
class Corrected:
    """What a correction did.

    Args:
        frames: How many frames the footage has.
        sightings: How many people were seen in them.
        seconds: By how many seconds their times moved.
    """

    frames: int
    sightings: int
    seconds: float


def correct(gallery: Gallery, correction: Correction) -> Corrected:
    """Correct camera and times of footage in a gallery. Whatever ends it early, correcting again does the rest.

    Args:
        gallery: The gallery; one of an earlier version is converted.
        correction: What is right.

    Raises:
        ValueError: The gallery has nothing of this source, its frames have no times, or only some of them have dates.
        OSError: The gallery cannot be read or written.
    """
    where = _condition(gallery, correction.source)
    frames = int(gallery.frames.count_rows(where))
    if not frames:
        known = pc.unique(gallery.frames.search().select(["source"]).to_arrow()["source"]).to_pylist()
        listed = ", ".join(sorted(known)[:6]) + (", ..." if len(known) > 6 else "")
        raise ValueError(f"source {correction.source} is not in gallery {gallery.path}; it has: {listed or 'none'}")
    begins = correction.start_time
    seconds = 0.0 if begins is None else begins - _begin(gallery, where, correction.source)
    gallery.prepare_writing()
    with writing(gallery.path, alone=True):
        camera = camera_name(correction.camera)
        if camera is not None:
            for table in (gallery.frames, gallery.table):
                retried(gallery.path, lambda table=table: table.update(where=where, values={"camera": camera}))  # type: ignore[misc]
        if abs(seconds) > _SAME:
            moved = {"timestamp": f"timestamp + {seconds!r}"}
            retried(gallery.path, lambda: gallery.frames.update(where=where, values_sql=moved))
        if correction.start_time is not None:
            _follow_frames(gallery, where)
        # Whoever keeps a copy of the rows in memory sees by the description's new file that it is of no use any more.
        write_description(gallery.path, gallery.description)
    gallery.refresh()
    return Corrected(frames, int(gallery.table.count_rows(where)), seconds)


def correcting_lines(gallery: Gallery, planned: PlannedSource) -> list[str]:
    """What to type where a gallery has footage under another camera or another time than is told now.

    Frames that a gallery has are passed over, so indexing them again corrects nothing.

    Args:
        gallery: The gallery, before the source is indexed again.
        planned: A source, and how it is read.

    Returns:
        A line for each file, folder or stream of which something else is told; none for what is not in the gallery.
    """
    reading, one = planned.reading, planned.source
    camera, start = camera_name(reading.camera), reading.start_time
    sources = [str(part) for part in one] if isinstance(one, tuple) else [str(one)]
    if is_stream(sources[0]) or sources[0].lower().endswith(".json"):
        start = None  # a live stream is timed by the clock, and a data set tells its times itself
    if camera is None and start is None:
        return []
    conditions = {source: _condition(gallery, source) for source in sources}
    known = {source: where for source, where in conditions.items() if gallery.frames.count_rows(where)}
    begins: dict[str, float] = {}
    if start is not None:
        try:
            begins = {source: _begin(gallery, where, source) for source, where in known.items()}
        except ValueError as error:
            return [str(error)]
    # Pieces of one recording follow one another: all of them move by what the first one is off.
    moved = 0.0 if start is None or not begins else start - min(begins.values())
    lines = []
    for source, where in known.items():
        found, options = [], []
        cameras = {_shown_camera(row["camera"]) for row in _rows(gallery.frames, where, ["camera"])}
        if camera is not None and cameras != {camera}:
            found.append(f"camera {', '.join(sorted(cameras)[:3])}")
            options += ["--camera", camera]
        if abs(moved) > _SAME:
            zone = None if reading.time_zone is None else zone_named(reading.time_zone)
            found.append(f"the start time {display_time(begins[source], zone)}")
            options += ["--start-time", _typed_time(begins[source] + moved, zone)]
        if options:
            shown = public_name(source) if is_stream(source) else source
            words = shlex.join(["personsearch", "gallery", "set", str(gallery.path), "--source", shown, *options])
            has = f"{written(shown)} is in the gallery with {' and '.join(found)}"
            lines.append(f"{has}, which indexing again does not change; to correct it: {words}")
    more = len(lines) - _MOST_NAMED
    return [*lines[:_MOST_NAMED], *([f"the same holds for {more} more files of {planned.label}"] if more > 0 else [])]


def _shown_camera(camera: str | None) -> str:
    return NO_CAMERA if camera is None else camera


def _typed_time(seconds: float, zone: tzinfo | None) -> str:
    """A time as `--start-time` takes it."""
    return clock_of(seconds, zone).isoformat() if is_clock_time(seconds) else f"{seconds:g}"


def describe(
    gallery: Gallery, camera: str, *, name: str | None, place: tuple[float, float] | None, zone: str | None
) -> tuple[str, ...]:
    """Note down what is known of a camera; what is None stays as it was.

    Args:
        gallery: The gallery.
        camera: The camera's id, as its sightings have it.
        name: How people call it.
        place: Right and down on a plan, or latitude and longitude.
        zone: The IANA name of the zone of its clock.

    Returns:
        The camera as the gallery writes it; several where it writes one in several ways.

    Raises:
        ValueError: The gallery has frames of cameras, but none of this one, and no cameras file named it.
    """
    filmed = gallery.cameras()
    known = sorted({*filmed, *(one.id for one in gallery.description.cameras)}) if filmed else []
    ids = matching_cameras(gallery.path, [camera], known)
    before = [gallery.description.camera(one) for one in ids]
    told = [CameraDescription(o.id, name or o.name, place or o.place, zone or o.time_zone) for o in before]
    gallery.description = note_cameras(gallery.path, gallery.description, told)
    return ids


def cameras_of(gallery: Gallery, source: str) -> tuple[str | None, ...]:
    """The cameras of some footage, None among them where a frame's is unknown; none where the gallery has no such.

    Args:
        gallery: The gallery.
        source: The footage: a file, a folder with everything in it, or the address of a stream.
    """
    found = {row["camera"] for row in _rows(gallery.frames, _condition(gallery, source), ["camera"])}
    return tuple(sorted(found, key=lambda one: (one is None, one or "")))


def _condition(gallery: Gallery, source: str) -> str:
    """The SQL condition of the rows of a source; of a path also where they came through another folder."""
    if is_stream(source):
        return f"source = {quoted(public_name(source))}"
    known = pc.unique(gallery.frames.search().select(["source"]).to_arrow()["source"]).to_pylist()
    path = written(os.path.realpath(Path(source).expanduser()))
    named = [f"source = {quoted(name)}" for name in {source, path} if name in known]
    inside = [f"starts_with(location, {quoted(path + end)})" for end in (VIDEO_MARK, "/")]
    return "(" + " OR ".join([*named, f"location = {quoted(path)}", *inside]) + ")"


def _begin(gallery: Gallery, where: str, source: str) -> float:
    """When the earliest recording of the source begins, as the gallery has it."""
    rows = gallery.frames.search().where(f"{where} AND timestamp IS NOT NULL").select(["location", "timestamp"])
    begins = [_begin_of(row) for row in rows.to_list()]
    if not begins:
        raise ValueError(
            f"the frames of {source} have no times that could move; index them into a new gallery with --start-time"
        )
    if is_clock_time(max(begins)) and not is_clock_time(min(begins)):
        raise ValueError(
            f"some recordings of {source} have dates and others count from 0, expected one kind; correct "
            "them file by file"
        )
    return min(begins)


def _begin_of(row: dict[str, Any]) -> float:
    """When the recording of a frame begins; a picture is a recording of its own."""
    offset = (row["location"] or "").rpartition(VIDEO_MARK)
    try:
        return float(row["timestamp"]) - (moment_named(offset[2])[0] if offset[1] else 0.0)
    except ValueError:
        return float(row["timestamp"])


def _follow_frames(gallery: Gallery, where: str) -> None:
    """Give the sightings of a source the times of their frames, where an earlier correction was cut short too."""
    columns = ["source", "frame", "timestamp"]
    times = {(row["source"], row["frame"]): row["timestamp"] for row in _rows(gallery.frames, where, columns)}
    distances = set()
    for row in _rows(gallery.table, where, columns):
        right = times.get((row["source"], row["frame"]))
        if right is not None and row["timestamp"] is not None and abs(right - row["timestamp"]) > _SAME:
            distances.add(round(right - row["timestamp"], 3))
    for distance in sorted(distances):
        moved = {"timestamp": f"timestamp + {distance!r}"}
        retried(gallery.path, lambda moved=moved: gallery.table.update(where=where, values_sql=moved))  # type: ignore[misc]
        return  # all of a source move together


def _rows(table: Any, where: str, columns: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.search().where(where).select(columns).to_list()
    return found
