"""Which gallery images a protocol asks for and which it skips, as sparse pairs of a query and an image."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from datasets.samples import UNLABELLED, camera_name

Protocol = Literal["market1501", "cuhk03", "allshots"]
Cameras = Sequence[Hashable] | NDArray[np.generic] | Tensor | None


@dataclass(frozen=True, eq=False)
class RankingSides:
    """Who is looked for among whom; made by `RankingSides.of`, which checks it.

    Args:
        query_ids: (Q,) the identity of each query.
        gallery_ids: (G,) the identity of each gallery image; -1 is nobody, and leaves the gallery.
        cameras: The cameras of queries (Q,) and gallery (G,) as numbers, equal where the cameras are; None without.
        excluded: (M, 2) pairs of a query and a gallery image that are skipped whatever the protocol says.

    Example:
        >>> sides = RankingSides.of([1, 2], [1, 1, 2], ["door", "yard"], ["yard", "door", "door"])
        >>> sides.cameras
        (array([0, 1]), array([1, 0, 0]))
    """

    query_ids: NDArray[np.int64]
    gallery_ids: NDArray[np.int64]
    cameras: tuple[NDArray[np.int64], NDArray[np.int64]] | None
    excluded: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        query_ids: Tensor | ArrayLike,
        gallery_ids: Tensor | ArrayLike,
        query_cameras: Cameras = None,
        gallery_cameras: Cameras = None,
        excluded: ArrayLike | None = None,
    ) -> "RankingSides":
        """Checks both sides and numbers their cameras.

        Args:
            query_ids: (Q,) integers.
            gallery_ids: (G,) integers; -1 is nobody, and leaves the gallery.
            query_cameras: (Q,) numbers or names, with None for an unknown camera, which equals no other. None in place
                of all says that the data has no cameras.
            gallery_cameras: (G,) numbers or names, with None for an unknown camera; None for data without cameras.
            excluded: (M, 2) integers, pairs (query, gallery) that are skipped: the query's own crop, say.

        Raises:
            ValueError: A side is empty, identities are no integers, there are not as many cameras, or an excluded pair
                does not exist.
        """
        ids = []
        for side, values, cameras in (("query", query_ids, query_cameras), ("gallery", gallery_ids, gallery_cameras)):
            array = np.asarray(values.cpu() if isinstance(values, Tensor) else values)
            if not array.size:
                raise ValueError(f"the {side} is empty, expected at least one image")
            if array.ndim != 1 or array.dtype.kind not in "iu":
                raise ValueError(f"{side}_ids are {array.dtype} of shape {array.shape}, expected a row of integers")
            if cameras is not None and len(cameras) != len(array):
                raise ValueError(
                    f"{len(cameras)} {side} cameras for {len(array)} images, expected one per image or None"
                )
            ids.append(array.astype(np.int64))
        shape = len(ids[0]), len(ids[1])
        pairs = np.asarray([] if excluded is None else excluded)
        if not pairs.size:
            pairs = np.zeros((0, 2), dtype=np.int64)
        if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
            raise ValueError(f"excluded is {pairs.dtype} {pairs.shape}, expected integers (M, 2) of query and gallery")
        if ((pairs < 0) | (pairs >= shape)).any():
            raise ValueError(f"excluded names a pair outside of {shape[0]} queries and {shape[1]} gallery images")
        return cls(ids[0], ids[1], _camera_numbers(query_cameras, gallery_cameras), pairs.astype(np.int64))

    def require_counts(self, queries: int, gallery: int) -> None:
        """Refuses embeddings or distances of another number of images.

        Args:
            queries: How many queries there are.
            gallery: How many gallery images there are.

        Raises:
            ValueError: A side is empty, or its identities are more or fewer.
        """
        for side, ids, count in (("query", self.query_ids, queries), ("gallery", self.gallery_ids, gallery)):
            if not count:
                raise ValueError(f"the {side} is empty, expected at least one image")
            if len(ids) != count:
                raise ValueError(f"{side}_ids name {len(ids)} images, expected {count}: one identity for each image")

    def groups(self, protocol: Protocol) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Groups the queries that rank the same gallery images.

        Args:
            protocol: Which images a query skips.

        Yields:
            The numbers of the queries of a group, and the gallery columns that they rank. Columns that all these
            queries skip are left out; `pairs` tells what single queries skip.
        """
        usable = self.gallery_ids != UNLABELLED
        if protocol != "cuhk03" or self.cameras is None:
            yield np.arange(len(self.query_ids)), np.flatnonzero(usable)
            return
        for camera in np.unique(self.cameras[0]):
            yield np.flatnonzero(self.cameras[0] == camera), np.flatnonzero(usable & (self.cameras[1] != camera))

    def pairs(
        self, queries: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Finds the matches and the skipped pairs of a group.

        Args:
            queries: (R,) the queries of the group, ascending.
            columns: (C,) the gallery columns that they rank, ascending.

        Returns:
            The matches and the skipped pairs, each as ascending numbers row * C + column.
        """
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
    """Finds all pairs (query, gallery) of one identity.

    Args:
        query_ids: (Q,) integers.
        gallery_ids: (G,) integers.

    Returns:
        (M,) ascending numbers query * G + gallery; np.divmod(numbers, G) gives the pairs.

    Example:
        >>> same_identity(np.array([7, 8]), np.array([8, 7, 7]))
        array([1, 2, 3])
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
    """Finds those pairs that lie between two rows.

    Args:
        numbers: (M,) ascending numbers row * width + column.
        start: The first row.
        stop: The row after the last.
        width: How many columns a row has.

    Returns:
        The rows, counted from `start`, and the columns of the pairs.
    """
    first, last = np.searchsorted(numbers, [start * width, stop * width])
    rows, columns = np.divmod(numbers[first:last], width)
    return rows - start, columns


def _camera_numbers(query: Cameras, gallery: Cameras) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Cameras of any kind as integers, equal where the cameras are; unknown ones equal none of the other side."""
    if query is None or gallery is None:
        return None
    numbers: dict[str | None, int] = {}
    names: dict[object, str | None] = {}  # a camera has many images, and its name takes a while to make
    sides = []
    for cameras, unknown in ((query, -1), (gallery, -2)):
        values: Sequence[Any] = cameras.tolist() if isinstance(cameras, Tensor | np.ndarray) else cameras
        names.update((value, camera_name(value)) for value in values if value not in names)
        known = [names[value] for value in values]
        sides.append([unknown if name is None else numbers.setdefault(name, len(numbers)) for name in known])
    return np.array(sides[0], dtype=np.int64), np.array(sides[1], dtype=np.int64)
