"""A gallery searched by several processes: each holds some of its fragments, and the answers are merged.

The merged answer is that of one process, to the last digit: each process gives every row that may be among the best of
its part (`search.nearest`), and `search.query.rank` compares those anew, as it does with the rows of one process.
"""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from search.cluster.actors import Actors, Died, Handle
from search.gallery.filters import Filters, frames_of_file
from search.gallery.gallery import Gallery
from search.nearest.resident import Part, ResidentRows

MOST_DEATHS = 3
"""A part with which so many processes died is not given to another one."""

Question = tuple[NDArray[np.float32], int, Filters, list[str], bool]
"""The arguments of `NearestRows.nearest`."""


class Shard:
    """Some fragments of a gallery in memory, in a process of its own.

    Args:
        path: The gallery's folder.
    """

    def __init__(self, path: Path) -> None:
        self._rows = ResidentRows(Gallery.open(path))

    def nearest(self, part: Part, question: Question) -> tuple[pa.Table, int]:
        """The rows of some fragments that are most similar to any of the probes, as `ResidentRows.nearest` gives them.

        Args:
            part: The fragments, and the version of the table that they belong to.
            question: What is asked.
        """
        probes, most, filters, vectors, weighted = question
        self._rows.part = part
        return self._rows.nearest(probes, most, filters, vectors, weighted=weighted)


@contextmanager
def searched_by(gallery: Gallery, actors: Actors, count: int, say: Callable[[str], None]) -> Iterator[None]:
    """Have a gallery searched by several processes.

    Args:
        gallery: The gallery, as the searches get it.
        actors: The cluster.
        count: How many processes there are at most, 1 or more.
        say: Takes a line about a process that died.
    """
    before, rows = gallery.in_memory, ShardedRows(gallery, actors, count, say)
    gallery.in_memory = rows
    try:
        yield
    finally:
        gallery.in_memory = before
        rows.close()


class ShardedRows:
    """Searches a gallery by several processes; `search.gallery.nearest_rows.NearestRows` for a gallery.

    Args:
        gallery: The gallery.
        actors: The cluster.
        count: How many processes there are at most; there is none without fragments of its own.
        say: Takes a line about a process that died.
    """

    def __init__(self, gallery: Gallery, actors: Actors, count: int, say: Callable[[str], None]) -> None:
        self._gallery = gallery
        self._actors = actors
        self._count = max(1, min(count, actors.processors))
        self._say = say
        self._shards: list[Handle] = []
        self._parts: list[Part] = []

    def nearest(
        self, probes: NDArray[np.float32], most: int, filters: Filters, vectors: list[str], *, weighted: bool
    ) -> tuple[pa.Table, int]:
        """The rows most similar to any of the probes, see `NearestRows`.

        Raises:
            OSError: One process after the other died.
        """
        self._follow()
        question: Question = (probes, most, self._here(filters), vectors, weighted)
        answers = [
            self._actors.ask(shard, "nearest", part, question)
            for shard, part in zip(self._shards, self._parts, strict=True)
        ]
        found = [self._answered(number, answer, question) for number, answer in enumerate(answers)]
        return pa.concat_tables([rows for rows, _ in found]), sum(count for _, count in found)

    def close(self) -> None:
        """End the processes."""
        for shard in self._shards:
            self._actors.end(shard)
        self._shards = []

    def _follow(self) -> None:
        """Share the fragments of the newest version out among the processes."""
        self._parts = parts_of(self._gallery, self._count)
        for shard in self._shards[len(self._parts) :]:
            self._actors.end(shard)
        del self._shards[len(self._parts) :]
        while len(self._shards) < len(self._parts):
            self._shards.append(self._started())

    def _started(self) -> Handle:
        return self._actors.start(Shard, self._gallery.path.absolute())

    def _answered(self, number: int, answer: object, question: Question) -> tuple[pa.Table, int]:
        """The answer of a process; one that died is replaced, and asked again."""
        for deaths in range(1, MOST_DEATHS + 1):
            try:
                rows, count = self._actors.result(answer)
                return rows, count
            except Died as death:
                if deaths == MOST_DEATHS:
                    raise OSError(
                        f"part {number + 1} of gallery {self._gallery.path} could not be searched, {deaths} processes "
                        f"died: {death}; each holds its part in memory, so take more machines"
                    ) from None
                self._say(f"the process that searches part {number + 1} died: {death}; another one is asked")
                self._actors.end(self._shards[number])
                self._shards[number] = self._started()
                answer = self._actors.ask(self._shards[number], "nearest", self._parts[number], question)
        raise AssertionError("the last attempt returns or raises")

    def _here(self, filters: Filters) -> Filters:
        """The same filters with a file of this machine as the frames that were read from it."""
        if filters.exclude_file is None:
            return filters
        own = frames_of_file(self._gallery.frames, filters.exclude_file)
        frames = [(source, name) for source, names in own.items() for name in names]
        return dataclasses.replace(filters, exclude_file=None, exclude_frames=[*filters.exclude_frames, *frames])


def parts_of(gallery: Gallery, count: int) -> list[Part]:
    """Share the fragments of a gallery's sightings out, whole and in their order, as evenly as they allow.

    Args:
        gallery: The gallery.
        count: How many parts are wanted, 1 or more.

    Returns:
        The parts, at least one and at most `count`; each row of the newest version is in one of them.
    """
    table = gallery.table
    version = int(table.version)
    table.checkout(version)  # others may write meanwhile
    try:
        numbers = table.search().select(["index"]).with_row_id(True).to_arrow()["_rowid"].to_numpy().astype(np.uint64)
    finally:
        table.checkout_latest()
    fragments, sizes = np.unique(numbers >> np.uint64(32), return_counts=True)
    # The rows before the middle of each fragment say whose it is.
    middles = np.cumsum(sizes) - sizes / 2
    owners = np.minimum((middles * count / max(len(numbers), 1)).astype(np.int64), count - 1)
    parts = []
    for owner in np.unique(owners):
        own = fragments[owners == owner]
        parts.append(Part(version, int(own[0]) << 32, (int(own[-1]) + 1) << 32))
    return parts or [Part(version, 0, 1 << 32)]
