"""Work in several processes: in order, on one thread of OpenCV each, and one line where a process dies."""

import os
import signal

import cv2
import pytest

from datasets.workers import in_workers


def threads_of(task: int) -> tuple[int, int, int]:
    return task, cv2.getNumThreads(), os.getpid()


def test_results_come_in_the_order_of_the_tasks_from_other_processes() -> None:
    done = list(in_workers(threads_of, range(5), 2))
    assert [task for task, _, _ in done] == [0, 1, 2, 3, 4]
    assert {threads for _, threads, _ in done} == {1}
    assert os.getpid() not in {process for _, _, process in done}


def test_there_are_no_more_processes_than_tasks() -> None:
    with pytest.raises(ChildProcessError, match="one of 1 workers was ended from outside"):
        list(in_workers(signal.raise_signal, [signal.SIGKILL.value], 8))
