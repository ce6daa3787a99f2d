"""Deleting sightings for good: their rows, their pictures, and the old versions that still hold them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from search.care.compacting import Room, remove_unneeded
from search.gallery.cutouts import CutoutStore
from search.gallery.description import write_description
from search.gallery.filters import Filters, quoted
from search.gallery.gallery import Gallery
from search.gallery.originals import source_place
from search.gallery.sightings import Cutout
from search.gallery.store import REWRITTEN_ROWS, rewrite
from search.gallery.tables import FRAMES_SCHEMA, sightings_schema
from search.gallery.upkeep import writing


@dataclass(frozen=True)
class Removal:
    """What was deleted.

    Args:
        sightings: How many sightings.
        frames: How many frames.
        bytes: By how much the gallery's files became smaller.
        left: How many sightings are left.
    """

    sightings: int
    frames: int
    bytes: int
    left: int


@dataclass(frozen=True)
class Doomed:
    """Which sightings are deleted: those that satisfy everything that is given.

    Args:
        source: Of this source, as the gallery names it, or as it was given to `index`.
        cameras: Of these cameras.
        before: Seen before this time, in seconds as in `Frame.timestamp`; sightings of unknown time stay.

    Raises:
        ValueError: Nothing is given.
    """

    source: str | None = None
    cameras: tuple[str, ...] | None = field(default=None)
    before: float | None = None

    def __post_init__(self) -> None:
        if self.source is None and self.cameras is None and self.before is None:
            raise ValueError("nothing says what to delete; give --before, --source or --camera")


def delete_sightings(gallery: Gallery, doomed: Doomed) -> Removal:
    """Delete sightings, their pictures and frames, so that no file of the gallery holds them any more.

    The tables are written anew without them, the packed files of pictures too, and all old versions go; the footage
    itself is not touched. Other processes that are searching may see a passing error.

    Args:
        gallery: The gallery; one of an earlier version is converted.
        doomed: What goes.

    Raises:
        ValueError: The gallery has no such source or camera, or no such times.
        OSError: The gallery cannot be read or written; deleting again goes on from there.
    """
    where = _condition(gallery, doomed)
    gallery.prepare_writing()
    before = Room.of(gallery.path)
    with writing(gallery.path, alone=True):
        sightings, frames = gallery.table, gallery.frames
        counts = int(sightings.count_rows(where)), int(frames.count_rows(where))
        schema = sightings_schema(gallery.description.embedding_dim, gallery.description.second_dim)
        rewrite(gallery.path, frames, FRAMES_SCHEMA, _others(frames, where))
        rewrite(gallery.path, sightings, schema, _repacked(gallery.path, sightings, where))
        remove_unneeded(gallery.path, sightings, frames, timedelta(0))
        # Whoever keeps a copy of the rows in memory sees by the description's new file that it is of no use any more.
        write_description(gallery.path, gallery.description)
    after = Room.of(gallery.path)
    smaller = before.tables + before.pictures - after.tables - after.pictures
    return Removal(*counts, smaller, len(gallery))


def _condition(gallery: Gallery, doomed: Doomed) -> str:
    """The SQL condition of what goes."""
    conditions = []
    if doomed.source is not None:
        known = pc.unique(gallery.frames.search().select(["source"]).to_arrow()["source"]).to_pylist()
        name = doomed.source if doomed.source in known else source_place(doomed.source).name
        if name not in known:
            listed = ", ".join(sorted(known)[:6]) + (", ..." if len(known) > 6 else "")
            raise ValueError(f"source {doomed.source} is not in gallery {gallery.path}; it has: {listed or 'none'}")
        conditions.append(f"source = {quoted(name)}")
    if doomed.cameras is not None or doomed.before is not None:
        chosen = gallery.condition(Filters(cameras=doomed.cameras, before=doomed.before))
        conditions.append(f"({chosen})")
    return " AND ".join(conditions)


def _others(table: Any, where: str) -> Iterator[pa.RecordBatch]:
    """The rows that do not satisfy a condition, those of which nobody knows it among them."""
    yield from table.search().where(f"({where}) IS NOT TRUE").to_batches(REWRITTEN_ROWS)


def _repacked(gallery: Path, sightings: Any, where: str) -> Iterator[pa.RecordBatch]:
    """The sightings that stay; their pictures are taken out of packed files that hold others too."""
    store = CutoutStore(gallery / "cutouts")
    packs = sightings.search().where(where).select(["cutout_pack"]).to_arrow()["cutout_pack"]
    mixed = set(pc.unique(packs).to_pylist())
    for batch in _others(sightings, where):
        yield repacked(batch, mixed, store, store)


def repacked(batch: pa.RecordBatch, packs: set[str] | None, source: CutoutStore, target: CutoutStore) -> pa.RecordBatch:
    """Write pictures of some sightings into a new packed file, and give the rows with their new places.

    Args:
        batch: The sightings.
        packs: The packed files that are left; None takes every picture.
        source: Where the pictures are.
        target: Where they go. A picture that is lost stays lost.
    """
    names = ("cutout_pack", "cutout_offset", "cutout_length")
    places = [Cutout(*place) for place in zip(*(batch.column(name).to_pylist() for name in names), strict=True)]
    moved = [row for row, place in enumerate(places) if packs is None or place.pack in packs]
    if not moved:
        return batch
    for row, place in zip(moved, target.write([source.read(places[row]) or b"" for row in moved]), strict=True):
        places[row] = place
    values = zip(names, zip(*((one.pack, one.offset, one.length) for one in places), strict=True), strict=True)
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns |= {name: pa.array(list(own), batch.schema.field(name).type) for name, own in values}
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=batch.schema)
