"""Footage into a gallery: what is there already is passed over, and what was found is written whatever happens."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from datasets.footage.planning import PlannedSource
from datasets.footage.reading import Reading
from datasets.footage.sources import Source, label_of
from datasets.footage.streams import is_stream
from datasets.layouts.custom_records import is_rendered
from datasets.turns import Turns
from search.gallery.description import note_cameras
from search.gallery.gallery import Gallery
from search.same_files import SameFiles, recognize
from search.source_runs import IndexSummary, SourceRun, Store, place_of
from search.still_scenes import Look
from search.tracks.settings import TrackletAveraging

__all__ = ["IndexSummary", "Look", "SourceRun", "begin_runs", "end_runs", "index_source", "index_sources"]

FEW_SOURCES = 4
"""So many sources have frames of two batches waiting; of more, one batch each waits, for the sake of memory."""


def index_source(
    source: Source,
    gallery: Gallery,
    look: Look,
    *,
    batch_size: int,
    averaging: TrackletAveraging | None = None,
    reading: Reading | None = None,
    on_progress: Callable[[IndexSummary], None] | None = None,
) -> IndexSummary:
    """Add everybody in footage to a gallery, with any way of looking for people.

    Frames that are in the gallery already are passed over, also where they came through another folder. The frames of
    a file that was replaced since (its size or time of change differ) are looked at again, and its old sightings are
    removed.

    Args:
        source: A path or a URL, as for `frames_from_source`.
        gallery: A gallery of the models that `look` uses, and averaged as `averaging` says.
        look: Finds and embeds the people of some images.
        batch_size: How many images `look` is given at once, 1 or more.
        averaging: How embeddings are averaged over tracklets before they are stored; None stores each as it is.
        reading: Which frames are taken, of which camera, from when; None is `Reading()`.
        on_progress: A function that is called after each batch with the figures so far.

    Returns:
        The figures in the end.

    Raises:
        FileNotFoundError: The source does not exist.
        ValueError: Not a single frame could be read.
        OSError: The gallery cannot be written.
    """
    planned = PlannedSource(label_of(source), source, reading or Reading())

    told = 0

    def report(runs: Sequence[SourceRun]) -> None:
        nonlocal told
        if on_progress is not None and runs[0].looked > told:
            told = runs[0].looked
            on_progress(runs[0].summary())

    (run,) = index_sources([planned], gallery, look, batch_size=batch_size, averaging=averaging, on_progress=report)
    if run.error is not None:
        raise run.error
    return run.summary()


def index_sources(
    sources: Sequence[PlannedSource],
    gallery: Gallery,
    look: Look,
    *,
    batch_size: int,
    averaging: TrackletAveraging | None = None,
    on_progress: Callable[[Sequence[SourceRun]], None] | None = None,
) -> list[SourceRun]:
    """Add everybody in several sources to a gallery: they are read side by side and looked at in fair turns.

    A source that breaks is left, and the others go on. Whatever ends this early, what was found is written.

    Args:
        sources: What is read, and how.
        gallery: As for `index_source`.
        look: As for `index_source`. The images of one call are of one source.
        batch_size: As for `index_source`.
        averaging: As for `index_source`.
        on_progress: A function that is called after each batch with how far each source is.

    Returns:
        How far each source came, in the order of `sources`; `SourceRun.error` says what broke it.

    Raises:
        OSError: The gallery cannot be written.
    """
    runs, same = begin_runs(sources, gallery, gallery, averaging)
    turns = Turns(
        [run.frames for run in runs],
        size=batch_size,
        depth=batch_size * (2 if len(runs) <= FEW_SOURCES else 1),
        live=lambda number: runs[number].state.live,
        streams=[number for number, one in enumerate(sources) if is_stream(str(one.source))],
    )
    try:
        for turn in turns:
            run = runs[turn.number]
            run.missed = turns.missed(turn.number)
            if turn.items:
                found = run.look_at(turn.items, look)
                for frame, (people, second) in zip(turn.items, found, strict=True):
                    run.take(frame, people, second)
            if turn.ended:
                run.end(turn.error)
            if on_progress is not None:
                on_progress(runs)
    finally:
        turns.close()
        for run in runs:
            run.finish()
        gallery.flush()
    end_runs(runs, same, gallery)
    return runs


def begin_runs(
    sources: Sequence[PlannedSource], gallery: Gallery, store: Store, averaging: TrackletAveraging | None
) -> tuple[list[SourceRun], SameFiles]:
    """What comes before the first frame: files that were moved or copied are recognized, and what is there is read.

    Args:
        sources: What is read, and how.
        gallery: The gallery.
        store: Where the runs put what was found; the gallery itself, or who stands before it.
        averaging: As for `index_source`.

    Returns:
        A run for each source, and the files that the gallery knows under other names.

    Raises:
        OSError: The gallery cannot be read or written.
    """
    for one in sources:
        if str(one.source).lower().endswith(".json") and is_rendered(Path(str(one.source))):
            gallery.note_rendered(place_of(one.source).name)
    same = recognize(gallery, sources)
    gallery.refresh()
    gallery.is_done("")  # reads what is there, before threads ask for it
    return [SourceRun(one, store, averaging, same.copies) for one in sources], same


def end_runs(runs: Sequence[SourceRun], same: SameFiles, gallery: Gallery) -> None:
    """What comes after the last frame, when all of them are written: lines about files, and the cameras' zones.

    Args:
        runs: The runs.
        same: What `begin_runs` recognized.
        gallery: The gallery.

    Raises:
        OSError: The gallery cannot be read or written.
    """
    for run in runs:
        run.note_what_was_replaced(same.lines())
    _note_zones(gallery, runs)


def _note_zones(gallery: Gallery, runs: Sequence[SourceRun]) -> None:
    """Note down in which zone the clocks of the cameras are, as far as it was said and is not known yet."""
    known = gallery.description
    told = {name: run.planned.reading.time_zone for run in runs for name in sorted(run.cameras)}
    zones = {name: zone for name, zone in told.items() if zone is not None and known.camera(name).time_zone is None}
    new = [dataclasses.replace(known.camera(name), time_zone=zone) for name, zone in zones.items()]
    if new:
        gallery.description = note_cameras(gallery.path, known, new)
