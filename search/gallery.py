"""The gallery: every sighting of every indexed frame on disk, searched exactly, filtered by camera and time.

A gallery is a folder: `gallery.json` says what it holds, `tables/` is a LanceDB database with the tables `sightings`
and `frames`, `cutouts/` the side store of pictures. Several processes may read and write one gallery at once.

Order of writing, so that an abrupt end loses nothing acknowledged: pictures, then sightings, then the frames as done.
A frame whose sightings arrived but which is not yet marked done is indexed again and its sightings are replaced.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from datasets.samples import Camera, Frame
from detection.detections import Detections
from search import gallery_upkeep as upkeep
from search.cutouts import CUTOUT_SIDE, CutoutStore, cut_out, encode_jpeg
from search.gallery_description import (
    DESCRIPTION_FILE,
    is_mirrored,
    read_description,
    unmirrored,
    write_description,
)
from search.gallery_filters import as_camera_names, filter_sql, frames_sql, quoted, require_times, without_file
from search.gallery_tables import (
    FRAMES_SCHEMA,
    FrameRows,
    detections_by_frame,
    frames_table,
    retried,
    sightings_schema,
    sightings_table,
    unit_rows,
    upsert,
)
from search.lance import lancedb
from search.ranking import nearest
from search.results import Cutout, RankedSightings

FLUSH_ROWS = 1000
FLUSH_SECONDS = 60.0

FrameKey = tuple[str, str]


@dataclass(frozen=True)
class GallerySummary:
    """What a gallery holds, of flushed frames."""

    sightings: int
    frames: int
    cameras: tuple[str, ...]
    first: float | None
    last: float | None
    embedding_dim: int
    model_fingerprint: str


class Gallery:
    """Sightings on disk; make one with `create`, `open` or `open_or_create`.

    `add` collects frames; `flush`, which `add` calls by itself every FLUSH_ROWS rows or FLUSH_SECONDS and the end of a
    `with` block always, writes them. What was flushed is acknowledged: it survives the process. One instance is
    for one thread; take another instance for another thread or process.
    """

    def __init__(self, path: Path, embedding_dim: int, model_fingerprint: str, *, create: bool) -> None:
        self.path = path
        self.embedding_dim = embedding_dim
        self.model_fingerprint = model_fingerprint
        self._cutouts = CutoutStore(path / "cutouts")
        # Interval zero: every read looks for versions that other processes have committed meanwhile.
        database = lancedb.connect(str(path / "tables"), read_consistency_interval=timedelta(0))
        if create:
            schema = sightings_schema(self.embedding_dim)
            self._sightings = database.create_table("sightings", schema=schema, exist_ok=True)
            self._frames = database.create_table("frames", schema=FRAMES_SCHEMA, exist_ok=True)
            if self._sightings.schema != schema or self._frames.count_rows() or self._sightings.count_rows():
                raise FileExistsError(f"{path} holds tables but no {DESCRIPTION_FILE}; choose another folder")
        else:
            self._sightings = database.open_table("sightings")
            self._frames = database.open_table("frames")
        self._pending: dict[FrameKey, FrameRows] = {}
        self._pending_rows = 0
        self._done: set[FrameKey] | None = None
        self._written = False
        self._last_flush = time.monotonic()

    @classmethod
    def create(cls, path: str | Path, *, embedding_dim: int, model_fingerprint: str) -> Self:
        """Make an empty gallery.

        Args:
            path: a folder that is not yet a gallery; made with its parents.
            embedding_dim: width D of the embeddings, > 0.
            model_fingerprint: names the weights the embeddings come from; embeddings of other weights are not
                comparable, so `open` refuses them.

        Raises:
            ValueError: the width is not positive.
            FileExistsError: there is a gallery already.
            OSError: the folder cannot be made or written.
        """
        path = Path(path)
        if embedding_dim <= 0:
            raise ValueError(f"embedding width {embedding_dim}, expected a positive number")
        if (path / DESCRIPTION_FILE).exists():
            raise FileExistsError(f"{path} is a gallery already; open it to add to it, or choose another folder")
        if path.exists() and not path.is_dir():
            raise FileExistsError(f"{path} is a file, expected a folder for the gallery; choose another path")
        path.mkdir(parents=True, exist_ok=True)
        gallery = cls(path, embedding_dim, model_fingerprint, create=True)
        # Last: a folder without its description is not a gallery yet.
        write_description(path, embedding_dim=embedding_dim, model_fingerprint=model_fingerprint)
        return gallery

    @classmethod
    def open(cls, path: str | Path, *, embedding_dim: int | None = None, model_fingerprint: str | None = None) -> Self:
        """Open a gallery for reading and writing.

        Args:
            path: a folder made by `create`.
            embedding_dim: refuse the gallery if its width differs; None takes any.
            model_fingerprint: refuse the gallery if it was made with another model; None takes any.

        Raises:
            FileNotFoundError: no gallery there.
            ValueError: not readable by this version, or of another width or model.
        """
        path = Path(path)
        description = read_description(path)
        gallery = cls(path, description["embedding_dim"], description["model_fingerprint"], create=False)
        gallery.require_model(embedding_dim, model_fingerprint)
        return gallery

    @classmethod
    def open_or_create(cls, path: str | Path, *, embedding_dim: int, model_fingerprint: str) -> Self:
        """`open` with both checks where there is a gallery, `create` where there is none."""
        known = (Path(path) / DESCRIPTION_FILE).exists()
        make = cls.open if known else cls.create
        return make(path, embedding_dim=embedding_dim, model_fingerprint=model_fingerprint)

    def require_model(self, embedding_dim: int | None, model_fingerprint: str | None) -> None:
        """Refuse a model whose embeddings are not comparable with those of the gallery; None is not checked.

        Raises:
            ValueError: another width or another fingerprint.
        """
        remedy = "use the model it was indexed with, or index into a new folder"
        if model_fingerprint is not None and unmirrored(model_fingerprint) == unmirrored(self.model_fingerprint):
            did = "with" if is_mirrored(self.model_fingerprint) else "without"
            remedy = f"it was indexed {did} --mirrored: do so again, or index into a new folder"
        if embedding_dim is not None and embedding_dim != self.embedding_dim:
            raise ValueError(
                f"gallery {self.path} holds embeddings of width {self.embedding_dim}, "
                f"the model makes width {embedding_dim}; {remedy}"
            )
        if model_fingerprint is not None and model_fingerprint != self.model_fingerprint:
            raise ValueError(
                f"gallery {self.path} was indexed with model {self.model_fingerprint}, "
                f"this is model {model_fingerprint}; {remedy}"
            )

    def add(self, frame: Frame, detections: Detections, *, source: str = "", location: str | None = None) -> None:
        """Take the sightings of one frame; a frame taken before (same source and name) is replaced.

        Args:
            frame: the picture the boxes refer to; cut-outs are taken from it now.
            detections: N boxes with embeddings (N, D), which are scaled to unit length; N = 0 records the frame
                as done.
            source: where the frame came from; frame names are unique within it.
            location: where the frame can be read again, see `Sighting.location`.

        Raises:
            ValueError: embeddings are missing, of another width, not finite, or of length zero.
            OSError: a flush that was due failed; nothing is dropped, the next flush tries again.
        """
        height, width = frame.image.shape[:2]
        embeddings = self._unit_rows(frame.name, detections)
        boxes = detections.boxes.detach().cpu().numpy()
        row: dict[str, object] = {
            "source": source,
            "frame": frame.name,
            "camera": None if frame.camera is None else str(frame.camera),
            "timestamp": None if frame.timestamp is None else float(frame.timestamp),
            "frame_width": width,
            "frame_height": height,
            "location": location,
        }
        pictures = (cut_out(frame.image, box) for box in boxes)
        jpegs = [encode_jpeg(picture, longest_side=CUTOUT_SIDE) if picture.size else b"" for picture in pictures]
        scores = detections.scores.detach().cpu().numpy()
        replaced = self._pending.pop((source, frame.name), ())
        self._pending[source, frame.name] = FrameRows(row, boxes, scores, embeddings, jpegs)
        self._pending_rows += len(scores) - len(replaced)
        late = time.monotonic() - self._last_flush > FLUSH_SECONDS
        if max(self._pending_rows, len(self._pending)) >= FLUSH_ROWS or late:
            self.flush()

    def _unit_rows(self, name: str, detections: Detections) -> NDArray[np.float32]:
        """(N, D) float32 embeddings of unit length, checked."""
        if not len(detections):
            return np.zeros((0, self.embedding_dim), dtype=np.float32)
        if detections.embeddings is None:
            raise ValueError(f"frame {name}: detections without embeddings; run the joint model, not a bare detector")
        return unit_rows(detections.embeddings, self.embedding_dim, f"frame {name}")

    def is_done(self, frame_name: str, *, source: str = "") -> bool:
        """Whether a frame was added, by this instance or by another process before the last `refresh`."""
        key = (source, frame_name)
        if key in self._pending:
            return True
        if self._done is None:
            self._done = self._flushed_frames()
        return key in self._done

    def refresh(self) -> None:
        """Look again which frames are done; `is_done` looks by itself only once, as it is asked for every frame."""
        self._done = self._flushed_frames()

    def _flushed_frames(self) -> set[FrameKey]:
        keys = self._frames.search().select(["source", "frame"]).to_arrow()
        return set(zip(keys["source"].to_pylist(), keys["frame"].to_pylist(), strict=True))

    def flush(self) -> int:
        """Write what `add` collected; on return it is on disk and visible to other processes.

        Returns:
            How many sightings were written.

        Raises:
            OSError: the write failed time and again; what was collected is kept for the next try.
        """
        self._last_flush = time.monotonic()
        if not self._pending:
            return 0
        waiting = list(self._pending.values())
        cutouts = retried(self.path, lambda: self._cutouts.write([jpeg for rows in waiting for jpeg in rows.jpegs]))
        sightings = sightings_table(waiting, cutouts, self.embedding_dim)
        retried(self.path, lambda: self._write_sightings(sightings))
        retried(self.path, lambda: upsert(self._frames, ["source", "frame"], frames_table(waiting)))
        if self._done is not None:
            self._done.update(self._pending)
        self._pending.clear()
        self._pending_rows = 0
        self._written = True
        if upkeep.is_scattered(self._sightings):
            self.optimize()
        return len(sightings)

    def _write_sightings(self, rows: pa.Table) -> None:
        """Insert the rows; where their frames have rows already, those are replaced, superfluous ones dropped."""
        by_source: dict[str, list[str]] = {}
        for source, frame in self._pending:
            by_source.setdefault(source, []).append(frame)
        of_these_frames = frames_sql(by_source)
        # Dropping needs a scan of the whole table, so it happens only for frames that are there already.
        known = self._sightings.count_rows(of_these_frames)
        if len(rows):
            upsert(self._sightings, ["source", "frame", "index"], rows, drop_others=of_these_frames if known else None)
        elif known:
            self._sightings.delete(of_these_frames)

    def optimize(self) -> None:
        """Merge small files and index the filters' columns where that pays; flushes and `close` call it when due."""
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

    def search(
        self,
        embeddings: ArrayLike | Tensor,
        *,
        limit: int = 50,
        cameras: Camera | Sequence[Camera] | None = None,
        after: float | None = None,
        before: float | None = None,
        minimum_score: float | None = None,
        exclude_frame: str | None = None,
        exclude_source: str | None = None,
        exclude_file: str | Path | None = None,
        combine: str = "mean",
    ) -> RankedSightings:
        """The sightings most similar to a probe, compared exactly with every row that passes the filters.

        Args:
            embeddings: (D,) one probe, or (P, D) several pictures of the same person; scaled to unit length.
            limit: at most this many answers, > 0.
            cameras: only this or these cameras; None is all, also sightings of unknown camera.
            after: only from this time on, seconds as in `Frame.timestamp`; with a time filter sightings of unknown
                time are left out.
            before: only earlier than this time.
            minimum_score: only sightings at least this similar, in [-1, 1]; raising it gives fewer and surer answers.
            exclude_frame: leave out frames of this name, the probe's own, say.
            exclude_source: leave out `exclude_frame` only where it belongs to this source; None is every source.
            exclude_file: leave out the frames that were read from this image file, whatever their names.
            combine: several probes are "mean" (their average direction is the probe: steadier, the usual multi-shot
                way) or "max" (a sighting counts by the probe most like it: keeps a back view apart from a front view).

        Returns:
            Cosine similarities in falling order; ties in the order of source, frame and row.

        Raises:
            ValueError: a value is out of its range, a camera is not in the gallery, the probe has another width, or
                a time is asked for that a gallery without such times cannot answer.
        """
        self.flush()
        if combine not in ("mean", "max"):
            raise ValueError(f"combine {combine!r}, expected 'mean' or 'max'")
        if limit < 1:
            raise ValueError(f"limit {limit}, expected at least 1")
        probes = unit_rows(embeddings, self.embedding_dim, "probe")
        if combine == "mean" and len(probes) > 1:
            probes = unit_rows(probes.mean(axis=0, dtype=np.float64), self.embedding_dim, "mean of the probes")
        names = as_camera_names(cameras)
        if names is not None:
            self._check_cameras(names)
        exclude = None if exclude_frame is None else (exclude_source, exclude_frame)
        where = filter_sql(names, after, before, exclude)
        asked = [time for time in (after, before) if time is not None]
        if asked and self._frames.count_rows():
            require_times(self.path, self.time_span(), asked)
        if exclude_file is not None:
            where = without_file(self._frames, exclude_file, where)
        return nearest(self._sightings, probes, limit=limit, where=where, minimum_score=minimum_score)

    def _check_cameras(self, names: Sequence[str]) -> None:
        """A camera nobody has seen is a typing error more often than an empty answer."""
        known = self.cameras()
        missing = sorted(set(names) - set(known))
        if known and missing:
            listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
            raise ValueError(f"camera {missing[0]!r} is not in gallery {self.path}; it has: {listed}")

    def detections(self, *, source: str | None = None) -> dict[str, Detections]:
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
        frames = self._frames.search().where(where).select(["frame"]).to_arrow()
        if pc.count_distinct(frames["frame"]).as_py() < len(frames):
            raise ValueError(f"sources in gallery {self.path} have frames of the same name; name one source")
        columns = ["frame", "index", "box", "detection_score", "embedding"]
        return detections_by_frame(frames, self._sightings.search().where(where).select(columns).to_arrow())

    def cutout(self, cutout: Cutout | None) -> bytes | None:
        """The stored JPEG of a sighting's box (`Sighting.cutout`), None where there is none."""
        return None if cutout is None else self._cutouts.read(cutout)

    def __len__(self) -> int:
        """Flushed sightings."""
        return int(self._sightings.count_rows())

    def cameras(self) -> tuple[str, ...]:
        """The cameras of the flushed frames, sorted; frames of unknown camera add none."""
        column = self._frames.search().select(["camera"]).to_arrow()["camera"]
        return tuple(sorted(pc.drop_null(pc.unique(column)).to_pylist()))

    def time_span(self) -> tuple[float, float] | None:
        """First and last timestamp of the flushed frames, None where no frame has one."""
        span = pc.min_max(self._frames.search().select(["timestamp"]).to_arrow()["timestamp"]).as_py()
        return None if span["min"] is None else (span["min"], span["max"])

    def summary(self) -> GallerySummary:
        """Counts, cameras and times of what is on disk."""
        first, last = self.time_span() or (None, None)
        frames = int(self._frames.count_rows())
        return GallerySummary(
            len(self), frames, self.cameras(), first, last, self.embedding_dim, self.model_fingerprint
        )
