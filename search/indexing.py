"""Footage into a gallery: what is there already is passed over, and what was found is written whatever happens."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datasets.ahead import batches, prefetched
from datasets.footage.reading import Reading
from datasets.footage.sources import frames_from_source
from datasets.layouts.custom_records import is_rendered
from detection.detections import Detections
from search.gallery.gallery import Gallery
from search.gallery.originals import VIDEO_MARK, SourcePlace, file_state, source_place, split_location
from search.tracks.averaging import TrackletAverager
from search.tracks.settings import TrackletAveraging

Look = Callable[[Sequence[NDArray[np.uint8]]], Sequence[tuple[Detections, Tensor | None]]]
"""A function that finds the people of each image (H, W, 3) with embeddings, and gives (N, E) of the second stage, None
without one."""


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
    """

    frames: int = 0
    sightings: int = 0
    skipped: int = 0
    failures: tuple[tuple[str, str], ...] = ()
    tracklets: int = 0
    notes: tuple[str, ...] = ()


def index_source(
    source: str | Path,
    gallery: Gallery,
    look: Look,
    *,
    batch_size: int,
    averaging: TrackletAveraging | None = None,
    reading: Reading | None = None,
    on_progress: Callable[[IndexSummary], None] | None = None,
) -> IndexSummary:
    """Add everybody in footage to a gallery, with any way of looking for people.

    Frames that are in the gallery already are passed over, also where they came through another folder. The frames of
    a file that was replaced since (its size or time of change differ) are looked at again, and its old sightings are
    removed.

    Args:
        source: A path or a URL, as for `frames_from_source`.
        gallery: A gallery of the models that `look` uses, and averaged as `averaging` says.
        look: Finds and embeds the people of some images.
        batch_size: How many images `look` is given at once, 1 or more.
        averaging: How embeddings are averaged over tracklets before they are stored; None stores each as it is.
        reading: Which frames are taken, of which camera, from when; None is `Reading()`.
        on_progress: A function that is called after each batch with the figures so far.

    Returns:
        The figures in the end.

    Raises:
        FileNotFoundError: The source does not exist.
        ValueError: Not a single frame could be read.
        OSError: The gallery cannot be written.
    """
    if str(source).lower().endswith(".json") and is_rendered(Path(source)):
        gallery.note_rendered(source_place(source).name)
    gallery.refresh()
    place = source_place(source)
    known = _KnownFrames(gallery, place)
    averager = None if averaging is None else TrackletAverager(averaging)
    failures: list[tuple[str, str]] = []
    notes: list[str] = []
    frames = sightings = 0

    def summary() -> IndexSummary:
        tracklets = 0 if averager is None else averager.tracklets
        return IndexSummary(frames, sightings, known.skipped, tuple(failures), tracklets, tuple(notes))

    decoded = frames_from_source(source, reading=reading or Reading(), failures=failures, notes=notes, skip=known)
    try:
        with closing(prefetched(decoded, depth=2 * batch_size)) as ready:  # type: ignore[type-var]
            for batch in batches(ready, batch_size):
                for frame, (found, second) in zip(batch, look([frame.image for frame in batch]), strict=True):
                    where, state = known.origin_of(frame.name)
                    rows = gallery.prepare(
                        frame, found, second_embeddings=second, source=place.name, location=where, file_state=state
                    )
                    for one in [rows] if averager is None else averager.add(rows):
                        gallery.put(one)
                    frames, sightings = frames + 1, sightings + len(found)
                if on_progress is not None:
                    on_progress(summary())
    finally:
        for one in [] if averager is None else averager.finish():
            gallery.put(one)
        gallery.flush()
    notes += known.notes()
    return summary()


class _KnownFrames:
    """Which frames of a source the gallery has, and which files were replaced since they were read.

    Args:
        gallery: Where the frames are looked up, and where those of a replaced file are removed.
        place: How the gallery names the source.

    Attributes:
        skipped: How many frames were in the gallery already.
    """

    def __init__(self, gallery: Gallery, place: SourcePlace) -> None:
        self.skipped = 0
        self._gallery = gallery
        self._place = place
        self._states: dict[str, str | None] = {}
        self._changed: set[str] = set()
        self._replaced: set[str] = set()
        self._new: set[str] = set()

    def __call__(self, name: str) -> bool:
        """Whether a frame is in the gallery; called before it is decoded, by the thread that decodes."""
        location, file, state = self._origin(name)
        source = self._place.name
        done = self._gallery.is_done(name, source=source, location=location, file_state=state)
        self.skipped += done
        if file is not None and self._gallery.has_changed(name, source=source, location=location, file_state=state):
            self._changed.add(file)
        return done

    def origin_of(self, name: str) -> tuple[str | None, str | None]:
        """Location, and state of the file, of a frame that was read.

        The first frame of a file that was replaced removes what the gallery has of the file: it could be read, so
        nothing is lost to a file that is only half there.
        """
        location, file, state = self._origin(name)
        if file is not None and file in self._changed and file not in self._replaced:
            self._replaced.add(file)
            self._gallery.forget_file(file, VIDEO_MARK)
        self._new.add(name)
        return location, state

    def notes(self) -> list[str]:
        """Lines about replaced files, and about footage that may have been moved."""
        lines = []
        if self._replaced:
            files = "1 file was" if len(self._replaced) == 1 else f"{len(self._replaced)} files were"
            lines.append(f"{files} replaced since they were indexed: their old sightings are removed")
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
