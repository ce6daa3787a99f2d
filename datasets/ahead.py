"""Work that threads do ahead of its use, in order: the one home of decoding in the background."""

import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import cv2

from datasets.images import ImageError

Given = TypeVar("Given")
Made = TypeVar("Made")


def mapped_ahead(
    function: Callable[[Given], Made], items: Iterable[Given], *, workers: int, ahead: int
) -> Iterator[Made]:
    """`map(function, items)`, computed by threads before it is asked for.

    Threads are enough: OpenCV and NumPy compute without the interpreter's lock. A process that is forked beside the
    thread pools of torch, OpenCV and a database may hang.

    Args:
        function: What is done with each item. Several threads call it at the same time.
        items: What is worked on. The results come in the same order.
        workers: The number of threads. 0 works in the thread that asks, at the moment it asks.
        ahead: How many results may wait, 0 or more. Raising it evens out slow items and takes memory.

    Yields:
        The results. An error of `function` is raised where its result would have come.

    >>> list(mapped_ahead(abs, [-3, 2, -1], workers=2, ahead=4))
    [3, 2, 1]
    """
    if not workers:
        yield from map(function, items)
        return
    cv2.setNumThreads(1)  # its own threads would only compete with the network's
    with ThreadPoolExecutor(workers, thread_name_prefix="ahead") as pool:
        waiting: deque[Future[Made]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def pictures_ahead(
    read: Callable[[Given], Made], samples: Iterable[Given], *, ahead: int = 16
) -> Iterator[tuple[Given, Made | ImageError]]:
    """Samples with their pictures, which two threads decode ahead of their use.

    Args:
        read: Gives the picture of a sample, as `datasets.crops.read_frame` and `read_crop` do.
        samples: What is read, in the order of the results.
        ahead: How many pictures may wait, 0 or more; each is a whole picture in memory.

    Yields:
        Each sample with its picture, or with the ImageError that says why there is none.
    """

    def tried(sample: Given) -> tuple[Given, Made | ImageError]:
        try:
            return sample, read(sample)
        except ImageError as error:
            return sample, error

    return mapped_ahead(tried, samples, workers=2, ahead=ahead)


def batches(items: Iterable[Given], size: int) -> Iterator[list[Given]]:
    """Lists of `size` items in order; the last list may be shorter.

    Args:
        items: They are taken one list at a time, so they may come from a thread that works ahead.
        size: The number of items in a list, 1 or more.

    Raises:
        ValueError: The size is below 1.

    >>> list(batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    if size < 1:
        raise ValueError(f"batch size {size}, expected at least 1")
    iterator = iter(items)
    return iter(lambda: list(itertools.islice(iterator, size)), [])


def prefetched(iterator: Iterable[Given], depth: int = 8) -> Iterator[Given]:
    """The same items, produced by one thread ahead of their use, for sources that only one thread may read.

    An error of the iterator is raised at the place where its item would have come. Closing the result stops the thread
    and closes the iterator.

    Args:
        iterator: Where the items come from. Only the thread uses it from now on.
        depth: How many items may wait, 1 or more; each is a whole picture in memory.

    Raises:
        ValueError: The depth is below 1.

    >>> list(prefetched(iter([1, 2, 3]), depth=2))
    [1, 2, 3]
    """
    if depth < 1:
        raise ValueError(f"depth is {depth}, expected 1 or more frames")
    return _prefetch(iterator, depth)


def _prefetch(iterator: Iterable[Given], depth: int) -> Iterator[Given]:
    ready: queue.Queue[tuple[Given | None, BaseException | None, bool]] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(entry: tuple[Given | None, BaseException | None, bool]) -> bool:
        while not stopped.is_set():
            try:
                ready.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        try:
            for item in iterator:
                if not put((item, None, False)):
                    break
            put((None, None, True))
        except BaseException as error:  # whatever it is, it belongs to the consumer
            put((None, error, True))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=produce, name="frame-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error, last = ready.get()
            if error is not None:
                raise error
            if last:
                return
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        # A read from a stream that hangs ends with its own time limit.
        thread.join(timeout=15.0)
