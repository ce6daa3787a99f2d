"""Keeping the tables of a gallery fast: many small pieces merged when that pays, indexes for the filters when large."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

from search.gallery.lance import lancedb

MOST_PIECES = 32
MOST_PIECES_CLOSED = 8
SCALAR_INDEX_ROWS = 100_000
KEEP_OLD_VERSIONS = timedelta(minutes=2)
"""How long a search that another process has begun may still need the pieces that were merged."""

logger = logging.getLogger(__name__)


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
        sightings.optimize(cleanup_older_than=KEEP_OLD_VERSIONS)
        frames.optimize(cleanup_older_than=KEEP_OLD_VERSIONS)
    except (OSError, RuntimeError, ValueError) as error:
        logger.info("gallery %s not optimized this time: %s", gallery, error)
