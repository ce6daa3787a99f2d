"""Training the joint model: detection losses plus an identity loss over memory tables, step by step, resumable.

One step: draw a batch, model.losses, criterion(embeddings, person_index), backward, optimiser step, criterion.update.
"""

import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from datasets.samples import FrameSample
from datasets.transforms import FrameAugmentation, FrameTransform
from detection.checkpoints import save_model
from detection.joint import PersonSearchRCNN, Target
from detection.loader import TrainingFrames, epoch_order, load_batches
from reid.losses import OIMLoss
from reid.run_files import MODEL_FILE, DivergedError, MetricLog, read_resume_point, write_resume_point

COLUMNS = (
    "step", "epoch", "learning_rate", "loss", "loss_objectness", "loss_rpn_box_reg", "loss_classifier",
    "loss_box_reg", "loss_identity", "people", "images_per_second",
)  # fmt: skip

StepReport = Callable[[int, int, dict[str, float]], None]


@dataclass(frozen=True)
class JointTrainingConfig:
    """How the joint model is trained.

    Args:
        epochs: passes over the frames.
        batch_size: frames a step. BatchNorm that trains wants four or more.
        learning_rate: of AdamW after the warm-up; it then falls to a hundredth along half a cosine.
        weight_decay: of AdamW, on every weight but biases and BatchNorm.
        warmup_steps: steps of linear warm-up; at most a tenth of all steps are used.
        clip_norm: gradients are scaled down to this norm; a guard against single bad batches.
        identity_weight: factor of the identity loss beside the detection losses.
        queue_size: length of OIM's queue of unlabelled people; CUHK-SYSU 5000, PRW 500 are published.
        momentum: how much of a table row stays at an update.
        scale: inverse temperature of OIM.
        seed: of weights, order, augmentation and RoI sampling.
        workers: threads that decode and augment ahead of the network; 0 does it between the steps.
        checkpoint_steps: a resume point is written this often, and after each epoch.
    """

    epochs: int = 20
    batch_size: int = 4
    learning_rate: float = 5e-4
    weight_decay: float = 1e-2
    warmup_steps: int = 200
    clip_norm: float = 10.0
    identity_weight: float = 1.0
    queue_size: int = 500
    momentum: float = 0.5
    scale: float = 30.0
    seed: int = 0
    workers: int = 2
    checkpoint_steps: int = 500

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        for name in ("workers", "queue_size", "warmup_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}, expected more than 0")


@dataclass(frozen=True)
class TrainingSummary:
    """What a training did.

    Args:
        steps: in all, those before a resume too.
        epochs: in all.
        identities: labelled people of the training split.
        frames: of the training split.
        seconds: of this call.
        losses: of the last step.
        model_file: where the trained model is.
        failures: (frame name, reason) of frames that could not be read; training went on without them.
    """

    steps: int
    epochs: int
    identities: int
    frames: int
    seconds: float
    losses: dict[str, float]
    model_file: Path
    failures: tuple[tuple[str, str], ...] = ()


class JointTrainer:
    """A training in a run directory: model.safetensors, resume.pt, metrics.csv, TensorBoard events, config.json.

    Args:
        model: the model to train, on its device.
        samples: the split "train"; identities 0 .. P-1.
        run_directory: where everything is written.
        config: the recipe.
        augmentation: of the frames.
        notes: kept in the model file (data, command).

    Raises:
        ValueError: no frames, or no identity is labelled.
    """

    def __init__(
        self,
        model: PersonSearchRCNN,
        samples: Sequence[FrameSample],
        run_directory: Path,
        *,
        config: JointTrainingConfig,
        augmentation: FrameAugmentation | None = None,
        notes: dict[str, object] | None = None,
    ) -> None:
        ids = np.concatenate([sample.person_ids for sample in samples]) if samples else np.empty(0, np.int64)
        if not (ids >= 0).any():
            raise ValueError(
                f"{len(samples)} training frames hold no person with an identity, expected some person_id >= 0; "
                f"check the split with `personsearch data check`"
            )
        self.model = model
        self.config = config
        self.directory = run_directory
        self.augmentation = augmentation or FrameAugmentation()
        self.notes = notes or {}
        self.identities = int(ids.max()) + 1
        cameras = sorted({sample.camera for sample in samples if sample.camera is not None}, key=str)
        self.frames = TrainingFrames(
            samples,
            FrameTransform(self.augmentation),
            seed=config.seed,
            cameras={camera: row for row, camera in enumerate(cameras)},
        )
        self.criterion = OIMLoss(
            model.embedding_dim, self.identities, config.queue_size, momentum=config.momentum, scale=config.scale
        ).to(model.device)
        self.steps_per_epoch = -(-len(samples) // config.batch_size)
        self.total_steps = config.epochs * self.steps_per_epoch
        self.optimizer = torch.optim.AdamW(_parameter_groups(model, config.weight_decay), lr=config.learning_rate)
        warmup = max(1, min(config.warmup_steps, self.total_steps // 10))
        self.schedule = LambdaLR(self.optimizer, lambda step: _learning_rate_factor(step, warmup, self.total_steps))
        self.step = 0

    def resume(self) -> None:
        """Go back to the last resume point of the run directory; what follows equals an uninterrupted run.

        To the bit on a processor; on a GPU as far as its kernels are deterministic (RoIAlign's gradient is not).

        Raises:
            FileNotFoundError: nothing to resume from.
            ValueError: the resume point is damaged, or belongs to other data, another model or another recipe.
        """
        state = read_resume_point(self.directory, self._recipe())
        self.model.load_state_dict(state["model"])
        self.criterion.load_state_dict(state["criterion"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.step = int(state["step"])

    def run(self, on_step: StepReport | None = None) -> TrainingSummary:
        """Train to the end, from the present step.

        Args:
            on_step: called after each step with (steps done, steps in all, figures of the step).

        Raises:
            DivergedError: a loss is not finite any more.
            ValueError: not a single training frame could be read.
        """
        started = time.perf_counter()
        if self.step == 0:
            torch.manual_seed(self.config.seed)
        figures: dict[str, float] = {}
        failures: dict[str, str] = {}
        self.directory.mkdir(parents=True, exist_ok=True)
        log = MetricLog(self.directory, COLUMNS, resume_step=self.step)
        self.model.train()
        try:
            for epoch in range(self.step // self.steps_per_epoch, self.config.epochs):
                batches = epoch_order(len(self.frames), self.config.batch_size, seed=self.config.seed, epoch=epoch)[
                    self.step % self.steps_per_epoch :
                ]
                for batch in load_batches(self.frames, batches, workers=self.config.workers):
                    failures |= dict(batch.failures)
                    if batch.images:
                        figures = self._train_step(batch.images, batch.targets)
                        log.add({"step": self.step + 1, "epoch": epoch, **figures})
                    self.step += 1
                    if not figures:
                        continue  # nothing is trained yet, so there is nothing to keep or to show
                    if self.step % self.config.checkpoint_steps == 0 or self.step % self.steps_per_epoch == 0:
                        log.flush()
                        self._write()
                    if on_step is not None:
                        on_step(self.step, self.total_steps, figures)
                if len(failures) == len({sample.name for sample in self.frames.samples}):
                    name, reason = next(iter(failures.items()))
                    raise ValueError(f"none of the {len(failures)} training frames could be read; {name}: {reason}")
        finally:
            log.close()
        if not (self.directory / MODEL_FILE).is_file():
            self._write()
        self.model.eval()
        return TrainingSummary(
            self.step,
            self.config.epochs,
            self.identities,
            len(self.frames),
            time.perf_counter() - started,
            {name: value for name, value in figures.items() if name.startswith("loss")},
            self.directory / MODEL_FILE,
            tuple(failures.items()),
        )

    def _train_step(self, images: list[Tensor], targets: list[Target]) -> dict[str, float]:
        begun = time.perf_counter()
        device = self.model.device
        pictures = [image.to(device, non_blocking=True).float() / 255 for image in images]
        moved = [{name: value.to(device) for name, value in target.items()} for target in targets]
        losses = self.model.losses(pictures, moved)
        identity = self.criterion(losses.embeddings, losses.person_index)
        total = sum(losses.detection.values(), start=self.config.identity_weight * identity)
        parts = {name: float(value.detach()) for name, value in losses.detection.items()}
        parts |= {"loss": float(total.detach()), "loss_identity": float(identity.detach())}
        if not math.isfinite(parts["loss"]):
            raise DivergedError(
                f"the loss is {parts['loss']} at step {self.step + 1}: {parts}; lower learning_rate or clip_norm"
            )
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        rate = self.optimizer.param_groups[0]["lr"]
        self.optimizer.step()
        self.schedule.step()
        self.criterion.update(losses.embeddings.detach(), losses.person_index)
        return {
            **parts,
            "learning_rate": rate,
            "people": float(len(losses.embeddings)),
            "images_per_second": len(images) / (time.perf_counter() - begun),
        }

    def _recipe(self) -> dict[str, object]:
        """What must be the same when a run goes on; the number of loader threads changes nothing."""
        recipe: dict[str, object] = dataclasses.asdict(self.config)
        parts = {
            "detector": self.model.detector_config,
            "embedding": self.model.embedding_config,
            "augmentation": self.augmentation,
        }
        for name, part in parts.items():
            recipe |= {f"{name}.{key}": str(value) for key, value in vars(part).items()}
        recipe |= {"frames": len(self.frames), "identities": self.identities, "data": self._data_digest()}
        for name in ("workers", "checkpoint_steps"):
            recipe.pop(name)
        return recipe

    def _data_digest(self) -> str:
        """Tells data sets apart that have as many frames and people."""
        digest = hashlib.sha256()
        for sample in self.frames.samples:
            digest.update(sample.name.encode())
            digest.update(sample.boxes.tobytes() + sample.person_ids.tobytes())
        return digest.hexdigest()[:16]

    def _write(self) -> None:
        save_model(self.directory / MODEL_FILE, self.model, notes=self.notes | {"steps": self.step})
        state = {
            "recipe": self._recipe(),
            "model": self.model.state_dict(),
            "criterion": self.criterion.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "step": self.step,
        }
        write_resume_point(self.directory, state)


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _learning_rate_factor(step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
