"""Training the crop model: the task that the training loop is given."""

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets.augmentation import CropAugmentation
from datasets.samplers import balanced_batches, shuffled_batches
from datasets.samples import Camera, CropSample
from datasets.transforms import CropTransform
from reid.crops.loader import CropBatch, TrainingCrops, load_crop_batches, placed
from reid.crops.settings import CropTrainingConfig
from reid.crops.sphere_reid import SphereReID
from reid.crops.splits import crop_features
from reid.features import PersonFeatures
from reid.losses.criterion import IdentityCriterion
from reid.losses.rows import gather_rows_with_gradient
from reid.losses.settings import LOSSES, LossConfig
from reid.runs.files import digest_of
from reid.runs.optimizer import epoch_schedule, parameter_groups
from reid.runs.task import RateShare, StepLosses


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
        structure, config = self.model.config, self.config
        resize, window = (structure.resize_height, structure.resize_width), (structure.height, structure.width)
        return TrainingCrops(
            samples,
            CropTransform(self.augmentation, resize=resize, window=window),
            seed=config.seed,
            cameras=cameras,
            cache_megabytes=config.cache_megabytes,
            small_transform=CropTransform(self.augmentation, resize=_two_thirds(resize), window=_two_thirds(window)),
            small_epochs=config.small_epochs,
        )


def _two_thirds(size: tuple[int, int]) -> tuple[int, int]:
    """Two thirds of a height and a width, at least one pixel."""
    return max(1, 2 * size[0] // 3), max(1, 2 * size[1] // 3)


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
    if losses.teacher:
        raise ValueError(
            f"the weight of teacher is {losses.teacher:g}, expected 0: a crop model learns from no teacher, a joint "
            "model does (train joint --teacher)"
        )
    others = ", ".join(name for name in LOSSES if name != "teacher")
    if losses.none:
        raise ValueError(f"every loss has the weight 0, expected one of {others} above 0")
    if losses.triplet and config.persons // config.accumulate < 2:
        raise ValueError(
            f"{config.persons} persons in {config.accumulate} parts leave no two in a part for triplets; lower "
            f"accumulate"
        )
