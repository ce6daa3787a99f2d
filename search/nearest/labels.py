"""What filters ask of each row, kept in memory: camera, time, confidence, and which frame it is of."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from search.gallery.filters import Filters

FEW_VALUES = ("source", "frame_width", "frame_height", "detection_score")
"""Columns whose values repeat. The store reads a whole page of such a column for a single row, so they are kept."""

LABEL_COLUMNS = ("camera", "timestamp", "frame", *FEW_VALUES)
UNKNOWN_CAMERA = -1


@dataclass
class RowLabels:
    """Camera, time, confidence and frame of each row, and the row's number in the table.

    Args:
        numbers: (N,) the store's numbers of the rows.
        cameras: (N,) places in `names`; -1 is an unknown camera.
        times: (N,) seconds; NaN where unknown, which no comparison passes.
        confidence: (N,) of the detections.
        frames: (N,) a hash of the frame's name.
        sizes: (N, 2) width and height of the frame in pixels.
        sources: (N,) places in `source_names`.
        names: The cameras.
        source_names: The sources.
    """

    numbers: NDArray[np.uint64]
    cameras: NDArray[np.int32]
    times: NDArray[np.float64]
    confidence: NDArray[np.float32]
    frames: NDArray[np.int64]
    sizes: NDArray[np.int32]
    sources: NDArray[np.int32]
    names: dict[str, int]
    source_names: dict[str, int]

    @classmethod
    def none(cls) -> "RowLabels":
        """Labels of no row."""
        numbers, cameras, times = np.zeros(0, np.uint64), np.zeros(0, np.int32), np.zeros(0, np.float64)
        confidence, frames = np.zeros(0, np.float32), np.zeros(0, np.int64)
        sizes, sources = np.zeros((0, 2), np.int32), np.zeros(0, np.int32)
        return cls(numbers, cameras, times, confidence, frames, sizes, sources, {}, {})

    def __len__(self) -> int:
        return len(self.numbers)

    def append(self, rows: pa.Table) -> None:
        """Add rows at the end.

        Args:
            rows: With `LABEL_COLUMNS` and `_rowid`.
        """
        cameras = [self._camera(name) for name in rows["camera"].to_pylist()]
        times = rows["timestamp"].to_numpy(zero_copy_only=False).astype(np.float64)
        frames = np.array([hash(name) for name in rows["frame"].to_pylist()], np.int64)
        self.numbers = np.concatenate([self.numbers, rows["_rowid"].to_numpy().astype(np.uint64)])
        self.cameras = np.concatenate([self.cameras, np.array(cameras, np.int32)])
        self.times = np.concatenate([self.times, times])
        self.confidence = np.concatenate([self.confidence, rows["detection_score"].to_numpy()])
        self.frames = np.concatenate([self.frames, frames])
        sizes = np.stack([rows[name].to_numpy() for name in ("frame_width", "frame_height")], axis=1)  # (N, 2)
        self.sizes = np.concatenate([self.sizes, sizes.astype(np.int32)])
        sources = [self.source_names.setdefault(name, len(self.source_names)) for name in rows["source"].to_pylist()]
        self.sources = np.concatenate([self.sources, np.array(sources, np.int32)])

    def kept(self, chosen: NDArray[np.int64]) -> "RowLabels":
        """A copy with some of the rows."""
        return RowLabels(
            self.numbers[chosen],
            self.cameras[chosen],
            self.times[chosen],
            self.confidence[chosen],
            self.frames[chosen],
            self.sizes[chosen],
            self.sources[chosen],
            self.names,
            self.source_names,
        )

    def few_values(self, chosen: NDArray[np.int64]) -> dict[str, pa.Array]:
        """The columns `FEW_VALUES` of some rows, as the table has them."""
        names = list(self.source_names)
        return {
            "source": pa.array([names[place] for place in self.sources[chosen]], pa.string()),
            "frame_width": pa.array(self.sizes[chosen, 0]),
            "frame_height": pa.array(self.sizes[chosen, 1]),
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
            wanted = [self.names[name] for name in filters.camera_names if name in self.names]
            one = self.cameras == wanted[0] if len(wanted) == 1 else np.isin(self.cameras, wanted)
            passes = also(one)
        if filters.after is not None:
            passes = also(self.times >= filters.after)
        if filters.before is not None:
            passes = also(self.times < filters.before)
        return passes

    def of_frame(self, name: str) -> NDArray[np.int64]:
        """Rows that may be of a frame of this name; those of another name whose hash is the same are among them."""
        return np.flatnonzero(self.frames == hash(name))

    def _camera(self, name: str | None) -> int:
        return UNKNOWN_CAMERA if name is None else self.names.setdefault(name, len(self.names))
