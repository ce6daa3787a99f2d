"""One source on its way into a gallery: which of its frames are known, what was found so far, and what broke it."""

import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from datasets.footage.listing import together
from datasets.footage.names import VIDEO_MARK
from datasets.footage.planning import PlannedSource
from datasets.footage.reading import Reading, Region
from datasets.footage.sources import (
    Source,
    count_frames,
    frames_from_source,
    label_of,
    listed_from_source,
    nothing_readable,
)
from datasets.footage.streams import StreamState
from datasets.footage.videos import Item
from datasets.samples import Frame, camera_name
from detection.detections import Detections
from search.gallery.description import GalleryDescription
from search.gallery.done import DoneFrames
from search.gallery.originals import SourcePlace, file_state, source_place, split_location
from search.gallery.tables import FILE_STATE, FrameRows, frame_rows
from search.still_scenes import Answer, Look, StillScenes
from search.tracks.averaging import TrackletAverager
from search.tracks.settings import TrackletAveraging


@dataclass(frozen=True)
class IndexSummary:
    """What indexing did, so far or in the end.

    Args:
        frames: How many frames were searched for people in this run.
        sightings: How many people were found in them.
        skipped: How many frames were in the gallery already.
        failures: (name, reason) of each item that could not be read.
        tracklets: How many ways of one person through one camera there are, where embeddings are averaged over them; 0
            where they are not.
        notes: Lines about what was passed over, assumed or replaced.
        still: How many of `frames` the models were spared, because they look like one in which nobody was seen.
    """

    frames: int = 0
    sightings: int = 0
    skipped: int = 0
    failures: tuple[tuple[str, str], ...] = ()
    tracklets: int = 0
    notes: tuple[str, ...] = ()
    still: int = 0


class Store(Protocol):
    """What a run needs of a gallery: `search.gallery.gallery.Gallery` says what each method does."""

    @property
    def description(self) -> GalleryDescription:
        """What the gallery holds."""

    @property
    def known_frames(self) -> DoneFrames:
        """The frames that are done."""

    def is_done(
        self, frame_name: str, *, source: str = "", location: str | None = None, file_state: str | None = None
    ) -> bool:
        """Tell whether a frame was added."""

    def has_changed(self, frame_name: str, *, source: str, location: str | None, file_state: str | None) -> bool:
        """Tell whether a frame was added from a file that has been replaced since."""

    def forget_file(self, file: str, mark: str) -> None:
        """Remove all frames of a file that was replaced."""

    def frames_of_lost_folders(self) -> dict[str, set[str]]:
        """The sources that are folders which are not there now, with the names of their frames."""

    def put(self, rows: FrameRows) -> None:
        """Take what is stored of a frame."""


class SourceRun:
    """How far the indexing of one source is.

    Args:
        planned: The source, and how it is read.
        gallery: Where its people are put.
        averaging: How embeddings are averaged over tracklets before they are stored; None stores each as it is.
        copies: Paths of files of which the gallery has the same content under another path, and that path.

    Attributes:
        planned: The source, and how it is read.
        state: What a stream is doing now.
        total: About how many frames there are; None where nobody knows.
        looked: How many frames were looked at in this run.
        missed: How many frames of a live stream came while the models were busy, and were dropped.
        still: How many of the frames that were looked at the models were spared, see `Reading.skip_still`.
        lag: How many seconds ago the newest frame that was looked at was taken; None where the source is not live.
        cameras: The names of the cameras whose frames were looked at.
        ended: Whether the source is done, by itself or because it broke.
        error: What broke it; None where nothing did.
    """

    def __init__(
        self,
        planned: PlannedSource,
        gallery: Store,
        averaging: TrackletAveraging | None,
        copies: Mapping[str, str] | None = None,
    ) -> None:
        self.planned = planned
        self.state = StreamState()
        self.total: int | None = None
        self.looked = self.missed = self.still = 0
        self.lag: float | None = None
        self.cameras: set[str] = set()
        self.ended = False
        self.error: BaseException | None = None
        self._gallery = gallery
        self._place = place_of(planned.source)
        self._known = _KnownFrames(gallery, self._place, copies or {})
        self._averager = None if averaging is None else TrackletAverager(averaging, gallery.description.second_weight)
        self._scenes = StillScenes() if planned.reading.skip_still else None
        self._failures: list[tuple[str, str]] = []
        self._notes: list[str] = []
        self._sightings = 0
        self._as_before = self._reading()

    def frames(self) -> Iterator[Frame]:
        """The frames that are not known yet; a thread of the source's own reads them."""
        one = self.planned
        self.total = count_frames(one.source, every_seconds=one.reading.every_seconds)
        return frames_from_source(
            one.source, reading=self._as_before, failures=self._failures, notes=self._notes, skip=self._known,
            state=self.state,
        )  # fmt: skip

    def pieces(self) -> Iterator[list[Item]]:
        """The frames that are not known yet, named but not decoded; those that one process must read are together.

        A thread of the source's own asks for them. Nothing is made of a frame here: `keep` takes what was made of it.
        """
        one = self.planned
        self.total = count_frames(one.source, every_seconds=one.reading.every_seconds)
        # Another process may stand in another folder.
        files = one.source if isinstance(one.source, tuple) else (Path(one.source),)
        absolute = tuple(file.absolute() for file in files)
        source = absolute if isinstance(one.source, tuple) else absolute[0]
        listed = listed_from_source(source, self._as_before, self._failures, self._notes)
        return together(item for item in listed if not self._known(item.name))

    @property
    def place(self) -> str:
        """How the gallery names the source."""
        return self._place.name

    def look_at(self, frames: Sequence[Frame], look: Look) -> Sequence[Answer]:
        """Find the people of some frames, but in those that the models are spared.

        Args:
            frames: The next frames of the source.
            look: Finds the people of some images.
        """
        if self._scenes is None:
            return look([frame.image for frame in frames])
        found = self._scenes.look(frames, look)
        self.still = self._scenes.passed_over
        return found

    def take(self, frame: Frame, found: Detections, second: Tensor | None) -> None:
        """Store the people of a frame, but those in regions that are left out.

        Args:
            frame: The frame.
            found: Its people with embeddings.
            second: (N, E) of the second stage, None without one.
        """
        self.keep(rows_of(frame, found, second, self._gallery.description.widths, self.planned.reading, self.place))

    def keep(self, rows: FrameRows) -> None:
        """Store what was made of a frame by `rows_of`.

        Args:
            rows: The frame's rows, without where the frame can be read again.
        """
        name, taken = str(rows.frame["frame"]), rows.frame["timestamp"]
        where, state = self._known.origin_of(name)
        rows = dataclasses.replace(rows, frame={**rows.frame, "location": where, FILE_STATE: state})
        for one in [rows] if self._averager is None else self._averager.add(rows):
            self._gallery.put(one)
        if rows.frame["camera"] is not None and (camera := camera_name(str(rows.frame["camera"]))) is not None:
            self.cameras.add(camera)
        self.looked, self._sightings = self.looked + 1, self._sightings + len(rows)
        if self.state.live and isinstance(taken, float) and self.planned.reading.start_time is None:
            self.lag = max(0.0, time.time() - taken)

    def fail(self, failures: Iterable[tuple[str, str]]) -> None:
        """Note down what could not be read, each thing once."""
        self._failures += [one for one in dict.fromkeys(failures) if one not in self._failures]

    def unreadable(self) -> BaseException | None:
        """The error of a source that gave nothing at all; None where it gave something, or frames of it are known."""
        if self.looked or self._known.skipped:
            return None
        return nothing_readable(label_of(self.planned.source), self._failures)

    def end(self, error: BaseException | None) -> None:
        """Note that the source is done, and what broke it."""
        self.ended, self.error = True, error
        self.finish()
        if self.missed:
            frames = "1 frame" if self.missed == 1 else f"{self.missed} frames"
            self._notes.append(
                f"{self.planned.label}: {frames} came while the models were busy, and were not looked at; raise "
                "--every-seconds"
            )

    def finish(self) -> None:
        """Put what waits for later sightings into the gallery; a second call does nothing."""
        for one in [] if self._averager is None else self._averager.finish():
            self._gallery.put(one)

    def note_what_was_replaced(self, further: Sequence[str] = ()) -> None:
        """Add the lines about files that were replaced or moved, and others; what was found must be written."""
        self._notes += [*further, *self._known.notes()]

    def summary(self) -> IndexSummary:
        """The figures so far."""
        tracklets = 0 if self._averager is None else self._averager.tracklets
        return IndexSummary(
            self.looked,
            self._sightings,
            self._known.skipped,
            tuple(self._failures),
            tracklets,
            tuple(self._notes),
            self.still,
        )

    def _reading(self) -> Reading:
        """How the source is read: videos without times at the rate that was told when they were indexed before."""
        reading = self.planned.reading
        rate = self._gallery.known_frames.told_rate(self._place.name) if self._place.folder is not None else None
        if reading.recorded_rate is not None or rate is None:
            return reading
        self._notes.append(
            f"videos without times are read at {rate:g} frames a second, as before; --recorded-rate says another"
        )
        return dataclasses.replace(reading, recorded_rate=rate)


def rows_of(
    frame: Frame,
    found: Detections,
    second: Tensor | None,
    widths: tuple[int, int | None],
    reading: Reading,
    source: str,
) -> FrameRows:
    """What is stored of a frame, without people in regions that are left out.

    Args:
        frame: The frame.
        found: Its people with embeddings.
        second: (N, E) of the second stage, None without one.
        widths: The widths of the gallery's embeddings, see `GalleryDescription.widths`.
        reading: How the source is read.
        source: How the gallery names the source.

    Raises:
        ValueError: As `frame_rows`.
    """
    if reading.leave_out:
        kept = torch.from_numpy(~in_regions(found.boxes.numpy(), reading.leave_out))
        found, second = found[kept], None if second is None else second[kept]
    return frame_rows(frame, found, second, widths, source=source)


def in_regions(boxes: np.ndarray, regions: tuple[Region, ...]) -> np.ndarray:
    """Tell of each box whether its middle lies in one of some regions.

    >>> in_regions(np.array([[0, 0, 4, 4], [8, 0, 9, 4]]), (((0, 0), (5, 0), (5, 5), (0, 5)),)).tolist()
    [True, False]

    Args:
        boxes: (N, 4) x1, y1, x2, y2 in pixels.
        regions: The corners of each region in pixels.

    Returns:
        (N,) bool.
    """
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2  # (N,)
    inside = np.zeros(len(boxes), bool)
    for region in regions:
        odd = np.zeros(len(boxes), bool)  # whether a ray to the right crosses the edge an odd number of times
        for (x1, y1), (x2, y2) in zip(region, region[1:] + region[:1], strict=True):
            if y1 != y2:
                crosses = (y1 > y) != (y2 > y)
                odd ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
        inside |= odd
    return inside


def place_of(source: Source) -> SourcePlace:
    """How a gallery names a source; files that are read together have that of their folder."""
    return source_place(source[0] if isinstance(source, tuple) else source)


class _KnownFrames:
    """Which frames of a source the gallery has, and which files were replaced since they were read.

    Args:
        gallery: Where the frames are looked up, and where those of a replaced file are removed.
        place: How the gallery names the source.
        copies: As for `SourceRun`.

    Attributes:
        skipped: How many frames were in the gallery already.
    """

    def __init__(self, gallery: Store, place: SourcePlace, copies: Mapping[str, str]) -> None:
        self.skipped = 0
        self._gallery = gallery
        self._place = place
        self._copies = copies
        self._states: dict[str, str | None] = {}
        self._changed: set[str] = set()
        self._replaced: set[str] = set()
        self._other_rate: set[str] = set()
        self._new: set[str] = set()

    def __call__(self, name: str) -> bool:
        """Whether a frame is in the gallery; called before it is decoded, by the thread that decodes."""
        location, file, state = self._origin(name)
        source = self._place.name
        done = self._gallery.is_done(name, source=source, location=location, file_state=state)
        if not done and file is not None and location is not None and file in self._copies:
            there = self._copies[file] + location.removeprefix(file)
            done = self._gallery.is_done(name, source="", location=there, file_state=None)
        self.skipped += done
        if file is not None and self._gallery.has_changed(name, source=source, location=location, file_state=state):
            self._changed.add(file)
        if file is not None and location is not None and self._gallery.known_frames.has_another_rate(location):
            self._other_rate.add(file)
        return done

    def origin_of(self, name: str) -> tuple[str | None, str | None]:
        """Location, and state of the file, of a frame that was read.

        The first frame of a file that was replaced, or is read at another rate, removes what the gallery has of the
        file: it could be read, so nothing is lost to a file that is only half there.
        """
        location, file, state = self._origin(name)
        if file is not None and file in self._changed | self._other_rate and file not in self._replaced:
            self._replaced.add(file)
            self._gallery.forget_file(file, VIDEO_MARK)
        self._new.add(name)
        return location, state

    def notes(self) -> list[str]:
        """Lines about replaced files, and about footage that may have been moved."""
        lines = []
        for gone, why in (
            (self._replaced - self._other_rate, "replaced since they were indexed"),
            (self._replaced & self._other_rate, "indexed at another number of frames a second before"),
        ):
            if gone:
                files = "1 file was" if len(gone) == 1 else f"{len(gone)} files were"
                lines.append(f"{files} {why}: their old sightings are removed")
        for folder, names in self._gallery.frames_of_lost_folders().items() if self._new else ():
            same = len(names & self._new)
            if same and folder != self._place.name:
                lines.append(
                    f"{same} frames of the same names are in the gallery from {folder}, which is not there now: if "
                    "this footage was moved, its people are in the gallery twice; index it into a new gallery"
                )
        return lines

    def _origin(self, name: str) -> tuple[str | None, str | None, str | None]:
        """Location, file, and state of the file; None for a stream. A file is asked once in a run."""
        location = self._place.location(name)
        if location is None:
            return None, None, None
        file = split_location(location)[0]
        if file not in self._states:
            self._states[file] = file_state(file)
        return location, file, self._states[file]
