"""Which sightings may answer: the filters as a value and as SQL, and the refusal of those that nothing could pass."""

import dataclasses
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, Self

import pyarrow.compute as pc

from datasets.moments import LATEST
from datasets.samples import Camera, camera_name
from search.gallery.sightings import display_time, is_clock_time
from search.models.embedded_by import known_fields


def quoted(text: str) -> str:
    """A string as an SQL literal, whatever it contains."""
    return "'" + text.replace("'", "''") + "'"


def frames_sql(names_by_source: Mapping[str, Iterable[str]]) -> str:
    """The condition that a row belongs to one of these frames, at least one."""
    return " OR ".join(
        f"(source = {quoted(source)} AND frame IN ({', '.join(map(quoted, names))}))"
        for source, names in names_by_source.items()
    )


@dataclass(frozen=True)
class Filters:
    """Which sightings may answer a search, and how many at most.

    >>> Filters(cameras=4).cameras
    ('4',)
    >>> Filters(after=20, before=10)
    Traceback (most recent call last):
    ValueError: the start is not earlier than the end; nothing can lie between: exchange after and before

    Args:
        cameras: Only sightings of these cameras, one or several; None is all, also sightings of unknown camera.
        after: Only sightings from this time on, in seconds as in `Frame.timestamp`. With a time filter sightings of
            unknown time are left out.
        before: Only sightings earlier than this time, in seconds.
        minimum_similarity: Only sightings at least this similar to the probe; raising it gives fewer and surer
            answers. The similarity counts, also where re-ranking or context order the sightings by another score.
        limit: At most this many sightings, 1 or more.
        exclude_frame: Leave out frames of this name, the probe's own for example.
        exclude_source: Leave out `exclude_frame` only where it belongs to this source; None means every source.
        exclude_file: Leave out the frames that were read from this image file, whatever their names.
        exclude_frames: Leave out these frames, each as its source and its name: those that show the probe, for example.
        exclude_sightings: Leave out these sightings, each as source, frame name and number in the frame, from 0.

    Raises:
        ValueError: The filter names no camera, a time is not finite, no time lies between both times, or the limit is
            below 1.
    """

    cameras: Camera | Sequence[Camera] | None = None
    after: float | None = None
    before: float | None = None
    minimum_similarity: float | None = None
    limit: int = 20
    exclude_frame: str | None = None
    exclude_source: str | None = None
    exclude_file: str | Path | None = None
    exclude_frames: Sequence[tuple[str, str]] = ()
    exclude_sightings: Sequence[tuple[str, str, int]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "exclude_frames", tuple((source, frame) for source, frame in self.exclude_frames))
        alone = tuple((source, frame, int(index)) for source, frame, index in self.exclude_sightings)
        object.__setattr__(self, "exclude_sightings", alone)
        if self.cameras is not None:
            given = [self.cameras] if isinstance(self.cameras, int | str) else self.cameras
            object.__setattr__(self, "cameras", tuple(map(str, given)))
        if self.limit < 1:
            raise ValueError(f"limit {self.limit}, expected at least 1")
        if self.camera_names == ():
            raise ValueError("the filter names no camera; name at least one, or leave it out to search all")
        for name in ("after", "before", "minimum_similarity"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{name} is {value}, expected a finite number")
        if self.after is not None and self.before is not None and self.after >= self.before:
            remedy = "exchange after and before" if self.after > self.before else "give a later before"
            raise ValueError(f"the start is not earlier than the end; nothing can lie between: {remedy}")

    @property
    def camera_names(self) -> tuple[str, ...] | None:
        """The cameras as a gallery stores them, None for all."""
        return None if self.cameras is None else tuple(map(str, self.cameras))  # type: ignore[arg-type]

    @property
    def times(self) -> tuple[float, ...]:
        """The times that are asked for, none to two of them."""
        return tuple(time for time in (self.after, self.before) if time is not None)

    def words(self, zone: tzinfo | None = None) -> list[str]:
        """What is asked for, as people write it: "cameras 1, 4", "minimum similarity 0.9", "at most 20 sightings".

        Args:
            zone: The zone in which times are written; None is that of this machine.
        """
        asked = {
            "cameras": None if self.camera_names is None else ", ".join(self.camera_names),
            "after": None if self.after is None else display_time(self.after, zone),
            "before": None if self.before is None else display_time(self.before, zone),
            "minimum similarity": self.minimum_similarity,
        }
        words = [f"{name} {value}" for name, value in asked.items() if value is not None]
        return [*words, f"at most {self.limit:,} {'sighting' if self.limit == 1 else 'sightings'}"]

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them."""
        plain = dataclasses.asdict(self)
        plain["cameras"] = None if self.camera_names is None else list(self.camera_names)
        plain["exclude_file"] = None if self.exclude_file is None else str(self.exclude_file)
        return plain

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The value that `to_dict` gave; fields that are missing have their defaults.

        Raises:
            ValueError: A field is unknown or out of its range.
        """
        return cls(**known_fields(cls, content))


def matching_cameras(gallery: Path, names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The cameras that are asked for, as the gallery writes them.

    Names that differ in how letters are composed or in blanks around them are one camera. A camera whose name holds a
    comma may have been typed as two names.

    >>> matching_cameras(Path("people"), ["Hall", " north", "4"], ["4", "Hall, north"])
    ('Hall, north', '4')

    Args:
        gallery: The gallery's folder, for the error.
        names: The cameras that are asked for.
        known: The cameras of the gallery; where it has none, anything may be asked.

    Raises:
        ValueError: A name is not among the known ones: a typing error more often than an empty answer.
    """
    if not known:
        return tuple(names)
    found: list[str] = []
    at = 0
    while at < len(names):
        # The longest run of names that is one camera: a camera that exists wins over a list.
        ends = range(len(names), at, -1)
        end = next((one for one in ends if _spellings(",".join(names[at:one]), known)), None)
        if end is None:
            listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
            raise ValueError(f"camera {names[at].strip()!r} is not in gallery {gallery}; it has: {listed}")
        found += [one for one in _spellings(",".join(names[at:end]), known) if one not in found]
        at = end
    return tuple(found)


def _spellings(name: str, known: Sequence[str]) -> list[str]:
    """How a gallery writes a camera: as it is asked for, or else with other blanks around it."""
    composed = unicodedata.normalize("NFC", name)
    exact = [one for one in known if unicodedata.normalize("NFC", one) == composed]
    return exact or [one for one in known if camera_name(one) == camera_name(name)]


def filter_sql(filters: Filters) -> str | None:
    """The SQL condition for the filters of a search, None for no filter; `exclude_file` needs `without_file`."""
    conditions = []
    if filters.camera_names is not None:
        conditions.append(f"camera IN ({', '.join(map(quoted, filters.camera_names))})")
    for value, comparison in ((filters.after, ">="), (filters.before, "<")):
        if value is not None:
            conditions.append(f"timestamp {comparison} {float(value)!r}")
    if filters.exclude_frame is not None:
        same = f"frame = {quoted(filters.exclude_frame)}"
        source = filters.exclude_source
        conditions.append(f"NOT ({same})" if source is None else f"NOT ({same} AND source = {quoted(source)})")
    if filters.exclude_frames:
        names_by_source: dict[str, list[str]] = {}
        for source, frame in filters.exclude_frames:
            names_by_source.setdefault(source, []).append(frame)
        conditions.append(f"NOT ({frames_sql(names_by_source)})")
    for source, frame, index in filters.exclude_sightings:
        conditions.append(f"NOT (source = {quoted(source)} AND frame = {quoted(frame)} AND index = {index})")
    return " AND ".join(conditions) or None


def require_times(gallery: Path, span: tuple[float, float] | None, asked: Sequence[float]) -> None:
    """Refuse times that no sighting of a gallery could have: a misunderstanding, not an empty answer.

    Args:
        gallery: The gallery's folder, for the error.
        span: The first and the last timestamp of its frames, None where none has one.
        asked: The times that are asked for, in seconds; at least one.

    Raises:
        ValueError: There are no times; the gallery has dates and seconds are asked for, or the other way round; or its
            times lie beyond the year 2200, which no footage has.
    """
    remedy = "index into a new gallery with --start-time, when the recording began (a JSON's images want 'timestamp')"
    if span is None:
        raise ValueError(f"gallery {gallery} has no times to choose by; {remedy}")
    if span[1] > LATEST:
        raise ValueError(
            f"gallery {gallery} has times up to {span[1]:.0f} s, beyond the year 2200: they were given in milliseconds "
            f"or as digits of a date; {remedy}"
        )
    first, last = map(display_time, span)
    if is_clock_time(max(asked)) and not is_clock_time(span[1]):
        raise ValueError(
            f"gallery {gallery} has times from {first} to {last} since the start of a recording, asked for is "
            f"{display_time(max(asked))}; {remedy}, or ask for seconds since the start"
        )
    if is_clock_time(span[0]) and not is_clock_time(min(asked)):
        raise ValueError(
            f"gallery {gallery} has dates, from {first} to {last}, asked for is {min(asked):g} seconds since the start "
            "of a recording; ask for a date such as " + first
        )


def contents_line(frames: int, sightings: int, cameras: Sequence[str], span: tuple[float, float] | None) -> str:
    """What a gallery holds, in one line, for who found nothing in it.

    >>> contents_line(9, 40, ["1", "gate"], (0.0, 8.0))
    'the gallery holds 40 sightings of cameras 1, gate, from 00:00:00 to 00:00:08'
    >>> contents_line(0, 0, [], None)
    'the gallery is empty: no frame was indexed'

    Args:
        frames: How many frames were indexed.
        sightings: How many people were found in them.
        cameras: The cameras of the frames, without those that are unknown.
        span: The first and the last timestamp of the frames; None where none has one.
    """
    if not frames:
        return "the gallery is empty: no frame was indexed"
    if not sightings:
        return f"the gallery holds nobody: no person was found in its frames ({frames})"
    listed = ", ".join(cameras[:12]) + (", ..." if len(cameras) > 12 else "")
    whose = f"of camera{'s' if len(cameras) > 1 else ''} {listed}" if cameras else "of unknown cameras"
    when = "without times" if span is None else f"from {display_time(span[0])} to {display_time(span[1])}"
    return f"the gallery holds {sightings} sighting{'s' if sightings > 1 else ''} {whose}, {when}"


def frames_of_file(frames: Any, path: str | Path) -> dict[str, list[str]]:
    """The frames that were read from an image file, through whatever source or link: names by source.

    In galleries of earlier versions a link of another name in the indexed folder is not recognized: names are compared
    before the disk is asked.

    Args:
        frames: The table of frames.
        path: The image file.
    """
    file = Path(path).resolve()
    rows = frames.search().select(["source", "frame", "location"]).to_arrow()
    namesakes = rows.filter(pc.fill_null(pc.ends_with(rows["location"], file.name), False)).to_pylist()
    own: dict[str, list[str]] = {}
    for row in namesakes:
        if Path(row["location"]).resolve() == file:
            own.setdefault(row["source"], []).append(row["frame"])
    return own


def without_file(frames: Any, path: str | Path, where: str | None) -> str | None:
    """Extend a condition: the row is of no frame that was read from this image file, see `frames_of_file`.

    Args:
        frames: The table of frames.
        path: The image file.
        where: The condition so far, None for no condition.
    """
    own = frames_of_file(frames, path)
    if not own:
        return where
    return f"NOT ({frames_sql(own)})" + (f" AND {where}" if where else "")
