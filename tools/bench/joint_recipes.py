"""What the tables of joint models train: identity losses, TOIM's open questions, parts of the model, trunks."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from datasets.augmentation import FrameAugmentation
from detection.pretrained import pretrained_structure
from detection.settings import (
    JOINT_LOSSES,
    SMALLEST_INPUT,
    BackboneName,
    DetectorConfig,
    EmbeddingConfig,
    JointTrainingConfig,
    level_range,
)
from reid.losses.settings import LOSSES, LossConfig
from search.evaluation.stages import CONTEXT, PLAIN, RERANKED, WEIGHTED
from tools.bench.recipes import recipe_key


@dataclass(frozen=True)
class JointRecipe:
    """One training of the joint model.

    Args:
        detector: The structure of the detector.
        embedding: The structure of the embedding head.
        losses: The identity losses.
        training: The recipe of the training.
        augmentation: How far training frames depart from the recorded ones.
        weights: What the model starts from: "none", "imagenet", "coco" or a file, see `detection.start.start_model`.
        start: Another training, whose model is the start instead.
        new_head: Whether only the detector of that model is taken, under a new embedding head.
        teacher: The crop model to learn from, a file or the folder of a run; "" without one. Trainings whose losses do
            not listen to it do not know it.
    """

    detector: DetectorConfig = field(default_factory=DetectorConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    losses: LossConfig = JOINT_LOSSES
    training: JointTrainingConfig = field(default_factory=JointTrainingConfig)
    augmentation: FrameAugmentation = field(default_factory=FrameAugmentation)
    weights: str = "none"
    start: "JointRecipe | None" = None
    new_head: bool = True
    teacher: str = ""

    def key(self) -> str:
        """The name of the training's folder, see `recipe_key`."""
        return recipe_key(self if self.losses.teacher else dataclasses.replace(self, teacher=""))

    def with_seed(self, seed: int) -> "JointRecipe":
        """The same with another seed; a detector that it only begins on stays the same one."""
        start = self.start if self.start is None or self.new_head else self.start.with_seed(seed)
        return dataclasses.replace(self, training=dataclasses.replace(self.training, seed=seed), start=start)

    def starts(self) -> list["JointRecipe"]:
        """The trainings that have to be done before, in their order."""
        return [] if self.start is None else [*self.start.starts(), self.start]


@dataclass(frozen=True)
class JointRow:
    """One line of a table.

    Args:
        label: The name of the line.
        recipe: What is trained for it.
        stage: How the trained model searches: `search.evaluation.stages.PLAIN`, WEIGHTED, CONTEXT or RERANKED.
    """

    label: str
    recipe: JointRecipe
    stage: str = PLAIN


@dataclass(frozen=True)
class JointTable:
    """Lines that are compared with their first.

    Args:
        key: The name by which the command line calls it.
        title: What it compares.
        rows: Its lines.
    """

    key: str
    title: str
    rows: tuple[JointRow, ...]


MakeTable = Callable[[JointRecipe], JointTable]


def loss_table(base: JointRecipe) -> JointTable:
    """The TOIM paper's Table 3 for full frames: each identity loss on the sampled boxes of a detector.

    TOIM's Pooled Table starts empty here, see `toim_table` for the paper's start from softmax. Two losses weigh
    twice as much against the detector's as one, so OIM has a line at twice its weight too. Softmax takes the embeddings
    at any length, the Sphere loss, softmax over angles, at unit length as all others do. With a teacher there are
    lines that learn from it, alone and beside OIM, TOIM and the Sphere loss.
    """
    short = dataclasses.replace(base.losses, toim_update_length=20)
    losses = {
        "OIM": _only(base.losses, oim=1.0),
        "OIM, weight 2": _only(base.losses, oim=2.0),
        "TOIM": _only(base.losses, toim=1.0),
        "TOIM, Update Table of 20, as for crops": _only(short, toim=1.0),
        "OIM + TOIM": _only(base.losses, oim=1.0, toim=1.0),
        "Softmax": _only(base.losses, softmax=1.0),
        "Sphere": _only(base.losses, sphere=1.0),
        "Triplet": _only(base.losses, triplet=1.0),
    }
    if base.teacher:
        losses["Teacher"] = _only(base.losses, teacher=1.0)
        beside: dict[str, dict[str, float]] = {"OIM": {"oim": 1.0}, "TOIM": {"toim": 1.0}, "Sphere": {"sphere": 1.0}}
        for label, weight in beside.items():
            losses[f"{label} + Teacher"] = _only(base.losses, **weight, teacher=1.0)
    rows = [JointRow(label, dataclasses.replace(base, losses=one)) for label, one in losses.items()]
    return JointTable("losses", "Identity losses on the boxes of full frames", tuple(rows))


def toim_table(base: JointRecipe) -> JointTable:
    """What the TOIM paper leaves open for full frames, beside OIM + TOIM, and its own way from softmax to TOIM."""
    whole = dataclasses.replace(base, losses=_only(base.losses, oim=1.0, toim=1.0))
    one = dataclasses.replace(whole, training=dataclasses.replace(base.training, anchors="one"))
    rows = [
        JointRow("OIM + TOIM, every box of a person", whole),
        JointRow("the annotated box of a person alone", one),
        JointRow("Update Table of 20, as for crops", _with(whole, losses={"toim_update_length": 20})),
        JointRow("Update Table of 1000", _with(whole, losses={"toim_update_length": 1000})),
        JointRow("unlabelled people as negatives", _with(whole, losses={"toim_queue": 20})),
        JointRow("negatives from the Pooled Table", _with(whole, losses={"toim_negatives": "pooled"})),
        JointRow("every negative in the denominator", _with(whole, losses={"toim_denominator": "table"})),
    ]
    if base.training.epochs > 1:
        rows.append(JointRow("half Softmax, then TOIM on its filled table", _from_softmax(base)))
    return JointTable("toim", "TOIM on boxes", tuple(rows))


def parts_table(base: JointRecipe) -> JointTable:
    """Each part of the stronger joint model alone, beside the plain one, and together."""
    larger = {"min_size": base.detector.min_size * 4 // 3, "max_size": base.detector.max_size * 4 // 3}
    # None above the size that detection has, which max_size was chosen for.
    sizes = tuple(sorted({max(SMALLEST_INPUT, base.detector.min_size * share // 8) for share in (5, 6, 7)}))
    refined = _with(base, embedding={"refined": True})
    norm_aware = _with(base, embedding={"norm_aware": True})
    by_norm = _with(base, embedding={"norm_aware": True, "score_by": "norm"})
    both = _with(base, embedding={"refined": True, "norm_aware": True})
    rows = (
        JointRow("plain", base),
        JointRow("refined boxes", refined),
        JointRow("norm-aware embedding", norm_aware),
        JointRow("norm-aware embedding, detections scored by the norm", by_norm),
        JointRow("refined boxes, norm-aware", both),
        JointRow("refined, norm-aware, class-weighted similarity", both, stage=WEIGHTED),
        JointRow("class-weighted similarity", base, stage=WEIGHTED),
        JointRow("sure boxes count more in the table", _with(base, training={"sure_updates": True})),
        JointRow("moving average of the weights", _with(base, training={"ema_decay": 0.99})),
        JointRow("several sizes", _with(base, detector={"train_sizes": sizes})),
        JointRow("larger input", _with(base, detector=larger)),
        JointRow("context matching at search", base, stage=CONTEXT),
        JointRow("k-reciprocal at search", base, stage=RERANKED),
    )
    return JointTable("parts", "Parts of the joint model", rows)


def backbone_table(base: JointRecipe) -> JointTable:
    """Other trunks with the base's stages; one that begins on a detector has one of its own, which learned as long."""
    names: dict[BackboneName, None] = dict.fromkeys((base.detector.backbone, "resnet50", "convnext_tiny", "swin_t"))
    needed = {*base.detector.pyramid_levels}
    fitting = [name for name in names if needed <= {*range(level_range(name)[0], level_range(name)[1] + 1)}]
    rows = tuple(JointRow(name, _with_backbone(base, name)) for name in fitting)
    return JointTable("backbones", "Trunks of the detector", rows)


def on_common_detector(base: JointRecipe, epochs: int) -> JointRecipe:
    """A recipe that begins on a detector which has learned from the boxes alone, the same one for every seed.

    Args:
        base: The recipe; the detector is trained by its seed.
        epochs: The epochs of the detector's training.
    """
    # Published weights freeze BatchNorm, in the common detector and so in every line on it.
    base = dataclasses.replace(base, detector=pretrained_structure(base.detector, base.weights))
    training = dataclasses.replace(base.training, epochs=epochs)
    detector = dataclasses.replace(base, losses=_only(base.losses), training=training)
    return dataclasses.replace(base, weights="none", start=dataclasses.replace(detector, teacher=""))


def joint_tables(base: JointRecipe) -> dict[str, MakeTable]:
    """Key -> what makes the table around a recipe; what is the same line in two of them is trained once.

    Weights of a whole detector ("coco" or a file) fit one trunk, so there is no table of trunks with them.
    """
    tables: dict[str, MakeTable] = {"losses": loss_table, "toim": toim_table, "parts": parts_table}
    if (base.start or base).weights in ("none", "imagenet"):
        tables["backbones"] = backbone_table
    return tables


def _only(losses: LossConfig, **weights: float) -> LossConfig:
    """Other losses by weight, their settings as they are."""
    settings: dict[str, Any] = dict.fromkeys(LOSSES, 0.0) | weights
    return dataclasses.replace(losses, **settings)


def _with(base: JointRecipe, **changes: Mapping[str, object]) -> JointRecipe:
    """The recipe with some settings of its parts changed: training={"ema_decay": 0.99}."""
    parts = {name: dataclasses.replace(getattr(base, name), **values) for name, values in changes.items()}
    return dataclasses.replace(base, **parts)


def _with_backbone(base: JointRecipe, name: BackboneName) -> JointRecipe:
    start = None if base.start is None else _with_backbone(base.start, name)
    other = dataclasses.replace(_with(base, detector={"backbone": name}), start=start)
    return dataclasses.replace(other, detector=pretrained_structure(other.detector, (start or other).weights))


def _from_softmax(base: JointRecipe) -> JointRecipe:
    """Half of the passes with softmax, the others with TOIM whose Pooled Table that model has filled."""
    first = base.training.epochs // 2
    softmax = dataclasses.replace(
        base,
        losses=_only(base.losses, softmax=1.0),
        training=dataclasses.replace(base.training, epochs=first),
    )
    training = dataclasses.replace(base.training, epochs=base.training.epochs - first, initialize_tables=True)
    losses = _only(base.losses, toim=1.0)
    return dataclasses.replace(base, weights="none", losses=losses, training=training, start=softmax, new_head=False)
