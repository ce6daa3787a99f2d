"""What every training here does: steps over epochs of batches, logs, resume points, one process or several.

One step: draw a batch, losses of each of its parts, backward, optimizer step, criterion.update with the rows of all.
Everything that is drawn depends on the seed, the epoch and the step alone, so that a run that goes on after a resume
point equals one that was never interrupted.
"""

import itertools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from reid.runs.optimizer import averaged_model
from reid.runs.processes import average, gather_failures, synchronized_norms, this_process
from reid.runs.files import MODEL_FILE, DivergedError, MetricLog, read_resume_point, write_resume_point

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule

StepReport = Callable[[int, int, dict[str, float]], None]
EpochReport = Callable[[int], object]


class RunConfig(Protocol):
    """What `TrainingRun` asks of a recipe."""

    @property
    def epochs(self) -> int:
        """Of `TrainingRun.batches`."""

    @property
    def seed(self) -> int:
        """Of everything that is drawn."""

    @property
    def clip_norm(self) -> float:
        """Gradients are scaled down to this norm; 0 leaves them."""

    @property
    def accumulate(self) -> int:
        """In how many parts a batch is computed."""

    @property
    def ema_decay(self) -> float:
        """Share of its old value that the moving average of the weights keeps at a step; 0 for none."""

    @property
    def checkpoint_steps(self) -> int:
        """A resume point is written this often."""


class LoadedBatch(Protocol):
    """What `TrainingRun` asks of a batch."""

    @property
    def failures(self) -> Sequence[tuple[str, str]]:
        """(name, reason) of what could not be read."""


Rows = TypeVar("Rows", list[tuple[int, int]], NDArray[np.int64])
"""A batch before it is loaded: (epoch, frame) each, or rows of the crops."""
Loaded = TypeVar("Loaded", bound=LoadedBatch)


@dataclass(frozen=True)
class RunSummary:
    """What a call of `TrainingRun.run` did.

    Args:
        steps: in all, those before a resume too.
        epochs: in all.
        seconds: in all, as far as resume points know.
        images_per_second: of the network alone, median over the steps of this call, of all processes together.
        losses: of the last step.
        model_file: where the trained model is.
        failures: (name, reason) of what could not be read; training went on without it.
    """

    steps: int
    epochs: int
    seconds: float
    images_per_second: float
    losses: dict[str, float]
    model_file: Path
    failures: tuple[tuple[str, str], ...]


@dataclass
class _Course:
    """What a call of `TrainingRun.run` has met so far: figures of the last step, what could not be read, speeds."""

    figures: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    speeds: list[float] = field(default_factory=list)


class TrainingRun(ABC, Generic[Rows, Loaded]):
    """A training in a run directory: model.safetensors, resume.pt, metrics.csv, TensorBoard events, config.json.

    Args:
        model: the model to train, on its device.
        criterion: the identity losses, on the same device, with their tables.
        run_directory: where everything is written.
        config: the recipe.
        optimizer: over the weights of both.
        rate_factor: the learning rate's share at a time given in epochs.
        steps_per_epoch: optimizer steps.
        fabric: the processes that train together, of `join_processes`; this process alone where none is given.

    Attributes:
        step: optimizer steps done.
        forward_methods: methods of the model, beside its forward, that `losses` calls.
    """

    forward_methods: tuple[str, ...] = ()

    def __init__(
        self,
        model: nn.Module,
        criterion: nn.Module,
        run_directory: Path,
        *,
        config: RunConfig,
        optimizer: torch.optim.Optimizer,
        rate_factor: Callable[[float], float],
        steps_per_epoch: int,
        fabric: "Fabric | None" = None,
    ) -> None:
        self.model = model
        self.criterion = criterion
        self.directory = run_directory
        self.steps_per_epoch = steps_per_epoch
        self.total_steps = config.epochs * steps_per_epoch
        self.optimizer = optimizer
        # Not by way of self: a trainer in a circle of references would keep its pictures in memory.
        self.schedule = LambdaLR(optimizer, lambda step: rate_factor(step / steps_per_epoch))
        self.step = 0
        self._run_config = config
        self._seconds = 0.0
        self._started = time.perf_counter()
        self._fabric = fabric or this_process()
        self._averaged = averaged_model(model, config.ema_decay) if config.ema_decay else None
        self._own_parts(self.batches(0)[:1])

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the figures of a step: "step", "epoch", then what `losses` gives and what the run adds."""

    @abstractmethod
    def batches(self, epoch: int) -> Sequence[Rows]:
        """The rows of each batch of an epoch, `steps_per_epoch` of them."""

    @abstractmethod
    def load(self, epoch: int, batches: Sequence[Rows]) -> Iterator[Loaded]:
        """The pictures of batches, in their order."""

    @abstractmethod
    def size(self, batch: Loaded) -> int:
        """How many pictures of a batch can be trained on."""

    @abstractmethod
    def losses(self, network: nn.Module, batch: Loaded) -> tuple[Tensor, dict[str, Tensor], tuple[Tensor, ...]]:
        """What is minimized, its parts for the log, and the rows that the criterion remembers after the step."""

    @abstractmethod
    def remember(self, rows: Sequence[Tensor]) -> None:
        """Let the criterion's tables remember the rows of a part of a batch, after the step."""

    @abstractmethod
    def save(self, model: nn.Module, path: Path) -> None:
        """Write the model file."""

    @abstractmethod
    def recipe(self) -> Mapping[str, object]:
        """What must be the same when a run goes on."""

    @property
    def kept(self) -> nn.Module:
        """The model that is written to the model file: the moving average where there is one."""
        return self.model if self._averaged is None else self._averaged.module

    def begin(self) -> None:
        """Before the first step of all."""

    def resume(self) -> None:
        """Go back to the last resume point of the run directory; what follows equals an uninterrupted run.

        To the bit on a processor; on a GPU as far as its kernels are deterministic (RoIAlign's gradient is not).

        Raises:
            FileNotFoundError: nothing to resume from.
            ValueError: the resume point is damaged, or belongs to other data, another model or another recipe.
        """
        state = read_resume_point(self.directory, self.recipe())
        self.model.load_state_dict(state["model"])
        self.criterion.load_state_dict(state["criterion"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        if self._averaged is not None:
            self._averaged.load_state_dict(state["averaged"])
        self.step = int(state["step"])
        self._seconds = float(state["seconds"])

    def run(self, on_step: StepReport | None = None, on_epoch: EpochReport | None = None) -> RunSummary:
        """Train to the end, from the present step.

        Args:
            on_step: called after each step with (steps done, steps in all, figures of the step).
            on_epoch: called with the number of epochs done, in the first of several processes.

        Raises:
            DivergedError: a loss is not finite any more.
            ValueError: not a single picture could be read.
        """
        self._started = time.perf_counter()
        config = self._run_config
        network = self._fabric.setup_module(synchronized_norms(self.model), move_to_device=False)
        for method in self.forward_methods:
            network.mark_forward_method(method)
        if self.step == 0:
            self._seed(0)
            self.begin()
        course = _Course()
        first_step = self.step
        log = self._log()
        try:
            for epoch in range(self.step // self.steps_per_epoch, config.epochs):
                self._run_epoch(network, epoch, course, log, on_step)
                if not course.figures and first_step == 0:
                    failures = gather_failures(course.failures)  # figures are absent in all processes or in none
                    name, reason = next(iter(failures.items()))
                    raise ValueError(f"none of the {len(failures)} training pictures could be read; {name}: {reason}")
                if on_epoch is not None and self._fabric.is_global_zero:
                    on_epoch(epoch + 1)
        finally:
            if log is not None:
                log.close()
        passed_over = self.step > first_step and not course.figures
        if passed_over or not (self.directory / MODEL_FILE).is_file():
            self._write(None)
        if self._averaged is not None:
            self.model.load_state_dict(self._averaged.module.state_dict())
        self.model.eval()
        return RunSummary(
            self.step,
            config.epochs,
            self._seconds + time.perf_counter() - self._started,
            float(np.median(course.speeds)) if course.speeds else 0.0,
            {name: value for name, value in course.figures.items() if name.startswith("loss")},
            self.directory / MODEL_FILE,
            tuple(gather_failures(course.failures).items()),
        )

    def _run_epoch(
        self, network: "_FabricModule", epoch: int, course: "_Course", log: MetricLog | None, on_step: StepReport | None
    ) -> None:
        """The steps of an epoch from the present one on."""
        config = self._run_config
        network.train()
        rows = self._own_parts(self.batches(epoch)[self.step % self.steps_per_epoch :])
        loaded = iter(self.load(epoch, rows))
        while parts := list(itertools.islice(loaded, config.accumulate)):
            course.failures |= dict(failure for part in parts for failure in part.failures)
            figures = self._train_step(network, [part for part in parts if self._usable(part)])
            if figures:
                course.figures = figures
                course.speeds.append(figures["images_per_second"])
                if log is not None:
                    log.add({"step": self.step + 1, "epoch": epoch, **figures})
            self.step += 1
            if not course.figures:
                continue  # nothing is trained yet, so there is nothing to keep or to show
            if self.step % config.checkpoint_steps == 0 or self.step == self.total_steps:
                self._write(log)
            if on_step is not None:
                on_step(self.step, self.total_steps, course.figures)

    def _log(self) -> MetricLog | None:
        if not self._fabric.is_global_zero:
            return None
        self.directory.mkdir(parents=True, exist_ok=True)
        return MetricLog(self.directory, self.columns, resume_step=self.step)

    def _own_parts(self, batches: Sequence[Rows]) -> list[Rows]:
        """What of each batch this process trains on, in as many parts as the recipe accumulates."""
        parts, processes, rank = self._run_config.accumulate, self._fabric.world_size, self._fabric.global_rank
        own = []
        for batch in batches:
            size, rest = divmod(len(batch), parts * processes)
            if rest:
                raise ValueError(
                    f"a batch of {len(batch)} cannot be divided among {processes} process{'es' * (processes > 1)} in "
                    f"{parts} part{'s' * (parts > 1)} each; choose a multiple of {parts * processes}"
                )
            firsts = [(part * processes + rank) * size for part in range(parts)]
            own += [batch[first : first + size] for first in firsts]
        return own

    def _usable(self, part: Loaded) -> bool:
        """Whether every process has pictures in its part: each step is taken by all or by none."""
        count = torch.tensor(float(self.size(part) > 0), device=self._device)
        return bool(average(count) == 1)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _seed(self, step: int) -> None:
        words = [self._run_config.seed, step, self._fabric.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(words).generate_state(1)[0]))

    def _train_step(self, network: "_FabricModule", parts: Sequence[Loaded]) -> dict[str, float]:
        """One step of the optimizer over the parts of a batch; nothing where none has pictures."""
        if not parts:
            return {}
        begun = time.perf_counter()
        self._seed(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        remembered = []
        for number, part in enumerate(parts):
            # Gradients of all but the last part stay in their process.
            with self._fabric.no_backward_sync(network, enabled=number < len(parts) - 1):
                loss, named, rows = self.losses(network, part)
                for name, value in named.items():
                    sums[name] = sums.get(name, value.new_zeros(())) + value.detach().float() / len(parts)
                if number == len(parts) - 1:
                    figures = self._checked(sums)
                self._fabric.backward(loss / len(parts))
            remembered.append(rows)
        self._average_criterion_gradients()
        if self._run_config.clip_norm:
            trained = itertools.chain(self.model.parameters(), self.criterion.parameters())
            nn.utils.clip_grad_norm_(trained, self._run_config.clip_norm)
        rate = self.optimizer.param_groups[0]["lr"]
        self.optimizer.step()
        self.schedule.step()
        if self._averaged is not None:
            self._averaged.update_parameters(self.model)
        for rows in remembered:  # part by part, as the frames of a batch that is computed at once stand in it
            self.remember(rows)
        pictures = self._fabric.world_size * sum(self.size(part) for part in parts)
        return {
            **figures, "learning_rate": rate, "images_per_second": pictures / (time.perf_counter() - begun)
        }  # fmt: skip

    def _checked(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        """The figures of a step, means over all processes, as numbers."""
        values = average(torch.stack(list(sums.values()))).tolist()
        figures = dict(zip(sums, values, strict=True))
        if not math.isfinite(figures["loss"]):
            where = f"the loss is {figures['loss']} at step {self.step + 1}: {figures}"
            raise DivergedError(f"{where}; lower learning_rate or set clip_norm")
        return figures

    def _average_criterion_gradients(self) -> None:
        """The criterion sees the rows of all processes, so its gradients are equal but for rounding."""
        if self._fabric.world_size > 1:
            for parameter in self.criterion.parameters():
                if parameter.grad is not None:
                    parameter.grad = average(parameter.grad)

    def _write(self, log: MetricLog | None) -> None:
        if not self._fabric.is_global_zero:
            return
        if log is not None:
            log.flush()
        newest = self.directory / f"next.{MODEL_FILE}"
        self.save(self.kept, newest)
        state = {
            "recipe": dict(self.recipe()),
            "model": self.model.state_dict(),
            "criterion": self.criterion.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "step": self.step,
            "seconds": self._seconds + time.perf_counter() - self._started,
        }
        if self._averaged is not None:
            state["averaged"] = self._averaged.state_dict()
        # A model without its resume point could be neither resumed nor replaced: both are there, or what was before.
        try:
            write_resume_point(self.directory, state)
        except OSError:
            newest.unlink(missing_ok=True)
            raise
        newest.replace(self.directory / MODEL_FILE)
