"""Reading everything that a gallery holds, and naming what is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from search.gallery.description import GalleryDescription, read_description
from search.gallery.store import doubled_keys, has_key, open_tables, version_files
from search.gallery.tables import (
    EMBEDDING,
    FRAME_KEY,
    SECOND_EMBEDDING,
    SIGHTING_KEY,
    repair_hint,
    sightings_schema,
    unreadable_reason,
)

TABLES = ("sightings", "frames")
READ_ROWS = 8192
UNIT_LENGTH_ERROR = 1e-3
"""An embedding whose length is farther from 1 than this was not written by this program."""
JPEG_ENDS = (b"\xff\xd8", b"\xff\xd9")


@dataclass(frozen=True)
class Inspection:
    """What reading a whole gallery found.

    Args:
        sightings: How many sightings were read.
        frames: How many frames were read.
        pictures: How many pictures of people were read.
        problems: One line for each thing that is wrong.
        notes: One line for each thing that is harmless and worth knowing.
    """

    sightings: int
    frames: int
    pictures: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def inspect(gallery: Path) -> Inspection:
    """Read every row, version and picture of a gallery; nothing is changed.

    Args:
        gallery: The gallery's folder.

    Raises:
        FileNotFoundError: No gallery is there.
        ValueError: Its description is damaged, so that nothing else can be understood.
    """
    described = read_description(gallery)
    problems: list[str] = []
    notes: list[str] = []
    try:
        schema = sightings_schema(described.embedding_dim, described.second_dim)
        sightings, frames = open_tables(gallery, schema, create=False)
    except OSError as error:
        return Inspection(0, 0, 0, (str(error),), ())
    people = pictures = done = 0
    try:
        people, pictures = _inspect_sightings(gallery, described, sightings, problems)
        for table, key in ((sightings, SIGHTING_KEY), (frames, FRAME_KEY)):
            if doubled := len(doubled_keys(table, key)):
                problems.append(f"{doubled} rows of the table of {table.name} are there more than once")
            if not has_key(table):
                notes.append(
                    f"the table of {table.name} is of an earlier version, in which two `index` commands at once could "
                    "double rows; the next `personsearch index` converts it"
                )
        done = _inspect_frames(sightings, frames, problems, notes)
    except (OSError, RuntimeError, ValueError) as error:
        reason = unreadable_reason(error)
        problems.append(f"the tables cannot be read to their end: {reason}; {repair_hint(gallery)}")
    else:
        notes += _left_over(gallery, sightings)
    for name in TABLES:
        if len(version_files(gallery, name)) == 1:
            notes.append(f"the table of {name} has one version only, so that none before it can be gone back to")
    return Inspection(people, done, pictures, tuple(problems), tuple(notes))


def rows_of(table: Any) -> Iterator[pa.RecordBatch]:
    """All rows of a table in batches, every column read.

    Args:
        table: The table, at its newest version or at the one that was checked out.
    """
    yield from table.search().to_batches(READ_ROWS)


def counted_frames(sightings: Any, frames: Any) -> pa.Table:
    """Each frame with the number of sightings that it should have and has.

    Returns:
        Columns source, frame, sightings (None where the frame is not marked as done) and found (0 where there are
        none).
    """
    keys = sightings.search().select(list(FRAME_KEY)).to_arrow().select(list(FRAME_KEY))
    found = keys.group_by(list(FRAME_KEY)).aggregate([([], "count_all")]).rename_columns([*FRAME_KEY, "found"])
    expected = frames.search().select([*FRAME_KEY, "sightings"]).to_arrow().select([*FRAME_KEY, "sightings"])
    both = expected.join(found, list(FRAME_KEY), join_type="full outer")
    return both.set_column(both.column_names.index("found"), "found", pc.fill_null(both["found"], 0))


def incomplete(counted: pa.Table) -> pa.Table:
    """The frames that are marked as done and lack sightings, or have too many."""
    return counted.filter(pc.fill_null(pc.not_equal(counted["sightings"], counted["found"]), False))


def unused_packs(gallery: Path, sightings: Any) -> list[Path]:
    """The packed files of pictures that no sighting names, as an indexer leaves them that was killed.

    Args:
        gallery: The gallery's folder.
        sightings: The table of sightings.
    """
    used = set(pc.unique(sightings.search().select(["cutout_pack"]).to_arrow()["cutout_pack"]).to_pylist())
    return sorted(file for file in (gallery / "cutouts").glob("*.pack") if file.name not in used)


class _Pictures:
    """The pictures of a gallery, each looked at while its packed file is in memory.

    Args:
        folder: The folder of the packed files.
    """

    def __init__(self, folder: Path) -> None:
        self.whole = 0
        self.broken = 0
        self._folder = folder
        self._lost: set[str] = set()
        self._pack, self._content = "", b""

    def look(self, pack: str, offset: int, length: int) -> None:
        """Read one picture; a box without a pixel has none."""
        if not length:
            return
        if pack != self._pack:
            file = self._folder / pack
            self._pack, self._content = pack, file.read_bytes() if file.is_file() else b""
        picture = self._content[offset : offset + length]
        whole = len(picture) == length and (picture[:2], picture[-2:]) == JPEG_ENDS
        self.whole += whole
        if not whole:
            self.broken += 1
            self._lost.add(pack)

    def problems(self) -> list[str]:
        """A line about those that are missing or cut short."""
        if not self.broken:
            return []
        more = ", ..." if len(self._lost) > 3 else ""
        return [
            f"{self.broken} pictures of people are missing or cut short, in {', '.join(sorted(self._lost)[:3])}{more}; "
            "the people are still found, and shown without a picture"
        ]


def _inspect_sightings(
    gallery: Path, described: GalleryDescription, sightings: Any, problems: list[str]
) -> tuple[int, int]:
    """Read all sightings with their pictures; the numbers of both."""
    rows = bad_vectors = 0
    pictures = _Pictures(gallery / "cutouts")
    vectors = [EMBEDDING] if described.second_dim is None else [EMBEDDING, SECOND_EMBEDDING]
    for batch in rows_of(sightings):
        rows += len(batch)
        for name in vectors:
            lengths = np.linalg.norm(batch.column(name).flatten().to_numpy().reshape(len(batch), -1), axis=1)
            bad_vectors += int((~(np.abs(lengths - 1) <= UNIT_LENGTH_ERROR)).sum())
        places = [batch.column(f"cutout_{name}").to_pylist() for name in ("pack", "offset", "length")]
        for place in zip(*places, strict=True):
            pictures.look(*place)
    if bad_vectors:
        problems.append(f"{bad_vectors} embeddings are not of length 1: index their footage into a new gallery")
    problems += pictures.problems()
    return rows, pictures.whole


def _inspect_frames(sightings: Any, frames: Any, problems: list[str], notes: list[str]) -> int:
    """Compare what frames say with the sightings there are; the number of frames."""
    for _ in rows_of(frames):
        pass
    counted = counted_frames(sightings, frames)
    if wrong := len(incomplete(counted)):
        problems.append(f"{wrong} frames are marked as done, but not all of their sightings are there")
    waiting = counted.filter(pc.is_null(counted["sightings"]))
    if len(waiting):
        notes.append(
            f"{pc.sum(waiting['found']).as_py()} sightings are of {len(waiting)} frames that are not marked as done: "
            "`personsearch index` looks at those frames again"
        )
    return int(frames.count_rows())


def _left_over(gallery: Path, sightings: Any) -> list[str]:
    """Files that nothing needs."""
    packs = unused_packs(gallery, sightings)
    size = sum(file.stat().st_size for file in packs)
    return [f"{len(packs)} files of pictures ({size / 1e6:.1f} MB) belong to no sighting"] if packs else []
