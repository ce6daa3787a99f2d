"""Two training loops that are timed alike: this project's, and one as public code writes it."""

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tools.bench.speed.limits import seconds_of_operations
from tools.bench.speed.measured import Measured
from tools.progress import Progress

if TYPE_CHECKING:
    from reid.runs.run import TrainingRun
    from reid.runs.task import Task


PLAIN = "a plain loop in float32, which reads pictures when they are needed"

LEAST_RATIO = 1.3
"""So many times as fast as the plain loop a training should be on two cores."""


class Timed(NamedTuple):
    """What was measured of a loop, without its first steps and its last one.

    Args:
        whole: Pictures a second, with the waiting for them.
        network: Pictures a second while they are computed; the median of the steps.
        loss: The mean loss of the steps.
        operations: The operations that a picture takes, forward and backward; None where nobody counted them.
    """

    whole: float
    network: float
    loss: float
    operations: float | None = None


def compared(ours: Timed, plain: Timed | None, unit: str) -> list[Measured]:
    """The figures of this project's loop beside those of the plain one, None where there was none."""
    words, limit = ("", None) if plain is None else (PLAIN, _most_a_second(plain))
    return [
        Measured("training with the loader", ours.whole, unit, baseline=words, baseline_value=plain and plain.whole,
                 asked_ratio=None if plain is None else LEAST_RATIO, more_is_better=True, limit=limit),
        Measured("network alone", ours.network, unit, baseline=words, baseline_value=plain and plain.network,
                 more_is_better=True, limit=limit),
    ]  # fmt: skip


def _most_a_second(plain: Timed) -> float | None:
    """Pictures a second, if all threads did nothing but the operations of the network, in bf16 where there is that."""
    return None if not plain.operations else 1 / seconds_of_operations(plain.operations, bf16=True)


def our_loop(run: "TrainingRun[Any, Any]", pictures: int, warmup_steps: int) -> Timed:
    """Run a training.

    Args:
        run: The training; its last step writes the model and is not measured.
        pictures: How many pictures a step has.
        warmup_steps: The steps before those that are measured, 1 or more.
    """
    speeds: list[float] = []
    losses: list[float] = []
    ends: list[float] = []
    with Progress("Training", unit="step") as progress:

        def after(step: int, total: int, figures: dict[str, float]) -> None:
            speeds.append(figures["images_per_second"])
            losses.append(figures["loss"])
            ends.append(time.perf_counter())
            progress(step, total, loss=figures["loss"])

        run.run(after)
    return _timed(ends, speeds, losses, pictures, warmup_steps)


def plain_loop(task: "Task[Any, Any]", pictures: int, warmup_steps: int) -> Timed:
    """Train as public code does it: pictures are read when they are needed, and each weight is updated by itself.

    What is trained, on what, with which losses and at which rates is the task's. That its model computes in float32 and
    its recipe has no workers is up to who makes the task.

    Args:
        task: The training.
        pictures: How many pictures a step has.
        warmup_steps: The steps before those that are measured, 1 or more.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    groups = [dict(group) for group in task.optimizer.param_groups]
    rates = [group["lr"] for group in groups]
    for group in groups:
        group.update({name: False for name in ("fused", "foreach") if name in group})
    optimizer = type(task.optimizer)(groups)  # type: ignore[call-arg]
    trained = [weight for group in groups for weight in group["params"]]
    batches = task.batches(0)
    speeds: list[float] = []
    losses: list[float] = []
    ends: list[float] = []
    operations = 0.0  # of the first step, which is not measured
    task.model.train()
    with Progress("A plain loop", unit="step") as progress:
        for step, batch in enumerate(task.load(0, batches)):
            began = time.perf_counter()
            words = [task.config.seed, step, 0]
            torch.manual_seed(int(np.random.SeedSequence(words).generate_state(1)[0]))  # as `TrainingRun` does
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * task.rate_share(step)
            optimizer.zero_grad()
            with FlopCounterMode(display=False) if not step else nullcontext() as counter:
                found = task.losses(task.model, batch, step)
                found.total.backward()
            if counter is not None:
                operations = counter.get_total_flops() / pictures
            if task.config.clip_norm:
                torch.nn.utils.clip_grad_norm_(trained, task.config.clip_norm)
            optimizer.step()
            task.update_tables(found.rows)
            losses.append(found.total.item())
            ends.append(time.perf_counter())
            speeds.append(pictures / (ends[-1] - began))
            progress(step + 1, len(batches), loss=losses[-1])
    return _timed(ends, speeds, losses, pictures, warmup_steps)._replace(operations=operations)


def _timed(ends: list[float], speeds: list[float], losses: list[float], pictures: int, warmup_steps: int) -> Timed:
    measured = slice(warmup_steps, -1)
    whole = pictures * len(ends[measured]) / (ends[-2] - ends[warmup_steps - 1])
    return Timed(whole, float(np.median(speeds[measured])), float(np.mean(losses[measured])))
