"""The frames of a gallery in memory: found by their key, listed by camera and time."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from search.desk.refusals import NotThere
from search.gallery.sightings import EPOCH_BEGINS, NO_CAMERA, frame_key

CATALOG_COLUMNS = (
    "source", "frame", "camera", "timestamp", "frame_width", "frame_height", "location", "sightings", "file_state",
)  # fmt: skip
"""What is read of the table of frames; galleries of earlier versions have no `file_state`."""


@dataclass(frozen=True)
class CatalogFrame:
    """One frame of a gallery.

    Args:
        key: The key by which it is asked for, see `frame_key`.
        source: The folder or stream that it came from.
        frame: Its name in that source.
        camera: None where unknown.
        time: Seconds, as in `datasets.samples.Frame`; None where unknown.
        width: Pixels.
        height: Pixels.
        location: Where it can be read again; None where it cannot.
        people: How many people were found in it.
        file_state: Size and time of change of its file when it was indexed; None where nobody noted them.
        row: Its place in the catalog.
    """

    key: str
    source: str
    frame: str
    camera: str | None
    time: float | None
    width: int
    height: int
    location: str | None
    people: int
    file_state: str | None
    row: int


@dataclass(frozen=True)
class CameraFrames:
    """The frames of one camera: a part of the catalog, in the order of time.

    Args:
        camera: The camera's name; None for the frames of unknown camera.
        start: The first row of its frames.
        end: One past the last row of its frames.
        timed: One past the last row of those frames that have a time.
        sightings: How many people were found in them.
        first: The earliest time in seconds, None where no frame has one.
        last: The latest time in seconds, None where no frame has one.
    """

    camera: str | None
    start: int
    end: int
    timed: int
    sightings: int
    first: float | None
    last: float | None


class FrameCatalog:
    """The frames of a gallery as they were at one moment.

    Args:
        rows: The table of frames with `CATALOG_COLUMNS`, in any order; `file_state` may be missing.
    """

    def __init__(self, rows: pa.Table) -> None:
        columns = [name for name in CATALOG_COLUMNS if name in rows.column_names]
        order = [(name, "ascending") for name in ("camera", "timestamp", "source", "frame")]
        self._rows = rows.select(columns).sort_by(order).combine_chunks()
        self._times: NDArray[np.float64] = self._rows["timestamp"].to_numpy(zero_copy_only=False).astype(np.float64)
        names = zip(self._rows["source"].to_pylist(), self._rows["frame"].to_pylist(), strict=True)
        keys = np.array([frame_key(source, frame) for source, frame in names], dtype="S22")
        self._by_key = np.argsort(keys, kind="stable")
        self._sorted_keys = keys[self._by_key]
        self.cameras: tuple[CameraFrames, ...] = tuple(self._camera_frames())

    def __len__(self) -> int:
        return len(self._rows)

    def frame(self, key: str) -> CatalogFrame:
        """The frame of a key.

        Raises:
            NotThere: No frame has that key.
        """
        wanted = key.encode("utf-8", "replace")[:32]
        place = int(np.searchsorted(self._sorted_keys, np.array(wanted, dtype="S32")))
        if place >= len(self) or self._sorted_keys[place] != wanted:
            raise NotThere("no_frame")
        return self.at(int(self._by_key[place]))

    def at(self, row: int) -> CatalogFrame:
        """The frame of a row of the catalog, from 0 on."""
        (one,) = self._rows.slice(row, 1).to_pylist()
        return CatalogFrame(
            key=frame_key(one["source"], one["frame"]),
            source=one["source"],
            frame=one["frame"],
            camera=one["camera"],
            time=one["timestamp"],
            width=one["frame_width"],
            height=one["frame_height"],
            location=one["location"],
            people=one["sightings"],
            file_state=one.get("file_state"),
            row=row,
        )

    def camera(self, name: str) -> CameraFrames:
        """The frames of the camera of a name; `NO_CAMERA` names those of unknown camera.

        Raises:
            NotThere: The gallery has no such camera.
        """
        for one in self.cameras:
            if name == (NO_CAMERA if one.camera is None else one.camera):
                return one
        raise NotThere("no_camera")

    def between(self, camera: CameraFrames, after: float | None, before: float | None) -> range:
        """The rows of a camera's frames in a time: from `after` on and earlier than `before`, both in seconds.

        Where one of both is given, frames without a time are left out.
        """
        if after is None and before is None:
            return range(camera.start, camera.end)
        times = self._times[camera.start : camera.timed]
        first = 0 if after is None else int(np.searchsorted(times, after))
        last = len(times) if before is None else int(np.searchsorted(times, before))
        return range(camera.start + first, camera.start + max(first, last))

    def neighbors(self, frame: CatalogFrame) -> tuple[CatalogFrame | None, CatalogFrame | None]:
        """The frames of the same camera just before and just after a frame; None where there is none."""
        own = next(one for one in self.cameras if one.start <= frame.row < one.end)
        before, after = frame.row - 1, frame.row + 1
        return self.at(before) if before >= own.start else None, self.at(after) if after < own.end else None

    def span(self) -> tuple[float, float] | None:
        """The first and the last time of the gallery, in seconds; None where no frame has a time.

        Where some videos have dates and others count from their start, only the dates lie on one line: they are it.
        """
        times = self._times[np.isfinite(self._times)]
        dates = times[times >= EPOCH_BEGINS]
        chosen = dates if len(dates) else times
        return (float(chosen.min()), float(chosen.max())) if len(chosen) else None

    def undated(self) -> list[str | None]:
        """The cameras with frames that count from the start of their video, in a gallery where others have dates."""
        span = self.span()
        if span is None or span[0] < EPOCH_BEGINS:
            return []
        return [one.camera for one in self.cameras if one.first is not None and one.first < EPOCH_BEGINS]

    def activity(self, buckets: int) -> tuple[list[float], dict[str | None, list[int]]]:
        """How many sightings each camera has in each of some equal parts of the time.

        Args:
            buckets: The number of parts, 1 or more.

        Returns:
            The `buckets` + 1 times between which the parts lie, in seconds from the first to the last of `span`, and
            the counts of each camera. Frames outside are left out; without any time both are empty.
        """
        span = self.span()
        if span is None:
            return [], {}
        edges = np.linspace(*span, buckets + 1)
        people: Any = self._rows["sightings"].to_numpy()
        counts = {}
        for one in self.cameras:
            rows = slice(one.start, one.timed)
            counts[one.camera] = np.histogram(self._times[rows], edges, weights=people[rows])[0].astype(int).tolist()
        return edges.tolist(), counts

    def _camera_frames(self) -> Sequence[CameraFrames]:
        """The part of each camera, in the order of the names, those of unknown camera last."""
        cameras = np.asarray(self._rows["camera"].to_pylist(), dtype=object)
        changes = [row for row in range(1, len(cameras)) if cameras[row] != cameras[row - 1]]
        bounds = [0, *changes, len(cameras)] if len(cameras) else []
        people: Any = self._rows["sightings"].to_numpy()
        parts = []
        for start, end in itertools.pairwise(bounds):
            timed = start + int(np.isfinite(self._times[start:end]).sum())
            span = (float(self._times[start]), float(self._times[timed - 1])) if timed > start else (None, None)
            parts.append(CameraFrames(cameras[start], start, end, timed, int(people[start:end].sum()), *span))
        return parts
