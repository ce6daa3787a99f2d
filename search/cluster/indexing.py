"""Footage into a gallery by a cluster: workers look at slices of the sources, and one writer writes what they find.

What is made of a frame, and what is stored of it, is that of `search.indexing`: `rows_of` in the workers, `SourceRun`
here, `Gallery` in the writer. A frame is done when its row is in the gallery. Whatever dies before is done again, and
the keys of the gallery see to it that nothing is there twice.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from datasets.footage.folders import SourceError
from datasets.footage.planning import PlannedSource
from datasets.footage.streams import is_stream
from datasets.footage.videos import Item
from datasets.turns import Turn, Turns
from search.cluster.actors import Actors
from search.cluster.crew import Crew
from search.cluster.slices import BATCHES, Found, Slice
from search.cluster.worker import Looking
from search.cluster.writer import WrittenElsewhere
from search.gallery.gallery import Gallery
from search.indexing import begin_runs, end_runs
from search.source_runs import SourceRun

_WAIT_SECONDS = 0.2
HELD_FOR_EACH = 8
"""So many slices for each worker may wait for one before them, where embeddings are averaged in the order of time."""


@dataclass
class _Progress:
    """How far the slices of a source are.

    Args:
        run: The source.
        given: How many slices were made.
        out: The numbers of the slices that are with workers.
        next: The number of the slice that is stored next, where the order counts.
        held: What was found in slices that come after it.
        dropped: The numbers of slices that nobody looks at, because the source is broken.
        named: Whether all frames were named.
        error: What broke the source.
    """

    run: SourceRun
    given: int = 0
    out: set[int] = field(default_factory=set)
    next: int = 0
    held: dict[int, Found] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    named: bool = False
    error: BaseException | None = None


def require_files(sources: Sequence[PlannedSource]) -> None:
    """Refuse streams: a worker that dies is replaced, but what a camera showed meanwhile is gone.

    Args:
        sources: What is to be read.

    Raises:
        ValueError: One of them is a stream or a webcam.
    """
    for one in sources:
        if not isinstance(one.source, tuple) and is_stream(str(one.source)):
            raise ValueError(
                f"{one.label} is a stream, and a cluster looks at recordings only, which can be read again where a "
                "worker dies; index streams by a command of their own, without --cluster"
            )


def index_on_cluster(
    sources: Sequence[PlannedSource],
    gallery: Gallery,
    actors: Actors,
    looking: Looking,
    *,
    workers: int,
    say: Callable[[str], None],
    on_progress: Callable[[Sequence[SourceRun]], None] | None = None,
) -> list[SourceRun]:
    """Add everybody in several sources to a gallery, as `search.indexing.index_sources` does it in one process.

    Every machine must see the sources, the models and the gallery by the same paths.

    Args:
        sources: What is read, and how; no streams.
        gallery: The gallery; it is read here, and written by the writer.
        actors: The cluster.
        looking: How people are found and embedded.
        workers: How many workers there are.
        say: Takes a line about whatever died.
        on_progress: A function that is called with how far each source is, after each slice.

    Returns:
        How far each source came, in the order of `sources`; `SourceRun.error` says what broke it.

    Raises:
        ValueError: A source is a stream, or the models cannot be used by a worker.
        OSError: The gallery cannot be read or written, or no worker could begin.
    """
    require_files(sources)
    store = WrittenElsewhere(gallery, actors, say)
    runs, same = begin_runs(sources, gallery, store, looking.averaging)
    crew = Crew(actors, looking, workers, say)
    size = BATCHES * looking.batch_size
    turns = Turns([run.pieces for run in runs], size=size, depth=2 * size)
    try:
        _Slices(runs, turns, crew, store, looking, on_progress).run()
    finally:
        turns.close()
        crew.close()
        for run in runs:
            run.finish()
        try:
            store.finish()
        finally:
            store.close()
    gallery.refresh()
    end_runs(runs, same, gallery)
    return runs


class _Slices:
    """The slices of all sources on their way through the workers."""

    def __init__(
        self,
        runs: Sequence[SourceRun],
        turns: Turns[list[Item]],
        crew: Crew,
        store: WrittenElsewhere,
        looking: Looking,
        on_progress: Callable[[Sequence[SourceRun]], None] | None,
    ) -> None:
        self._sources = [_Progress(run) for run in runs]
        self._runs = runs
        self._turns = turns
        self._crew = crew
        self._store = store
        self._in_order = looking.averaging is not None
        self._most_held = HELD_FOR_EACH * crew.size
        self._on_progress = on_progress

    def run(self) -> None:
        """Until every source is done."""
        planned: queue.Queue[Turn[list[Item]] | None] = queue.Queue(maxsize=2 * self._crew.size)
        stopped = threading.Event()

        def offer(turn: Turn[list[Item]] | None) -> None:
            while not stopped.is_set():
                try:
                    return planned.put(turn, timeout=_WAIT_SECONDS)
                except queue.Full:
                    continue

        def plan() -> None:
            for turn in self._turns:
                offer(turn)
            offer(None)

        # Who names frames waits for the disk, and the workers must not wait for that.
        threading.Thread(target=plan, name="planner", daemon=True).start()
        more = True
        try:
            while more or not self._crew.is_idle:
                while more and self._may_go_on():
                    try:
                        turn = planned.get(timeout=_WAIT_SECONDS) if self._crew.is_idle else planned.get_nowait()
                    except queue.Empty:
                        break
                    more = turn is not None
                    if turn is not None:
                        self._take(turn)
                for piece, found in self._crew.collect(_WAIT_SECONDS):
                    self._found(piece, found)
                self._store.advance()
        finally:
            stopped.set()

    def _may_go_on(self) -> bool:
        held = sum(len(one.held) for one in self._sources)
        return self._crew.has_room and not self._store.is_behind and held <= self._most_held

    def _take(self, turn: Turn[list[Item]]) -> None:
        """Make a slice of the frames that a source gave in its turn."""
        one = self._sources[turn.number]
        items = tuple(item for together in turn.items for item in together)
        if items and one.error is None:
            planned = one.run.planned
            piece = Slice(turn.number, one.given, items, planned.reading, one.run.place)
            one.out.add(one.given)
            one.given += 1
            self._crew.give(piece)
        one.named = one.named or turn.ended
        if turn.error is not None and one.error is None:
            one.error = turn.error
        self._end_if_done(one)

    def _found(self, piece: Slice, found: Found) -> None:
        """Store what a worker found, and see whether the source is done."""
        one = self._sources[piece.source]
        one.out.discard(piece.number)
        if found.broken and one.error is None:
            one.error = SourceError(found.broken)
            one.dropped.update(self._crew.drop(piece.source))
            one.out -= one.dropped
        if self._in_order:
            one.held[piece.number] = found
            while one.next in one.held or one.next in one.dropped:
                if (ready := one.held.pop(one.next, None)) is not None:
                    self._keep(one.run, ready)
                one.next += 1
        else:
            self._keep(one.run, found)
        self._end_if_done(one)

    @staticmethod
    def _keep(run: SourceRun, found: Found) -> None:
        for rows in found.rows:
            run.keep(rows)
        run.still += found.still
        run.fail(found.failures)

    def _end_if_done(self, one: _Progress) -> None:
        if one.named and not one.out and not one.run.ended:
            one.run.end(one.error or one.run.unreadable())
        if self._on_progress is not None:
            self._on_progress(self._runs)
