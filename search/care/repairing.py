"""Mending a gallery after a power cut: back to the last versions that are whole, and saying what was lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from datasets.files import write_whole
from datasets.storage.connection import refusal
from datasets.storage.places import ObjectPath
from search.care.inspection import TABLES, counted_frames, incomplete, rows_of
from search.gallery.description import read_description, write_description
from search.gallery.filters import frames_sql
from search.gallery.lance import connect
from search.gallery.store import doubled_keys, is_cut_short, rewrite, single_rows, version_files
from search.gallery.tables import FRAME_KEY, FRAMES_SCHEMA, SIGHTING_KEY, sightings_schema, unreadable_reason
from search.gallery.upkeep import TABLES_FOLDER, TableFiles, writing

FRAMES_AT_ONCE = 500


@dataclass(frozen=True)
class Repair:
    """What was done to a gallery.

    Args:
        dropped: One line for each version that was broken and is gone.
        doubled: How many rows were there more than once, and are now there once.
        frames: How many frames must be indexed again, because sightings of them are lost.
        lost: How many sightings of these frames are lost until then.
        sightings: How many sightings there are now.
    """

    dropped: tuple[str, ...]
    doubled: int
    frames: int
    lost: int
    sightings: int


def repair(gallery: Path) -> Repair:
    """Go back to the newest version of each table that can be read to its end.

    Frames that have not all their sightings then are no longer marked as done, so that `index` looks at them again.
    Rows that are there twice are kept once. A gallery that is whole stays as it is.

    Args:
        gallery: The gallery's folder.

    Raises:
        FileNotFoundError: No gallery is there.
        OSError: No version of a table is whole; nothing was changed.
    """
    described = read_description(gallery)
    schema = sightings_schema(described.embedding_dim, described.second_dim)
    with writing(gallery, alone=True):
        files = TableFiles(gallery)
        with _kept_unless_mended(gallery):
            dropped = [line for name in TABLES for line in _drop_broken(gallery, name)]
        database = connect(gallery / TABLES_FOLDER)
        sightings, frames = (database.open_table(name) for name in TABLES)
        doubled = 0
        for table, columns, key in ((sightings, schema, SIGHTING_KEY), (frames, FRAMES_SCHEMA, FRAME_KEY)):
            if doubled_keys(table, key):
                before = table.count_rows()
                rewrite(gallery, table, columns, single_rows(table, key))
                doubled += before - table.count_rows()
        wrong = incomplete(counted_frames(sightings, frames))
        lost = pc.sum(pc.max_element_wise(pc.subtract(wrong["sightings"], pc.cast(wrong["found"], pa.int32())), 0))
        _forget(sightings, frames, wrong)
        files.write_out()
        # Whoever keeps a copy of the rows in memory sees by the description's new file that it is of no use any more.
        write_description(gallery, described)
        return Repair(tuple(dropped), doubled, len(wrong), lost.as_py() or 0, int(sightings.count_rows()))


def _forget(sightings: Any, frames: Any, wrong: pa.Table) -> None:
    """Take frames out, the mark that they are done first."""
    keys = list(zip(*(wrong[name].to_pylist() for name in FRAME_KEY), strict=True))
    for start in range(0, len(keys), FRAMES_AT_ONCE):
        by_source: dict[str, list[str]] = {}
        for source, frame in keys[start : start + FRAMES_AT_ONCE]:
            by_source.setdefault(source, []).append(frame)
        for table in (frames, sightings):
            table.delete(frames_sql(by_source))


@contextmanager
def _kept_unless_mended(gallery: Path) -> Iterator[None]:
    """Put the files of versions back where nothing whole is found, so that a repair never makes things worse."""
    kept = {file: file.read_bytes() for name in TABLES for _, file in version_files(gallery, name)}
    try:
        yield
    except BaseException:
        for file, content in kept.items():
            if not file.exists():
                write_whole(file, content, durable=True)
        raise


def _drop_broken(gallery: Path, name: str) -> list[str]:
    """Remove versions of a table, from the newest on, until one can be read to its end; a line for each."""
    lines: list[str] = []
    while True:
        files = version_files(gallery, name)
        if not files:
            raise OSError(
                f"gallery {gallery}: no version of its table of {name} is whole; put the folder back from a copy, or "
                "index the footage into a new one"
            )
        number, file = files[0]
        reason = "its list of files was cut short" if is_cut_short(file) else _unreadable(gallery, name)
        if reason is None:
            return lines
        written = datetime.fromtimestamp(file.stat().st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines.append(f"{name}: version {number}, written {written}, is dropped: {reason}")
        file.unlink()


def _unreadable(gallery: Path, name: str) -> str | None:
    """Why the newest version of a table cannot be read to its end, None where it can."""
    try:
        for _ in rows_of(connect(gallery / TABLES_FOLDER).open_table(name)):
            pass
    except Exception as error:  # the engine has many kinds of them
        if isinstance(gallery, ObjectPath) and "Not found" not in str(error):
            # A server that does not answer has lost nothing, and files there are never cut short.
            raise OSError(
                refusal(f"gallery {gallery}", "read to its end, and nothing was dropped", str(error))
            ) from None
        return unreadable_reason(error)
    return None
