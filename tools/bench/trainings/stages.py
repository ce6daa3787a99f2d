"""Where the time of a training goes: the stages of a step, and the operations of torch that take most of it."""

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from reid.runs.run import TrainingRun
from reid.runs.task import StepLosses, Task
from tools.outcome import table
from tools.progress import Progress

WAITING, LOSSES, BACKWARD = "waiting for pictures", "forward: the rest, with all losses", "backward"
OPTIMIZER, TABLES = "optimizer", "memory tables written"
REST = "the rest: averages of weights, figures, progress"

MOST_OPERATIONS = 10


@dataclass(frozen=True)
class Stage:
    """What a stage takes in a step.

    Args:
        name: The stage, in words.
        seconds: On the clock.
        processor: Seconds of the processor, all threads of this process together.
    """

    name: str
    seconds: float
    processor: float


@dataclass(frozen=True)
class Operation:
    """What one kind of operation of torch takes in a step, forward and backward together.

    Args:
        name: torch's own name of it.
        seconds: On the device that computes, without the operations that it calls.
        calls: How many of them a step has.
    """

    name: str
    seconds: float
    calls: float


@dataclass(frozen=True)
class Profile:
    """Where the time of a training goes, a step on average.

    Args:
        stages: The stages in the order of a step.
        operations: The operations that take most, the most expensive first.
        share: The share of all operations' time that these take.
    """

    stages: Sequence[Stage]
    operations: Sequence[Operation]
    share: float

    def text(self) -> str:
        """Two tables for people."""
        whole = sum(one.seconds for one in self.stages)
        work = sum(one.processor for one in self.stages)
        rows = [
            [one.name, f"{1e3 * one.seconds:.1f}", f"{one.seconds / whole:.0%}", f"{1e3 * one.processor:.1f}",
             f"{one.processor / work:.0%}"]
            for one in (*self.stages, Stage("a step", whole, work))
        ]  # fmt: skip
        header = ["stage of a step", "ms", "of the step", "processor ms", "of the processor's"]
        operations = [[one.name, f"{1e3 * one.seconds:.1f}", f"{one.calls:.0f}"] for one in self.operations]
        last = f"these operations take {self.share:.0%} of the time of all"
        return "\n".join([table(header, rows), "", table(["operation", "ms a step", "calls"], operations), last])


class _Clock:
    """Gives the time that passes to the stage that runs; a stage inside another one is taken out of it.

    Args:
        device: Where the network computes; a graphics card is waited for at the borders of stages.
    """

    def __init__(self, device: torch.device) -> None:
        self._waits = device.type == "cuda"
        self._running = [REST]
        self._at = self._now()
        self.taken: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self.counts = False

    def begin(self, stage: str) -> None:
        """From now on the time is this stage's."""
        self.note()
        self._running.append(stage)

    def end(self) -> None:
        """The stage is over; the time is that of the stage around it again."""
        self.note()
        self._running.pop()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """The time within the block is this stage's."""
        self.begin(name)
        try:
            yield
        finally:
            self.end()

    def _now(self) -> tuple[float, float]:
        if self._waits:
            torch.cuda.synchronize()
        return time.perf_counter(), time.process_time()

    def note(self) -> None:
        """Give the time since the last note to the stage that runs."""
        now = self._now()
        if self.counts:
            taken = self.taken[self._running[-1]]
            taken[0] += now[0] - self._at[0]
            taken[1] += now[1] - self._at[1]
        self._at = now


class _Staged:
    """A task that tells a clock what it does; everything else is the task's own."""

    def __init__(self, task: "Task[Any, Any]", clock: _Clock) -> None:
        self._task, self._clock = task, clock
        task.optimizer.register_step_pre_hook(lambda *_: self._stepping())
        task.optimizer.register_step_post_hook(lambda *_: clock.end())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def load(self, epoch: int, batches: Sequence[Any]) -> Iterator[Any]:
        """The task's batches; the time until each comes is waiting."""
        loaded = iter(self._task.load(epoch, batches))
        while True:
            with self._clock.stage(WAITING):
                try:
                    batch = next(loaded)
                except StopIteration:
                    return
            yield batch

    def losses(self, network: nn.Module, batch: Any, step: int) -> StepLosses:
        """The task's losses; what follows them is the backward pass."""
        with self._clock.stage(LOSSES):
            found = self._task.losses(network, batch, step)
        self._clock.begin(BACKWARD)
        return found

    def _stepping(self) -> None:
        self._clock.end()
        self._clock.begin(OPTIMIZER)

    def update_tables(self, rows: Sequence[Tensor]) -> None:
        """The task's writing of memory tables."""
        with self._clock.stage(TABLES):
            self._task.update_tables(rows)


def profiled(
    task: "Task[Any, Any]", parts: Mapping[str, Sequence[nn.Module]], folder: Path, warmup_steps: int
) -> Profile:
    """Train, and note where the time goes.

    Args:
        task: The training, with batches of one part (`accumulate` 1).
        parts: The modules of each stage of the forward pass by its name in words, in their order. None is in another.
        folder: The folder of the run, which is made.
        warmup_steps: The steps that are not noted, 1 or more; nor is the last one, which writes the model.
    """
    device = next(task.model.parameters()).device
    clock = _Clock(device)
    for name, modules in parts.items():
        for module in modules:
            module.register_forward_pre_hook(lambda *_, name=name: clock.begin(f"forward: {name}"))
            module.register_forward_hook(lambda *_: clock.end())
    staged: Any = _Staged(task, clock)
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler speaks to programmers
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    operations = profile(activities=activities)
    noted = 0
    with Progress("Training", unit="step") as progress:

        def after(step: int, total: int, figures: dict[str, float]) -> None:
            nonlocal noted
            clock.note()
            if step == warmup_steps:
                operations.start()
                clock.note()  # what starting took does not count
                clock.counts = True
            elif step == total - 1:
                clock.counts = False
                operations.stop()
                noted = step - warmup_steps
            progress(step, total, loss=figures["loss"])

        TrainingRun(staged, folder).run(after)
    order = [WAITING, *(f"forward: {name}" for name in parts), LOSSES, BACKWARD, OPTIMIZER, TABLES, REST]
    stages = [Stage(name, *(seconds / noted for seconds in clock.taken[name])) for name in order]
    return Profile(stages, *_operations(operations, noted, on_card=device.type == "cuda"))


def _operations(found: profile, steps: int, *, on_card: bool) -> tuple[list[Operation], float]:
    """The operations that take most of the time, and their share of it."""
    every = [
        Operation(one.key, (one.self_device_time_total if on_card else one.self_cpu_time_total) / 1e6 / steps,
                  one.count / steps)
        for one in found.key_averages()
    ]  # fmt: skip
    most = sorted(every, key=lambda one: -one.seconds)[:MOST_OPERATIONS]
    return most, sum(one.seconds for one in most) / max(1e-12, sum(one.seconds for one in every))
