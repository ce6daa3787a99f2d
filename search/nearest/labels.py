"""What filters ask of each row, kept in memory: camera, time, confidence, and which frame it is of."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from search.gallery.filters import Filters

FEW_VALUES = ("source", "frame_width", "frame_height", "detection_score")
"""Columns whose values repeat. The store reads a whole page of such a column for a single row, so they are kept."""

LABEL_COLUMNS = ("camera", "timestamp", "frame", *FEW_VALUES)

_KIND_COLUMNS = ("source", "camera", "frame_width", "frame_height")
_Kind = tuple[str, str | None, int, int]
"""What all frames of one camera in one source share, as in these columns; a gallery has few of them."""

_TYPES = {"number": np.uint64, "time": np.float64, "confidence": np.float32, "frame": np.uint32, "kind": np.int32}


class RowLabels:
    """Camera, time, confidence and frame of each row, and the row's number in the table, in 28 bytes for each row.

    Source, camera and size of the frame are stored once for each kind of frame, and a row has the kind's place. Of the
    frame's name a row has 32 bits of a hash: they leave so few rows that the table can be asked for their names.
    """

    def __init__(self) -> None:
        self._count = 0
        self._columns: dict[str, NDArray[Any]] = {name: np.empty(0, kind) for name, kind in _TYPES.items()}
        self._kinds: dict[_Kind, int] = {}

    def __len__(self) -> int:
        return self._count

    @property
    def bytes(self) -> int:
        """How much memory the rows take, without the kinds of frames."""
        return sum(column.nbytes for column in self._columns.values())

    @property
    def numbers(self) -> NDArray[np.uint64]:
        """(N,) the store's numbers of the rows."""
        return self._of("number")

    @property
    def confidence(self) -> NDArray[np.float32]:
        """(N,) of the detections."""
        return self._of("confidence")

    def reserve(self, rows: int) -> None:
        """Make room for so many rows in all, at once, so that appending them copies nothing."""
        for name, column in self._columns.items():
            if len(column) < rows:
                self._columns[name] = np.empty(rows, column.dtype)
                self._columns[name][: self._count] = column[: self._count]

    def append(self, rows: pa.Table) -> None:
        """Add rows at the end.

        Args:
            rows: With `LABEL_COLUMNS` and `_rowid`.
        """
        kinds = zip(*(rows[name].to_pylist() for name in _KIND_COLUMNS), strict=True)
        added = {
            "number": rows["_rowid"].to_numpy(),
            # NaN where it is unknown, which no comparison passes.
            "time": rows["timestamp"].to_numpy(zero_copy_only=False),
            "confidence": rows["detection_score"].to_numpy(),
            "frame": [_hashed(name) for name in rows["frame"].to_pylist()],
            "kind": [self._kinds.setdefault(kind, len(self._kinds)) for kind in kinds],
        }
        end = self._count + len(rows)
        self.reserve(end)
        for name, values in added.items():
            self._columns[name][self._count : end] = values
        self._count = end

    def keep(self, chosen: NDArray[np.int64]) -> None:
        """Keep some of the rows, in rising order, and forget the others."""
        for name, column in self._columns.items():
            column[: len(chosen)] = self._of(name)[chosen]
        self._count = len(chosen)

    def few_values(self, chosen: NDArray[np.int64]) -> dict[str, pa.Array]:
        """The columns `FEW_VALUES` of some rows, as the table has them."""
        names = list(self._kinds)
        kinds = [names[place] for place in self._of("kind")[chosen].tolist()]
        return {
            "source": pa.array([source for source, *_ in kinds], pa.string()),
            "frame_width": pa.array([width for *_, width, _ in kinds], pa.int32()),
            "frame_height": pa.array([height for *_, height in kinds], pa.int32()),
            "detection_score": pa.array(self.confidence[chosen]),
        }

    def passing(self, filters: Filters) -> NDArray[np.bool_] | None:
        """(N,) which rows pass the filters by camera and time; None where all do.

        Args:
            filters: Cameras as the gallery writes them. Frames that are left out are not looked at here.
        """
        passes: NDArray[np.bool_] | None = None

        def also(more: NDArray[np.bool_]) -> NDArray[np.bool_]:
            return more if passes is None else passes & more

        if filters.camera_names is not None:
            wanted = np.array([camera in filters.camera_names for _, camera, *_ in self._kinds], np.bool_)
            passes = also(wanted.take(self._of("kind")))
        if filters.after is not None:
            passes = also(self._of("time") >= filters.after)
        if filters.before is not None:
            passes = also(self._of("time") < filters.before)
        return passes

    def of_frame(self, name: str) -> NDArray[np.int64]:
        """Rows that may be of a frame of this name; those of another name whose hash is the same are among them."""
        return np.flatnonzero(self._of("frame") == _hashed(name))

    def _of(self, name: str) -> NDArray[Any]:
        return self._columns[name][: self._count]


def _hashed(name: str) -> int:
    """32 bits of a frame's name."""
    return hash(name) & 0xFFFFFFFF
