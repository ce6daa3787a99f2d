"""Several galleries of the same models into one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from search.care.removal import repacked
from search.gallery.cutouts import CutoutStore
from search.gallery.description import note_cameras, read_description, require_same_models
from search.gallery.gallery import Gallery
from search.gallery.store import REWRITTEN_ROWS, retried, upsert
from search.gallery.tables import FRAME_KEY, FRAMES_SCHEMA, SIGHTING_KEY, sightings_schema
from search.gallery.upkeep import writing


@dataclass(frozen=True)
class Merged:
    """What was taken over from one gallery.

    Args:
        gallery: Its folder.
        frames: How many frames were taken over.
        sightings: How many sightings were taken over.
        known: How many frames were there already and were passed over.
    """

    gallery: Path
    frames: int
    sightings: int
    known: int


def merge(target: Path, others: Sequence[Path]) -> list[Merged]:
    """Add all sightings of other galleries to a gallery, with their pictures. The others stay as they are.

    A frame that the gallery has, under the same name or read from the same place, is passed over. Merging again after
    a stop goes on.

    Args:
        target: The gallery's folder; it is made after the first of the others where there is none.
        others: The folders of the others.

    Raises:
        FileNotFoundError: One of the others is no gallery.
        ValueError: The galleries were made by different models, or one is to be merged with itself.
        OSError: A gallery cannot be read or written.
    """
    described = [read_description(path) for path in others]
    for path, one in zip(others, described, strict=True):
        if path.resolve() == target.resolve():
            raise ValueError(f"gallery {path} is to be merged with itself; name another one")
        require_same_models(path, one, described[0], reading=False)
    with Gallery.open_or_create(target, described[0]) as gallery:
        return [_take(gallery, Gallery.open(path)) for path in others]


def _take(gallery: Gallery, other: Gallery) -> Merged:
    """Add one gallery to another one, frames last, so that a frame is done only when its sightings are there."""
    files = gallery.prepare_writing()
    for source in other.description.rendered_sources:
        gallery.note_rendered(source)
    known = {one.id for one in gallery.description.cameras}
    new_cameras = [one for one in other.description.cameras if one.id not in known]
    gallery.description = note_cameras(gallery.path, gallery.description, new_cameras)
    gallery.refresh()
    rows = other.frames.search().to_arrow().to_pylist()
    new = [row for row in rows if not gallery.is_done(row["frame"], source=row["source"], location=row.get("location"))]
    keys = {(row["source"], row["frame"]) for row in new}
    pictures = CutoutStore(other.path / "cutouts"), CutoutStore(gallery.path / "cutouts")
    schema = sightings_schema(gallery.description.embedding_dim, gallery.description.second_dim)
    sightings = 0
    with writing(gallery.path):
        for batch in other.table.search().to_batches(REWRITTEN_ROWS) if new else ():
            owners = zip(*(batch.column(name).to_pylist() for name in FRAME_KEY), strict=True)
            chosen = batch.filter(pa.array([owner in keys for owner in owners], pa.bool_()))
            if not len(chosen):
                continue
            table = pa.Table.from_batches([repacked(chosen, None, *pictures)]).select(schema.names).cast(schema)
            retried(gallery.path, partial(upsert, gallery.table, SIGHTING_KEY, table))
            sightings += len(table)
        files.write_out()
        if new:
            frames = pa.Table.from_pylist(new, schema=FRAMES_SCHEMA)
            retried(gallery.path, lambda: upsert(gallery.frames, FRAME_KEY, frames))
        files.write_out()
    gallery.refresh()
    return Merged(other.path, len(new), sightings, len(rows) - len(new))
