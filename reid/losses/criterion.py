"""Losses by weight: what a recipe minimizes, as one module with one update."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from reid.features import PersonFeatures
from reid.losses.classifiers import SoftmaxLoss, SphereLoss
from reid.losses.metric import CenterLoss, TripletLoss
from reid.losses.oim import OIMLoss
from reid.losses.rows import to_unit_length
from reid.losses.settings import LossConfig, LossName
from reid.losses.teacher import TeacherLoss
from reid.losses.toim import TOIMLoss


@dataclass(frozen=True)
class _Loss:
    """How the criterion makes one loss and feeds it.

    Args:
        build: Makes the loss from the config, the width of its rows, the identities and the cameras.
        metric: Whether the loss acts on what `metric_on` names, instead of on the embedding.
        unit_length: Whether its rows are brought to unit length first.
        remembers: What its `update()` takes beside rows and identities; None for a loss without a memory.
        compared_with: What its rows are compared with: who they are, or what the teacher makes of them.
    """

    build: Callable[[LossConfig, int, int, int], nn.Module]
    metric: bool = False
    unit_length: Callable[[LossConfig], bool] = lambda config: False
    remembers: tuple[Literal["camera_index", "confidence"], ...] | None = None
    compared_with: Literal["person_index", "taught"] = "person_index"


def _toim(config: LossConfig, width: int, identities: int, cameras: int) -> TOIMLoss:
    return TOIMLoss(
        width,
        identities,
        cameras,
        update_length=config.toim_update_length,
        gamma=config.toim_gamma,
        negatives=config.toim_negatives,
        denominator=config.toim_denominator,
        scale=config.toim_scale,
        unlabelled_queue=config.toim_queue,
    )


_TABLE: dict[LossName, _Loss] = {
    # The Sphere loss brings its rows to unit length by itself.
    "sphere": _Loss(
        lambda config, width, identities, _: SphereLoss(
            width, identities, config.sphere_scale, label_smoothing=config.label_smoothing
        )
    ),
    "softmax": _Loss(
        lambda config, width, identities, _: SoftmaxLoss(
            width,
            identities,
            bias=config.softmax_bias,
            label_smoothing=config.label_smoothing,
            initial_deviation=config.softmax_deviation,
        )
    ),
    "oim": _Loss(
        lambda config, width, identities, _: OIMLoss(
            width, identities, config.oim_queue, momentum=config.oim_momentum, scale=config.oim_scale
        ),
        unit_length=lambda config: True,
        remembers=("confidence",),
    ),
    "triplet": _Loss(
        lambda config, *_: TripletLoss(config.triplet_margin),
        metric=True,
        unit_length=lambda config: config.triplet_unit_length,
    ),
    "toim": _Loss(
        _toim,
        metric=True,
        unit_length=lambda config: config.toim_unit_length,
        remembers=("camera_index", "confidence"),
    ),
    "center": _Loss(
        lambda config, width, identities, _: CenterLoss(width, identities, learning_rate=config.center_learning_rate),
        metric=True,
        remembers=(),
    ),
    # It brings both sides to unit length by itself.
    "teacher": _Loss(lambda config, *_: TeacherLoss(config.teacher_relations), compared_with="taught"),
}
"""Every loss there is. They are made, summed up and updated in this order."""


class IdentityCriterion(nn.Module):
    """The weighted sum of identity losses over the features of a batch.

    The optimizer of the network trains its parameters (directions, classifiers); `update()` changes its buffers
    (tables, centers). A checkpoint holds both.

        features = model(crops)
        losses = criterion(features, person_index, camera_index)
        losses["loss"].backward()
        criterion.update(features, person_index, camera_index)

    Args:
        config: Which losses count, and how much.
        embedding_dim: The width D of `PersonFeatures.embedding`.
        feature_dim: The width F of `PersonFeatures.features`.
        identities: The number of training identities, which are 0 .. identities - 1 without gaps.
        cameras: The number of cameras, 1 for data without. Only TOIM looks at them.

    Attributes:
        losses: The losses of weight above 0 by their names in `LossConfig`.

    Example:
        >>> import torch
        >>> from reid.features import PersonFeatures
        >>> criterion = IdentityCriterion(LossConfig(triplet=0.5), embedding_dim=4, feature_dim=4, identities=2)
        >>> rows = torch.eye(4)
        >>> losses = criterion(PersonFeatures(rows, rows), torch.tensor([0, 0, 1, 1]))
        >>> list(losses)
        ['loss', 'loss_sphere', 'loss_triplet']
        >>> bool(losses["loss"] == losses["loss_sphere"] + 0.5 * losses["loss_triplet"])
        True
    """

    def __init__(
        self, config: LossConfig, *, embedding_dim: int, feature_dim: int, identities: int, cameras: int = 1
    ) -> None:
        super().__init__()
        self.config = config
        self.losses = nn.ModuleDict()
        for name, entry in _TABLE.items():
            if config.weight(name):
                width = feature_dim if config.metric_on == "features" and entry.metric else embedding_dim
                self.losses[name] = entry.build(config, width, identities, cameras)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what forward gives, in its order: "loss", and "loss_" with each loss of weight above 0."""
        return ("loss", *(f"loss_{name}" for name, _, _ in self._named_losses()))

    def forward(
        self,
        features: PersonFeatures,
        person_index: Tensor,
        camera_index: Tensor | None = None,
        taught: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Computes what is minimized, and each of its parts.

        Args:
            features: What the network makes of R people.
            person_index: (R,) integers: an identity >= 0; rows below zero do not count.
            camera_index: None of these losses looks at it. It is here so that the call reads like `update()`.
            taught: (R, D) what the teacher makes of the same people, a row of zeros for whom it has not seen; None
                where there is no teacher.

        Returns:
            Scalars by `names`: "loss", the sum by weight, and every part before it is weighted. A batch without
            labelled rows, or a criterion without losses, has zeros with their graph.

        Raises:
            ValueError: Shapes disagree, an identity is not below the number of identities, or the loss of the teacher
                is on and nothing is taught.
        """
        if taught is None and "teacher" in self.losses:
            raise ValueError("the weight of teacher is not 0, expected the teacher's embeddings; give them or set 0")
        known = {"person_index": person_index, "taught": taught}
        parts = {
            name: loss(self._rows(entry, features), known[entry.compared_with])
            for name, loss, entry in self._named_losses()
        }
        if not parts:
            return {"loss": 0 * features.embedding.sum()}
        weighted = torch.stack([self.config.weight(name) * part for name, part in parts.items()])
        return {"loss": weighted.sum(), **{f"loss_{name}": part for name, part in parts.items()}}

    @torch.no_grad()
    def update(
        self,
        features: PersonFeatures,
        person_index: Tensor,
        camera_index: Tensor | None = None,
        confidence: Tensor | None = None,
    ) -> None:
        """Lets tables and centers remember a batch. Call it once per step, after the losses of that batch.

        Args:
            features: What the losses were given; no gradient flows.
            person_index: (R,) integers, the same that the losses were given.
            camera_index: (R,) integers, 0 .. cameras - 1; None for data of one camera.
            confidence: (R,) in [0, 1], how sure each row is. The tables of oim and toim take less of an unsure one.

        Raises:
            ValueError: Shapes disagree, an index lies outside the tables, or cameras are missing.
        """
        known = {"camera_index": camera_index, "confidence": confidence}
        for _, loss, entry in self._named_losses():
            if entry.remembers is not None:
                taken = {name: known[name] for name in entry.remembers}
                loss.update(self._rows(entry, features), person_index, **taken)

    @torch.no_grad()
    def initialize(self, features: PersonFeatures, person_index: Tensor, camera_index: Tensor | None = None) -> None:
        """Fills TOIM's Pooled Table from the features that a trained model has of the training set.

        Args:
            features: What the model makes of all N training crops. Only the tensor that `metric_on` names is read.
            person_index: (N,) integers; rows below zero are passed over.
            camera_index: (N,) integers; None for data of one camera.

        Raises:
            ValueError: toim has no weight, shapes disagree, an index lies outside the table, or cameras are missing.
        """
        if "toim" not in self.losses:
            raise ValueError("the weight of toim is 0, expected a loss with a Pooled Table to fill; set toim=1")
        loss: Any = self.losses["toim"]
        loss.initialize(self._rows(_TABLE["toim"], features), person_index, camera_index)

    def continue_from(self, state: Mapping[str, Tensor]) -> None:
        """Takes over the classifiers and tables of those losses that another criterion had too.

        Args:
            state: The `state_dict()` of a criterion over the same identities and dimensions.
        """
        own = self.state_dict()
        self.load_state_dict(own | {name: value for name, value in state.items() if name in own})

    def _named_losses(self) -> Iterator[tuple[LossName, Any, _Loss]]:
        return ((name, self.losses[name], entry) for name, entry in _TABLE.items() if name in self.losses)

    def _rows(self, entry: _Loss, features: PersonFeatures) -> Tensor:
        """What a loss acts on, (R, D) or (R, F), at unit length where it wants that."""
        before_neck = self.config.metric_on == "features" and entry.metric
        rows = features.features if before_neck else features.embedding
        return to_unit_length(rows) if entry.unit_length(self.config) else rows
