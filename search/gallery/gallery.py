"""The gallery: every sighting of every indexed frame on disk, searched exactly, filtered by camera and time.

A gallery is a folder: `gallery.json` says what it holds, `tables/` is a LanceDB database with the tables `sightings`
and `frames`, `cutouts/` the side store of pictures. Several processes may read and write one gallery at once.

Order of writing, so that an abrupt end loses nothing acknowledged: pictures, then sightings, then the frames as done.
A frame whose sightings arrived but which is not yet marked done is indexed again and its sightings are replaced. Each
step waits until the disk has it (`upkeep`).
"""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike

from datasets.samples import Frame
from datasets.storage.places import place
from search.gallery import upkeep
from search.gallery.contents import FrameContents
from search.gallery.cutouts import CutoutStore
from search.gallery.description import (
    DESCRIPTION_FILE,
    GalleryDescription,
    GallerySummary,
    read_description,
    require_same_models,
    write_description,
)
from search.gallery.done import DoneFrames
from search.gallery.filters import Filters, contents_line, filter_sql, quoted, without_file
from search.gallery.footage import Footage
from search.gallery.nearest_rows import NearestRows
from search.gallery.sightings import EPOCH_BEGINS, Cutout
from search.gallery.store import bring_up_to_date, open_tables, replace_frames, retried, upsert
from search.gallery.tables import (
    FRAME_KEY,
    FrameKey,
    FrameRows,
    frame_rows,
    frames_table,
    read_detections,
    readable,
    sightings_schema,
    sightings_table,
)
from search.models.embedded_by import EmbeddedBy

if TYPE_CHECKING:  # who only searches needs no torch
    from torch import Tensor

    from detection.detections import Detections

FLUSH_ROWS = 1000
FLUSH_SECONDS = 60.0


class Gallery:
    """Sightings on disk. `create` makes a gallery, `open` opens one, and `open_or_create` does what is needed.

    `add` collects frames, and `flush` writes them. `add` calls `flush` by itself after FLUSH_ROWS rows or FLUSH_SECONDS
    seconds, and the end of a `with` block always calls it. What was flushed survives the process. One instance is for
    one thread; take another instance for another thread or process.
    """

    def __init__(self, path: Path, description: GalleryDescription, *, create: bool) -> None:
        self.path = path
        self.description = description
        self._cutouts = CutoutStore(path / "cutouts")
        self._schema = sightings_schema(description.embedding_dim, description.second_dim)
        self._sightings, self._frames = open_tables(path, self._schema, create=create)
        self._contents = FrameContents(path, self._frames)
        self._files: upkeep.TableFiles | None = None
        self._pending: dict[FrameKey, FrameRows] = {}
        self._pending_rows = 0
        self._done: DoneFrames | None = None
        self.in_memory: NearestRows | None = None
        self._written = False
        self._last_flush = time.monotonic()

    @property
    def embedded_by(self) -> EmbeddedBy:
        """What made the vectors."""
        return self.description.embedded_by

    @classmethod
    def create(cls, path: str | Path, description: GalleryDescription) -> Self:
        """Make an empty gallery.

        Args:
            path: A folder that is not yet a gallery; it is made with its parents.
            description: What the gallery will hold, and what makes its vectors.

        Raises:
            FileExistsError: There is a gallery already, or a file.
            OSError: The folder cannot be made or written.
        """
        path = place(path)
        if (path / DESCRIPTION_FILE).exists():
            raise FileExistsError(f"{path} is a gallery already; open it to add to it, or choose another folder")
        if path.exists() and not path.is_dir():
            raise FileExistsError(f"{path} is a file, expected a folder for the gallery; choose another path")
        path.mkdir(parents=True, exist_ok=True)
        gallery = cls(path, description, create=True)
        gallery._files = upkeep.TableFiles(path, new=True)
        gallery._files.write_out()
        # Last: a folder without its description is not a gallery yet.
        write_description(path, description)
        return gallery

    @classmethod
    def open(cls, path: str | Path, expected: GalleryDescription | None = None) -> Self:
        """Open a gallery, for searching it and for adding to it.

        Args:
            path: A folder made by `create`.
            expected: What the models at hand make: a gallery of other models is refused, but one with a second stage
                may be searched without it. None takes any gallery.

        Raises:
            FileNotFoundError: No gallery is there.
            OSError: A file of its tables is missing or damaged.
            ValueError: The gallery is not readable by this version, or was made by other models.
        """
        path = place(path)
        gallery = cls(path, read_description(path), create=False)
        if expected is not None:
            require_same_models(path, gallery.description, expected, reading=True)
        return gallery

    @classmethod
    def open_or_create(cls, path: str | Path, description: GalleryDescription) -> Self:
        """Open a gallery for adding to it, or make it where there is none; one of an earlier version is converted.

        Raises:
            OSError: As `create` and `open`.
            ValueError: The gallery was made by other models, or with another second stage or averaging.
        """
        if not (place(path) / DESCRIPTION_FILE).exists():
            return cls.create(path, description)
        gallery = cls.open(path)
        empty = not gallery.frames.count_rows()
        require_same_models(gallery.path, gallery.description, description, reading=False, empty=empty)
        gallery.prepare_writing()
        return gallery

    def add(self, frame: Frame, detections: "Detections", **options: Any) -> None:
        """Take the sightings of one frame now: `prepare`, with its keyword arguments, and `put`."""
        self.put(self.prepare(frame, detections, **options))

    def prepare(
        self,
        frame: Frame,
        detections: "Detections",
        *,
        second_embeddings: "ArrayLike | Tensor | None" = None,
        source: str = "",
        location: str | None = None,
        file_state: str | None = None,
    ) -> FrameRows:
        """What will be stored of one frame, for `put`; it takes far less memory than the frame.

        Args:
            frame: the picture the boxes refer to; cut-outs are taken from it now.
            detections: N boxes with embeddings (N, D), which are scaled to unit length; N = 0 records the frame
                as done.
            second_embeddings: (N, E) of the same boxes by the second stage, where the gallery has one.
            source: where the frame came from; frame names are unique within it.
            location: Where the frame can be read again, see `Sighting.location`.
            file_state: The state of the frame's file, see `originals.file_state`; None where there is no file.

        Raises:
            ValueError: embeddings are missing, of another width or number, not finite, or of length zero; or the
                gallery has no second stage.
        """
        described = self.description
        if described.second_dim is None and second_embeddings is not None:
            raise ValueError(f"frame {frame.name}: second_embeddings given, gallery {self.path} has no second stage")
        place: dict[str, Any] = {"source": source, "location": location, "file_state": file_state}
        return frame_rows(frame, detections, second_embeddings, described.widths, **place)

    def put(self, rows: FrameRows) -> None:
        """Take what `prepare` made of a frame; a frame taken before (same source and name) is replaced.

        Raises:
            OSError: a flush that was due failed; nothing is dropped, the next flush tries again.
        """
        replaced = self._pending.pop(rows.key, ())
        self._pending[rows.key] = rows
        self._pending_rows += len(rows) - len(replaced)
        late = time.monotonic() - self._last_flush > FLUSH_SECONDS
        if max(self._pending_rows, len(self._pending)) >= FLUSH_ROWS or late:
            self.flush()

    def is_done(
        self, frame_name: str, *, source: str = "", location: str | None = None, file_state: str | None = None
    ) -> bool:
        """Tell whether a frame was added, by this instance or by another process before the last `refresh`.

        Args:
            frame_name: The frame's name.
            source: The source it comes from.
            location: Where it can be read again; a frame that was read from there through another source is the same.
            file_state: The present state of its file (`originals.file_state`); a frame of a file that has changed since
                is not done. None does not compare.
        """
        return (source, frame_name) in self._pending or self.known_frames.is_done(
            (source, frame_name), location, file_state
        )

    def has_changed(self, frame_name: str, *, source: str, location: str | None, file_state: str | None) -> bool:
        """Tell whether a frame was added from a file that has been replaced since; arguments as of `is_done`."""
        return self.known_frames.has_changed((source, frame_name), location, file_state)

    def forget_file(self, file: str, mark: str) -> None:
        """Remove all frames of a file that was replaced, and their sightings, whatever source they came through.

        Args:
            file: The file's path as `Sighting.location` has it.
            mark: What stands between a video's path and the seconds of a frame in it.
        """
        self.flush()
        self.prepare_writing()
        of_file = f"location = {quoted(file)} OR starts_with(location, {quoted(file + mark)})"
        # The mark "done" goes first: whatever happens in between, the file is indexed again.
        with upkeep.writing(self.path):
            retried(self.path, lambda: self._frames.delete(of_file))
            retried(self.path, lambda: self._sightings.delete(of_file))
        self.known_frames.forget(file, mark)

    def frames_of_lost_folders(self) -> dict[str, set[str]]:
        """The sources that are folders which are not there now, with the names of their frames."""
        return self._contents.of_lost_folders()

    def refresh(self) -> None:
        """Look again which frames are done; `is_done` looks by itself only once, as it is asked for every frame."""
        self._done = None

    @property
    def known_frames(self) -> DoneFrames:
        """The frames that are done, read once."""
        if self._done is None:
            self._done = DoneFrames.of(self._frames)
        return self._done

    def flush(self) -> int:
        """Write the sightings that `add` collected. On return they are on disk, where other processes see them.

        Returns:
            How many sightings were written.

        Raises:
            OSError: Every attempt to write failed. The sightings are kept, and the next call tries again.
        """
        self._last_flush = time.monotonic()
        if not self._pending:
            return 0
        files = self.prepare_writing()
        waiting = list(self._pending.values())
        with upkeep.writing(self.path):
            cutouts = retried(self.path, lambda: self._cutouts.write([jpeg for rows in waiting for jpeg in rows.jpegs]))
            sightings = sightings_table(waiting, cutouts, self._schema)
            retried(self.path, lambda: replace_frames(self._sightings, sightings, self._pending))
            # A frame must not be marked done on the disk before its sightings are there.
            files.write_out()
            retried(self.path, lambda: upsert(self._frames, FRAME_KEY, frames_table(waiting)))
            files.write_out()
        if self._done is not None:
            self._done.add(waiting)
        self._pending.clear()
        self._pending_rows = 0
        self._written = True
        if upkeep.is_scattered(self._sightings):
            self.optimize()
        return len(sightings)

    def prepare_writing(self) -> upkeep.TableFiles:
        """The tables' files, to write out what is added; tables of an earlier version are brought up to date first."""
        if self._files is None:
            bring_up_to_date(self.path, self._sightings, self._frames, self._schema)
            self._files = upkeep.TableFiles(self.path)
        return self._files

    def optimize(self) -> None:
        """Merge small files and index the filters' columns where that pays; flushes and `close` call it when due."""
        with upkeep.writing(self.path):
            upkeep.optimize(self.path, self._sightings, self._frames)

    def close(self) -> None:
        """Flush, and tidy up if anything was written."""
        self.flush()
        if self._written and upkeep.small_pieces(self._sightings) > upkeep.MOST_PIECES_CLOSED:
            self.optimize()
        self._written = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def table(self) -> Any:
        """The LanceDB table of sightings, for who compares them (`search.query.rank`)."""
        return self._sightings

    @property
    def frames(self) -> Any:
        """The LanceDB table of frames, one row for each that is done."""
        return self._frames

    def checked(self, filters: Filters) -> Filters:
        """The same filters with cameras as the gallery writes them; what waits is written first.

        Raises:
            ValueError: A camera is not in the gallery, or a time is asked for that a gallery without such times cannot
                answer.
        """
        self.flush()
        return self._contents.checked(filters)

    def condition(self, filters: Filters) -> str | None:
        """The SQL condition of the sightings that pass the filters, None where all do; errors as of `checked`."""
        filters = self.checked(filters)
        where = filter_sql(filters)
        if filters.exclude_file is None:
            return where
        with readable(self.path):
            return without_file(self._frames, filters.exclude_file, where)

    def contents(self) -> str:
        """What the gallery holds, in one line."""
        return contents_line(int(self._frames.count_rows()), len(self), self.cameras(), self.time_span())

    def detections(self, *, source: str | None = None) -> "dict[str, Detections]":
        """Everything in the gallery in the form that evaluation takes; it is read into memory.

        Args:
            source: only frames of this source; None where frame names are unique without it.

        Returns:
            frame name -> Detections in the detector's order, also for frames without people.

        Raises:
            ValueError: two sources have a frame of the same name.
        """
        self.flush()
        where = None if source is None else f"source = {quoted(source)}"
        return read_detections(self.path, self._sightings, self._frames, where)

    def cutout(self, cutout: Cutout | None) -> bytes | None:
        """The stored JPEG of a sighting's box (`Sighting.cutout`), None where there is none."""
        return None if cutout is None else self._cutouts.read(cutout)

    def __len__(self) -> int:
        """Flushed sightings."""
        return int(self._sightings.count_rows())

    def cameras(self) -> tuple[str, ...]:
        """The cameras of the flushed frames, sorted; frames of unknown camera add none."""
        return self._contents.cameras()

    def filmed_by(self) -> tuple[str | None, ...]:
        """The cameras of the flushed frames, sorted, and None where there are frames of unknown camera."""
        return self._contents.filmed_by()

    def footage(self, cameras: Sequence[str] | None = None) -> Footage:
        """Which cameras filmed the flushed frames, and whether a program rendered them.

        Args:
            cameras: Only frames of these cameras, by their names; None takes all frames.
        """
        return self._contents.footage(self.description.rendered_sources, cameras)

    def note_rendered(self, source: str) -> None:
        """Note down that a program rendered the frames of a source, which is named as the gallery names it.

        Raises:
            OSError: gallery.json cannot be written.
        """
        if source not in self.description.rendered_sources:
            known = (*self.description.rendered_sources, source)
            self.description = dataclasses.replace(self.description, rendered_sources=known)
            write_description(self.path, self.description)

    def time_span(self) -> tuple[float, float] | None:
        """First and last timestamp of the flushed frames, None where no frame has one."""
        return self._contents.time_span()

    def frames_without_date(self) -> int:
        """How many flushed frames have no date: their time is unknown, or counts from the start of their video."""
        return int(self._frames.count_rows(f"timestamp IS NULL OR timestamp < {EPOCH_BEGINS!r}"))

    def summary(self) -> GallerySummary:
        """Counts, cameras and times of what is on disk."""
        first, last = self.time_span() or (None, None)
        counts, own = (len(self), int(self._frames.count_rows())), self.description
        return GallerySummary(*counts, self.cameras(), first, last, own.embedding_dim, own.embedded_by)
