"""Work that is spread over several processes: the one place where they are begun."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

import cv2
from threadpoolctl import threadpool_limits

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_workers(work: Callable[[Task], Result], tasks: Sequence[Task], workers: int) -> Iterator[Result]:
    """Does every task in one of several processes, and gives the results in the order of the tasks.

    Each process computes in one thread. Processes are fresh interpreters and no forks: a forked one would inherit
    the threads of whatever the caller has loaded. So a script that calls this needs `if __name__ == "__main__":`.

    Args:
        work: What is done with a task. It must be a function of a module, or a `functools.partial` of one.
        tasks: What there is to do.
        workers: How many processes there are at most, 1 or more.

    Raises:
        ChildProcessError: A process was ended from outside.
    """
    context = get_context("spawn")
    count = min(workers, len(tasks))
    with ProcessPoolExecutor(count, mp_context=context, initializer=in_one_thread) as pool:
        try:
            yield from pool.map(work, tasks)
        except BrokenProcessPool:
            raise ChildProcessError(
                f"one of {count} workers was ended from outside, often for want of memory; try again with fewer"
            ) from None


def in_one_thread() -> None:
    """Lets this process compute in one thread: OpenCV, and NumPy's products, which are small where people are drawn.

    The threads of several processes would only wait for one another.
    """
    cv2.setNumThreads(1)
    threadpool_limits(1)
