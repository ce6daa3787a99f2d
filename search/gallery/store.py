"""Opening the tables of a gallery, and writing rows to them, each row once whoever else writes."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from search.gallery.description import DESCRIPTION_FILE
from search.gallery.filters import frames_sql
from search.gallery.lance import connect
from search.gallery.tables import (
    FRAME_KEY,
    FRAMES_SCHEMA,
    KEY_MARK,
    SIGHTING_KEY,
    FrameKey,
    readable,
)
from search.gallery.upkeep import TABLES_FOLDER, TableFiles, writing

WRITE_ATTEMPTS = 5
REWRITTEN_ROWS = 8192
"""So many rows are in memory at once while a table is written anew."""

WHOLE_END = b"LANC"
"""The last bytes of a version's file; one that ends otherwise was cut short."""

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")


def open_tables(path: Path, schema: pa.Schema, *, create: bool) -> tuple[Any, Any]:
    """The tables of sightings and of frames of the gallery at a path.

    Args:
        path: the gallery's folder.
        schema: The columns of the table of sightings, see `sightings_schema`.
        create: make the tables; such as are there already must be empty and of this schema.

    Raises:
        OSError: A file of the tables is missing or damaged.
        FileExistsError: the tables that are to be made are there and hold something.
    """
    # Interval zero: every read looks for versions that other processes have committed meanwhile.
    database = connect(path / TABLES_FOLDER, read_consistency_interval=timedelta(0))
    if not create:
        with readable(path):
            for name in ("sightings", "frames"):
                require_whole_version(path, name)
            return database.open_table("sightings"), database.open_table("frames")
    sightings = database.create_table("sightings", schema=schema, exist_ok=True)
    frames = database.create_table("frames", schema=FRAMES_SCHEMA, exist_ok=True)
    if sightings.schema != schema or frames.count_rows() or sightings.count_rows():
        raise FileExistsError(f"{path} holds tables but no {DESCRIPTION_FILE}; choose another folder")
    return sightings, frames


def version_files(gallery: Path, table: str) -> list[tuple[int, Path]]:
    """The files that say what each version of a table consists of, with the versions' numbers, the newest first.

    Args:
        gallery: The gallery's folder.
        table: "sightings" or "frames".
    """
    folder = gallery / TABLES_FOLDER / f"{table}.lance" / "_versions"
    files = {int(file.stem): file for file in folder.glob("*.manifest") if file.stem.isdigit()}
    # Names of twenty digits count down from the largest number of 64 bits.
    numbered = [(2**64 - 1 - number if len(file.stem) == 20 else number, file) for number, file in files.items()]
    return sorted(numbered, reverse=True)


def is_cut_short(version_file: Path) -> bool:
    """Whether the file of a version lacks its end."""
    with version_file.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - len(WHOLE_END)))
        return size < 2 * len(WHOLE_END) or file.read() != WHOLE_END


def require_whole_version(gallery: Path, table: str) -> None:
    """Refuse a table whose newest version was cut short; the engine would die of it in its own words.

    Args:
        gallery: The gallery's folder.
        table: "sightings" or "frames".

    Raises:
        OSError: The newest version was cut short.
    """
    files = version_files(gallery, table)
    if files and is_cut_short(files[0][1]):
        raise OSError(f"the newest version of {table}.lance was cut short")


def has_key(table: Any) -> bool:
    """Whether a table was made with its key declared; those of earlier versions were not."""
    return any(KEY_MARK in (field.metadata or {}) for field in table.schema)


def bring_up_to_date(gallery: Path, sightings: Any, frames: Any, schema: pa.Schema) -> None:
    """Give the tables of an earlier version their keys and missing columns, by writing them anew.

    Rows that two processes doubled are there once afterwards. Until the new table is whole the old one is there.

    Args:
        gallery: The gallery's folder.
        sightings: The table of sightings.
        frames: The table of frames.
        schema: The columns of the table of sightings, as `sightings_schema` gives them.

    Raises:
        OSError: The tables cannot be read or written.
    """

    def is_old(table: Any, columns: pa.Schema) -> bool:
        return not has_key(table) or not set(columns.names) <= set(table.schema.names)

    if not is_old(sightings, schema) and not is_old(frames, FRAMES_SCHEMA):
        return
    with writing(gallery, alone=True), readable(gallery):
        for table, columns, key in ((sightings, schema, SIGHTING_KEY), (frames, FRAMES_SCHEMA, FRAME_KEY)):
            if is_old(table, columns):
                logger.info("gallery %s: the key of %s is declared", gallery, table.name)
                rewrite(gallery, table, columns, single_rows(table, key))


def single_rows(table: Any, key: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows of a table, those of one key once, in batches.

    Args:
        table: The table.
        key: The columns that make a row one row.
    """
    doubled = doubled_keys(table, key)
    seen: set[tuple[Any, ...]] = set()
    for batch in table.search().to_batches(REWRITTEN_ROWS):
        if doubled:
            keys = list(zip(*(batch.column(name).to_pylist() for name in key), strict=True))
            first = []
            for one in keys:
                first.append(one not in seen)
                if one in doubled:
                    seen.add(one)
            batch = batch.filter(pa.array(first, pa.bool_()))
        yield batch


def doubled_keys(table: Any, key: Sequence[str]) -> set[tuple[Any, ...]]:
    """The keys of which a table has more than one row; there are none in a gallery that is whole."""
    keys = table.search().select(list(key)).to_arrow().select(list(key))
    counted = keys.group_by(list(key)).aggregate([([], "count_all")])
    several = counted.filter(pc.greater(counted["count_all"], 1))
    return set(zip(*(several[name].to_pylist() for name in key), strict=True))


def rewrite(gallery: Path, table: Any, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Replace all rows of a table in one commit, while nobody else writes to the gallery (`writing` with `alone`).

    Args:
        gallery: The gallery's folder.
        table: The table; searches that have begun see its old rows.
        schema: The columns from now on. Columns that the batches lack are empty.
        batches: The new rows, which may be read from the table. An error in making them leaves the table as it was.
    """
    files = TableFiles(gallery)
    database = connect(gallery / TABLES_FOLDER)
    failed: list[Exception] = []

    def rows() -> Iterator[pa.RecordBatch]:
        try:
            for batch in batches:
                yield _in_columns(batch, schema)
        except Exception as error:
            failed.append(error)
            raise

    reader = pa.RecordBatchReader.from_batches(schema, rows())
    try:
        database.create_table(table.name, data=reader, schema=schema, mode="overwrite")
    except Exception:
        if failed:  # the engine wraps it in words of its own
            raise failed[0] from None
        raise
    # A second version of the same rows: where the newest is lost, none of them is.
    table.checkout_latest()
    table.delete("false")
    files.write_out()


def _in_columns(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The same rows in the columns of a schema."""
    known = set(batch.schema.names)
    columns = [
        batch.column(field.name).cast(field.type) if field.name in known else pa.nulls(len(batch), field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def replace_frames(table: Any, rows: pa.Table, frames: Iterable[FrameKey]) -> None:
    """Insert the sightings of frames; where the frames have rows already, those are replaced, superfluous ones dropped.

    Args:
        table: the table of sightings.
        rows: all sightings of the frames.
        frames: (source, frame name) of each, at least one.
    """
    by_source: dict[str, list[str]] = {}
    for source, frame in frames:
        by_source.setdefault(source, []).append(frame)
    of_these_frames = frames_sql(by_source)
    # Dropping needs a scan of the whole table, so it happens only for frames that are there already.
    known = table.count_rows(of_these_frames)
    if len(rows):
        upsert(table, SIGHTING_KEY, rows, drop_others=of_these_frames if known else None)
    elif known:
        table.delete(of_these_frames)


def upsert(table: Any, keys: Sequence[str], rows: pa.Table, *, drop_others: str | None = None) -> None:
    """Insert rows or replace those of equal keys, in one commit.

    Args:
        table: a table whose rows are unique in `keys`.
        keys: column names.
        rows: unique in `keys` too.
        drop_others: an SQL condition; rows of the table that satisfy it and are not among `rows` are deleted.
    """
    merge = table.merge_insert(list(keys)).when_matched_update_all().when_not_matched_insert_all()
    if drop_others is not None:
        merge = merge.when_not_matched_by_source_delete(drop_others)
    merge.execute(rows)


def retried(gallery: Path, write: Callable[[], Answer]) -> Answer:
    """Do a write, again where it failed: two writers that commit at the same moment see a passing error.

    Args:
        gallery: whose write it is, for the message.
        write: safe to repeat.

    Raises:
        OSError: it failed WRITE_ATTEMPTS times.
    """
    for attempt in range(1, WRITE_ATTEMPTS + 1):
        try:
            return write()
        except (OSError, RuntimeError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            if attempt == WRITE_ATTEMPTS:
                raise OSError(
                    f"gallery {gallery} could not be written, {attempt} attempts: {reason}; "
                    "check free space and permissions, then run again: flushed frames are safe"
                ) from error
            logger.info("write to gallery %s failed (attempt %d): %s", gallery, attempt, reason)
            time.sleep(0.1 * 2**attempt * random.uniform(0.5, 1.0))
    raise AssertionError("the last attempt returns or raises")
