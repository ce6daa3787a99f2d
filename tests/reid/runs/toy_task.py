"""A task that trains four numbers: what the loop does is seen in milliseconds."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from reid.runs.interruption import TrainingInterrupted
from reid.runs.run import TrainingRun
from reid.runs.task import RateShare, StepLosses


@dataclass(frozen=True)
class ToyRecipe:
    epochs: int = 3
    seed: int = 5
    clip_norm: float = 0.0
    accumulate: int = 1
    ema_decay: float = 0.0
    checkpoint_steps: int = 1000


@dataclass(frozen=True)
class ToyBatch:
    rows: list[tuple[int, int]]
    failures: list[tuple[str, str]] = field(default_factory=list)


class ToyTask:
    """Four weights are pulled towards noise that depends on seed and step, times the mean row of the batch."""

    forward_methods: tuple[str, ...] = ()
    columns = ("step", "epoch", "learning_rate", "loss", "images_per_second")

    def __init__(self, config: ToyRecipe | None = None, *, steps_per_epoch: int = 4, rate: float = 0.1) -> None:
        self.config = config or ToyRecipe()
        self.steps_per_epoch = steps_per_epoch
        self.model = nn.Linear(4, 1, bias=False)
        nn.init.ones_(self.model.weight)
        self.criterion = nn.Module()
        self.criterion.register_buffer("table", torch.zeros(1))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=rate, momentum=0.9)
        self.events: list[str] = []
        self.unreadable: set[int] = set()
        self.noise: list[float] = []

    @property
    def rate_share(self) -> RateShare:
        return lambda step: 1 / (1 + step)

    def batches(self, epoch: int) -> list[list[tuple[int, int]]]:
        return [[(epoch, 2 * step), (epoch, 2 * step + 1)] for step in range(self.steps_per_epoch)]

    def load(self, epoch: int, batches: Sequence[list[tuple[int, int]]]) -> Iterator[ToyBatch]:
        for rows in batches:
            broken = [(f"row {row}", "broken") for _, row in rows if row in self.unreadable]
            yield ToyBatch([one for one in rows if one[1] not in self.unreadable], broken)

    def usable(self, batch: ToyBatch) -> int:
        return len(batch.rows)

    def before_first_step(self) -> None:
        self.events.append("before the first step")

    def losses(self, network: nn.Module, batch: ToyBatch, step: int) -> StepLosses:
        self.events.append(f"losses {step}")
        noise = torch.randn(1, 4)
        self.noise.append(float(noise[0, 0]))
        rows = torch.tensor([float(row) for _, row in batch.rows])  # [N]
        loss = network(noise).square().mean() * (1 + rows.mean())
        return StepLosses(loss, {"loss": loss}, (rows,))

    def update_tables(self, rows: Sequence[Tensor]) -> None:
        self.events.append("tables")
        self.criterion.table += rows[0].sum()

    def save(self, model: nn.Module, path: Path, step: int) -> None:
        save_file({"weight": model.weight.detach().clone(), "step": torch.tensor(step)}, path)

    def must_match(self) -> Mapping[str, object]:
        return {"seed": self.config.seed, "losses.metric_on": "features"}


LONG = ToyRecipe(epochs=20, ema_decay=0.9)
"""The recipe of the program."""


def train(folder: Path, pause: float) -> None:
    """Train in a process of its own, which says each step and ends with status 130 where it is interrupted.

    Args:
        folder: The run's folder.
        pause: Seconds to wait after each step.
    """
    run = TrainingRun(ToyTask(LONG), folder)

    def wait(step: int, total: int, figures: dict[str, float]) -> None:
        print(step, flush=True)
        time.sleep(pause)

    try:
        run.run(wait)
    except TrainingInterrupted as stop:
        print(stop, flush=True)
        sys.exit(130)
