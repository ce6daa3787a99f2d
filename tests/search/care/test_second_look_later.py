"""A second stage that is added later is the one that indexing would have stored."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.images import read_image
from datasets.samples import Frame
from detection.detections import Detections
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from search.care.inspection import inspect
from search.care.second_look import add_second_stage
from search.gallery.description import GalleryDescription
from search.gallery.gallery import Gallery
from search.gallery.tables import SECOND_EMBEDDING
from search.models.embedded_by import EmbeddedBy
from search.models.second_look import embed_boxes

DIM, SECOND_DIM = 8, 12
ONE = GalleryDescription(DIM, EmbeddedBy("weights-1"))
BOTH = GalleryDescription(DIM, EmbeddedBy("weights-1", "crops-1"), SECOND_DIM, second_weight=0.7)
BOXES = [[2, 2, 20, 50], [30, 5, 60, 58]]


@pytest.fixture(scope="module")
def crops() -> SphereReID:
    torch.manual_seed(0)
    config = SphereReIDConfig(
        backbone="mobilenet_v2", dimension=SECOND_DIM, height=32, width=16, resize_height=32, resize_width=16
    )
    return SphereReID(config, precision="float32").eval()


@pytest.fixture
def galleries(tmp_path: Path, crops: SphereReID) -> tuple[Gallery, Gallery]:
    """The same pictures indexed with one stage and with two."""
    import cv2

    one, both = Gallery.create(tmp_path / "one", ONE), Gallery.create(tmp_path / "both", BOTH)
    for number in range(5):
        file = tmp_path / f"{number}.png"
        blocks = np.random.default_rng(number).integers(0, 255, (8, 10, 3), dtype=np.uint8)
        cv2.imwrite(str(file), np.kron(blocks, np.ones((8, 8, 1), np.uint8)))
        image = read_image(file)
        found = Detections(BOXES, [0.9, 0.8], np.random.default_rng(number).standard_normal((2, DIM)))
        second = embed_boxes(crops, [image], [found.boxes])[0]
        for gallery, more in ((one, None), (both, second)):
            frame = Frame(file.name, image, "1", float(number))
            gallery.add(frame, found, second_embeddings=more, source="street", location=str(file))
    one.flush()
    both.flush()
    return one, both


def second(gallery: Gallery) -> dict[tuple[str, int], np.ndarray]:
    rows = Gallery.open(gallery.path).table.search().to_arrow().to_pylist()
    return {(row["frame"], row["index"]): np.array(row[SECOND_EMBEDDING]) for row in rows}


def test_everybody_is_embedded_as_indexing_would_have_done(
    galleries: tuple[Gallery, Gallery], crops: SphereReID, tmp_path: Path
) -> None:
    one, both = galleries
    (tmp_path / "4.png").unlink()
    seen: list[tuple[int, int]] = []
    done = add_second_stage(one, crops, BOTH, lambda so_far, total: seen.append((so_far, total)))
    assert (done.sightings, done.from_pictures) == (10, 2)
    assert seen[-1] == (10, 10)
    again = Gallery.open(one.path)
    assert (again.embedded_by, again.description.second_dim) == (BOTH.embedded_by, SECOND_DIM)
    assert again.description.second_weight == 0.7
    added, indexed = second(one), second(both)
    assert added.keys() == indexed.keys()
    for key, embedding in added.items():
        close = 1e-5 if key[0] != "4.png" else 0.3
        np.testing.assert_allclose(embedding, indexed[key], atol=close)
    assert inspect(one.path).problems == ()
    with Gallery.open_or_create(one.path, BOTH) as gallery:
        assert gallery.is_done("1.png", source="street")


def test_what_cannot_get_one_is_refused_and_stays(
    galleries: tuple[Gallery, Gallery], crops: SphereReID, tmp_path: Path
) -> None:
    one, both = galleries
    with pytest.raises(ValueError, match="has a second stage already"):
        add_second_stage(both, crops, BOTH)
    other = dataclasses.replace(BOTH, embedded_by=EmbeddedBy("weights-2", "crops-1"))
    with pytest.raises(ValueError, match="another model"):
        add_second_stage(one, crops, other)
    averaged = Gallery.create(
        tmp_path / "averaged", dataclasses.replace(ONE, embedded_by=EmbeddedBy("weights-1", tracklet_blend=0.5))
    )
    with pytest.raises(ValueError, match="indexed with --tracklets"):
        add_second_stage(averaged, crops, BOTH)
    (tmp_path / "3.png").unlink()
    for pack in (one.path / "cutouts").iterdir():
        pack.unlink()
    with pytest.raises(ValueError, match=r"frame 3.png of street cannot be read again, and the gallery has no picture"):
        add_second_stage(one, crops, BOTH)
    again = Gallery.open(one.path)
    assert again.description.second_dim is None
    assert len(again) == 10
    assert SECOND_EMBEDDING not in again.table.schema.names
