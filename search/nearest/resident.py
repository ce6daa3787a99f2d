"""A gallery's embeddings in memory, for who searches it often: the answers of the full comparison, in less time.

8-bit copies of all embeddings are compared with the probe, and only rows that may be among the best, by a bound that is
proven (`search.nearest.coded`), are read from the disk and compared exactly. Filters choose rows before anything is
compared, so they never cost an answer.
"""

import contextlib
import ctypes
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from search.gallery.description import DESCRIPTION_FILE
from search.gallery.filters import Filters, frames_of_file
from search.gallery.gallery import Gallery
from search.gallery.lance import connect
from search.gallery.tables import EMBEDDING, SECOND_EMBEDDING, as_matrix
from search.gallery.upkeep import TABLES_FOLDER
from search.nearest.bounded import best_rows
from search.nearest.coded import CodedRows
from search.nearest.labels import FEW_VALUES, LABEL_COLUMNS, RowLabels

READ_BYTES = 2 << 20
"""So large a piece of the embeddings is read at once. The store reads far ahead of who asks for everything in one go,
and each of its threads keeps the memory of a piece; so pieces are small. The mean of the first one is taken for that of
all embeddings: a better one would only make the bounds smaller."""

Scores = NDArray[np.float64]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """Some fragments of a gallery's table of sightings.

    Args:
        version: The version of the table that they belong to.
        first: The store's number of the first row that may be theirs.
        end: The number after the last one.
    """

    version: int
    first: int
    end: int

    @property
    def sql(self) -> str:
        """The condition of their rows."""
        return f"_rowid >= {self.first} AND _rowid < {self.end}"


class ResidentRows:
    """The embeddings of a gallery in memory, brought up to date before each search.

    They take D + 40 bytes for each sighting: about 300 MB for a million of 256 numbers. They are read when the first
    search comes, and new rows when the gallery has grown, in pieces, so that reading takes little more than that. One
    instance is for one thread.

    Args:
        gallery: The gallery.

    Attributes:
        part: Which rows are searched; None is all of the newest version.
    """

    def __init__(self, gallery: Gallery) -> None:
        self.part: Part | None = None
        self._path = gallery.path
        self._frames = gallery.frames
        self._dim = gallery.description.embedding_dim
        # A table of its own: it stays at one version while the numbers of rows are in use.
        self._table = connect(self._path / TABLES_FOLDER).open_table("sightings")
        self._known: tuple[int, Part | None] | None = None
        self._made: tuple[int, int] | None = None
        self._labels, self._codes = self._nothing()

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def bytes(self) -> int:
        """How much memory the rows take."""
        return self._codes.bytes + self._labels.bytes

    def follow(self) -> None:
        """Read what the gallery has that is not in memory yet, and drop what it has no more."""
        if self.part is None:
            self._table.checkout_latest()
        version, made = int(self._table.version) if self.part is None else self.part.version, _made(self._path)
        if ((version, self.part), made) == (self._known, self._made):
            return
        self._table.checkout(version)
        numbers = self._numbers()
        # Tables that were written anew use numbers again; the description was written anew with them.
        if made != self._made:
            self._labels, self._codes = self._nothing()
        stays = np.flatnonzero(np.isin(self._labels.numbers, numbers))
        new = np.setdiff1d(numbers, self._labels.numbers, assume_unique=True)
        if len(new) > len(stays) // 4:  # a new center makes the bounds smaller
            self._labels, self._codes = self._nothing()
            new = numbers
        elif len(stays) < len(self._labels):
            self._labels.keep(stays)
            self._codes.keep(stays)
        self._read(new)
        self._known, self._made = (version, self.part), made

    def nearest(
        self, probes: NDArray[np.float32], most: int, filters: Filters, vectors: list[str], *, weighted: bool
    ) -> tuple[pa.Table, int]:
        """The rows that are most similar to any of the probes, with all that tie with the last of them.

        Args:
            probes: (P, D) of unit length.
            most: How many rows are wanted, 1 or more.
            filters: Which rows may answer, cameras as the gallery writes them; how many and how similar does not count.
            vectors: The columns of embeddings to read with the rows.
            weighted: Whether a row's similarity is multiplied by the confidence of its detection.

        Returns:
            The rows in no order, at least `most` of them where there are so many, and how many were compared.
        """
        self.follow()
        passes = self._labels.passing(filters)
        for name, source, index in self._left_out(filters):
            if passes is None:
                passes = np.ones(len(self._labels), np.bool_)
            passes[self._of_frame(name, source, index)] = False
        chosen = None if passes is None else np.flatnonzero(passes)
        count = len(self._labels) if chosen is None else len(chosen)
        weights = self._labels.confidence if weighted else None
        best = best_rows(self._codes, probes, most, chosen, weights, self._exact) if count else np.zeros(0, np.int64)
        return self._whole_rows(best, vectors), count

    def _whole_rows(self, best: NDArray[np.int64], vectors: list[str]) -> pa.Table:
        """Some rows with all their columns, but of the embeddings only those that are asked for."""
        names = [name for name in self._table.schema.names if name not in (EMBEDDING, SECOND_EMBEDDING)]
        read = [name for name in names if name not in FEW_VALUES]
        best = best[np.argsort(self._labels.numbers[best])]
        rows = self._rows(self._labels.numbers[best], [*read, *vectors], numbered=True)
        own = best[np.searchsorted(self._labels.numbers[best], rows["_rowid"].to_numpy())]
        for name, values in self._labels.few_values(own).items():
            rows = rows.append_column(name, values)
        return rows.select([*names, *vectors])

    def _left_out(self, filters: Filters) -> Iterable[tuple[str, str | None, int | None]]:
        """Name, source and index of what the filters leave out; None is every source, and the whole frame."""
        if filters.exclude_frame is not None:
            yield filters.exclude_frame, filters.exclude_source, None
        yield from ((name, source, None) for source, name in filters.exclude_frames)
        yield from ((name, source, index) for source, name, index in filters.exclude_sightings)
        if filters.exclude_file is not None:
            for source, names in frames_of_file(self._frames, filters.exclude_file).items():
                yield from ((name, source, None) for name in names)

    def _of_frame(self, name: str, source: str | None, index: int | None) -> NDArray[np.int64]:
        """The rows of a frame, or the one of a sighting in it."""
        rows = self._labels.of_frame(name)
        if not len(rows):
            return rows
        own = self._rows(self._labels.numbers[rows], ["source", "frame", "index"], numbered=True).to_pylist()
        own = [row for row in own if row["frame"] == name and source in (None, row["source"])]
        meant = [row["_rowid"] for row in own if index in (None, row["index"])]
        return rows[np.isin(self._labels.numbers[rows], np.array(meant, np.uint64))]

    def _exact(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(N, D) embeddings of some rows, as they are stored."""
        numbers = self._labels.numbers[rows]
        read = self._rows(numbers, [EMBEDDING], numbered=True)
        order = np.argsort(read["_rowid"].to_numpy())
        place = np.searchsorted(read["_rowid"].to_numpy()[order], numbers)
        return as_matrix(read[EMBEDDING])[order[place]]

    def _rows(self, numbers: NDArray[np.uint64], columns: list[str], *, numbered: bool = False) -> pa.Table:
        query = self._table.take_row_ids(numbers.tolist()).select(columns)
        wanted = [*columns, "_rowid"] if numbered else columns
        return (query.with_row_id() if numbered else query).to_arrow().select(wanted)

    def _numbers(self) -> NDArray[np.uint64]:
        """The store's numbers of all rows, or of those of the part."""
        query: Any = self._table.search().select(["index"]).with_row_id(True)
        query = query if self.part is None else query.where(self.part.sql)
        return np.array(query.to_arrow()["_rowid"].to_numpy(), np.uint64)

    def _nothing(self) -> tuple[RowLabels, CodedRows]:
        """What is in memory before anything is read."""
        return RowLabels(), CodedRows(np.zeros(self._dim, np.float32))

    def _read(self, numbers: NDArray[np.uint64]) -> None:
        """Read rows from the disk, and put them behind those that are in memory."""
        count = len(self._labels) + len(numbers)
        self._labels.reserve(count)
        self._codes.reserve(count)
        piece = max(1, READ_BYTES // (4 * self._dim))
        for start in range(0, len(numbers), piece):
            rows = self._rows(numbers[start : start + piece], [*LABEL_COLUMNS, EMBEDDING], numbered=True)
            embeddings = as_matrix(rows[EMBEDDING])
            if not len(self._codes):
                self._codes = CodedRows(embeddings.mean(axis=0))
                self._codes.reserve(count)
            self._labels.append(rows)
            self._codes.append(embeddings)
            del rows, embeddings  # the next piece comes when this one is gone
        if len(numbers):
            _give_back()
            logger.info("gallery %s: %d embeddings in memory", self._path, len(self._labels))


def _give_back() -> None:
    """Give memory that reading took, and that nothing needs any more, back to the system."""
    pa.default_memory_pool().release_unused()
    # The store allocates by the C library, which keeps what was freed; not every system's library can be asked.
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _made(gallery: Path) -> tuple[int, int]:
    """What changes when the tables of a gallery are written anew."""
    status = (gallery / DESCRIPTION_FILE).stat()
    return status.st_ino, status.st_mtime_ns


def keep_in_memory(gallery: Gallery) -> ResidentRows:
    """Search a gallery in memory from now on; the embeddings are read when the first search comes.

    Args:
        gallery: The gallery, as the searches get it.
    """
    rows = ResidentRows(gallery)
    gallery.in_memory = rows
    return rows
