"""A small world that the tests of cases share: people as colored blobs, filmed by a video and by single pictures."""

from pathlib import Path

import numpy as np
import pytest
from blob_scenes import BlobModel, scene, write
from numpy.typing import NDArray

from search.cases.film import film
from search.gallery.gallery import Gallery
from search.gallery.sightings import Sighting
from search.gallery.tables import sighting_of
from search.pipeline import PersonSearch

START = 1777622400.0  # 2026-05-01T08:00:00Z
SECONDS = 8
RATE = 10


def walking(second: float) -> NDArray[np.uint8]:
    """Somebody red who walks to the right by 10 pixels a second; somebody blue stands still."""
    image = np.full((120, 160, 3), 15, dtype=np.uint8)
    left = round(10 + 10 * second)
    image[30:80, left : left + 18] = (230, 20, 20)
    image[30:80, 130:148] = (30, 40, 240)
    return image


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: the video hall/walk.mp4, and the pictures yard/*.png."""
    root = tmp_path_factory.mktemp("footage")
    (root / "hall").mkdir()
    with film(root / "hall" / "walk.mp4", width=160, height=120, rate=RATE) as written:
        for number in range(SECONDS * RATE):
            written.show(walking(number / RATE), (number + 1) / RATE)
    for number in range(4):
        write(root / "yard" / f"{number:03}.png", scene([0, 2], number))
    return root


@pytest.fixture(scope="session")
def filled(footage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of all of it, one frame a second."""
    folder = tmp_path_factory.mktemp("filled") / "gallery"
    search = PersonSearch(BlobModel())
    with search.open_gallery(folder, create=True) as gallery:
        search.index(footage / "hall", gallery, camera="hall", start_time=START)
        search.index(footage / "yard", gallery, camera="yard")
    return folder


@pytest.fixture
def gallery(filled: Path) -> Gallery:
    return Gallery.open(filled)


def seen(gallery: Gallery, camera: str, person: int, second: int = 0) -> Sighting:
    """The sighting of a person, 0 red, 2 blue, in the frame of a number."""
    rows = [row for row in gallery.table.search().to_list() if row["camera"] == camera]
    frame = sorted({row["frame"] for row in rows})[second]
    return next(
        sighting_of(row, 0.9) for row in rows if row["frame"] == frame and int(np.argmax(row["embedding"])) == person
    )
