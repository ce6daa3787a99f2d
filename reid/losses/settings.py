"""Which losses a training adds up, and how each is set: settings alone, which cost nothing to import."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

LossName = Literal["sphere", "softmax", "oim", "triplet", "toim", "center", "teacher"]
LOSSES: tuple[LossName, ...] = get_args(LossName)
Negatives = Literal["update", "pooled"]
Denominator = Literal["hardest", "table"]


@dataclass(frozen=True)
class LossConfig:
    """Which losses are added up, by which weight, and how each is set.

    The Sphere loss alone is SphereReID. TOIM's recipes have one of softmax, oim, triplet and toim at weight 1. The
    bag of tricks is softmax=1, label_smoothing=0.1, triplet=1, center=0.0005, metric_on="features"; with toim=1 in
    place of triplet it is equation 3 of the TOIM paper.

    Args:
        sphere: The weight of the Sphere loss; 0 leaves a loss out, here and below.
        softmax: The weight of the unnormalized classifier.
        oim: The weight of online instance matching.
        triplet: The weight of batch-hard triplets.
        toim: The weight of triplets over the memory.
        center: The weight of the squared distance to centers.
        teacher: The weight of the distance to a teacher's embeddings of the same people; the joint model alone has one.
        metric_on: What triplet, toim and center act on: the network's "embedding", or the "features" before the neck.
            The other losses always act on the embedding.
        sphere_scale: The factor on the cosines of the Sphere loss. A larger one is sharper and forgives less.
        softmax_bias: Whether the classifier has a learned offset for each identity.
        softmax_deviation: The standard deviation of the classifier's weights at the start; null for torch's usual one.
            The bag of tricks has 0.001.
        label_smoothing: The share of the target that sphere and softmax spread over all identities.
        oim_scale: The factor on the cosines of online instance matching. A larger one is sharper.
        oim_momentum: The share of an identity's old row that an update keeps. A larger one remembers longer.
        oim_queue: How many of the newest people of unknown identity count as somebody else. Crops have none of them.
        triplet_margin: By how much a negative must be farther than a positive; null for the soft margin.
        triplet_unit_length: Whether rows are brought to unit length before triplets are made; not in the papers.
        toim_update_length: How many of the slots written last negatives are taken from.
        toim_gamma: The share of a slot's old row that an update keeps. A larger one remembers longer.
        toim_negatives: Where negatives come from: the slots written last ("update") or all of them ("pooled").
        toim_denominator: How equation 1 of the paper is read: "hardest" or "table".
        toim_queue: How many of the newest people of unknown identity may serve as negatives; not in the paper.
        toim_scale: The factor on the distances of TOIM. A larger one is sharper.
        toim_unit_length: Whether rows are brought to unit length before TOIM sees them, as rows that are ranked by
            cosine are. The paper does not say.
        center_learning_rate: How fast centers follow their rows, whatever their loss weighs.
        teacher_relations: How much the cosines between two people count beside the cosine with the teacher; 0 leaves
            them out.

    Raises:
        ValueError: A value is out of its range.
    """

    sphere: float = 1.0
    softmax: float = 0.0
    oim: float = 0.0
    triplet: float = 0.0
    toim: float = 0.0
    center: float = 0.0
    teacher: float = 0.0
    metric_on: Literal["embedding", "features"] = "embedding"
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
    teacher_relations: float = 0.0

    def __post_init__(self) -> None:
        for name in LOSSES:
            weight = self.weight(name)
            if not (weight >= 0 and math.isfinite(weight)):
                raise ValueError(f"the weight of {name} is {weight}, expected a number >= 0")
        if self.metric_on not in ("embedding", "features"):
            raise ValueError(f"metric_on is {self.metric_on!r}, expected 'embedding' or 'features'")
        self._check_settings()

    def _check_settings(self) -> None:
        """Refuses what no loss could be made with, whether or not that loss is on."""
        for name in ("sphere_scale", "oim_scale", "toim_scale", "softmax_deviation", "center_learning_rate"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} is {value}, expected a number above 0")
        for name in ("label_smoothing", "oim_momentum", "toim_gamma"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 to 1")
        if not (self.teacher_relations >= 0 and math.isfinite(self.teacher_relations)):
            raise ValueError(f"teacher_relations is {self.teacher_relations}, expected a number >= 0")
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

    @property
    def needs_identities(self) -> bool:
        """Whether a loss is on that tells identities apart; a teacher's does not, it is about people of any."""
        return any(self.weight(name) for name in LOSSES if name != "teacher")

    def weight(self, name: LossName) -> float:
        """Gives the weight of a loss, 0 where it is left out."""
        return float(getattr(self, name))
