"""Losses by weight: what a recipe minimizes, as one module with one update."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from reid.crops.sphere_reid import CropFeatures
from reid.losses.metric import CenterLoss, SoftmaxLoss, TripletLoss
from reid.losses.oim import OIMLoss
from reid.losses.rows import unit_rows
from reid.losses.sphere import SphereLoss
from reid.losses.toim import Denominator, Negatives, TOIMLoss

LossName = Literal["sphere", "softmax", "oim", "triplet", "toim", "center"]
LOSSES: tuple[LossName, ...] = ("sphere", "softmax", "oim", "triplet", "toim", "center")
METRIC_LOSSES: tuple[LossName, ...] = ("triplet", "toim", "center")


@dataclass(frozen=True)
class LossConfig:
    """Which losses are added up, by which weight, and how each is set.

    The Sphere loss alone is SphereReID. TOIM's recipes have one of softmax, oim, triplet and toim at weight 1. The
    bag of tricks is softmax=1, label_smoothing=0.1, triplet=1, center=0.0005, metric_on="pooled"; with toim=1 in place
    of triplet it is equation 3 of the TOIM paper.

    Args:
        sphere: weight of the Sphere loss; 0 leaves a loss out, here and below.
        softmax: weight of the unnormalized classifier.
        oim: weight of online instance matching.
        triplet: weight of batch-hard triplets.
        toim: weight of triplets over the memory.
        center: weight of the squared distance to centers.
        metric_on: what triplet, toim and center act on: the network's "embedding", or the "pooled" features before the
            neck. The others always act on the embedding.
        sphere_scale: factor on the cosines; more is sharper.
        softmax_bias: whether the classifier has one.
        softmax_deviation: of its weights at the start; null for torch's usual one, 0.001 in the bag of tricks.
        label_smoothing: share of the target that sphere and softmax spread over all identities.
        oim_scale: factor on the cosines; more is sharper.
        oim_momentum: share of an identity's old row that an update keeps.
        oim_queue: newest people of unknown identity that count as somebody else; crops have none of them.
        triplet_margin: by how much a negative has to be farther; null for the soft margin.
        triplet_unit_length: whether rows are brought to unit length first; not in the papers.
        toim_update_length: entries of the table that negatives come from.
        toim_gamma: share of a slot's old row that an update keeps.
        toim_negatives: from the slots written last ("update") or from all ("pooled").
        toim_denominator: the reading of the paper's equation 1: "hardest" or "table".
        toim_queue: newest people of unknown identity that may serve as negatives; not in the paper.
        toim_scale: factor on the distances; more is sharper.
        toim_unit_length: whether rows are brought to unit length first, as rows that are ranked by cosine are. The
            paper does not say.
        center_learning_rate: how fast centers follow, whatever their loss weighs.
    """

    sphere: float = 1.0
    softmax: float = 0.0
    oim: float = 0.0
    triplet: float = 0.0
    toim: float = 0.0
    center: float = 0.0
    metric_on: Literal["embedding", "pooled"] = "embedding"
    sphere_scale: float = 14.0
    softmax_bias: bool = False
    softmax_deviation: float | None = None
    label_smoothing: float = 0.0
    oim_scale: float = 30.0
    oim_momentum: float = 0.5
    oim_queue: int = 0
    triplet_margin: float | None = 0.3
    triplet_unit_length: bool = False
    toim_update_length: int = 20
    toim_gamma: float = 0.4
    toim_negatives: Negatives = "update"
    toim_denominator: Denominator = "hardest"
    toim_queue: int = 0
    toim_scale: float = 1.0
    toim_unit_length: bool = True
    center_learning_rate: float = 0.5

    def __post_init__(self) -> None:
        for name in LOSSES:
            weight = self.weight(name)
            if not (weight >= 0 and math.isfinite(weight)):
                raise ValueError(f"the weight of {name} is {weight}, expected a number >= 0")
        if self.metric_on not in ("embedding", "pooled"):
            raise ValueError(f"metric_on is {self.metric_on!r}, expected 'embedding' or 'pooled'")
        self._check_settings()

    def _check_settings(self) -> None:
        """Refuse what no loss could be made with, whether or not that loss is on."""
        for name in ("sphere_scale", "oim_scale", "toim_scale", "softmax_deviation", "center_learning_rate"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} is {value}, expected a number above 0")
        for name in ("label_smoothing", "oim_momentum", "toim_gamma"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 to 1")
        for name, least in (("oim_queue", 0), ("toim_queue", 0), ("toim_update_length", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {least} or more")
        if self.triplet_margin is not None and not (self.triplet_margin >= 0 and math.isfinite(self.triplet_margin)):
            raise ValueError(
                f"triplet_margin is {self.triplet_margin}, expected a number >= 0, or null for the soft margin"
            )

    @property
    def none(self) -> bool:
        """Whether every loss is left out."""
        return not any(self.weight(name) for name in LOSSES)

    def weight(self, name: LossName) -> float:
        """The weight of a loss, 0 where it is left out."""
        return float(getattr(self, name))


class IdentityCriterion(nn.Module):
    """The weighted sum of identity losses over the features of a batch.

    Its parameters (directions, classifiers) belong to the optimizer of the network, its buffers (tables, centers) to
    `update()`; both to the checkpoint.

        features = model(crops)
        losses = criterion(features, person_index, camera_index)
        losses["loss"].backward()
        criterion.update(features, person_index, camera_index)

    Args:
        config: which losses, how much.
        embedding_dim: D of `CropFeatures.embedding`.
        feature_dim: F of `CropFeatures.pooled`.
        identities: number of training identities, 0 .. identities - 1 without gaps.
        cameras: number of cameras, 1 for data without; only TOIM looks at them.

    Attributes:
        losses: the losses of weight above 0 by their names in `LossConfig`.
    """

    def __init__(
        self, config: LossConfig, *, embedding_dim: int, feature_dim: int, identities: int, cameras: int = 1
    ) -> None:
        super().__init__()
        self.config = config
        self.losses = nn.ModuleDict()
        for name in LOSSES:
            if config.weight(name):
                on_pooled = config.metric_on == "pooled" and name in METRIC_LOSSES
                self.losses[name] = _build(
                    name, config, feature_dim if on_pooled else embedding_dim, identities, cameras
                )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what forward gives, in its order: "loss", and "loss_" with each loss of weight above 0."""
        return ("loss", *(f"loss_{name}" for name, _ in self._named_losses()))

    def forward(
        self, features: CropFeatures, person_index: Tensor, camera_index: Tensor | None = None
    ) -> dict[str, Tensor]:
        """What is minimized, and each of its parts.

        Args:
            features: of R crops.
            person_index: (R,) integers: an identity >= 0; rows below zero do not count.
            camera_index: not looked at by any of these losses; here so that the call reads like `update()`.

        Returns:
            Scalars by `names`: "loss", the sum by weight, and every part before it is weighted. A batch without
            labelled rows, or a criterion without losses, has zeros with their graph.

        Raises:
            ValueError: shapes disagree, or an identity is not below the number of identities.
        """
        parts = {name: loss(self._rows(name, features), person_index) for name, loss in self._named_losses()}
        if not parts:
            return {"loss": 0 * features.embedding.sum()}
        weighted = torch.stack([self.config.weight(name) * part for name, part in parts.items()])
        return {"loss": weighted.sum(), **{f"loss_{name}": part for name, part in parts.items()}}

    @torch.no_grad()
    def update(
        self,
        features: CropFeatures,
        person_index: Tensor,
        camera_index: Tensor | None = None,
        confidence: Tensor | None = None,
    ) -> None:
        """Let tables and centers remember a batch; call it once per step, after the losses of that batch.

        Args:
            features: as given to the losses; no gradient flows.
            person_index: (R,) as given to the losses.
            camera_index: (R,) integers, 0 .. cameras - 1; None for data of one camera.
            confidence: (R,) in [0, 1], how sure each row is; the tables of oim and toim take less of one that is not.

        Raises:
            ValueError: shapes disagree, an index lies outside the tables, or cameras are missing.
        """
        for name, loss in self._named_losses():
            if isinstance(loss, TOIMLoss):
                loss.update(self._rows(name, features), person_index, camera_index, confidence)
            elif isinstance(loss, OIMLoss):
                loss.update(self._rows(name, features), person_index, confidence)
            elif isinstance(loss, CenterLoss):
                loss.update(self._rows(name, features), person_index)

    @torch.no_grad()
    def initialise(self, features: CropFeatures, person_index: Tensor, camera_index: Tensor | None = None) -> None:
        """Fill TOIM's Pooled Table from the features that a trained model has of the training set.

        Args:
            features: of all N training crops; of the two only the tensor that `metric_on` names is read.
            person_index: (N,) integers; rows below zero are passed over.
            camera_index: (N,) integers; None for data of one camera.

        Raises:
            ValueError: toim has no weight, shapes disagree, an index lies outside the table, or cameras are missing.
        """
        if "toim" not in self.losses:
            raise ValueError("the weight of toim is 0, expected a loss with a Pooled Table to fill; set toim=1")
        loss = self.losses["toim"]
        assert isinstance(loss, TOIMLoss)
        loss.initialise(self._rows("toim", features), person_index, camera_index)

    def continue_from(self, state: Mapping[str, Tensor]) -> None:
        """Take over classifiers and tables of those losses that another criterion had too.

        Args:
            state: `state_dict()` of a criterion over the same identities and dimensions.
        """
        own = self.state_dict()
        self.load_state_dict(own | {name: value for name, value in state.items() if name in own})

    def _named_losses(self) -> Iterator[tuple[LossName, nn.Module]]:
        return ((name, self.losses[name]) for name in LOSSES if name in self.losses)

    def _rows(self, name: LossName, features: CropFeatures) -> Tensor:
        """What a loss acts on, (R, D) or (R, F), at unit length where it wants that."""
        config = self.config
        rows = features.pooled if config.metric_on == "pooled" and name in METRIC_LOSSES else features.embedding
        # The Sphere loss does it by itself.
        unit = {"oim": True, "triplet": config.triplet_unit_length, "toim": config.toim_unit_length}.get(name, False)
        return unit_rows(rows) if unit else rows


def _build(name: LossName, config: LossConfig, dimension: int, identities: int, cameras: int) -> nn.Module:
    """The loss of a name as the config sets it."""
    if name == "sphere":
        return SphereLoss(dimension, identities, config.sphere_scale, label_smoothing=config.label_smoothing)
    if name == "softmax":
        return SoftmaxLoss(
            dimension,
            identities,
            bias=config.softmax_bias,
            label_smoothing=config.label_smoothing,
            initial_deviation=config.softmax_deviation,
        )
    if name == "oim":
        return OIMLoss(
            dimension,
            identities,
            queue_size=config.oim_queue,
            momentum=config.oim_momentum,
            scale=config.oim_scale,
        )
    if name == "triplet":
        return TripletLoss(config.triplet_margin)
    if name == "center":
        return CenterLoss(dimension, identities, learning_rate=config.center_learning_rate)
    return TOIMLoss(
        dimension,
        identities,
        cameras,
        update_length=config.toim_update_length,
        gamma=config.toim_gamma,
        negatives=config.toim_negatives,
        denominator=config.toim_denominator,
        scale=config.toim_scale,
        unlabelled_queue=config.toim_queue,
    )
