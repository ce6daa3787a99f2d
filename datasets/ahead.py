"""Work done by threads ahead of its use, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import cv2

Given = TypeVar("Given")
Made = TypeVar("Made")


def mapped_ahead(
    function: Callable[[Given], Made], items: Iterable[Given], *, workers: int, ahead: int
) -> Iterator[Made]:
    """`map(function, items)`, computed by threads before it is asked for.

    In threads: OpenCV and NumPy compute without the interpreter's lock, and a process forked beside the thread pools of
    torch, OpenCV and a database may hang.

    Args:
        function: must be safe to call from several threads.
        items: in the order of the results.
        workers: threads; 0 calls in the thread that asks, when it asks.
        ahead: how many results may wait.
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
