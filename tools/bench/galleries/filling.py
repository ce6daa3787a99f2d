"""A gallery of made-up sightings, written as `index` writes them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.care.compacting import compact
from search.gallery.description import GalleryDescription
from search.gallery.gallery import Gallery
from search.gallery.tables import FrameRows
from search.models.embedded_by import EmbeddedBy

PEOPLE_IN_A_FRAME = 4
SIGHTINGS_OF_ONE = 50
CHUNK_FRAMES = 2500


@dataclass(frozen=True)
class Crowd:
    """Sightings made of random numbers: people as clusters around one direction, as trained embeddings lie.

    Args:
        rows: How many sightings.
        dim: How many numbers an embedding has.
        cameras: How many cameras see them in turn.
        hours: Over how many hours they are spread.
        seed: The seed of the random numbers, 0 or more.
    """

    rows: int
    dim: int = 256
    cameras: int = 20
    hours: float = 24.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rows", "dim", "cameras"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")

    @property
    def frames(self) -> int:
        """How many frames show them."""
        return -(-self.rows // PEOPLE_IN_A_FRAME)

    def camera(self, frame: int) -> str:
        """The camera of a frame."""
        return f"camera {frame % self.cameras + 1}"

    def time(self, frame: int) -> float:
        """When a frame was taken, in seconds."""
        return 1.7e9 + self.hours * 3600 * frame / self.frames

    def embeddings(self, first: int, count: int, salt: int = 0) -> NDArray[np.float32]:
        """(count, dim) of unit length, of the sightings from `first` on; another salt gives other views of people."""
        people = np.random.default_rng([self.seed, 1]).integers(0, 2**31, 1 + self.rows // SIGHTINGS_OF_ONE)
        shared = np.random.default_rng([self.seed, 2]).standard_normal(self.dim).astype(np.float32)
        random = np.random.default_rng([self.seed, 3, first, salt])
        who = random.integers(0, len(people), count)
        own = np.stack([np.random.default_rng(people[one]).standard_normal(self.dim, np.float32) for one in who])
        views = shared + own + 0.7 * random.standard_normal((count, self.dim), dtype=np.float32)
        return np.asarray(views / np.linalg.norm(views, axis=1, keepdims=True), np.float32)

    def chunks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """All sightings in parts: the number of the part's first frame, and embeddings (N, dim)."""
        for frame in range(0, self.frames, CHUNK_FRAMES):
            first = frame * PEOPLE_IN_A_FRAME
            yield frame, self.embeddings(first, min(CHUNK_FRAMES * PEOPLE_IN_A_FRAME, self.rows - first))


def fill(
    path: Path, crowd: Crowd, progress: Callable[[int, int], None], description: GalleryDescription | None = None
) -> float:
    """Write the sightings into a new gallery.

    Args:
        path: The gallery's folder.
        crowd: The sightings.
        progress: Called with how many are written, of how many.
        description: What the gallery says of its models, of the crowd's width; None says that nothing can search it by
            pictures.

    Returns:
        The seconds that the gallery took, without the making of the random numbers.
    """
    from datasets.images import encode_jpeg  # a process that searches the crowd has no need of it

    picture = np.random.default_rng(0).integers(0, 255, (64, 32, 3), dtype=np.uint8)
    jpeg = encode_jpeg(picture, longest_side=64)
    boxes = np.array([[20 * place, 5, 20 * place + 18, 60] for place in range(PEOPLE_IN_A_FRAME)], np.float32)
    described = description or GalleryDescription(crowd.dim, EmbeddedBy("random numbers"))
    seconds = 0.0
    with Gallery.create(path, described) as gallery:
        for first, embeddings in crowd.chunks():
            began = time.perf_counter()
            for number, start in enumerate(range(0, len(embeddings), PEOPLE_IN_A_FRAME), first):
                people = embeddings[start : start + PEOPLE_IN_A_FRAME]
                count = len(people)
                frame = {
                    "source": "street",
                    "frame": f"{number:07d}.jpg",
                    "camera": crowd.camera(number),
                    "timestamp": crowd.time(number),
                    "frame_width": 96,
                    "frame_height": 64,
                    "location": None,
                }
                gallery.put(FrameRows(frame, boxes[:count], np.full(count, 0.9, np.float32), people, [jpeg] * count))
            gallery.flush()
            seconds += time.perf_counter() - began
            progress(min(crowd.rows, (first + CHUNK_FRAMES) * PEOPLE_IN_A_FRAME), crowd.rows)
        began = time.perf_counter()
        compact(gallery, keep=timedelta(0))
        seconds += time.perf_counter() - began
    return seconds
