"""What a gallery's table of frames says about all of it: cameras, times, footage, sources that are gone."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from datasets.footage.names import file_of
from search.gallery.filters import Filters, matching_cameras, require_times
from search.gallery.footage import KIND_COLUMNS, Footage
from search.gallery.tables import readable


class FrameContents:
    """Facts about the frames of a gallery, read once for each version of their table.

    Args:
        gallery: The gallery's folder, for messages.
        frames: The table of frames.
    """

    def __init__(self, gallery: Path, frames: Any) -> None:
        self._gallery = gallery
        self._frames = frames
        self._version = -1
        self._cameras: tuple[str, ...] = ()
        self._unknown: tuple[None, ...] = ()
        self._span: tuple[float, float] | None = None

    def cameras(self) -> tuple[str, ...]:
        """The cameras of the frames, sorted; frames of unknown camera add none."""
        self._refresh()
        return self._cameras

    def filmed_by(self) -> tuple[str | None, ...]:
        """The cameras of the frames, and None where there are frames of unknown camera."""
        self._refresh()
        return (*self._cameras, *self._unknown)

    def time_span(self) -> tuple[float, float] | None:
        """First and last timestamp of the frames, None where no frame has one."""
        self._refresh()
        return self._span

    def checked(self, filters: Filters) -> Filters:
        """The same filters with cameras as the gallery writes them.

        Raises:
            ValueError: A camera is not in the gallery, or a time is asked for that a gallery without such times cannot
                answer.
        """
        if filters.camera_names is not None:
            cameras = matching_cameras(self._gallery, filters.camera_names, self.cameras())
            filters = dataclasses.replace(filters, cameras=cameras)
        if filters.times and self._frames.count_rows():
            require_times(self._gallery, self.time_span(), filters.times)
        return filters

    def footage(self, rendered_sources: Sequence[str], cameras: Sequence[str] | None) -> Footage:
        """Which cameras filmed the frames, and whether a program rendered them.

        Args:
            rendered_sources: The sources whose frames a program rendered.
            cameras: Only frames of these cameras, by their names; None takes all frames.
        """
        kinds = self._columns(*KIND_COLUMNS).group_by(KIND_COLUMNS).aggregate([])
        return Footage.of_frames(kinds.to_pylist(), rendered_sources, cameras)

    def by(self, name: str) -> list[dict[str, Any]]:
        """Frames, sightings, first and last time of each camera or source, sorted.

        Args:
            name: "camera" or "source".
        """
        rows = self._columns(name, "sightings", "timestamp")
        counted = rows.group_by(name).aggregate(
            [([], "count_all"), ("sightings", "sum"), ("timestamp", "min"), ("timestamp", "max")]
        )
        columns = [name, "count_all", "sightings_sum", "timestamp_min", "timestamp_max"]
        named = counted.select(columns).rename_columns([name, "frames", "sightings", "first", "last"])
        return list(named.sort_by(name).to_pylist())

    def of_lost_folders(self) -> dict[str, set[str]]:
        """The sources that are folders which are not there now, with the names of their frames."""
        rows = self._columns("source", "frame", "location")
        with_place = rows.filter(pc.is_valid(rows["location"]))
        lost = {source for source in pc.unique(with_place["source"]).to_pylist() if not file_of(source).exists()}
        names: dict[str, set[str]] = {source: set() for source in sorted(lost)}
        for row in with_place.to_pylist() if lost else []:
            if row["source"] in lost:
                names[row["source"]].add(row["frame"])
        return names

    def _refresh(self) -> None:
        with readable(self._gallery):
            version = int(self._frames.version)
            if version == self._version:
                return
            rows = self._columns("camera", "timestamp")
        self._cameras = tuple(sorted(pc.drop_null(pc.unique(rows["camera"])).to_pylist()))
        self._unknown = (None,) if rows["camera"].null_count else ()
        span = pc.min_max(rows["timestamp"]).as_py()
        self._span = None if span["min"] is None else (span["min"], span["max"])
        self._version = version

    def _columns(self, *names: str) -> pa.Table:
        with readable(self._gallery):
            return self._frames.search().select(list(names)).to_arrow()
