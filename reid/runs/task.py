"""What the training loop asks of the thing it trains: a Task, and the recipe, batches and losses that belong to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

StepReport = Callable[[int, int, dict[str, float]], None]
"""Called after each step with the steps done, the steps in all and the figures of the step."""
EpochReport = Callable[[int], object]
"""Called after each epoch with the number of epochs done."""
RateShare = Callable[[int], float]
"""Gives the share of the full learning rate that the step of this number has, 0 being the first step."""


class LoopRecipe(Protocol):
    """What the loop reads of a recipe; `CropTrainingConfig` and `JointTrainingConfig` have it."""

    @property
    def epochs(self) -> int:
        """How often all batches of the task are gone through, 1 or more."""

    @property
    def seed(self) -> int:
        """The seed of everything that is drawn, 0 or more."""

    @property
    def clip_norm(self) -> float:
        """The largest norm that the gradients of a step may have: longer ones are scaled down to it. 0 leaves them."""

    @property
    def accumulate(self) -> int:
        """The number of parts in which a batch is computed, one after another; more parts need less memory."""

    @property
    def ema_decay(self) -> float:
        """The share of its old value that the moving average of the weights keeps at a step; 0 makes no average."""

    @property
    def checkpoint_steps(self) -> int:
        """The number of steps from one resume point to the next."""


class LoadedBatch(Protocol):
    """What the loop reads of a batch whose pictures are in memory."""

    @property
    def failures(self) -> Sequence[tuple[str, str]]:
        """The name of every picture that could not be read, and why."""


class StepLosses(NamedTuple):
    """What a task makes of one part of a batch.

    Args:
        total: The scalar that is minimized.
        named: Scalars for the log by their names, "loss" among them.
        rows: What `Task.update_tables` is given once the step is done, usually embeddings and their labels.
    """

    total: Tensor
    named: dict[str, Tensor]
    rows: tuple[Tensor, ...]


Rows = TypeVar("Rows", list[tuple[int, int]], NDArray[np.int64])
"""A batch before it is loaded: pairs of epoch and frame, or an array with a row for each crop."""
Loaded = TypeVar("Loaded", bound=LoadedBatch)


class Task(Protocol[Rows, Loaded]):
    """What is trained: a model, its losses, and where its batches come from. `reid.runs.run.TrainingRun` trains it.

    Everything that a task draws must depend on the seed, the epoch and the step alone. Then a training that was
    stopped and resumed equals one that was not.
    """

    @property
    def model(self) -> nn.Module:
        """The model in training, on its device."""

    @property
    def criterion(self) -> nn.Module:
        """The identity losses with their memory tables, on the same device."""

    @property
    def config(self) -> LoopRecipe:
        """The recipe."""

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """What changes the weights of model and criterion."""

    @property
    def rate_share(self) -> RateShare:
        """The schedule of the learning rate: a plain function, as any other callable would get into resume points.

        It must not refer to the task, which would then be kept in memory after the training.
        """

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches that `batches` gives."""

    @property
    def forward_methods(self) -> tuple[str, ...]:
        """The methods of the model that `losses` calls instead of calling the model itself."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the figures in metrics.csv: "step", "epoch", then what `losses` and the loop give."""

    def batches(self, epoch: int) -> Sequence[Rows]:
        """The rows of each batch of an epoch."""

    def load(self, epoch: int, batches: Sequence[Rows]) -> Iterator[Loaded]:
        """The pictures of some batches, in their order."""

    def usable(self, batch: Loaded) -> int:
        """How many pictures of a batch can be trained on."""

    def before_first_step(self) -> None:
        """Called once, before the very first step of a training; not when it is resumed."""

    def losses(self, network: nn.Module, batch: Loaded, step: int) -> StepLosses:
        """The losses of one part of a batch.

        Args:
            network: The model, wrapped for several processes.
            batch: A part of the batch, of which at least one picture could be read.
            step: The number of the step, 0 for the first.
        """

    def update_tables(self, rows: Sequence[Tensor]) -> None:
        """Let the memory tables take in the rows of one part of a batch, after the step."""

    def save(self, model: nn.Module, path: Path, step: int) -> None:
        """Write the model file.

        Args:
            model: The weights to write: `model`, or the moving average of its weights.
            path: The file.
            step: The steps that are done.
        """

    def must_match(self) -> Mapping[str, object]:
        """Name and value of everything that must be the same when a training is resumed."""


@dataclass(frozen=True)
class RunSummary:
    """What a training came to.

    Args:
        steps: The steps that are done, those before a resume too.
        epochs: The epochs that are done, those before a resume too.
        seconds: The time that all steps took, as far as the resume points know.
        images_per_second: The pictures that the network trained on in a second, without waiting for the loader: the
            median over the steps of this call, and the sum over all processes.
        losses: The losses of the last step by their names.
        model_file: The file that holds the trained model.
        failures: The name of each picture that could not be read, and why. The training went on without it.
    """

    steps: int
    epochs: int
    seconds: float
    images_per_second: float
    losses: dict[str, float]
    model_file: Path
    failures: tuple[tuple[str, str], ...]
