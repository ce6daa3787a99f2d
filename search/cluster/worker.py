"""A worker: it reads slices of footage, finds and embeds the people in them, and makes the rows that are stored."""

import logging
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from datasets.ahead import batches, prefetched
from datasets.footage.sources import frames_of_listed
from datasets.samples import Frame
from reid.runtime.settings import BY_TORCH, Inference
from search.cluster.slices import Found, Slice
from search.gallery.description import GalleryDescription
from search.gallery.tables import FrameRows
from search.indexing import Look
from search.models.model_files import ModelFiles
from search.pipeline import PersonSearch
from search.source_runs import rows_of
from search.still_scenes import StillScenes
from search.tracks.settings import TrackletAveraging

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Looking:
    """How people are found and embedded: the same in every worker.

    Args:
        files: Where the models are, on every machine.
        minimum_confidence: People found with less confidence are not kept, from 0 to 1.
        batch_size: How many frames the models look at together.
        mirrored: Whether each embedding is averaged with that of the mirrored frame.
        averaging: How embeddings are averaged over tracklets later on; a worker does not average.
        holds: What the gallery holds.
        inference: Which library computes the networks in each worker, and how precisely.
    """

    files: ModelFiles
    minimum_confidence: float
    batch_size: int
    mirrored: bool
    averaging: TrackletAveraging | None
    holds: GalleryDescription
    inference: Inference = BY_TORCH

    @classmethod
    def like(
        cls,
        search: PersonSearch,
        minimum_confidence: float,
        holds: GalleryDescription,
        inference: Inference = BY_TORCH,
    ) -> Self:
        """As some models here look, which were loaded from files.

        Args:
            search: The models.
            minimum_confidence: People found with less confidence are not kept.
            holds: What the gallery holds.
            inference: Which library computes the networks in each worker, and how precisely.
        """
        how = (search.batch_size, search.seen_by is not search.model, search.tracklets)
        return cls(search.files, minimum_confidence, *how, holds, inference)

    def search(self) -> PersonSearch:
        """The models.

        Raises:
            ValueError: They are others than those of the gallery, or cannot be used.
            OSError: A file is missing.
        """
        search = PersonSearch.from_files(
            self.files,
            score_threshold=self.minimum_confidence,
            batch_size=self.batch_size,
            mirrored=self.mirrored,
            tracklets=self.averaging,
            inference=self.inference,
        )
        if search.embedded_by != self.holds.embedded_by:
            how = ", ".join(search.embedded_by.differences(self.holds.embedded_by))
            raise ValueError(
                f"{self.files.owner} embeds {how}: it is not the file that the gallery is made with; copy that one here"
            )
        return search


class Worker:
    """Looks at slices in a process of its own.

    Args:
        looking: How people are found and embedded.
    """

    def __init__(self, looking: Looking) -> None:
        self._looking = looking
        self._look: Look | None = None

    def begin(self) -> tuple[str, int]:
        """Load the models.

        Returns:
            The name of the machine, and the number of the process.

        Raises:
            ValueError: The models cannot be used, as the one line says with the machine's name.
        """
        host = platform.node()
        try:
            self._look = self._looking.search().people_of(self._looking.minimum_confidence)
        except (OSError, ValueError) as error:
            raise ValueError(f"the worker on {host} cannot begin: {error}") from None
        return host, os.getpid()

    def look(self, piece: Slice) -> Found:
        """Read the frames of a slice, and find and embed the people in them.

        Args:
            piece: The slice.

        Raises:
            ValueError: The models give embeddings that cannot be stored.
        """
        assert self._look is not None  # it has begun
        failures: list[tuple[str, str]] = []
        broken: list[str] = []
        rows: list[FrameRows] = []
        frames = prefetched(frames_of_listed(piece.items, piece.reading, failures), 2 * self._looking.batch_size)
        scenes = StillScenes() if piece.reading.skip_still else None
        for some in batches(_until_broken(frames, broken), self._looking.batch_size):
            found = scenes.look(some, self._look) if scenes else self._look([frame.image for frame in some])
            for frame, (people, second) in zip(some, found, strict=True):
                rows.append(rows_of(frame, people, second, self._looking.holds.widths, piece.reading, piece.place))
        return Found(tuple(rows), tuple(failures), "".join(broken), scenes.passed_over if scenes else 0)


def _until_broken(frames: Iterator[Frame], broken: list[str]) -> Iterator[Frame]:
    """The frames until reading breaks; why it did is appended to `broken`."""
    try:
        yield from frames
    except Exception as error:  # whatever it is, it belongs to this source
        _log.info("reading broke", exc_info=True)
        if isinstance(error, OSError) and error.strerror:
            broken.append(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
        else:
            broken.append(str(error) or type(error).__name__)
