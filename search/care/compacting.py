"""Making a gallery as small and fast as it can be, and what it takes on the disk."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from datasets.storage.places import sizes_below
from search.care.inspection import unused_packs
from search.gallery.gallery import Gallery
from search.gallery.upkeep import KEEP_OLD_VERSIONS, TABLES_FOLDER, merge_pieces, writing


@dataclass(frozen=True)
class Room:
    """What a gallery takes on the disk.

    Args:
        tables: Bytes of the tables, old versions among them.
        pictures: Bytes of the people's pictures.
        files: How many files there are.
    """

    tables: int
    pictures: int
    files: int

    @classmethod
    def of(cls, gallery: Path) -> "Room":
        """Measure a gallery's folder."""
        tables, pictures = (sizes_below(gallery / name) for name in (TABLES_FOLDER, "cutouts"))
        return cls(sum(tables), sum(pictures), len(tables) + len(pictures))


def compact(gallery: Gallery, *, keep: timedelta = KEEP_OLD_VERSIONS) -> None:
    """Merge small pieces, and remove old versions and pictures that no sighting names.

    Args:
        gallery: The gallery; one of an earlier version is converted.
        keep: Versions younger than this stay, for searches of other processes that have begun.

    Raises:
        OSError: The gallery cannot be read or written.
    """
    gallery.prepare_writing()
    with writing(gallery.path, alone=True):
        remove_unneeded(gallery.path, gallery.table, gallery.frames, keep)


def remove_unneeded(gallery: Path, sightings: Any, frames: Any, keep: timedelta) -> None:
    """What `compact` does, for who holds the gallery alone already; arguments as there."""
    merge_pieces(gallery, sightings, frames, keep=keep)
    for pack in unused_packs(gallery, sightings):
        pack.unlink()
