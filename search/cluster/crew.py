"""The workers of a cluster: each has a slice or two before it, and where one dies its slices go to others."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from search.cluster.actors import Actors, Answer, Died, Handle
from search.cluster.slices import Found, Slice
from search.cluster.worker import Looking, Worker

AHEAD = 2
"""So many slices are before a worker: the one that it looks at, and the next."""

MOST_TRIES = 3
"""A slice with which so many workers died is not given to another one."""

MOST_STARTS = 3
"""A worker that died so many times before it could begin is not started again."""

SILENT_SECONDS = 60.0


@dataclass
class _Member:
    """One worker, and what is before it."""

    number: int
    actor: Handle
    begins: Answer | None
    where: str = ""
    failed_starts: int = 0
    is_left_out: bool = False
    tasks: deque[tuple[Answer, Slice]] = field(default_factory=deque)

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"worker {self.number + 1}{self.where}"


class Crew:
    """Workers that are given slices, and give back what they found; close it to end them.

    Args:
        actors: The cluster.
        looking: How people are found and embedded.
        count: How many workers there are, 1 or more.
        say: Takes a line about a worker that died.

    Attributes:
        size: How many workers there are, once there is something to do.
    """

    def __init__(self, actors: Actors, looking: Looking, count: int, say: Callable[[str], None]) -> None:
        self._actors = actors
        self._looking = looking
        self._say = say
        # Where there are fewer GPUs than workers, several share one.
        self._gpu = 1 / math.ceil(count / actors.gpus) if actors.gpus else 0.0
        self._said = time.monotonic()
        self._waiting: deque[Slice] = deque()
        self._tries: dict[tuple[int, int], int] = {}
        self._members: list[_Member] = []
        self.size = count

    @property
    def is_idle(self) -> bool:
        """Whether no slice is with a worker or waits for one."""
        return not self._waiting and not any(one.tasks for one in self._members)

    @property
    def has_room(self) -> bool:
        """Whether another slice would soon be begun."""
        return len(self._waiting) < self.size

    def give(self, piece: Slice) -> None:
        """Have a slice looked at by the next worker that is free."""
        if not self._members:
            self._members = [self._started(number) for number in range(self.size)]
        self._waiting.append(piece)

    def drop(self, source: int) -> list[int]:
        """Forget the slices of a source that no worker has before it, and give their numbers."""
        dropped = [one.number for one in self._waiting if one.source == source]
        self._waiting = deque(one for one in self._waiting if one.source != source)
        return dropped

    def collect(self, seconds: float) -> list[tuple[Slice, Found]]:
        """Hand out slices, and take what the workers have found.

        Args:
            seconds: For how long to wait at most where nothing is there.

        Returns:
            The slices that were looked at; `Found.broken` says it where too many workers died with one.

        Raises:
            ValueError: The models cannot be used where a worker is.
            OSError: No worker is left.
        """
        self._hand_out()
        asked = [one.begins for one in self._members if one.begins is not None]
        asked += [answer for one in self._members for answer, _ in one.tasks]
        there = set(self._actors.ready(asked, seconds))
        found: list[tuple[Slice, Found]] = []
        for member in list(self._members):
            if member.begins is not None:
                if member.begins in there:
                    self._begun(member)
                continue
            while member.tasks and member.tasks[0][0] in there:
                answer, piece = member.tasks[0]
                try:
                    found.append((piece, self._actors.result(answer)))
                    member.tasks.popleft()
                except Died as death:
                    found += self._buried(member, str(death))
                    break
        self._hand_out()
        self._say_that_nobody_has_begun()
        return found

    def close(self) -> None:
        """End the workers."""
        for member in self._members:
            self._actors.end(member.actor)

    def _say_that_nobody_has_begun(self) -> None:
        """Say why nothing happens, once a minute."""
        now = time.monotonic()
        if any(one.begins is None and not one.is_left_out for one in self._members) or not self._members:
            self._said = now
        elif now - self._said > SILENT_SECONDS:
            self._said = now
            self._say("no worker has begun yet: no processor of the cluster is free, or the models are being loaded")

    def _started(self, number: int, failed: int = 0) -> _Member:
        actor = self._actors.start(Worker, self._looking, gpu=self._gpu)
        return _Member(number, actor, self._actors.ask(actor, "begin"), failed_starts=failed)

    def _begun(self, member: _Member) -> None:
        """Take what a worker says when it has loaded the models, or start it anew where it died before."""
        try:
            host, process = self._actors.result(member.begins)
        except Died as death:
            failed, reason = member.failed_starts + 1, str(death)
        else:
            member.begins, member.where = None, f" on {host} (process {process})"
            return
        self._actors.end(member.actor)
        if failed < MOST_STARTS:
            self._say(f"{member.name} died before it had begun: {reason}; it is started anew")
            self._members[member.number] = self._started(member.number, failed)
            return
        self._say(f"{member.name} died {failed} times before it had begun: {reason}; it is left out")
        member.begins, member.is_left_out = None, True
        if all(one.is_left_out for one in self._members):
            raise OSError(
                f"no worker could load the models: {reason}; each needs memory for them, so take fewer --workers"
            )

    def _buried(self, member: _Member, reason: str) -> list[tuple[Slice, Found]]:
        """Give the slices of a worker that died to others, and start a new one in its place."""
        self._actors.end(member.actor)  # where it only cannot be reached
        guilty = member.tasks[0][1]
        pieces = [piece for _, piece in member.tasks]
        key = (guilty.source, guilty.number)
        tries = self._tries[key] = self._tries.get(key, 0) + 1
        given_up = tries >= MOST_TRIES
        what = "the source is left out" if given_up else "its frames go to another worker, and a new one is started"
        self._say(f"{member.name} died at {guilty.words}: {reason}; {what}")
        self._waiting.extendleft(reversed(pieces[1:] if given_up else pieces))
        self._members[member.number] = self._started(member.number)
        if not given_up:
            return []
        return [(guilty, Found((), broken=f"{tries} workers died at {guilty.words}; leave that part of it out"))]

    def _hand_out(self) -> None:
        """Put slices before the workers, first before those that have the fewest."""
        for most in range(1, AHEAD + 1):
            for member in self._members:
                is_free = member.begins is None and not member.is_left_out and len(member.tasks) < most
                if is_free and self._waiting:
                    piece = self._waiting.popleft()
                    member.tasks.append((self._actors.ask(member.actor, "look", piece), piece))
