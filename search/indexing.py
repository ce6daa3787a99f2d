"""Footage into a gallery: what is there already is passed over, and what was found is written whatever happens."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datasets.ahead import batches, prefetched
from datasets.footage.sources import frames_from_source
from datasets.samples import Camera
from detection.detections import Detections
from search.gallery.gallery import Gallery
from search.gallery.originals import source_place
from search.tracks.averaging import TrackletAverager, TrackletAveraging

Look = Callable[[Sequence[NDArray[np.uint8]]], Sequence[tuple[Detections, Tensor | None]]]
"""People of each image (H, W, 3) with embeddings, and (N, E) of the second stage, None without one."""


@dataclass(frozen=True)
class IndexSummary:
    """What indexing did, so far or in the end.

    Args:
        frames: frames searched for people in this run.
        sightings: people found in them.
        skipped: frames that were in the gallery already.
        failures: (name, reason) of what could not be read.
        tracklets: ways of one person through one camera, where embeddings are averaged over them; 0 where they are not.
    """

    frames: int = 0
    sightings: int = 0
    skipped: int = 0
    failures: tuple[tuple[str, str], ...] = ()
    tracklets: int = 0


def index_source(
    source: str | Path,
    gallery: Gallery,
    look: Look,
    *,
    batch_size: int,
    averaging: TrackletAveraging | None = None,
    every_seconds: float = 1.0,
    camera: Camera | None = None,
    start_time: float | None = None,
    on_progress: Callable[[IndexSummary], None] | None = None,
) -> IndexSummary:
    """Add everybody in footage to a gallery; `search.pipeline.PersonSearch.index` with any way of looking.

    Args:
        source: as there, like the arguments not named here.
        gallery: of the models that `look` uses, and averaged as `averaging` says.
        look: finds and embeds the people of some images.
        batch_size: images that `look` is given at once.
        averaging: embeddings are averaged over tracklets before they are stored; None stores each as it is.
        every_seconds: of a video.
        camera: of all frames.
        start_time: of the first frame.
        on_progress: called after each batch.
    """
    gallery.refresh()
    place = source_place(source)
    averager = None if averaging is None else TrackletAverager(averaging)
    failures: list[tuple[str, str]] = []
    frames = sightings = skipped = 0

    def known(name: str) -> bool:
        nonlocal skipped
        done = gallery.is_done(name, source=place.name)
        skipped += done
        return done

    def summary() -> IndexSummary:
        tracklets = 0 if averager is None else averager.tracklets
        return IndexSummary(frames, sightings, skipped, tuple(failures), tracklets)

    decoded = frames_from_source(
        source, every_seconds=every_seconds, camera=camera, start_time=start_time, failures=failures, skip=known
    )
    try:
        with closing(prefetched(decoded, depth=2 * batch_size)) as ready:  # type: ignore[type-var]
            for batch in batches(ready, batch_size):
                for frame, (found, second) in zip(batch, look([frame.image for frame in batch]), strict=True):
                    where = place.location(frame.name)
                    rows = gallery.prepare(frame, found, second_embeddings=second, source=place.name, location=where)
                    for one in [rows] if averager is None else averager.add(rows):
                        gallery.put(one)
                    frames, sightings = frames + 1, sightings + len(found)
                if on_progress is not None:
                    on_progress(summary())
    finally:
        for one in [] if averager is None else averager.finish():
            gallery.put(one)
        gallery.flush()
    return summary()
