"""Training the crop model: the recipe, and the task that the training loop is given."""

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets.augmentation import CropAugmentation
from datasets.samplers import balanced_batches, shuffled_batches
from datasets.samples import Camera, CropSample
from datasets.transforms import CropTransform
from reid.crops.loader import CropBatch, TrainingCrops, load_crop_batches, placed
from reid.crops.sphere_reid import SphereReID
from reid.crops.splits import crop_features
from reid.features import PersonFeatures
from reid.losses.criterion import IdentityCriterion
from reid.losses.rows import gather_rows_with_gradient
from reid.losses.settings import LOSSES, LossConfig
from reid.runs.files import digest_of
from reid.runs.optimizer import epoch_schedule, parameter_groups
from reid.runs.task import RateShare, StepLosses


@dataclass(frozen=True)
class CropTrainingConfig:
    """How the crop model is trained; the defaults are SphereReID's recipe.

    Args:
        epochs: The length of the training. The sampler "balanced" draws every person once an epoch, "shuffled" every
            crop.
        sampler: "balanced" makes batches of P people with K pictures each, "shuffled" of any pictures, as many.
        persons: The number P of people in a batch.
        images: The number K of pictures of each; the batch holds P x K crops, over all processes.
        optimizer: "adam" (betas 0.9 and 0.99), "adadelta" or "sgd" (Nesterov momentum 0.9).
        learning_rate: The rate after the warm-up, above 0.
        weight_decay: The pull of every weight towards 0, but of biases and BatchNorm; 0 is none.
        warmup_epochs: The time in which the learning rate rises to its full height; 0 starts at the full rate.
        warmup_start: The share of the rate that the warm-up starts at, above 0 and at most 1.
        schedule: "steps" lets the rate fall to a tenth at each of `milestones`, "cosine" to a hundredth along half a
            cosine.
        milestones: The epochs at which the rate falls.
        clip_norm: The largest norm that the gradients of a step may have: longer ones are scaled down to it. 0 leaves
            them.
        accumulate: The number of parts in which a batch is computed; more of them need less memory. BatchNorm and the
            losses then see a part at a time, so triplets are found within it.
        ema_decay: The share of its old value that the moving average of the weights keeps at a step; that average is
            what is kept in the end. 0 keeps the weights of the last step.
        initialize_tables: Whether TOIM's Pooled Table starts from what the starting weights make of the training
            crops; those weights are then of a model trained with softmax (the TOIM paper, section V).
        seed: The seed of weights, order and augmentation, 0 or more.
        workers: The threads that decode and augment ahead of the network; 0 does it between the steps.
        cache_megabytes: The memory for decoded crops; 0 decodes them in each epoch.
        checkpoint_steps: The steps from one resume point to the next; there is one at the end too.
        evaluate_epochs: The epochs from one evaluation of the query and gallery splits to the next; 0 never evaluates.
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
    accumulate: int = 1
    ema_decay: float = 0.0
    initialize_tables: bool = False
    seed: int = 0
    workers: int = 2
    cache_megabytes: int = 2048
    checkpoint_steps: int = 200
    evaluate_epochs: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "persons", "images", "accumulate", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        not_negative = (
            "workers", "warmup_epochs", "cache_megabytes", "evaluate_epochs", "weight_decay", "clip_norm", "seed"
        )  # fmt: skip
        for name in not_negative:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}, expected more than 0")
        if not 0 < self.warmup_start <= 1:
            raise ValueError(f"warmup_start is {self.warmup_start}, expected more than 0 and at most 1")
        if self.persons * self.images // self.accumulate < 2:
            raise ValueError("a batch or part of one crop has nothing to compare with; raise persons or images")


class CropTrainingTask:
    """The training of the crop model, for `reid.runs.run.TrainingRun`.

    One step: model(images), criterion(features, person_index, camera_index), backward, optimizer, criterion.update.

    Args:
        model: The model to train, on its device.
        samples: The split "train", whose people are numbered 0 to P - 1.
        config: The recipe.
        losses: What is minimized.
        augmentation: How far training crops depart from the recorded ones.
        notes: What the model file keeps beside the weights, such as data and command.

    Attributes:
        crops: The training crops with their augmentation.
        identities: The number of people among them.

    Raises:
        ValueError: There are fewer than two people, or no loss.
    """

    forward_methods: tuple[str, ...] = ()

    def __init__(
        self,
        model: SphereReID,
        samples: Sequence[CropSample],
        *,
        config: CropTrainingConfig,
        losses: LossConfig,
        augmentation: CropAugmentation | None = None,
        notes: Mapping[str, object] | None = None,
    ) -> None:
        self.ids = np.array([sample.person_id for sample in samples], dtype=np.int64)  # [N]
        self.identities = len(np.unique(self.ids))
        if self.identities < 2 or self.ids.min() < 0:
            raise ValueError(
                f"{len(samples)} training crops of {self.identities} people, expected two people or more, all with an "
                f"identity; check the folder and the split"
            )
        _require_trainable(config, losses)
        self.model = model
        self.config = config
        self.loss_config = losses
        self.augmentation = augmentation or CropAugmentation()
        self.notes = dict(notes or {})
        cameras = sorted({sample.camera for sample in samples if sample.camera is not None}, key=str)
        self.crops = self._crops(samples, {camera: row for row, camera in enumerate(cameras)})
        torch.manual_seed(config.seed)
        self.criterion = IdentityCriterion(
            losses,
            embedding_dim=model.embedding_dim,
            feature_dim=model.feature_dim,
            identities=self.identities,
            cameras=max(1, len(cameras)),
        ).to(model.device)
        self.optimizer = _optimizer(config, nn.ModuleList([model, self.criterion]))
        self.steps_per_epoch = len(self.batches(0))
        self.rate_share = _rate_share(config, self.steps_per_epoch)

    @property
    def columns(self) -> tuple[str, ...]:
        """The losses of the recipe, and the speed."""
        return ("step", "epoch", "learning_rate", *self.criterion.names, "images_per_second")

    def before_first_step(self) -> None:
        """TOIM's Pooled Table starts from what the starting weights make of the crops, where the recipe wants it."""
        if self.config.initialize_tables:
            found = crop_features(self.model, self.crops.samples)
            camera_index = self.crops.camera_index[found.rows]
            self.criterion.initialize(found.features, torch.from_numpy(self.ids[found.rows]), camera_index)

    def batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """For each batch a (P x K, 2) array: rows of the crops, and their places in the batch."""
        config = self.config
        if config.sampler == "balanced":
            drawn = balanced_batches(
                self.ids, persons=config.persons, images=config.images, seed=config.seed, epoch=epoch
            )
        else:
            drawn = shuffled_batches(len(self.ids), config.persons * config.images, seed=config.seed, epoch=epoch)
        return [placed(rows) for rows in drawn]

    def load(self, epoch: int, batches: Sequence[NDArray[np.int64]]) -> Iterator[CropBatch]:
        """Decoded and augmented ahead of the network."""
        return load_crop_batches(self.crops, batches, epoch=epoch, workers=self.config.workers)

    def usable(self, batch: CropBatch) -> int:
        """The number of its crops; a single one is not used, as BatchNorm has nothing to normalize it by."""
        return len(batch.images) if len(batch.images) > 1 else 0

    def losses(self, network: nn.Module, batch: CropBatch, step: int) -> StepLosses:
        """The criterion over the crops of all processes."""
        device = self.model.device
        own: PersonFeatures = network(batch.images.to(device, non_blocking=True))  # [N, F] and [N, D]
        joined, person_index, camera_index = gather_rows_with_gradient(
            torch.cat(own, dim=1), batch.person_index.to(device), batch.camera_index.to(device)
        )
        features = PersonFeatures(*joined.split([self.model.feature_dim, self.model.embedding_dim], dim=1))
        parts = self.criterion(features, person_index, camera_index)
        rows = (*(one.detach() for one in own), batch.person_index.to(device), batch.camera_index.to(device))
        return StepLosses(parts["loss"], parts, rows)

    def update_tables(self, rows: Sequence[Tensor]) -> None:
        """Tables and centers, with the crops of all parts and processes."""
        before_neck, embedding, person_index, camera_index = rows
        self.criterion.update(PersonFeatures(before_neck, embedding), person_index, camera_index)

    def save(self, model: nn.Module, path: Path, step: int) -> None:
        """The model file, without tables."""
        assert isinstance(model, SphereReID)
        model.save(path, notes=self.notes | {"steps": step})

    def must_match(self) -> Mapping[str, object]:
        """What must be the same when a run goes on; what only changes the speed or the reports may differ."""
        recipe: dict[str, object] = {name: str(value) for name, value in vars(self.config).items()}
        for name, part in (
            ("network", self.model.config),
            ("losses", self.loss_config),
            ("augmentation", self.augmentation),
        ):
            recipe |= {f"{name}.{key}": str(value) for key, value in dataclasses.asdict(part).items()}
        recipe["data"] = digest_of([described(sample) for sample in self.crops.samples])
        for name in ("workers", "cache_megabytes", "checkpoint_steps", "evaluate_epochs"):
            recipe.pop(name)
        return recipe

    def loader_speed(self) -> float:
        """Crops that one thread decodes and augments in a second, once the pictures are in memory."""
        draws = self.batches(0)[0]
        self.crops.batch(0, draws)
        begun = time.perf_counter()
        self.crops.batch(0, draws)
        return len(draws) / (time.perf_counter() - begun)

    def _crops(self, samples: Sequence[CropSample], cameras: Mapping[Camera, int]) -> TrainingCrops:
        structure = self.model.config
        transform = CropTransform(
            self.augmentation,
            resize=(structure.resize_height, structure.resize_width),
            window=(structure.height, structure.width),
        )
        config = self.config
        return TrainingCrops(
            samples, transform, seed=config.seed, cameras=cameras, cache_megabytes=config.cache_megabytes
        )


def described(sample: CropSample) -> bytes:
    """What tells a crop and its labels apart from others."""
    return f"{Path(sample.name).name} {sample.person_id} {sample.camera}\n".encode()


def _optimizer(config: CropTrainingConfig, trained: nn.Module) -> torch.optim.Optimizer:
    groups = parameter_groups(trained, config.weight_decay)
    rate = config.learning_rate
    if config.optimizer == "adadelta":
        return torch.optim.Adadelta(groups, lr=rate)
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, fused=True)
    return torch.optim.Adam(groups, lr=rate, betas=(0.9, 0.99), eps=1e-8, fused=True)


def _rate_share(config: CropTrainingConfig, steps_per_epoch: int) -> RateShare:
    share = partial(
        epoch_schedule,
        epochs=config.epochs,
        warmup_epochs=config.warmup_epochs,
        warmup_start=config.warmup_start,
        shape=config.schedule,
        milestones=config.milestones,
    )
    return lambda step: share(step / steps_per_epoch)


def _require_trainable(config: CropTrainingConfig, losses: LossConfig) -> None:
    if losses.none:
        raise ValueError(f"every loss has the weight 0, expected one of {', '.join(LOSSES)} above 0")
    if losses.triplet and config.persons // config.accumulate < 2:
        raise ValueError(
            f"{config.persons} persons in {config.accumulate} parts leave no two in a part for triplets; lower "
            f"accumulate"
        )
