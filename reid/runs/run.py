"""The training loop: steps over epochs of batches, figures of each step, resume points, one process or several.

The loop is given a task (`reid.runs.task.Task`) and calls it; the crop model and the joint model are two tasks. One
step: draw a batch, the losses of each of its parts, backward, optimizer, then the tables take in the rows of all parts.
"""

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from reid.runs.files import MODEL_FILE, DivergedError, MetricLog, read_resume_point, write_resume_point
from reid.runs.interruption import StopRequest, TrainingInterrupted
from reid.runs.optimizer import averaged_model
from reid.runs.processes import average, gather_failures, synchronized_norms, this_process
from reid.runs.task import EpochReport, Loaded, Rows, RunSummary, StepReport, Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule


@dataclass
class _Course:
    """What a call of `TrainingRun.run` has met so far, and whom it tells.

    Args:
        network: The model as the processes share it.
        log: The file of figures, in the first process alone.
        stop: Whether a signal asked to stop.
        on_step: Called after each step.
        first_step: The steps that were done before this call.
        figures: The figures of the last step.
        failures: The pictures that could not be read, and why.
        speeds: Pictures a second of each step.
        kept_step: The step of the last resume point that this call wrote.
    """

    network: "_FabricModule"
    log: MetricLog | None
    stop: StopRequest
    on_step: StepReport | None
    first_step: int
    figures: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    speeds: list[float] = field(default_factory=list)
    kept_step: int | None = None


class TrainingRun(Generic[Rows, Loaded]):
    """Trains a task in a run directory: model.safetensors, resume.pt, metrics.csv and TensorBoard events.

    Args:
        task: What is trained.
        run_directory: The folder where everything is written.
        fabric: The processes that train together, from `reid.runs.processes.join_processes`; None for this one alone.

    Attributes:
        step: The steps that are done.
        steps_per_epoch: The steps of an epoch.
        total_steps: The steps of the whole training.

    Raises:
        ValueError: A batch cannot be divided evenly among the processes and parts.
    """

    def __init__(self, task: Task[Rows, Loaded], run_directory: Path, *, fabric: "Fabric | None" = None) -> None:
        self.task: Task[Rows, Loaded] = task
        self.directory = run_directory
        self.step = 0
        self.steps_per_epoch = task.steps_per_epoch
        self.total_steps = task.config.epochs * task.steps_per_epoch
        self.schedule = LambdaLR(task.optimizer, task.rate_share)
        self._fabric = fabric or this_process()
        self._seconds = 0.0
        self._started = time.perf_counter()
        decay = task.config.ema_decay
        self._averaged = averaged_model(task.model, decay) if decay else None
        self._own_parts(task.batches(0)[:1])

    @property
    def saved_model(self) -> nn.Module:
        """The model that is written to the model file: the moving average of the weights where there is one."""
        return self.task.model if self._averaged is None else self._averaged.module

    def resume(self) -> None:
        """Go back to the last resume point of the run directory; what follows equals a training without a stop.

        It is equal to the bit on a processor. On a GPU it is as far as the kernels are deterministic; the gradient of
        RoIAlign is not.

        Raises:
            FileNotFoundError: There is nothing to resume from.
            ValueError: The resume point is damaged, or belongs to other data, another model or another recipe.
        """
        state = read_resume_point(self.directory, self.task.must_match())
        self.task.model.load_state_dict(state["model"])
        self.task.criterion.load_state_dict(state["criterion"])
        self.task.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        if self._averaged is not None:
            self._averaged.load_state_dict(state["averaged"])
        self.step = int(state["step"])
        self._seconds = float(state["seconds"])

    def run(self, on_step: StepReport | None = None, on_epoch: EpochReport | None = None) -> RunSummary:
        """Train from the present step to the end.

        Args:
            on_step: Called after each step with the steps done, the steps in all and the figures of the step.
            on_epoch: Called after each epoch with the epochs done, in the first of several processes. A training that
                is resumed at the end of an epoch calls it for that epoch again, as its report may be missing.

        Raises:
            DivergedError: A loss is not finite any more.
            TrainingInterrupted: SIGINT (Ctrl-C) or SIGTERM came. The step that ran was finished and a resume point
                written, so that `resume` goes on from there.
            ValueError: Not a single picture could be read.
        """
        self._started = time.perf_counter()
        task, first_step = self.task, self.step
        network = self._fabric.setup_module(synchronized_norms(task.model), move_to_device=False)
        for method in task.forward_methods:
            network.mark_forward_method(method)
        if self.step == 0:
            self._seed(0)
            task.before_first_step()
        log = self._log()
        with StopRequest() as stop:
            course = _Course(network, log, stop, on_step, first_step)
            try:
                self._run_epochs(course, on_epoch)
            finally:
                if log is not None:
                    log.close()
        passed_over = self.step > first_step and not course.figures
        if passed_over or not (self.directory / MODEL_FILE).is_file():
            self._write(None)
        if self._averaged is not None:
            task.model.load_state_dict(self._averaged.module.state_dict())
        task.model.eval()
        return RunSummary(
            self.step,
            task.config.epochs,
            self._seconds + time.perf_counter() - self._started,
            float(np.median(course.speeds)) if course.speeds else 0.0,
            {name: value for name, value in course.figures.items() if name.startswith("loss")},
            self.directory / MODEL_FILE,
            tuple(gather_failures(course.failures).items()),
        )

    def _run_epochs(self, course: _Course, on_epoch: EpochReport | None) -> None:
        """The epochs from the present step on, each followed by its report."""
        first_step = course.first_step
        if 0 < first_step < self.total_steps and first_step % self.steps_per_epoch == 0:
            self._report_epoch(first_step // self.steps_per_epoch, course, on_epoch)
        for epoch in range(first_step // self.steps_per_epoch, self.task.config.epochs):
            self._run_epoch(epoch, course)
            if not course.figures and first_step == 0:
                failures = gather_failures(course.failures)  # figures are absent in all processes or in none
                name, reason = next(iter(failures.items()))
                raise ValueError(f"none of the {len(failures)} training pictures could be read; {name}: {reason}")
            self._report_epoch(epoch + 1, course, on_epoch)

    def _run_epoch(self, epoch: int, course: _Course) -> None:
        """The steps of an epoch from the present one on."""
        config = self.task.config
        course.network.train()
        rows = self._own_parts(self.task.batches(epoch)[self.step % self.steps_per_epoch :])
        loaded = iter(self.task.load(epoch, rows))
        while parts := list(itertools.islice(loaded, config.accumulate)):
            course.failures |= dict(failure for part in parts for failure in part.failures)
            figures = self._train_step(course.network, [part for part in parts if self._all_can_use(part)])
            if figures:
                course.figures = figures
                course.speeds.append(figures["images_per_second"])
                if course.log is not None:
                    course.log.add({"step": self.step + 1, "epoch": epoch, **figures})
            self.step += 1
            if course.figures:  # before that nothing is trained, so there is nothing to keep or to show
                if self.step % config.checkpoint_steps == 0 or self.step == self.total_steps:
                    self._keep(course)
                if course.on_step is not None:
                    course.on_step(self.step, self.total_steps, course.figures)
            self._stop_where_asked(course)

    def _report_epoch(self, done: int, course: _Course, on_epoch: EpochReport | None) -> None:
        """Call `on_epoch`; a signal ends the call, for the epoch can be reported again after a resume."""
        if on_epoch is not None and self._fabric.is_global_zero:
            course.stop.at_once = self._fabric.world_size == 1
            try:
                on_epoch(done)
            except KeyboardInterrupt:
                if not course.stop.asked:  # somebody else raised it
                    raise
            finally:
                course.stop.at_once = False
        if self._fabric.world_size == 1:  # several processes agree on it after the next step
            self._stop_where_asked(course)

    def _stop_where_asked(self, course: _Course) -> None:
        """Write a resume point and stop, where a signal reached any of the processes."""
        stop = course.stop.asked
        if self._fabric.world_size > 1:
            stop = bool(average(torch.tensor(float(stop), device=self._device)) > 0)
        if not stop:
            return
        if not course.figures and course.first_step == 0:
            raise KeyboardInterrupt  # nothing is trained yet, so there is nothing to keep
        if course.kept_step != self.step:
            self._keep(course)
        raise TrainingInterrupted(self.directory, self.step, self.total_steps)

    def _log(self) -> MetricLog | None:
        if not self._fabric.is_global_zero:
            return None
        self.directory.mkdir(parents=True, exist_ok=True)
        return MetricLog(self.directory, self.task.columns, resume_step=self.step)

    def _own_parts(self, batches: Sequence[Rows]) -> list[Rows]:
        """What of each batch this process trains on, in as many parts as the recipe accumulates."""
        parts, processes, rank = self.task.config.accumulate, self._fabric.world_size, self._fabric.global_rank
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

    def _all_can_use(self, part: Loaded) -> bool:
        """Whether every process has pictures in its part: each step is taken by all or by none."""
        count = torch.tensor(float(self.task.usable(part) > 0), device=self._device)
        return bool(average(count) == 1)

    @property
    def _device(self) -> torch.device:
        return next(self.task.model.parameters()).device

    def _seed(self, step: int) -> None:
        words = [self.task.config.seed, step, self._fabric.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(words).generate_state(1)[0]))

    def _train_step(self, network: "_FabricModule", parts: Sequence[Loaded]) -> dict[str, float]:
        """One step of the optimizer over the parts of a batch; nothing where none has pictures."""
        if not parts:
            return {}
        begun = time.perf_counter()
        self._seed(self.step)
        optimizer = self.task.optimizer
        optimizer.zero_grad(set_to_none=True)
        figures, rows = self._backward(network, parts)
        self._average_criterion_gradients()
        if self.task.config.clip_norm:
            trained = itertools.chain(self.task.model.parameters(), self.task.criterion.parameters())
            nn.utils.clip_grad_norm_(trained, self.task.config.clip_norm)
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        self.schedule.step()
        if self._averaged is not None:
            self._averaged.update_parameters(self.task.model)
        for part in rows:  # part by part, as the frames of a batch that is computed at once stand in it
            self.task.update_tables(part)
        pictures = self._fabric.world_size * sum(self.task.usable(part) for part in parts)
        speed = pictures / (time.perf_counter() - begun)
        return {**figures, "learning_rate": rate, "images_per_second": speed}

    def _backward(
        self, network: "_FabricModule", parts: Sequence[Loaded]
    ) -> tuple[dict[str, float], list[tuple[Tensor, ...]]]:
        """Gradients of the mean over the parts; the figures of the step, and the rows of each part for the tables."""
        sums: dict[str, Tensor] = {}
        figures: dict[str, float] = {}
        rows = []
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            # Gradients of all but the last part stay in their process.
            with self._fabric.no_backward_sync(network, enabled=not last):
                losses = self.task.losses(network, part, self.step)
                for name, value in losses.named.items():
                    sums[name] = sums.get(name, value.new_zeros(())) + value.detach().float() / len(parts)
                if last:
                    figures = self._checked(sums)
                self._fabric.backward(losses.total / len(parts))
            rows.append(losses.rows)
        return figures, rows

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
            for parameter in self.task.criterion.parameters():
                if parameter.grad is not None:
                    parameter.grad = average(parameter.grad)

    def _keep(self, course: _Course) -> None:
        self._write(course.log)
        course.kept_step = self.step

    def _write(self, log: MetricLog | None) -> None:
        """Write the model file and the resume point, in the first process."""
        if not self._fabric.is_global_zero:
            return
        if log is not None:
            log.flush()
        newest = self.directory / f"next.{MODEL_FILE}"
        self.task.save(self.saved_model, newest, self.step)
        state = {
            "recipe": dict(self.task.must_match()),
            "model": self.task.model.state_dict(),
            "criterion": self.task.criterion.state_dict(),
            "optimizer": self.task.optimizer.state_dict(),
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
