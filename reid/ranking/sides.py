"""Which gallery images a protocol asks for and which it skips, as sparse pairs of a query and an image."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from datasets.samples import UNLABELLED

Protocol = Literal["market1501", "cuhk03", "allshots"]
Cameras = Sequence[Hashable] | NDArray[np.generic] | Tensor | None


@dataclass(frozen=True, eq=False)
class RankingSides:
    """Who and where: identities and camera numbers of both sides (None without cameras), and excluded pairs."""

    query_ids: NDArray[np.int64]
    gallery_ids: NDArray[np.int64]
    cameras: tuple[NDArray[np.int64], NDArray[np.int64]] | None
    excluded: NDArray[np.int64]  # (M, 2)

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        query: tuple[Tensor | ArrayLike, Cameras],
        gallery: tuple[Tensor | ArrayLike, Cameras],
        excluded: ArrayLike | None,
    ) -> "RankingSides":
        """Check (identities, cameras) of both sides, and excluded pairs, against the shape (Q, G)."""
        ids = []
        for side, count, (values, cameras) in (("query", shape[0], query), ("gallery", shape[1], gallery)):
            if not count:
                raise ValueError(f"the {side} is empty, expected at least one image")
            array = np.asarray(values.cpu() if isinstance(values, Tensor) else values)
            if array.shape != (count,) or array.dtype.kind not in "iu":
                raise ValueError(
                    f"{side}_ids are {array.dtype} of shape {array.shape}, expected integers of shape ({count},)"
                )
            if cameras is not None and len(cameras) != count:
                raise ValueError(f"{len(cameras)} {side} cameras for {count} images, expected one per image or None")
            ids.append(array.astype(np.int64))
        pairs = np.asarray([] if excluded is None else excluded)
        if not pairs.size:
            pairs = np.zeros((0, 2), dtype=np.int64)
        if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
            raise ValueError(f"excluded is {pairs.dtype} {pairs.shape}, expected integers (M, 2) of query and gallery")
        if ((pairs < 0) | (pairs >= shape)).any():
            raise ValueError(f"excluded names a pair outside of {shape[0]} queries and {shape[1]} gallery images")
        return cls(ids[0], ids[1], _camera_numbers(query[1], gallery[1]), pairs.astype(np.int64))

    def groups(self, protocol: Protocol) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """(queries, gallery columns) that are ranked together: columns skipped for all these queries are left out."""
        usable = self.gallery_ids != UNLABELLED
        if protocol != "cuhk03" or self.cameras is None:
            yield np.arange(len(self.query_ids)), np.flatnonzero(usable)
            return
        for camera in np.unique(self.cameras[0]):
            yield np.flatnonzero(self.cameras[0] == camera), np.flatnonzero(usable & (self.cameras[1] != camera))

    def pairs(
        self, queries: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The matches and the skipped pairs of a group, as ascending numbers row * len(columns) + column."""
        width = len(columns)
        same = same_identity(self.query_ids[queries], self.gallery_ids[columns])
        skipped = same[:0]
        if self.cameras is not None:
            row, column = np.divmod(same, max(width, 1))
            skipped = same[self.cameras[0][queries[row]] == self.cameras[1][columns[column]]]
        row_of = np.full(len(self.query_ids), -1)
        row_of[queries] = np.arange(len(queries))
        column_of = np.full(len(self.gallery_ids), -1)
        column_of[columns] = np.arange(width)
        row, column = row_of[self.excluded[:, 0]], column_of[self.excluded[:, 1]]
        inside = (row >= 0) & (column >= 0)
        skipped = np.union1d(skipped, row[inside] * width + column[inside])
        return np.setdiff1d(same, skipped, assume_unique=True), skipped


def same_identity(query_ids: NDArray[np.int64], gallery_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """All (query, gallery) pairs of one identity as ascending numbers query * G + gallery.

    Args:
        query_ids: (Q,).
        gallery_ids: (G,).

    Returns:
        (M,) numbers; np.divmod(numbers, G) gives the pairs.
    """
    order = np.argsort(gallery_ids, kind="stable")
    ordered = gallery_ids[order]
    first = np.searchsorted(ordered, query_ids, side="left")
    count = np.searchsorted(ordered, query_ids, side="right") - first
    queries = np.repeat(np.arange(len(query_ids), dtype=np.int64), count)
    nth = np.arange(len(queries)) - np.repeat(np.cumsum(count) - count, count)
    return queries * len(gallery_ids) + order[first[queries] + nth]


def pairs_between(
    numbers: NDArray[np.int64], start: int, stop: int, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(rows counted from `start`, columns) of the pair numbers between two rows."""
    first, last = np.searchsorted(numbers, [start * width, stop * width])
    rows, columns = np.divmod(numbers[first:last], width)
    return rows - start, columns


def _camera_numbers(query: Cameras, gallery: Cameras) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Cameras of any kind as integers, equal where the cameras are; unknown ones equal none of the other side."""
    if query is None or gallery is None:
        return None
    numbers: dict[object, int] = {}
    sides = []
    for cameras, unknown in ((query, -1), (gallery, -2)):
        values = cameras.tolist() if isinstance(cameras, Tensor | np.ndarray) else cameras
        sides.append([unknown if value is None else numbers.setdefault(value, len(numbers)) for value in values])
    return np.array(sides[0], dtype=np.int64), np.array(sides[1], dtype=np.int64)
