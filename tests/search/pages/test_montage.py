"""The montage of an answer, and the boxes and words on pictures."""

import dataclasses
import io

import numpy as np
import pytest
from cases_world import filled, footage, gallery, seen
from PIL import Image

from search.gallery.gallery import Gallery
from search.pages.lettering import ACCENT, draw_box, write_text
from search.pages.montage import FEWEST_COLUMNS, GAP, MARGIN, TILE_WIDTH, as_png, montage
from search.query.results import RankedSightings

__all__ = ["filled", "footage", "gallery"]

PROBE = np.full((60, 30, 3), (230, 20, 20), dtype=np.uint8)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 16])
def test_the_sheet_grows_with_the_answer(gallery: Gallery, count: int) -> None:
    places = [("hall", person, second) for second in range(8) for person in (0, 2)][:count]
    sightings = tuple(seen(gallery, *place) for place in places)
    sheet = montage(RankedSightings(sightings, 40), gallery, [PROBE], note="camera hall")
    columns = (sheet.shape[1] - 2 * MARGIN + GAP) / (TILE_WIDTH + GAP)
    assert columns == int(columns) >= FEWEST_COLUMNS
    assert Image.open(io.BytesIO(as_png(sheet))).size == sheet.shape[1::-1]
    shown = np.abs(sheet.astype(int) - (230, 20, 20)).max(axis=2) < 40
    assert shown[: MARGIN + 170].any(), "the person looked for"
    assert shown[MARGIN + 180 :].any() == (count > 0), "a red person was found"


def test_a_tile_shows_the_frames_pixels_or_the_kept_picture_or_says_that_there_is_none(gallery: Gallery) -> None:
    one = seen(gallery, "hall", 0, 2)
    blue = np.full((120, 160, 3), (0, 0, 255), dtype=np.uint8)
    tiles = MARGIN + 180
    fresh = montage(RankedSightings((one,), 1), gallery, [], read_frame=lambda _: blue)
    assert (fresh[tiles:] == (0, 0, 255)).all(axis=2).any()
    kept = montage(RankedSightings((one,), 1), gallery, [], read_frame=lambda _: None)
    assert (np.abs(kept[tiles:].astype(int) - (230, 20, 20)).max(axis=2) < 40).any()
    nothing = dataclasses.replace(one, cutout=None, location=None)
    bare = montage(RankedSightings((nothing,), 1), gallery, [])
    assert not (np.abs(bare[tiles:].astype(int) - (230, 20, 20)).max(axis=2) < 40).any()


def test_the_same_answer_is_the_same_file(gallery: Gallery) -> None:
    answer = RankedSightings((seen(gallery, "hall", 0, 2), seen(gallery, "yard", 2, 1)), 9)
    assert as_png(montage(answer, gallery, [PROBE])) == as_png(montage(answer, gallery, [PROBE]))


@pytest.mark.parametrize("box", [(10, 20, 60, 90), (-5, -5, 20, 20), (0, 0, 160, 120), (150, 110, 400, 400)])
def test_boxes_and_labels_stay_in_the_picture(box: tuple[float, ...]) -> None:
    image = np.full((120, 160, 3), 90, dtype=np.uint8)
    draw_box(image, box, ACCENT, "rank 1 · 0.912")
    assert image.shape == (120, 160, 3)
    assert (image == ACCENT).all(axis=2).any()


def test_words_beyond_the_edge_are_cut() -> None:
    image = np.zeros((20, 40, 3), dtype=np.uint8)
    write_text(image, "camera hall", (30, 10), 14, (255, 255, 255))
    write_text(image, "x", (500, 500), 14, (255, 255, 255))
    assert image[:, :30].max() == 0
    assert image[:, 30:].max() > 100
