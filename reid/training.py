"""Training the crop model: an identity criterion over batches of crops, step by step, resumable.

One step: draw a batch, model(images), criterion(features, person_index, camera_index), backward, optimiser step,
criterion.update.
"""

import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from datasets.samplers import balanced_batches, shuffled_batches
from datasets.samples import CropSample
from datasets.transforms import CropAugmentation, CropTransform
from reid.criteria import IdentityCriterion, LossConfig
from reid.embedding import crop_features
from reid.loader import CropBatch, TrainingCrops, load_crop_batches
from reid.run_files import MODEL_FILE, DivergedError, MetricLog, read_resume_point, write_resume_point
from reid.sphere_reid import CropFeatures, SphereReID

StepReport = Callable[[int, int, dict[str, float]], None]
EpochReport = Callable[[int], object]


@dataclass(frozen=True)
class CropTrainingConfig:
    """How the crop model is trained; the defaults are SphereReID's recipe.

    Args:
        epochs: of the sampler: "balanced" draws every person once an epoch, "shuffled" every crop.
        sampler: "balanced": P people with K pictures each; "shuffled": plain shuffling at the same batch size.
        persons: P.
        images: K; the batch holds P x K crops.
        optimizer: "adam" (betas 0.9 and 0.99), "adadelta" or "sgd" (Nesterov momentum 0.9).
        learning_rate: after the warm-up.
        weight_decay: on every weight but biases and BatchNorm.
        warmup_epochs: of linear warm-up; 0 starts at the full rate.
        warmup_start: the rate's share that the warm-up starts at.
        schedule: "steps": the rate falls to a tenth at each of `milestones`; "cosine": to a hundredth along half a
            cosine.
        milestones: epochs.
        clip_norm: gradients are scaled down to this norm; 0 leaves them.
        initialize_tables: TOIM's Pooled Table starts from what the starting weights make of the training crops; those
            weights are then of a model trained with softmax (the TOIM paper, section V).
        seed: of weights, order and augmentation.
        workers: threads that decode and augment ahead of the network; 0 does it between the steps.
        cache_megabytes: decoded crops kept in memory.
        checkpoint_epochs: a resume point is written this often.
        evaluate_epochs: the query and gallery splits are evaluated this often; 0 never.
    """

    epochs: int = 140
    sampler: Literal["balanced", "shuffled"] = "balanced"
    persons: int = 16
    images: int = 4
    optimizer: Literal["adam", "adadelta", "sgd"] = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup_epochs: float = 20
    warmup_start: float = 0.05
    schedule: Literal["steps", "cosine"] = "steps"
    milestones: tuple[float, ...] = (80, 100)
    clip_norm: float = 0.0
    initialize_tables: bool = False
    seed: int = 0
    workers: int = 2
    cache_megabytes: int = 2048
    checkpoint_epochs: int = 1
    evaluate_epochs: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "persons", "images", "checkpoint_epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        for name in ("workers", "warmup_epochs", "cache_megabytes", "evaluate_epochs", "weight_decay", "clip_norm"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}, expected more than 0")
        if not 0 < self.warmup_start <= 1:
            raise ValueError(f"warmup_start is {self.warmup_start}, expected more than 0 and at most 1")
        if self.persons * self.images < 2:
            raise ValueError("a batch of one crop has nothing to compare with; raise persons or images")


@dataclass(frozen=True)
class CropTrainingSummary:
    """What a training did.

    Args:
        steps: in all, those before a resume too.
        epochs: in all.
        identities: of the training split.
        crops: of the training split.
        seconds: of this call.
        images_per_second: of the network alone, median over the steps of this call.
        loader_images_per_second: of decoding and augmentation in one thread, once pictures are in memory.
        losses: of the last step.
        model_file: where the trained model is.
        failures: (crop name, reason) of crops that could not be read; training went on without them.
    """

    steps: int
    epochs: int
    identities: int
    crops: int
    seconds: float
    images_per_second: float
    loader_images_per_second: float
    losses: dict[str, float]
    model_file: Path
    failures: tuple[tuple[str, str], ...] = ()


class CropTrainer:
    """A training in a run directory: model.safetensors, resume.pt, metrics.csv, TensorBoard events, config.json.

    Args:
        model: the model to train, on its device.
        samples: the split "train"; identities 0 .. P-1.
        run_directory: where everything is written.
        config: the recipe.
        losses: what is minimised.
        augmentation: of the crops.
        notes: kept in the model file (data, command).

    Raises:
        ValueError: fewer than two people.
    """

    def __init__(
        self,
        model: SphereReID,
        samples: Sequence[CropSample],
        run_directory: Path,
        *,
        config: CropTrainingConfig,
        losses: LossConfig,
        augmentation: CropAugmentation | None = None,
        notes: dict[str, object] | None = None,
    ) -> None:
        self.ids = np.array([sample.person_id for sample in samples], dtype=np.int64)
        self.identities = len(np.unique(self.ids))
        if self.identities < 2 or self.ids.min() < 0:
            raise ValueError(
                f"{len(samples)} training crops of {self.identities} people, expected two people or more, all with an "
                f"identity; check the folder and the split"
            )
        self.model = model
        self.config = config
        self.losses = losses
        self.directory = run_directory
        self.augmentation = augmentation or CropAugmentation()
        self.notes = notes or {}
        cameras = sorted({sample.camera for sample in samples if sample.camera is not None}, key=str)
        structure = model.config
        self.crops = TrainingCrops(
            samples,
            CropTransform(
                self.augmentation,
                resize=(structure.resize_height, structure.resize_width),
                window=(structure.height, structure.width),
            ),
            seed=config.seed,
            cameras={camera: row for row, camera in enumerate(cameras)},
            cache_megabytes=config.cache_megabytes,
        )
        torch.manual_seed(config.seed)
        self.criterion = IdentityCriterion(
            losses,
            embedding_dim=model.embedding_dim,
            feature_dim=model.feature_dim,
            identities=self.identities,
            cameras=max(1, len(cameras)),
        ).to(model.device)
        self.steps_per_epoch = steps_per_epoch = len(self._batches(0))
        self.total_steps = config.epochs * steps_per_epoch
        self.optimizer = _optimizer(config, nn.ModuleList([model, self.criterion]))
        # Not by way of self: a trainer in a circle of references would keep its pictures in memory.
        self.schedule = LambdaLR(self.optimizer, lambda step: _rate_factor(config, step / steps_per_epoch))
        self.step = 0

    def resume(self) -> None:
        """Go back to the last resume point of the run directory; what follows equals an uninterrupted run.

        To the bit on a processor; on a GPU as far as its kernels are deterministic.

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

    def run(self, on_step: StepReport | None = None, on_evaluation: EpochReport | None = None) -> CropTrainingSummary:
        """Train to the end, from the present step.

        Args:
            on_step: called after each step with (steps done, steps in all, figures of the step).
            on_evaluation: called with the number of epochs done, every `evaluate_epochs` of them.

        Raises:
            DivergedError: a loss is not finite any more.
            ValueError: not a single crop could be read.
        """
        started = time.perf_counter()
        if self.step == 0:
            torch.manual_seed(self.config.seed)
            if self.config.initialize_tables:
                self._initialize_tables()
        figures: dict[str, float] = {}
        failures: dict[str, str] = {}
        speeds: list[float] = []
        self.directory.mkdir(parents=True, exist_ok=True)
        log = MetricLog(self.directory, self._columns(), resume_step=self.step)
        try:
            for epoch in range(self.step // self.steps_per_epoch, self.config.epochs):
                self.model.train()
                for batch in load_crop_batches(
                    self.crops, self._batches(epoch), epoch=epoch, workers=self.config.workers
                ):
                    failures |= dict(batch.failures)
                    if len(batch.images) > 1:  # BatchNorm has nothing to normalise a single crop by
                        figures = self._train_step(batch)
                        speeds.append(figures["images_per_second"])
                        log.add({"step": self.step + 1, "epoch": epoch, **figures})
                    self.step += 1
                    if figures and on_step is not None:
                        on_step(self.step, self.total_steps, figures)
                if not figures:
                    name, reason = next(iter(failures.items()))
                    raise ValueError(f"no training crop could be read, {len(failures)} failed; {name}: {reason}")
                done = epoch + 1
                log.flush()
                if done % self.config.checkpoint_epochs == 0 or done == self.config.epochs:
                    self._write()
                if on_evaluation is not None and self.config.evaluate_epochs and not done % self.config.evaluate_epochs:
                    on_evaluation(done)
        finally:
            log.close()
        self.model.eval()
        return CropTrainingSummary(
            self.step,
            self.config.epochs,
            self.identities,
            len(self.crops),
            time.perf_counter() - started,
            float(np.median(speeds)) if speeds else 0.0,
            self._loader_speed(),
            {name: value for name, value in figures.items() if name.startswith("loss")},
            self.directory / MODEL_FILE,
            tuple(failures.items()),
        )

    def _initialize_tables(self) -> None:
        found = crop_features(self.model, self.crops.samples)
        camera_index = self.crops.camera_index[found.rows]
        self.criterion.initialise(found.features, torch.from_numpy(self.ids[found.rows]), camera_index)

    def _train_step(self, batch: CropBatch) -> dict[str, float]:
        begun = time.perf_counter()
        device = self.model.device
        features = self.model(batch.images.to(device, non_blocking=True))
        person_index, camera_index = batch.person_index.to(device), batch.camera_index.to(device)
        parts: dict[str, Tensor] = self.criterion(features, person_index, camera_index)
        figures = {name: float(value.detach()) for name, value in parts.items()}
        if not math.isfinite(figures["loss"]):
            where = f"the loss is {figures['loss']} at step {self.step + 1}: {figures}"
            raise DivergedError(f"{where}; lower learning_rate or set clip_norm")
        self.optimizer.zero_grad(set_to_none=True)
        parts["loss"].backward()
        if self.config.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        rate = self.optimizer.param_groups[0]["lr"]
        self.optimizer.step()
        self.schedule.step()
        self.criterion.update(
            CropFeatures(features.pooled.detach(), features.embedding.detach()), person_index, camera_index
        )
        speed = len(batch.images) / (time.perf_counter() - begun)
        return {**figures, "learning_rate": rate, "images_per_second": speed}

    def _columns(self) -> list[str]:
        return ["step", "epoch", "learning_rate", *self.criterion.names, "images_per_second"]

    def _batches(self, epoch: int) -> list[NDArray[np.int64]]:
        config = self.config
        if config.sampler == "balanced":
            return balanced_batches(
                self.ids, persons=config.persons, images=config.images, seed=config.seed, epoch=epoch
            )
        return shuffled_batches(len(self.ids), config.persons * config.images, seed=config.seed, epoch=epoch)

    def _loader_speed(self) -> float:
        rows = self._batches(0)[0]
        self.crops.batch(0, rows)
        begun = time.perf_counter()
        self.crops.batch(0, rows)
        return len(rows) / (time.perf_counter() - begun)

    def _recipe(self) -> dict[str, object]:
        """What must be the same when a run goes on; what only changes the speed or the reports may differ."""
        recipe: dict[str, object] = {name: str(value) for name, value in vars(self.config).items()}
        for name, part in (
            ("network", self.model.config),
            ("losses", self.losses),
            ("augmentation", self.augmentation),
        ):
            recipe |= {f"{name}.{key}": str(value) for key, value in dataclasses.asdict(part).items()}
        digest = hashlib.sha256()
        for sample in self.crops.samples:
            digest.update(f"{Path(sample.name).name} {sample.person_id} {sample.camera}\n".encode())
        recipe["data"] = digest.hexdigest()[:16]
        for name in ("workers", "cache_megabytes", "checkpoint_epochs", "evaluate_epochs"):
            recipe.pop(name)
        return recipe

    def _write(self) -> None:
        self.model.save(self.directory / MODEL_FILE, notes=self.notes | {"steps": self.step})
        write_resume_point(
            self.directory,
            {
                "recipe": self._recipe(),
                "model": self.model.state_dict(),
                "criterion": self.criterion.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "step": self.step,
            },
        )


def _optimizer(config: CropTrainingConfig, trained: nn.Module) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in trained.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    rate = config.learning_rate
    if config.optimizer == "adadelta":
        return torch.optim.Adadelta(groups, lr=rate)
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, fused=True)
    return torch.optim.Adam(groups, lr=rate, betas=(0.9, 0.99), eps=1e-8, fused=True)


def _rate_factor(config: CropTrainingConfig, epoch: float) -> float:
    """The learning rate's share at a time given in epochs."""
    if epoch < config.warmup_epochs:
        return config.warmup_start + (1 - config.warmup_start) * epoch / config.warmup_epochs
    if config.schedule == "steps":
        return float(0.1 ** sum(epoch >= milestone for milestone in config.milestones))
    progress = (epoch - config.warmup_epochs) / max(1e-9, config.epochs - config.warmup_epochs)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
