"""A second stage for a gallery that was made without one: a crop model looks at everybody in it again."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from reid.crops.model import CropModel
from search.gallery.cutouts import CutoutStore
from search.gallery.description import GalleryDescription, require_same_models, write_description
from search.gallery.gallery import Gallery
from search.gallery.originals import read_original
from search.gallery.store import rewrite
from search.gallery.tables import SECOND_EMBEDDING, sighting_of, sightings_schema
from search.gallery.upkeep import writing
from search.models.second_look import embed_boxes

ROWS_AT_ONCE = 256

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class SecondLook:
    """What was added to a gallery.

    Args:
        sightings: How many people were looked at again.
        from_pictures: How many of them only in the small picture that the gallery keeps, because their frame is not
            where it was or shows something else now.
    """

    sightings: int
    from_pictures: int


def add_second_stage(
    gallery: Gallery,
    crops: CropModel,
    description: GalleryDescription,
    on_progress: Callable[[int, int], None] | None = None,
) -> SecondLook:
    """Embed everybody in a gallery once more, by a crop model, as indexing with a second stage would have done.

    Each frame is read again from its file or video. Where that is impossible, the picture that the gallery keeps is
    embedded; it is at most 192 pixels high and is a JPEG, so such an embedding is a little off. Until the end the
    gallery is as it was; others may search it meanwhile, and who adds to it waits.

    Args:
        gallery: The gallery. Open it again afterwards.
        crops: The crop model, in evaluation mode.
        description: What the models make together; the gallery's with the second stage.
        on_progress: Called with how many people are done, of how many.

    Raises:
        ValueError: The gallery has a second stage, was made by another model or with averaged tracklets, or a person
            has neither a frame that can be read nor a picture.
        OSError: The gallery cannot be read or written.
    """
    own = gallery.description
    if own.second_dim is not None:
        raise ValueError(f"gallery {gallery.path} has a second stage already; index into a new folder for another one")
    if own.embedded_by.tracklet_blend is not None:
        raise ValueError(
            f"gallery {gallery.path} was indexed with --tracklets, and what is averaged cannot be added later; index "
            "into a new folder with --second-stage"
        )
    require_same_models(gallery.path, own, description.first_stage(), reading=False)
    gallery.prepare_writing()
    look = _Look(gallery, crops, on_progress)
    with writing(gallery.path, alone=True):
        schema = sightings_schema(description.embedding_dim, description.second_dim)
        rewrite(gallery.path, gallery.table, schema, look.batches(schema))
        after = dataclasses.replace(description, rendered_sources=own.rendered_sources, cameras=own.cameras)
        write_description(gallery.path, after)
    return SecondLook(look.done, look.from_pictures)


class _Look:
    """The sightings of a gallery with their second embeddings, batch by batch."""

    def __init__(self, gallery: Gallery, crops: CropModel, on_progress: Callable[[int, int], None] | None) -> None:
        self.done = 0
        self.from_pictures = 0
        self._gallery = gallery
        self._crops = crops
        self._on_progress = on_progress
        self._store = CutoutStore(gallery.path / "cutouts")

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """All rows in the columns of a schema that has second embeddings."""
        total = len(self._gallery)
        for batch in self._gallery.table.search().to_batches(ROWS_AT_ONCE):
            if not len(batch):
                continue
            embeddings = self._embedded(batch.select(_place_columns(batch)).to_pylist())
            columns = {name: batch.column(name) for name in batch.schema.names}
            field = schema.field(SECOND_EMBEDDING)
            values = pa.array(embeddings.ravel())
            columns[SECOND_EMBEDDING] = pa.FixedSizeListArray.from_arrays(values, field.type.list_size)
            yield pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
            self.done += len(batch)
            if self._on_progress is not None:
                self._on_progress(self.done, total)

    def _embedded(self, rows: list[dict[str, Any]]) -> NDArray[np.float32]:
        """(N, E) of unit length, in the order of the rows; those of one frame are looked at together."""
        frames: dict[tuple[str, str], list[int]] = {}
        for place, row in enumerate(rows):
            frames.setdefault((row["source"], row["frame"]), []).append(place)
        found: dict[int, NDArray[np.float32]] = {}
        for places in frames.values():
            image = self._frame(rows[places[0]])
            boxes = torch.tensor([rows[place]["box"] for place in places], dtype=torch.float32)
            if image is not None:
                embeddings = embed_boxes(self._crops, [image], [boxes])[0]
            else:
                embeddings = self._crops.embed([self._picture(rows[place]) for place in places])
                self.from_pictures += len(places)
            found |= dict(zip(places, embeddings.cpu().numpy(), strict=True))
        return np.stack([found[place] for place in range(len(rows))]).astype(np.float32)

    def _frame(self, row: dict[str, Any]) -> Image | None:
        sighting = sighting_of(row, 0.0)
        return read_original(sighting, None if sighting.cutout is None else self._store.read(sighting.cutout))

    def _picture(self, row: dict[str, Any]) -> Image:
        sighting = sighting_of(row, 0.0)
        jpeg = None if sighting.cutout is None else self._store.read(sighting.cutout)
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB) if jpeg else None
        if picture is None:
            raise ValueError(
                f"frame {sighting.frame} of {sighting.source} cannot be read again, and the gallery has no picture of "
                "its people; put the footage back where it was, or delete them with `personsearch gallery delete`"
            )
        return np.asarray(picture, np.uint8)


def _place_columns(batch: pa.RecordBatch) -> list[str]:
    """Everything but vectors."""
    return [name for name in batch.schema.names if not name.endswith("embedding")]
