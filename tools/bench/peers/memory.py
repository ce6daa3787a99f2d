"""personsearch bench memory: a step of OIM and TOIM beside the loops over rows that public code has."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tools.bench.speed.limits import seconds_of_operations
from tools.bench.speed.machine import load_average
from tools.bench.speed.measured import Measured, Run
from tools.outcome import Outcome, table
from tools.progress import Progress

if TYPE_CHECKING:
    from tools.bench.peers.memory_loops import Step

ENOUGH = 1e-5
"""How far a loss, a gradient or a row of a table may lie from the loop's, in the length of an embedding."""


@dataclass(frozen=True)
class Boxes:
    """The boxes of a step, and the tables that they meet.

    Args:
        boxes: How many boxes of people the step has: 640 are those of five frames.
        dimension: How many numbers an embedding has.
        identities: How many people have a row in the tables, 5532 in CUHK-SYSU.
        queue: How many people of unknown identity are remembered.
        cameras: How many cameras there are, 1 where nobody knows them.
        people: How many different known people the boxes show.
        unlabelled: The share of the boxes that show people of unknown identity, in [0, 1).
        seed: The seed of the random numbers, 0 or more.
    """

    boxes: int = 640
    dimension: int = 256
    identities: int = 5532
    queue: int = 5000
    cameras: int = 1
    people: int = 100
    unlabelled: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("boxes", "dimension", "identities", "queue", "cameras", "people"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")
        if not 0 <= self.unlabelled < 1:
            raise ValueError(f"unlabelled is {self.unlabelled}, expected a share from 0 to less than 1")


class Part(NamedTuple):
    """A part of the step: what it is called, ours, the loop, and the least ratio that was asked for."""

    label: str
    ours: "Callable[[Step], object]"
    loop: "Callable[[Step], object]"
    asked_ratio: float | None = None


class Timed(NamedTuple):
    """What the repeats of a part took: seconds, and seconds of processor."""

    seconds: tuple[float, ...]
    processor_seconds: tuple[float, ...]


def memory(*, step: Boxes = Boxes(), repeats: int = 20, compare: Path | None = None) -> Outcome:
    """Milliseconds of a step of OIM and TOIM with their tables, beside the loops over rows that public code has.

    A step computes both losses with their gradients and then writes the tables. The loops do the same: OIM's as the
    code of SeqNet and others has it, one box after another; TOIM's as its paper describes it, one anchor after another.
    Both begin from the same tables, in turns, and the exit status is 1 where their results differ. The products of
    embeddings with tables are the same in both, and most of the step; their share of what the processor can do at most
    is told, and the ratio without them.

    Args:
        step: The boxes and the tables.
        repeats: How often each part is timed, 1 or more; the shortest time counts.
        compare: A file that --json of an earlier run wrote. What takes longer than then, beyond noise, is named, and
            the exit status is 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}, expected at least 1")
    from tools.bench.peers import memory_loops as loops

    run = Run.of("bench memory", asdict(step), compare)
    load = load_average()
    parts = {
        "oim_loss": Part("OIM, loss and gradient", loops.oim_loss, loops.oim_loss_public),
        "toim_loss": Part("TOIM, loss and gradient", loops.toim_loss, loops.toim_loss_loop),
        "oim_tables": Part("OIM, table and queue written", loops.oim_tables, loops.oim_tables_loop),
        "toim_tables": Part("TOIM, tables written", loops.toim_tables, loops.toim_tables_loop),
    }
    made = loops.Step.of(step)
    failures = [f"{name} differs by {error:.2g} from the loop's" for name, error in loops.errors(made).items()
                if error > ENOUGH]  # fmt: skip
    taken: dict[str, tuple[Timed, Timed]] = {}
    with Progress("Measuring", unit="part") as progress:
        for name, part in parts.items():
            taken[name] = _timed(made, part, repeats)
            progress(len(taken), len(parts))
    operations = loops.operations(step)
    limit = seconds_of_operations(operations)
    ours, loop = ({name: min(both[side].seconds) for name, both in taken.items()} for side in (0, 1))
    measured = [
        _measured(part.label, *taken[name], 1000 * limit if name == "oim_loss" else None)
        for name, part in parts.items()
    ]
    without = [name for name in parts if name != "oim_loss"]
    measured.append(_sum("all of it but the products with OIM's tables", without, taken, asked_ratio=20.0))
    measured.append(_sum("the whole step", list(parts), taken, limit=1000 * limit))
    reached = operations / ours["oim_loss"]
    figures: dict[str, Any] = {
        "step": step, "repeats": repeats, "ours": ours, "loop": loop, "parts": taken,
        "operations": operations, "operations_per_second": reached, "most_operations_per_second": operations / limit,
    }  # fmt: skip
    return run.outcome(_text(figures, measured), figures, measured, ("torch",), failures, load=load)


def _timed(step: "Step", part: Part, repeats: int) -> tuple[Timed, Timed]:
    """Ours and the loop, in turns, each from the same tables; the first of each is not counted."""
    taken: tuple[list[tuple[float, float]], ...] = ([], [])
    for turn in range(repeats + 1):
        for work, times in zip((part.ours, part.loop), taken, strict=True):
            step.begin()
            processor, began = time.process_time(), time.perf_counter()
            work(step)
            if turn:
                times.append((time.perf_counter() - began, time.process_time() - processor))
    ours, loop = (Timed(*map(tuple, zip(*times))) for times in taken)
    return ours, loop


def _measured(label: str, ours: Timed, loop: Timed, limit: float | None) -> Measured:
    milliseconds = tuple(1000 * one for one in ours.seconds)
    return Measured(
        label, min(milliseconds), "ms", milliseconds, "the loop over rows", 1000 * min(loop.seconds),
        processor=min(ours.processor_seconds), limit=limit,
    )  # fmt: skip


def _sum(
    label: str,
    names: list[str],
    taken: dict[str, tuple[Timed, Timed]],
    *,
    asked_ratio: float | None = None,
    limit: float | None = None,
) -> Measured:
    ours, loop = (1000 * sum(min(taken[name][side].seconds) for name in names) for side in (0, 1))
    processor = sum(min(taken[name][0].processor_seconds) for name in names)
    beside = "the loop over rows"
    return Measured(
        label, ours, "ms", (), beside, loop, asked_ratio=asked_ratio, processor=processor, limit=limit
    )  # fmt: skip


def _text(figures: dict[str, Any], measured: list[Measured]) -> str:
    rows = [[one.name, one.value, one.baseline_value, one.ratio, one.asked_ratio] for one in measured]
    step, reached, most = figures["step"], figures["operations_per_second"], figures["most_operations_per_second"]
    return "\n".join(
        [
            table(["part", "ours, ms", "loop, ms", "times faster", "asked"], rows),
            "",
            f"{step.boxes} boxes of {step.dimension} numbers, {step.unlabelled:.0%} of unknown people, the others of "
            f"{step.people}; {step.identities} identities, a queue of {step.queue}",
            f"the products with OIM's tables are {figures['operations'] / 1e9:.1f} thousand million operations: "
            f"{reached / 1e9:.0f} a second, {reached / most:.0%} of the {most / 1e9:.0f} that a large product reaches",
        ]
    )
