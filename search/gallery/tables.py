"""The two tables of a gallery: their columns, how rows are made and read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from datasets.boxes import cut
from datasets.samples import Frame
from datasets.storage.connection import is_refused, refusal
from datasets.storage.places import ObjectPath
from search.gallery.cutouts import CUTOUT_SIDE
from search.gallery.sightings import Cutout, Sighting

if TYPE_CHECKING:  # who only searches needs no torch
    from torch import Tensor

    from detection.detections import Detections

FrameKey = tuple[str, str]

FILE_STATE = "file_state"
"""Size and time of change of the file that a frame was read from, so that a replaced file is noticed. Galleries of
earlier versions have no such column until something is added to them."""

FRAME_KEY = ("source", "frame")
SIGHTING_KEY = ("source", "frame", "index")
"""The columns that make a row of the table of frames, or of sightings, one row."""

# The engine leaves the first slash of a path out, and ends its messages with places in its own code.
_MISSING = re.compile(r"Not found: .*?/?([^\s,:/][^\s,:]*\.lance/[^\s,:]+)", flags=re.DOTALL)
_ENGINE_CODE = re.compile(r",? ?\S+\.rs:\d+(:\d+)?")

KEY_MARK = b"lance-schema:unenforced-primary-key"
"""The note on a column that it belongs to the table's key. With it the store sees that another process inserts the same
row at the same moment, and so no row is there twice."""


def with_key(schema: pa.Schema, key: Sequence[str]) -> pa.Schema:
    """The same columns, those of the key marked as such.

    Args:
        schema: The columns.
        key: The names of those that make a row one row, in order.
    """
    marks = {name: {KEY_MARK: b"true", KEY_MARK + b":position": b"%d" % place} for place, name in enumerate(key, 1)}
    return pa.schema([field.with_metadata(marks.get(field.name)) for field in schema])


FRAMES_SCHEMA = with_key(
    pa.schema(
        [
            pa.field("source", pa.string(), nullable=False),
            pa.field("frame", pa.string(), nullable=False),
            pa.field("camera", pa.string()),
            pa.field("timestamp", pa.float64()),
            pa.field("frame_width", pa.int32(), nullable=False),
            pa.field("frame_height", pa.int32(), nullable=False),
            pa.field("location", pa.string()),
            pa.field("sightings", pa.int32(), nullable=False),
            pa.field(FILE_STATE, pa.string()),
        ]
    ),
    FRAME_KEY,
)
"""One row for each frame that is done, with or without people."""

FRAME_COLUMNS = ("source", "frame", "camera", "timestamp", "frame_width", "frame_height", "location")


EMBEDDING = "embedding"
SECOND_EMBEDDING = "second_embedding"
"""The columns of vectors: of the model, and of the second stage where a gallery has one."""


def sightings_schema(embedding_dim: int, second_dim: int | None = None) -> pa.Schema:
    """One row for each sighting, the columns of its frame repeated so that a filter needs no join.

    Args:
        embedding_dim: width of the embeddings.
        second_dim: width of the second stage's, None for a gallery without.
    """
    second = [] if second_dim is None else [pa.field(SECOND_EMBEDDING, pa.list_(pa.float32(), second_dim))]
    columns = pa.schema(
        [
            *(FRAMES_SCHEMA.field(name) for name in FRAME_COLUMNS),
            pa.field("index", pa.int32(), nullable=False),
            pa.field("box", pa.list_(pa.float32(), 4), nullable=False),
            pa.field("detection_score", pa.float32(), nullable=False),
            pa.field(EMBEDDING, pa.list_(pa.float32(), embedding_dim), nullable=False),
            pa.field("cutout_pack", pa.string(), nullable=False),
            pa.field("cutout_offset", pa.int64(), nullable=False),
            pa.field("cutout_length", pa.int32(), nullable=False),
            *second,
        ]
    )
    return with_key(columns, SIGHTING_KEY)


def unreadable_reason(error: BaseException) -> str:
    """In one line why the engine could not read, without the places in the engine's own code."""
    text = str(error).strip()
    if missing := _MISSING.search(text):
        return f"the file /{missing[1]} is missing"
    return _ENGINE_CODE.sub("", text or type(error).__name__).splitlines()[0][:200]


def repair_hint(gallery: Path) -> str:
    """What to do about a gallery that lost a file."""
    return f"`personsearch gallery repair {gallery}` goes back to the last state that is whole, and says what is lost"


@contextmanager
def readable(gallery: Path) -> Iterator[None]:
    """Say in one line that a gallery lost a file, where the engine would show its own errors.

    Args:
        gallery: The gallery's folder, for the message.

    Raises:
        OSError: A file of the tables is missing or damaged.
    """
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:
        text = str(error)
        damage = f"gallery {gallery} is damaged: "
        if text.startswith(damage):  # said already, further in
            raise
        if _MISSING.search(text) is None and "lance" not in text.lower() and "was not found" not in text:
            raise
        if isinstance(gallery, ObjectPath) and is_refused(text):  # a server that does not answer has lost nothing
            raise OSError(refusal(f"gallery {gallery}", "read", text)) from error
        raise OSError(f"{damage}{unreadable_reason(error)}; {repair_hint(gallery)}") from error


@dataclass(frozen=True)
class FrameRows:
    """What is stored of one frame.

    Args:
        frame: values of FRAME_COLUMNS.
        boxes: (N, 4) xyxy pixels.
        scores: (N,).
        embeddings: (N, D) of unit length.
        jpegs: N encoded cut-outs.
        second_embeddings: (N, E) of unit length of the second stage, None without one.
    """

    frame: Mapping[str, object]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    jpegs: Sequence[bytes]
    second_embeddings: NDArray[np.float32] | None = None

    @property
    def key(self) -> FrameKey:
        """Source and name: what makes it one frame."""
        return str(self.frame["source"]), str(self.frame["frame"])

    def __len__(self) -> int:
        return len(self.scores)


def frames_table(waiting: Sequence[FrameRows]) -> pa.Table:
    """Rows of the table of frames."""
    return pa.Table.from_pylist(
        [{**rows.frame, "sightings": len(rows)} for rows in waiting],
        schema=FRAMES_SCHEMA,
    )


def frame_rows(
    frame: Frame,
    detections: "Detections",
    second_embeddings: "ArrayLike | Tensor | None",
    widths: tuple[int, int | None],
    *,
    source: str,
    location: str | None = None,
    file_state: str | None = None,
) -> FrameRows:
    """What is stored of one frame, its cut-outs taken and encoded now; `Gallery.prepare` says more.

    Args:
        frame: The picture the boxes refer to.
        detections: N boxes with embeddings (N, D).
        second_embeddings: (N, E) of the same boxes by the second stage; not used where there is none.
        widths: D, and E; None without a second stage.
        source: Where the frame came from.
        location: Where the frame can be read again.
        file_state: The state of the frame's file.

    Raises:
        ValueError: Embeddings are missing, of another width or number, not finite, or of length zero.
    """
    from datasets.images import encode_jpeg  # what writes pictures, which a search has no need of

    embeddings = box_embeddings(f"frame {frame.name}", len(detections), detections.embeddings, widths[0])
    second = None
    if widths[1] is not None:
        owner = f"frame {frame.name}, second stage"
        second = box_embeddings(owner, len(detections), second_embeddings, widths[1])
    height, width = frame.image.shape[:2]
    row: dict[str, object] = {
        "source": source,
        "frame": frame.name,
        "camera": None if frame.camera is None else str(frame.camera),
        "timestamp": None if frame.timestamp is None else float(frame.timestamp),
        "frame_width": width,
        "frame_height": height,
        "location": location,
        FILE_STATE: file_state,
    }
    boxes = detections.boxes.detach().cpu().numpy()
    pictures = (cut(frame.image, box) for box in boxes)
    jpegs = [encode_jpeg(picture, longest_side=CUTOUT_SIDE) if picture.size else b"" for picture in pictures]
    return FrameRows(row, boxes, detections.scores.detach().cpu().numpy(), embeddings, jpegs, second)


def sightings_table(waiting: Sequence[FrameRows], cutouts: Sequence[Cutout], schema: pa.Schema) -> pa.Table:
    """The sightings of some frames as rows of a gallery's table, one row for each sighting.

    Args:
        waiting: The frames with the people found in them.
        cutouts: Where the cut-out picture of each sighting lies, in the order of the frames and of their boxes.
        schema: The columns of the table, as `sightings_schema` gives them.
    """
    owner = [rows.frame for rows in waiting for _ in range(len(rows))]
    scores = np.concatenate([np.zeros(0, dtype=np.float32), *(rows.scores for rows in waiting)])
    columns: dict[str, Any] = {
        name: pa.array([row[name] for row in owner], schema.field(name).type) for name in FRAME_COLUMNS
    }
    columns |= {
        "index": pa.array([row for rows in waiting for row in range(len(rows))], pa.int32()),
        "box": _as_lists([rows.boxes for rows in waiting], 4),
        "detection_score": pa.array(scores),
        EMBEDDING: _as_lists([rows.embeddings for rows in waiting], schema.field(EMBEDDING).type.list_size),
        "cutout_pack": pa.array([cutout.pack for cutout in cutouts], pa.string()),
        "cutout_offset": pa.array([cutout.offset for cutout in cutouts], pa.int64()),
        "cutout_length": pa.array([cutout.length for cutout in cutouts], pa.int32()),
    }
    if SECOND_EMBEDDING in schema.names:
        second = [rows.second_embeddings for rows in waiting if rows.second_embeddings is not None]
        columns[SECOND_EMBEDDING] = _as_lists(second, schema.field(SECOND_EMBEDDING).type.list_size)
    return pa.table(columns, schema=schema)


def _as_lists(parts: Sequence[NDArray[np.float32]], width: int) -> pa.Array:
    """Matrices (N_i, width), one below the other, as a column of lists of one length."""
    values = np.concatenate([np.zeros((0, width), dtype=np.float32), *parts])
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), width)


def sighting_of(row: Mapping[str, Any], score: float) -> Sighting:
    """A row of the table of sightings as a value."""
    x1, y1, x2, y2 = map(float, row["box"])
    return Sighting(
        frame=row["frame"],
        index=row["index"],
        source=row["source"],
        camera=row["camera"],
        timestamp=row["timestamp"],
        box=(x1, y1, x2, y2),
        detection_score=row["detection_score"],
        score=score,
        frame_width=row["frame_width"],
        frame_height=row["frame_height"],
        location=row["location"],
        cutout=Cutout(row["cutout_pack"], row["cutout_offset"], row["cutout_length"]),
    )


def read_detections(gallery: Path, sightings: Any, frames: Any, where: str | None) -> "dict[str, Detections]":
    """What was found in each frame of a gallery, by the frame's name.

    Args:
        gallery: The gallery's folder, for the message.
        sightings: The table of sightings.
        frames: The table of frames.
        where: An SQL condition of the frames, None for all.

    Raises:
        ValueError: Two frames have the same name.
    """
    names = frames.search().where(where).select(["frame"]).to_arrow()
    if pc.count_distinct(names["frame"]).as_py() < len(names):
        raise ValueError(f"sources in gallery {gallery} have frames of the same name; name one source")
    columns = ["frame", "index", "box", "detection_score", EMBEDDING]
    return detections_by_frame(names, sightings.search().where(where).select(columns).to_arrow())


def detections_by_frame(frames: pa.Table, sightings: pa.Table) -> "dict[str, Detections]":
    """What was found in each frame, as the detector gave it.

    Args:
        frames: column frame, unique.
        sightings: columns frame, index, box, detection_score and embedding, in any order.

    Returns:
        frame name -> Detections, also for frames without people; by name.
    """
    import torch  # a second that only those who evaluate should pay

    from detection.detections import Detections

    names = sorted(frames["frame"].to_pylist())
    sightings = sightings.sort_by([("frame", "ascending"), ("index", "ascending")])
    owners, starts = np.unique(np.asarray(sightings["frame"].to_pylist(), dtype=object), return_index=True)
    ends = np.append(starts, len(sightings))[1:]
    rows = {owner: slice(start, end) for owner, start, end in zip(owners, starts, ends, strict=True)}
    boxes = torch.from_numpy(as_matrix(sightings["box"]))
    embeddings = torch.from_numpy(as_matrix(sightings[EMBEDDING]))
    scores = torch.from_numpy(sightings["detection_score"].to_numpy().copy())
    nothing = slice(0, 0)
    return {
        name: Detections(boxes[part], scores[part], embeddings[part])
        for name in names
        for part in [rows.get(name, nothing)]
    }


def as_matrix(column: pa.ChunkedArray) -> NDArray[np.float32]:
    """A column of lists of one length as (rows, length), a copy."""
    values = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.array(values, dtype=np.float32).reshape(len(column), column.type.list_size)


def unit_rows(values: "ArrayLike | Tensor", width: int, owner: str) -> NDArray[np.float32]:
    """Embeddings (N, width) float32 of unit length; a single one (width,) becomes one row.

    Args:
        values: the embeddings.
        width: D of the gallery.
        owner: whose they are, for the message.

    Raises:
        ValueError: another shape, no row, not finite, or a row of length zero.
    """
    detach = getattr(values, "detach", None)  # a tensor, told without loading torch
    array = np.asarray(values) if detach is None else detach().float().cpu().numpy()
    if not np.issubdtype(array.dtype, np.number) or array.ndim not in (1, 2) or array.shape[-1] != width:
        raise ValueError(f"{owner}: embeddings {array.shape}, the gallery holds width {width}; use the same model")
    array = np.atleast_2d(array).astype(np.float64)
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    if not len(array) or not np.isfinite(lengths).all() or (lengths == 0).any():
        raise ValueError(f"{owner}: an embedding is missing, not finite or zero; a diverged model gives such values")
    return (array / lengths).astype(np.float32)


def box_embeddings(owner: str, boxes: int, embeddings: "ArrayLike | Tensor | None", width: int) -> NDArray[np.float32]:
    """Embeddings (boxes, width) float32 of unit length, as many as there are boxes.

    Raises:
        ValueError: they are missing or of another number, or as `unit_rows`.
    """
    if not boxes:
        return np.zeros((0, width), dtype=np.float32)
    if embeddings is None:
        raise ValueError(f"{owner}: detections without embeddings; a detector alone cannot fill a gallery")
    rows = unit_rows(embeddings, width, owner)
    if len(rows) != boxes:
        raise ValueError(f"{owner}: {len(rows)} embeddings, expected {boxes}: one for each box")
    return rows
