"""Several sources read side by side by threads of their own, and served in fair turns."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Taken = TypeVar("Taken")

MOST_FILES_AT_ONCE = 16
"""So many files and folders are open at a time, the others wait; live sources never wait."""

_JOIN_SECONDS = 15.0
"""A read from a stream that hangs ends with its own time limit."""


@dataclass(frozen=True)
class Turn(Generic[Taken]):
    """What one source gave in its turn.

    Args:
        number: Which source it was, from 0.
        items: What it gave, in its order; empty only where it ended.
        ended: Whether this was its last turn.
        error: What broke the source, None where it ended by itself or goes on.
    """

    number: int
    items: list[Taken]
    ended: bool = False
    error: BaseException | None = None


@dataclass
class _Reader(Generic[Taken]):
    """A source, and what its thread has read."""

    number: int
    begin: Callable[[], Iterator[Taken]]
    is_live: Callable[[], bool]
    ready: deque[Taken] = field(default_factory=deque)
    ended: bool = False
    error: BaseException | None = None
    missed: int = 0
    thread: threading.Thread | None = None


class Turns(Generic[Taken]):
    """Sources side by side: iterate over it for their turns; close it (or use it up) to stop the threads.

    A file waits until its items are asked for. A live source cannot wait: where nobody keeps up with it, its oldest
    items are dropped and counted, so that what is looked at is never long ago.

    >>> turns = Turns([lambda: iter("abc"), lambda: iter("xy")], size=2, depth=2)
    >>> sorted(item for turn in turns for item in turn.items)
    ['a', 'b', 'c', 'x', 'y']

    Args:
        sources: Functions that begin to read a source; each is called in its own thread.
        size: The most items of one turn, 1 or more. A file's turns have as many until it ends, so that they are the
            same in every run; a live source gives what is there.
        depth: How many items of each source may wait, `size` or more; each is a whole picture in memory.
        live: Tells of the source with a number whether it is live; it may become so when it is open. None has none.
        streams: The numbers of the sources that may be live: they begin at once however many there are.
    """

    def __init__(
        self,
        sources: Sequence[Callable[[], Iterator[Taken]]],
        *,
        size: int,
        depth: int,
        live: Callable[[int], bool] | None = None,
        streams: Sequence[int] = (),
    ) -> None:
        if not 1 <= size <= depth:
            raise ValueError(f"size {size} and depth {depth}, expected 1 or more, and the depth not smaller")
        self._size, self._depth = size, depth
        self._changed = threading.Condition()
        self._stopped = False
        self._streams = frozenset(streams)
        self._readers = [
            _Reader(number, begin, lambda number=number: live is not None and live(number))  # type: ignore[misc]
            for number, begin in enumerate(sources)
        ]

    def missed(self, number: int) -> int:
        """How many items of a live source were dropped because nobody kept up with it."""
        return self._readers[number].missed

    def __iter__(self) -> Iterator[Turn[Taken]]:
        waiting = deque(self._readers)
        try:
            while waiting:
                self._start(waiting)
                with self._changed:
                    chosen = next((one for one in waiting if self._can_serve(one)), None)
                    if chosen is None:
                        self._changed.wait(1.0)
                        continue
                    items = [chosen.ready.popleft() for _ in range(min(self._size, len(chosen.ready)))]
                    ended = chosen.ended and not chosen.ready
                    self._changed.notify_all()
                waiting.remove(chosen)
                if not ended:
                    waiting.append(chosen)  # behind all others
                yield Turn(chosen.number, items, ended, chosen.error if ended else None)
        finally:
            self.close()

    def close(self) -> None:
        """Stop the threads, which close their sources."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        deadline = time.monotonic() + _JOIN_SECONDS
        for reader in self._readers:
            if reader.thread is not None:
                reader.thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def _can_serve(self, reader: _Reader[Taken]) -> bool:
        return len(reader.ready) >= self._size or reader.ended or (bool(reader.ready) and reader.is_live())

    def _start(self, waiting: Sequence[_Reader[Taken]]) -> None:
        """Begin with every live source, and with as many others as may be open."""
        begun = sum(one.thread is not None and one.number not in self._streams for one in waiting)
        for reader in waiting:
            if reader.thread is None and (reader.number in self._streams or begun < MOST_FILES_AT_ONCE):
                begun += reader.number not in self._streams
                reader.thread = threading.Thread(target=self._read, args=(reader,), name="source", daemon=True)
                reader.thread.start()

    def _read(self, reader: _Reader[Taken]) -> None:
        """What a thread does: read a source to its end."""
        iterator: Iterator[Taken] | None = None
        try:
            iterator = reader.begin()
            for item in iterator:
                if not self._put(reader, item):
                    break
        except BaseException as error:  # whatever it is, it belongs to this source
            reader.error = error
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
            with self._changed:
                reader.ended = True
                self._changed.notify_all()

    def _put(self, reader: _Reader[Taken], item: Taken) -> bool:
        """Let an item wait for its turn; False where nobody will ask any more."""
        live = reader.is_live()
        with self._changed:
            while len(reader.ready) >= self._depth and not self._stopped:
                if live:
                    reader.ready.popleft()
                    reader.missed += 1
                else:
                    self._changed.wait()
            reader.ready.append(item)
            self._changed.notify_all()
            return not self._stopped
