"""Keeping the tables of a gallery whole and fast: who may write, what lies on the disk, small pieces merged."""

import fcntl
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from datasets.storage.leases import held
from datasets.storage.places import ObjectPath
from search.gallery.lance import lancedb

MOST_PIECES = 32
MOST_PIECES_CLOSED = 8
SCALAR_INDEX_ROWS = 100_000
KEEP_OLD_VERSIONS = timedelta(minutes=2)
"""How long a search that another process has begun may still need the pieces that were merged."""
KEEP_ALL_VERSIONS = timedelta(days=36_500)

TABLES_FOLDER = "tables"
LOCK_FILE = ".writing"

logger = logging.getLogger(__name__)


@contextmanager
def writing(gallery: Path, *, alone: bool = False) -> Iterator[None]:
    """Let others wait while a gallery is written.

    Any number of processes may add to a gallery together. Who makes a table anew (`alone`) waits until nobody writes,
    and others wait for it; readers never wait. A process that is killed lets go. A block must not stand in another one.

    Args:
        gallery: The gallery's folder.
        alone: Whether nobody else may write meanwhile.

    Raises:
        OSError: The folder cannot be written.
    """
    if isinstance(gallery, ObjectPath):
        with held(gallery / LOCK_FILE, alone=alone):
            yield
        return
    with (gallery / LOCK_FILE).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        except OSError as error:  # a file system without locks
            logger.info("gallery %s is written without a lock: %s", gallery, error)
        yield


class TableFiles:
    """The files of a gallery's tables, of which new ones are written out: a power cut does not take them.

    The store leaves what it wrote to the operating system, which writes it to the disk half a minute later. There is
    nothing to do for tables on object storage.

    Args:
        gallery: The gallery's folder.
        new: Whether the tables have just been made; else what they consist of now is taken as written out.
    """

    def __init__(self, gallery: Path, *, new: bool = False) -> None:
        self._folder = gallery / TABLES_FOLDER
        self._written_out = set() if new else set(self._present())

    def write_out(self) -> None:
        """Wait until all new files and the folders that name them are on the disk.

        Raises:
            OSError: A file cannot be written out.
        """
        present = set(self._present())
        new = present - self._written_out
        for file in sorted(new):
            _write_out(file)
        folders = {os.path.dirname(file) for file in new}
        folders |= {os.path.dirname(folder) for folder in folders}
        for folder in sorted(folders | {str(self._folder), str(self._folder.parent)} if new else ()):
            _write_out(folder)
        self._written_out = present

    def _present(self) -> Iterator[str]:
        if isinstance(self._folder, ObjectPath):  # what it took is durable
            return
        for folder, _, names in os.walk(self._folder):
            # The hint is written anew in place, and the store does without it.
            yield from (os.path.join(folder, name) for name in names if not name.endswith(".json"))


def _write_out(path: str) -> None:
    """Wait until a file or a folder is on the disk; one that another process has removed meanwhile is no loss."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def small_pieces(table: Any) -> int:
    """How many small files of rows a table consists of; each flush adds one."""
    return int(table.stats()["fragment_stats"]["num_small_fragments"])


def is_scattered(table: Any) -> bool:
    """Whether merging pays now: it writes the largest piece again too, so the small ones should be worth it."""
    statistics = table.stats()
    fragments = statistics["fragment_stats"]
    small = fragments["num_small_fragments"]
    worth = fragments["lengths"]["max"] < statistics["num_rows"] * 2 / 3 or small > 8 * MOST_PIECES
    return bool(small > MOST_PIECES and worth)


def optimize(gallery: Path, sightings: Any, frames: Any) -> None:
    """Merge small pieces, and from SCALAR_INDEX_ROWS on index camera and timestamp.

    A failure (another process is at it, say) is logged only: it costs speed, not correctness.
    """
    try:
        if sightings.count_rows() >= SCALAR_INDEX_ROWS:
            indexed = {column for index in sightings.list_indices() for column in index.columns}
            for column, kind in (("camera", lancedb.index.Bitmap()), ("timestamp", lancedb.index.BTree())):
                if column not in indexed:
                    sightings.create_index(column, config=kind, replace=True)
        merge_pieces(gallery, sightings, frames)
    except (OSError, RuntimeError, ValueError) as error:
        logger.info("gallery %s not optimized this time: %s", gallery, error)


def merge_pieces(gallery: Path, *tables: Any, keep: timedelta = KEEP_OLD_VERSIONS) -> None:
    """Merge small pieces, and remove old versions when the new one is on the disk.

    Args:
        gallery: The gallery's folder.
        tables: The tables to merge.
        keep: Versions that are older than this are removed. Zero also removes what a killed process left; nobody else
            may write meanwhile then.
    """
    files = TableFiles(gallery)
    for table in tables:
        table.optimize(cleanup_older_than=KEEP_ALL_VERSIONS)
    files.write_out()
    for table in tables:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that versions are removed is what is asked for
            table.optimize(cleanup_older_than=keep, delete_unverified=not keep)
        # Removes nothing, but gives a second version of the same rows: where the newest is lost, none of them is.
        table.delete("false")
    files.write_out()
