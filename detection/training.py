"""Training the joint model: the task that the training loop is given."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets.augmentation import FrameAugmentation
from datasets.images import image_aspect
from datasets.samplers import frame_batches
from datasets.samples import FrameSample
from datasets.transforms import FrameTransform
from detection.checkpoints import save_model
from detection.joint import JointLosses, PersonSearchRCNN, Target
from detection.loader import Batch, TrainingFrames, load_batches
from detection.settings import JOINT_LOSSES, JointTrainingConfig
from detection.true_boxes import embed_people
from reid.crops.teacher import TaughtFrames
from reid.features import PersonFeatures
from reid.losses.criterion import IdentityCriterion
from reid.losses.rows import gather_rows_with_gradient, occurrence_rank
from reid.losses.settings import LossConfig
from reid.runs.files import digest_of
from reid.runs.optimizer import parameter_groups, step_schedule
from reid.runs.task import RateShare, StepLosses


class JointTrainingTask:
    """The training of the joint model, for `reid.runs.run.TrainingRun`.

    One step: model.losses, criterion(embeddings, person_index), backward, optimizer, criterion.update.

    Args:
        model: The model to train, on its device.
        samples: The split "train", whose identities are numbered 0 to P - 1.
        config: The recipe.
        losses: The identity losses, which are added to those of the detector by their weights.
        augmentation: How far training frames depart from the recorded ones.
        notes: What the model file keeps beside the weights, such as data and command.
        taught: What a teacher makes of the people in these frames; None without a teacher.

    Attributes:
        frames: The training frames with their augmentation.
        identities: The number of labelled people in them.

    Raises:
        ValueError: There are no frames, no identity is labelled, tables are to be initialized that the losses do not
            have, or the teacher does not fit the losses or the frames.
    """

    forward_methods: tuple[str, ...] = ("losses",)

    def __init__(
        self,
        model: PersonSearchRCNN,
        samples: Sequence[FrameSample],
        *,
        config: JointTrainingConfig,
        losses: LossConfig = JOINT_LOSSES,
        augmentation: FrameAugmentation | None = None,
        notes: Mapping[str, object] | None = None,
        taught: TaughtFrames | None = None,
    ) -> None:
        ids = np.concatenate([sample.person_ids for sample in samples]) if samples else np.empty(0, np.int64)  # [B]
        _require_trainable(len(samples), ids, config, losses)
        require_teacher(losses, given=taught is not None)
        if taught is not None and len(taught.rows) != len(samples):
            raise ValueError(f"{len(taught.rows)} frames are taught and {len(samples)} trained on, expected the same")
        self.model = model
        self.config = config
        self.loss_config = losses
        self.augmentation = augmentation or FrameAugmentation()
        self.taught_by = "nobody" if taught is None else taught.fingerprint
        self.notes = dict(notes or {}) | ({} if taught is None else {"taught_by": taught.fingerprint})
        self.identities = max(0, int(ids.max()) + 1)
        # Frames without a camera, where others have one, are a camera of their own.
        cameras = sorted({sample.camera for sample in samples}, key=str)
        self.frames = TrainingFrames(
            samples,
            FrameTransform(self.augmentation),
            seed=config.seed,
            cameras={camera: row for row, camera in enumerate(cameras)},
            taught=None if taught is None else taught.rows,
        )
        self._aspects = [image_aspect(sample.path) if config.group_aspects else 1.0 for sample in samples]
        torch.manual_seed(config.seed)
        self.criterion = IdentityCriterion(
            losses,
            embedding_dim=model.embedding_dim,
            feature_dim=model.embedding_dim,
            identities=max(1, self.identities),
            cameras=len(cameras),
        ).to(model.device)
        self.optimizer = torch.optim.AdamW(
            _groups(nn.ModuleList([model, self.criterion]), model.detector.backbone.body, config),
            lr=config.learning_rate,
            fused=True,
        )
        self.steps_per_epoch = -(-len(samples) // config.batch_size)
        self.rate_share = _rate_share(config, config.epochs * self.steps_per_epoch)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every loss, how many boxes of people a step had, and the speed."""
        detection = ("loss_objectness", "loss_rpn_box_reg", *self.model.box_loss_names)
        identity = self.criterion.names[1:]
        return ("step", "epoch", "learning_rate", "loss", *detection, "loss_identity", *identity, "people",
                "images_per_second")  # fmt: skip

    def before_first_step(self) -> None:
        """TOIM's Pooled Table starts from what the starting weights make of the people, where the recipe wants it."""
        if self.config.initialize_tables:
            people = embed_people(self.model, self.frames.samples)
            camera_index = torch.tensor([self.frames.cameras[camera] for camera in people.cameras], dtype=torch.int64)
            features = PersonFeatures(people.embeddings, people.embeddings)
            self.criterion.initialize(features, people.person_index, camera_index)

    def batches(self, epoch: int) -> list[list[tuple[int, int]]]:
        """For each batch its frames, each as a pair of the epoch and the frame's row."""
        return frame_batches(self._aspects, self.config.batch_size, seed=self.config.seed, epoch=epoch)

    def load(self, epoch: int, batches: Sequence[list[tuple[int, int]]]) -> Iterator[Batch]:
        """Decoded and augmented ahead of the network."""
        return load_batches(self.frames, batches, workers=self.config.workers)

    def usable(self, batch: Batch) -> int:
        """The number of its frames."""
        return len(batch.images)

    def losses(self, network: nn.Module, batch: Batch, step: int) -> StepLosses:
        """The detector's losses over this process's frames, the criterion over the people of all processes."""
        device = self.model.device
        dtype = self.model.embedding_head.project.weight.dtype
        pictures = [image.to(device, non_blocking=True).to(dtype) / 255 for image in batch.images]
        moved = [{name: value.to(device) for name, value in target.items()} for target in batch.targets]
        self.model.transform.size_seed = [self.config.seed, step]
        found = cast(PersonSearchRCNN, network).losses(pictures, moved)
        rows = best_boxes(found) if self.config.anchors == "one" else torch.arange(len(found.overlap), device=device)
        own = (found.embeddings[rows], found.person_index[rows], found.camera_index[rows], found.overlap[rows])
        taught = [rows_of_people(moved, "taught", found)[rows]] if self.frames.taught is not None else []
        embeddings, *known = gather_rows_with_gradient(*own[:3], *taught)
        person_index = known[0]
        parts = self.criterion(PersonFeatures(embeddings, embeddings), *known)
        identity = parts.pop("loss")
        total = sum(found.detection.values(), start=identity)
        named = {**found.detection, **parts, "loss": total, "loss_identity": identity}
        named["people"] = torch.tensor(float(len(person_index)), device=device)
        return StepLosses(total, named, (own[0].detach(), *own[1:]))

    def update_tables(self, rows: Sequence[Tensor]) -> None:
        """Tables, with the people of all parts and processes."""
        embeddings, person_index, camera_index, overlap = rows
        confidence = overlap if self.config.sure_updates else None
        self.criterion.update(PersonFeatures(embeddings, embeddings), person_index, camera_index, confidence)

    def save(self, model: nn.Module, path: Path, step: int) -> None:
        """The model file, without tables."""
        save_model(path, cast(PersonSearchRCNN, model), notes=self.notes | {"steps": step})

    def must_match(self) -> Mapping[str, object]:
        """What must be the same when a run goes on; the number of loader threads changes nothing."""
        recipe: dict[str, object] = dataclasses.asdict(self.config)
        parts = {
            "detector": self.model.detector_config,
            "embedding": self.model.embedding_config,
            "losses": self.loss_config,
            "augmentation": self.augmentation,
        }
        for name, part in parts.items():
            recipe |= {f"{name}.{key}": str(value) for key, value in vars(part).items()}
        recipe |= {"frames": len(self.frames), "identities": self.identities}
        recipe["data"] = digest_of([described(sample) for sample in self.frames.samples])
        recipe["teacher"] = self.taught_by
        for name in ("workers", "checkpoint_steps"):
            recipe.pop(name)
        return recipe


def described(sample: FrameSample) -> bytes:
    """What tells a frame and its labels apart from others."""
    return f"{sample.name} {sample.camera}\n".encode() + sample.boxes.tobytes() + sample.person_ids.tobytes()


def rows_of_people(targets: Sequence[Target], name: str, found: JointLosses) -> Tensor:
    """What the targets say of the person that each sampled box shows.

    Args:
        targets: The target of each frame of the batch.
        name: The name of an entry that has a row for each person of a frame.
        found: The R embeddings of the batch.

    Returns:
        (R, ...) the rows of that entry.
    """
    counts = torch.tensor([len(target[name]) for target in targets], device=found.truth_index.device)
    first = counts.cumsum(0) - counts  # the place of each frame's first person among all people
    return torch.cat([target[name] for target in targets])[first[found.image_index] + found.truth_index]


def best_boxes(found: JointLosses) -> Tensor:
    """The row of every person whose box fits that person best; of equally good ones the first.

    Args:
        found: The R embeddings of one batch, and which person of which frame each of them shows.

    Returns:
        (K,) int64 row numbers in rising order, one for each of K people; a person of two frames counts twice.
    """
    if not len(found.overlap):
        return found.truth_index
    people = found.image_index * (1 + found.truth_index.max())
    order = torch.argsort(found.overlap, descending=True, stable=True)
    first = occurrence_rank((people + found.truth_index)[order]) == 0
    return order[first].sort().values


def require_teacher(losses: LossConfig, *, given: bool) -> None:
    """Refuses a teacher without the loss that listens to it, and that loss without a teacher.

    Args:
        losses: The losses of the training.
        given: Whether there is a teacher.

    Raises:
        ValueError: One is there without the other.
    """
    if given and not losses.teacher:
        raise ValueError("there is a teacher, but the weight of its loss is 0; give --losses.teacher 1 too")
    if losses.teacher and not given:
        raise ValueError(f"the weight of teacher is {losses.teacher:g}, but there is no teacher; give --teacher too")


def _groups(trained: nn.Module, trunk: nn.Module, config: JointTrainingConfig) -> list[dict[str, object]]:
    if config.trunk_rate == 1:
        return parameter_groups(trained, config.weight_decay)
    rate = config.learning_rate * config.trunk_rate
    return parameter_groups(trained, config.weight_decay, slow=trunk, slow_rate=rate)


def _rate_share(config: JointTrainingConfig, total_steps: int) -> RateShare:
    warmup_steps = max(1, min(config.warmup_steps, total_steps // 10))
    return lambda step: step_schedule(step, warmup_steps=warmup_steps, total_steps=total_steps)


def _require_trainable(frames: int, ids: NDArray[np.int64], config: JointTrainingConfig, losses: LossConfig) -> None:
    if not ((ids >= 0).any() if losses.needs_identities else len(ids)):
        identity = "no person with an identity (a detector alone: --losses.oim 0)"
        what = identity if losses.needs_identities else "no box of a person"
        raise ValueError(f"{frames} training frames hold {what}; check the split with `personsearch data check`")
    if losses.metric_on != "embedding":
        raise ValueError(
            f"metric_on is {losses.metric_on!r}, expected 'embedding': boxes have no features before a neck"
        )
    if config.initialize_tables and not losses.toim:
        raise ValueError("initialize_tables is set, but the weight of toim is 0: there is no Pooled Table to fill")
