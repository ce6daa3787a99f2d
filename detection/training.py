"""Training the joint model: detection losses plus identity losses over memory tables.

One step: draw a batch, model.losses, criterion(embeddings, person_index), backward, optimizer step, criterion.update.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from datasets.images import image_aspect
from datasets.samplers import frame_batches
from datasets.samples import FrameSample
from datasets.transforms import FrameAugmentation, FrameTransform
from detection.checkpoints import save_model
from detection.joint import JointLosses, PersonSearchRCNN
from detection.loader import Batch, TrainingFrames, load_batches
from detection.true_boxes import embed_people
from reid.features import PersonFeatures
from reid.losses.criterion import IdentityCriterion, LossConfig
from reid.losses.rows import gather_rows_with_gradient, occurrence_rank
from reid.runs.files import digest_of
from reid.runs.optimizer import parameter_groups
from reid.runs.run import EpochReport, RunSummary, StepReport, TrainingRun

if TYPE_CHECKING:
    from lightning_fabric import Fabric

JOINT_LOSSES = LossConfig(
    sphere=0.0, oim=1.0, oim_queue=500, toim_scale=10.0, toim_update_length=200, triplet_unit_length=True
)
"""Online instance matching alone, as the joint model was published; the queue has PRW's length, CUHK-SYSU's is 5000.

Embeddings have unit length here, as they are searched: without a scale TOIM's gradient would be nearly constant. A step
writes every sampled box of everybody in its frames, eighty in a square of people, frame after frame: the paper's 20
entries would be boxes of the last frame alone, 200 are the people of more than two steps.
"""


@dataclass(frozen=True)
class JointTrainingConfig:
    """How the joint model is trained.

    Args:
        epochs: passes over the frames.
        batch_size: frames a step, over all processes. BatchNorm that trains wants four or more in each.
        learning_rate: of AdamW after the warm-up; it then falls to a hundredth along half a cosine.
        weight_decay: of AdamW, on every weight but biases and norms.
        warmup_steps: steps of linear warm-up; at most a tenth of all steps are used.
        clip_norm: gradients are scaled down to this norm; a guard against single bad batches.
        accumulate: a batch is computed in so many parts, for less memory; BatchNorm and the identity losses then see a
            part at a time, so triplets are found within it.
        ema_decay: share of its old value that the moving average of the weights keeps at a step, which is what is kept
            in the end; 0 keeps the weights of the last step.
        anchors: which sampled boxes of a person the identity losses count and the tables remember: "all", or "one", the
            box that fits it best, which is the annotated one where that was sampled: torchvision adds it to the
            proposals. sure_updates has nothing to tell apart then.
        sure_updates: tables take less of an embedding whose box fits its person less (by their overlap).
        initialize_tables: TOIM's Pooled Table starts from what the starting weights make of everybody's true box, as in
            the paper, and not empty; those weights should tell people apart already.
        group_aspects: batches hold frames of one shape as far as that goes, so that little is padded.
        seed: of weights, order, augmentation and RoI sampling.
        workers: threads that decode and augment ahead of the network; 0 does it between the steps.
        checkpoint_steps: a resume point is written this often, and at the end.
    """

    epochs: int = 20
    batch_size: int = 4
    learning_rate: float = 5e-4
    weight_decay: float = 1e-2
    warmup_steps: int = 200
    clip_norm: float = 10.0
    accumulate: int = 1
    ema_decay: float = 0.0
    anchors: Literal["all", "one"] = "all"
    sure_updates: bool = False
    initialize_tables: bool = False
    group_aspects: bool = True
    seed: int = 0
    workers: int = 2
    checkpoint_steps: int = 500

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        for name in ("workers", "warmup_steps", "weight_decay", "clip_norm", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}, expected more than 0")


@dataclass(frozen=True)
class TrainingSummary(RunSummary):
    """What a training did.

    Args:
        identities: labelled people of the training split.
        frames: of the training split.
    """

    identities: int
    frames: int


class JointTrainer(TrainingRun[list[tuple[int, int]], Batch]):
    """A training of the joint model in a run directory.

    Args:
        model: the model to train, on its device.
        samples: the split "train"; identities 0 .. P-1.
        run_directory: where everything is written.
        config: the recipe.
        losses: the identity losses, added to those of the detector by their weights.
        augmentation: of the frames.
        notes: kept in the model file (data, command).
        fabric: the processes that train together.

    Raises:
        ValueError: no frames, no identity is labelled, or tables are to be initialized that the losses do not have.
    """

    model: PersonSearchRCNN
    criterion: IdentityCriterion
    forward_methods = ("losses",)

    def __init__(
        self,
        model: PersonSearchRCNN,
        samples: Sequence[FrameSample],
        run_directory: Path,
        *,
        config: JointTrainingConfig,
        losses: LossConfig = JOINT_LOSSES,
        augmentation: FrameAugmentation | None = None,
        notes: dict[str, object] | None = None,
        fabric: "Fabric | None" = None,
    ) -> None:
        ids = np.concatenate([sample.person_ids for sample in samples]) if samples else np.empty(0, np.int64)
        if not (len(ids) if losses.none else (ids >= 0).any()):
            what = (
                "no box of a person" if losses.none else "no person with an identity (a detector alone: --losses.oim 0)"
            )
            raise ValueError(
                f"{len(samples)} training frames hold {what}; check the split with `personsearch data check`"
            )
        if losses.metric_on != "embedding":
            raise ValueError(
                f"metric_on is {losses.metric_on!r}, expected 'embedding': boxes have no features before a neck"
            )
        if config.initialize_tables and not losses.toim:
            raise ValueError("initialize_tables is set, but the weight of toim is 0: there is no Pooled Table to fill")
        self.config = config
        self.loss_config = losses
        self.augmentation = augmentation or FrameAugmentation()
        self.notes = notes or {}
        self.identities = max(0, int(ids.max()) + 1)
        # Frames without a camera, where others have one, are a camera of their own.
        cameras = sorted({sample.camera for sample in samples}, key=str)
        self.frames = TrainingFrames(
            samples,
            FrameTransform(self.augmentation),
            seed=config.seed,
            cameras={camera: row for row, camera in enumerate(cameras)},
        )
        grouped = config.group_aspects
        self._aspects = [image_aspect(sample.path) if grouped else 1.0 for sample in samples]
        torch.manual_seed(config.seed)
        criterion = IdentityCriterion(
            losses,
            embedding_dim=model.embedding_dim,
            feature_dim=model.embedding_dim,
            identities=max(1, self.identities),
            cameras=len(cameras),
        ).to(model.device)
        steps_per_epoch = -(-len(samples) // config.batch_size)
        total = config.epochs * steps_per_epoch
        warmup = max(1, min(config.warmup_steps, total // 10))
        trained = nn.ModuleList([model, criterion])
        super().__init__(
            model,
            criterion,
            run_directory,
            config=config,
            optimizer=torch.optim.AdamW(
                parameter_groups(trained, config.weight_decay), lr=config.learning_rate, fused=True
            ),
            rate_factor=lambda epoch: _learning_rate_factor(round(epoch * steps_per_epoch), warmup, total),
            steps_per_epoch=steps_per_epoch,
            fabric=fabric,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Every loss, how many boxes of people a step had, and the speed."""
        detection = ("loss_objectness", "loss_rpn_box_reg", *self.model.box_loss_names)
        identity = self.criterion.names[1:]
        return ("step", "epoch", "learning_rate", "loss", *detection, "loss_identity", *identity, "people",
                "images_per_second")  # fmt: skip

    def run(self, on_step: StepReport | None = None, on_epoch: EpochReport | None = None) -> TrainingSummary:
        """Train to the end, from the present step; see `TrainingRun.run`."""
        summary = super().run(on_step, on_epoch)
        return TrainingSummary(**vars(summary), identities=self.identities, frames=len(self.frames))

    def begin(self) -> None:
        """TOIM's Pooled Table starts from what the starting weights make of the people, where the recipe wants it."""
        if self.config.initialize_tables:
            people = embed_people(self.model, self.frames.samples)
            camera_index = torch.tensor([self.frames.cameras[camera] for camera in people.cameras], dtype=torch.int64)
            features = PersonFeatures(people.embeddings, people.embeddings)
            self.criterion.initialize(features, people.person_index, camera_index)

    def batches(self, epoch: int) -> list[list[tuple[int, int]]]:
        """(epoch, frame) each."""
        return frame_batches(self._aspects, self.config.batch_size, seed=self.config.seed, epoch=epoch)

    def load(self, epoch: int, batches: Sequence[list[tuple[int, int]]]) -> Iterator[Batch]:
        """Decoded and augmented ahead of the network."""
        return load_batches(self.frames, batches, workers=self.config.workers)

    def size(self, batch: Batch) -> int:
        """Its frames."""
        return len(batch.images)

    def losses(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor], tuple[Tensor, ...]]:
        """The detector's losses over this process's frames, the criterion over the people of all processes."""
        device = self.model.device
        dtype = self.model.embedding_head.project.weight.dtype
        pictures = [image.to(device, non_blocking=True).to(dtype) / 255 for image in batch.images]
        moved = [{name: value.to(device) for name, value in target.items()} for target in batch.targets]
        self.model.transform.size_seed = [self.config.seed, self.step]
        found = cast(PersonSearchRCNN, network).losses(pictures, moved)
        rows = best_boxes(found) if self.config.anchors == "one" else torch.arange(len(found.overlap), device=device)
        own = (found.embeddings[rows], found.person_index[rows], found.camera_index[rows], found.overlap[rows])
        embeddings, person_index, camera_index = gather_rows_with_gradient(*own[:3])
        parts = self.criterion(PersonFeatures(embeddings, embeddings), person_index, camera_index)
        identity = parts.pop("loss")
        total = sum(found.detection.values(), start=identity)
        named = {**found.detection, **parts, "loss": total, "loss_identity": identity}
        named["people"] = torch.tensor(float(len(person_index)), device=device)
        return total, named, (own[0].detach(), *own[1:])

    def remember(self, rows: Sequence[Tensor]) -> None:
        """Tables, with the people of all parts and processes."""
        embeddings, person_index, camera_index, overlap = rows
        confidence = overlap if self.config.sure_updates else None
        self.criterion.update(PersonFeatures(embeddings, embeddings), person_index, camera_index, confidence)

    def save(self, model: nn.Module, path: Path) -> None:
        """The model file, without tables."""
        save_model(path, cast(PersonSearchRCNN, model), notes=self.notes | {"steps": self.step})

    def recipe(self) -> Mapping[str, object]:
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
        for name in ("workers", "checkpoint_steps"):
            recipe.pop(name)
        return recipe


def described(sample: FrameSample) -> bytes:
    """What tells a frame and its labels apart from others."""
    return f"{sample.name} {sample.camera}\n".encode() + sample.boxes.tobytes() + sample.person_ids.tobytes()


def best_boxes(found: JointLosses) -> Tensor:
    """Of every person of every frame the row whose box fits it best, the first of several.

    Args:
        found: of one batch, R rows.

    Returns:
        (K,) int64 rows, in their order.
    """
    if not len(found.overlap):
        return found.truth_index
    people = found.image_index * (1 + found.truth_index.max())
    order = torch.argsort(found.overlap, descending=True, stable=True)
    first = occurrence_rank((people + found.truth_index)[order]) == 0
    return order[first].sort().values


def _learning_rate_factor(step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
