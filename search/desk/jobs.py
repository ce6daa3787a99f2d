"""Work that takes longer than a moment: what is running now, how far it is, and how long it may still take."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Job:
    """The state of one piece of work.

    Args:
        job: Its name, which no other job has.
        kind: What is done, in one word: models, upload, search, clip, export.
        text: The same for a reader, in one sentence.
        done: How many steps are done.
        total: How many steps there are; None where nobody knows.
        began: When it began, in seconds of `time.monotonic`.
    """

    job: str
    kind: str
    text: str
    done: int
    total: int | None
    began: float

    def seconds_left(self, now: float) -> float | None:
        """How long the rest takes at the speed so far, in seconds; None before the first step, or without a total."""
        if self.total is None or not self.done:
            return None
        return max(0.0, (now - self.began) / self.done * (self.total - self.done))

    def to_dict(self) -> dict[str, object]:
        """The job as JSON knows it."""
        left = self.seconds_left(time.monotonic())
        return {
            "job": self.job,
            "kind": self.kind,
            "text": self.text,
            "done": self.done,
            "total": self.total,
            "seconds_left": None if left is None else round(left, 1),
        }


class Jobs:
    """All work that is running now; safe to be used by several threads.

    >>> jobs = Jobs()
    >>> with jobs.running("clip", "A clip is being made.", total=4) as step:
    ...     step(1)
    ...     [(job.kind, job.done, job.total) for job in jobs.now()]
    [('clip', 1, 4)]
    >>> jobs.now()
    []
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def now(self) -> list[Job]:
        """What is running, the oldest first."""
        with self._lock:
            return list(self._jobs.values())

    @contextmanager
    def running(self, kind: str, text: str, total: int | None = None) -> "Iterator[_Step]":
        """Show a job while the block runs.

        Args:
            kind: What is done, in one word.
            text: The same for a reader, in one sentence.
            total: How many steps there are; None where nobody knows.

        Yields:
            A function that takes how many steps are done, and how many there are where that becomes known.
        """
        job = Job(uuid.uuid4().hex, kind, text, 0, total, time.monotonic())
        with self._lock:
            self._jobs[job.job] = job
        try:
            yield _Step(self, job.job)
        finally:
            with self._lock:
                del self._jobs[job.job]

    def _note(self, name: str, done: int, total: int | None) -> None:
        with self._lock:
            known = self._jobs[name]
            self._jobs[name] = replace(known, done=done, total=known.total if total is None else total)


class _Step:
    """Notes how far one job is."""

    def __init__(self, jobs: Jobs, name: str) -> None:
        self._jobs, self._name = jobs, name

    def __call__(self, done: int, total: int | None = None) -> None:
        self._jobs._note(self._name, done, total)
