"""Small galleries with people of several sources and cameras, for tests of their care."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.samples import Frame
from detection.detections import Detections
from search.gallery.description import GalleryDescription
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy

DIM = 16
MODEL = GalleryDescription(DIM, EmbeddedBy("weights-1"))
PEOPLE = 3


def embeddings_of(source: str, number: int) -> NDArray[np.float32]:
    """(PEOPLE, DIM) of unit length, the same every time."""
    random = np.random.default_rng([*source.encode(), number])
    values = random.standard_normal((PEOPLE, DIM)).astype(np.float32)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), dtype=np.float32)


def add_frames(gallery: Gallery, source: str, numbers: range, flushes: int = 1) -> None:
    """Frames of three people; camera "c<number % 2>", one frame each ten seconds, in so many flushes."""
    for number in numbers:
        random = np.random.default_rng([*source.encode(), number])
        image = random.integers(0, 255, (60, 80, 3), dtype=np.uint8)
        found = Detections([[1, 1, 20, 40], [5, 5, 30, 60], [40, 5, 70, 50]], [0.9] * 3, embeddings_of(source, number))
        gallery.add(Frame(f"{number:04d}.jpg", image, f"c{number % 2}", 10.0 * number), found, source=source)
        if (number + 1) % max(1, len(numbers) // flushes) == 0:
            gallery.flush()
    gallery.flush()


def make(path: Path, *sources: str, frames: int = 6) -> Gallery:
    """A gallery with some frames of each source."""
    gallery = Gallery.create(path, MODEL)
    for source in sources:
        add_frames(gallery, source, range(frames))
    return gallery
