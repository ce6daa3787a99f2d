"""A cluster in this process: what travels is pickled, calls wait their turn, and actors die when a test says so."""

import itertools
import pickle
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from search.cluster.actors import Died

BEFORE, AFTER = "before", "after"
"""When a process dies: before it does what it was asked to, or before it can say that it did."""

Fate = Callable[[str, str, int], str | None]
"""Given the class of an actor, a method, and how often that was called so far (from 1) says when its process dies."""


class Process:
    """One actor."""

    def __init__(self, number: int, role: type, values: bytes, gpu: float) -> None:
        self.number, self.role, self.values, self.gpu = number, role, values, gpu
        self.made: Any = None
        self.dead = False


class Inline:
    """`search.cluster.actors.Actors` without processes; one call is done for each question whether any is."""

    def __init__(self, fate: Fate | None = None, *, processors: int = 8, gpus: int = 0) -> None:
        self.fate = fate or (lambda role, method, count: None)
        self.processors, self.gpus = processors, gpus
        self.started: list[Process] = []
        self.calls: Counter[tuple[str, str]] = Counter()
        self._waiting: deque[tuple[int, Process, str, bytes]] = deque()
        self._done: dict[int, Any] = {}
        self._numbers = itertools.count()

    def start(self, role: type, *values: Any, processors: int = 1, gpu: float = 0.0) -> Process:
        process = Process(len(self.started), role, pickle.dumps(values), gpu)
        self.started.append(process)
        return process

    def ask(self, actor: Process, method: str, *values: Any) -> int:
        number = next(self._numbers)
        self._waiting.append((number, actor, method, pickle.dumps(values)))
        return number

    def ready(self, answers: Sequence[int], seconds: float) -> list[int]:
        if answers and not any(one in self._done for one in answers):
            self._do_one()
        return [one for one in answers if one in self._done]

    def result(self, answer: int) -> Any:
        while answer not in self._done:
            self._do_one()
        value = self._done.pop(answer)
        if isinstance(value, BaseException):
            raise value
        return pickle.loads(value)

    def end(self, actor: Process) -> None:
        actor.dead = True

    def living(self, role: str) -> list[Process]:
        return [one for one in self.started if one.role.__name__ == role and not one.dead]

    def _do_one(self) -> None:
        number, process, method, values = self._waiting.popleft()
        self._done[number] = self.called(process, method, values)

    def called(self, process: Process, method: str, values: bytes) -> bytes | BaseException:
        if process.dead:
            return Died("its process was ended")
        role = process.role.__name__
        self.calls[role, method] += 1
        fate = self.fate(role, method, self.calls[role, method])
        if fate == BEFORE:
            process.dead = True
            return Died("its process was ended")
        if process.made is None:
            process.made = process.role(*pickle.loads(process.values))
        try:
            answer = pickle.dumps(getattr(process.made, method)(*pickle.loads(values)))
        except (OSError, ValueError) as error:
            return error
        if fate == AFTER:
            process.dead = True
            return Died("its process was ended")
        return answer
