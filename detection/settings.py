"""Structure and training recipe of a joint model: settings alone, which cost nothing to import."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from reid.losses.settings import LossConfig

BackboneName = Literal[
    "resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0",
    "convnext_tiny", "convnext_small", "convnext_base",
    "swin_t", "swin_s", "swin_b", "swin_v2_t", "swin_v2_s", "swin_v2_b",
]  # fmt: skip

BACKBONES: tuple[BackboneName, ...] = get_args(BackboneName)

LEAST_CONFIDENCE = 0.5
"""People found with less confidence count neither in searches nor in the figures of the field, unless it is asked."""

SMALLEST_INPUT = 32
"""Pixels: the last map of a trunk has one place for so many."""


def level_range(name: BackboneName) -> tuple[int, int]:
    """Says which levels of a backbone may feed a pyramid: the first and the last.

    A level is a group of layers whose maps have one size; the next one's are half as fine.

    All but MobileNetV3 have levels 1 to 4 with strides 4, 8, 16, 32. MobileNetV3's are torchvision's 0 to 5 with
    strides 2, 4, 8, 16, 32, 32.

    Args:
        name: The backbone.
    """
    return (0, 5) if name == "mobilenet_v3_large" else (1, 4)


@dataclass(frozen=True)
class DetectorConfig:
    """Everything that fixes the structure of the detector; a checkpoint carries it. The defaults are ResNet-50-FPN.

    Args:
        backbone: The network under the pyramid. "resnet50" is the published choice; "resnet18", "mobilenet_v2",
            "mobilenet_v3_large" and "efficientnet_b0" are for small machines; "convnext_*" and "swin_*" (t, s, b; also
            "swin_v2_*") know more from ImageNet and cost more.
        pyramid_levels: The backbone's levels that feed the pyramid; levels after the last one are dropped. They are
            1..4 with strides 4, 8, 16, 32, for MobileNetV3 0..5 with strides 2, 4, 8, 16, 32, 32.
        pyramid_channels: The width of the pyramid. The cost grows with its square.
        pyramid_norm: Whether the pyramid has BatchNorm. It helps training from nothing; torchvision's weights have
            none.
        frozen_norm: Whether the backbone began from published weights. Its stem and first level then do not train, and
            its BatchNorm is frozen at its pretrained statistics (ConvNeXt and Swin have LayerNorm, without statistics,
            which trains). From nothing it must be false.
        norm_epsilon: What is added to the variance in the backbone's BatchNorm. torchvision's COCO weights of ResNet-50
            want 0.
        anchor_sizes: For each pyramid level (one more than `pyramid_levels`) the square roots of anchor areas in
            pixels.
        anchor_ratios: The heights of anchors divided by their widths. People stand, so 2 to 3 is enough when weights
            are not torchvision's.
        box_features: The width of the box head.
        min_size: The shorter side of the network's input in pixels. A larger one finds smaller people, more slowly.
        max_size: The largest longer side of the network's input in pixels.
        train_sizes: Further lengths of the shorter side. For each training batch one of them or min_size is drawn.
        rpn_post_nms: How many proposals are kept of an image when detecting, out of twice as many on each pyramid
            level; twice that in training. Crowds need more. Suppression of proposals takes a fifth of a training step
            at 1000.
        box_batch: How many boxes of an image the box head trains on, a quarter to a half of them people.
        box_positive_fraction: The largest share of people among them, above 0 and up to 1.
        nms_threshold: The overlap (IoU), 0 to 1, above which the weaker of two detections is dropped.
        part_share: Somebody near the camera may get further boxes of a leg or an arm alone. A box that lies inside a
            larger and surer one by this share of its area, above 0 and up to 1, is dropped as such a part; see
            `without_parts`. None keeps all boxes.
        score_threshold: The confidence, 0 or more and below 1, below which detections are not returned. Search
            protocols cut at 0.5 themselves.
        detections_per_frame: The largest number of people found in a frame.

    Raises:
        ValueError: A value is out of its range, or values do not fit each other.
    """

    backbone: BackboneName = "resnet50"
    pyramid_levels: tuple[int, ...] = (1, 2, 3, 4)
    pyramid_channels: int = 256
    pyramid_norm: bool = True
    frozen_norm: bool = False
    norm_epsilon: float = 1e-5
    anchor_sizes: tuple[tuple[int, ...], ...] = ((32,), (64,), (128,), (256,), (512,))
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    box_features: int = 1024
    min_size: int = 900
    max_size: int = 1500
    train_sizes: tuple[int, ...] = ()
    rpn_post_nms: int = 300
    box_batch: int = 128
    box_positive_fraction: float = 0.5
    nms_threshold: float = 0.4
    part_share: float | None = None
    score_threshold: float = 0.05
    detections_per_frame: int = 100

    def __post_init__(self) -> None:
        # A configuration read back from JSON has lists where tuples were.
        object.__setattr__(self, "pyramid_levels", tuple(self.pyramid_levels))
        object.__setattr__(self, "anchor_sizes", tuple(tuple(sizes) for sizes in self.anchor_sizes))
        object.__setattr__(self, "anchor_ratios", tuple(self.anchor_ratios))
        object.__setattr__(self, "train_sizes", tuple(self.train_sizes))
        if self.backbone not in BACKBONES:
            raise ValueError(f"backbone {self.backbone!r}, expected one of {', '.join(BACKBONES)}")
        lowest, highest = level_range(self.backbone)
        levels = self.pyramid_levels
        if not levels or list(levels) != sorted(set(levels)) or levels[0] < lowest or levels[-1] > highest:
            raise ValueError(
                f"pyramid_levels {levels}, expected increasing levels of {lowest} to {highest} for {self.backbone}"
            )
        if len(self.anchor_sizes) != len(levels) + 1:
            raise ValueError(
                f"{len(self.anchor_sizes)} anchor_sizes, expected {len(levels) + 1}: one tuple for each of the "
                f"{len(levels)} pyramid_levels and one for the coarsest level above them"
            )
        if len({len(sizes) for sizes in self.anchor_sizes}) != 1:
            raise ValueError(
                f"anchor_sizes {self.anchor_sizes}, expected the same number on each level: one head serves all"
            )
        least = SMALLEST_INPUT
        if not least <= self.min_size <= self.max_size:
            raise ValueError(f"min_size {self.min_size} and max_size {self.max_size}, expected {least} <= min <= max")
        if any(not least <= size <= self.max_size for size in self.train_sizes):
            raise ValueError(
                f"train_sizes {self.train_sizes}, expected numbers from {least} to max_size {self.max_size}"
            )
        self._check_numbers()

    def _check_numbers(self) -> None:
        """Refuses values with which nothing could be built, found or trained."""
        for name in ("pyramid_channels", "box_features", "rpn_post_nms", "box_batch", "detections_per_frame"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        for values in (self.anchor_ratios, *self.anchor_sizes):
            if not values or not all(0 < value < math.inf for value in values):
                raise ValueError(
                    f"anchor_ratios {self.anchor_ratios} and anchor_sizes {self.anchor_sizes}, expected one or more of "
                    "each (sizes: on each level), all above 0"
                )
        if not 0 <= self.norm_epsilon < math.inf:
            raise ValueError(f"norm_epsilon is {self.norm_epsilon}, expected 0 or more")
        if not 0 <= self.nms_threshold <= 1:
            raise ValueError(f"nms_threshold is {self.nms_threshold}, expected 0 to 1")
        if self.part_share is not None and not 0 < self.part_share <= 1:
            raise ValueError(f"part_share is {self.part_share}, expected more than 0 and at most 1, or none")
        if not 0 <= self.score_threshold < 1:
            raise ValueError(f"score_threshold is {self.score_threshold}, expected 0 or more and less than 1")
        if not 0 < self.box_positive_fraction <= 1:
            raise ValueError(
                f"box_positive_fraction is {self.box_positive_fraction}, expected more than 0 and at most 1"
            )
        if int(self.box_batch * self.box_positive_fraction) < 1:
            raise ValueError(
                f"box_batch {self.box_batch} and box_positive_fraction {self.box_positive_fraction} leave no room for "
                "a person, expected a product of 1 or more; raise box_batch"
            )


@dataclass(frozen=True)
class EmbeddingConfig:
    """The structure of the embedding head, and which boxes it sees.

    Args:
        dimension: The length of an embedding; 256 is what person search uses.
        pool_height: The rows that RoIAlign samples of a person; twice the width, as people stand.
        pool_width: The columns that RoIAlign samples of a person.
        channels: The width of the head's convolutions; the trunk's levels have their own.
        source: What people are sampled from. "pyramid": the feature pyramid, and a small head of convolutions follows.
            "trunk": the map of one level of the trunk, and copies of its later levels follow, as in a crop model with
            that trunk; a person costs more then and is told apart better. It wants a ResNet, MobileNetV2 or
            EfficientNet.
        level: The level that people are sampled from with "trunk", one of the detector's pyramid_levels below 4. At
            stride 8, level 2, 16 x 8 places are what a crop model sees there of a crop of 128 x 64.
        last_stride: The stride of the last of those levels, with "trunk". 1 keeps a map twice as fine, for four times
            the work of that level; a crop model to begin from should have the same.
        refined: Whether a second box head looks at the boxes that the first one made, and people are embedded from
            those instead of from proposals (sequential, as SeqNet does; Li and Miao, AAAI 2021). Here the second head
            has a classifier of its own, which gives the confidence of a detection.
        norm_aware: Whether the length of the raw embedding says how sure it is that there is a person (norm-aware
            embedding; Chen et al., "Norm-Aware Embedding for Efficient Person Search", CVPR 2020). The box head's
            classifier, which the paper does without, stays beside it.
        score_by: What gives the confidence of a detection: the last box head's "classifier", or with norm_aware the
            "norm", as in the paper. The norm learns from fewer steps; in this project's measurement it costs 12 points
            of AP.

    Raises:
        ValueError: A size is below 1, or values do not fit each other.
    """

    dimension: int = 256
    pool_height: int = 16
    pool_width: int = 8
    channels: int = 256
    source: Literal["pyramid", "trunk"] = "pyramid"
    level: int = 2
    last_stride: int = 2
    refined: bool = False
    norm_aware: bool = False
    score_by: Literal["classifier", "norm"] = "classifier"

    def __post_init__(self) -> None:
        for name in ("dimension", "pool_height", "pool_width", "channels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        if self.source not in ("pyramid", "trunk"):
            raise ValueError(f"source {self.source!r}, expected 'pyramid' or 'trunk'")
        if not 1 <= self.level <= 3:
            raise ValueError(f"level is {self.level}, expected 1 to 3: one or more levels follow it")
        if self.last_stride not in (1, 2):
            raise ValueError(f"last_stride is {self.last_stride}, expected 1 or 2")
        if self.score_by == "norm" and not self.norm_aware:
            raise ValueError("score_by is norm, which only norm-aware embeddings have; set norm_aware too")
        # What is left of a single value after GroupNorm is zero, and every person would get the same embedding.
        places = -(-self.pool_height // 2) * -(-self.pool_width // 2)
        if places * self.channels == self.norm_groups:
            raise ValueError(
                f"pool_height {self.pool_height}, pool_width {self.pool_width} and channels {self.channels} leave the "
                "norm of the embedding head one value in each group, expected more; raise pool_height to 4"
            )

    @property
    def norm_groups(self) -> int:
        """How many groups of channels are normalized by themselves."""
        return math.gcd(32, self.channels)


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
        epochs: The number of passes over the frames.
        batch_size: The frames of a step, over all processes. BatchNorm that trains wants four or more in each.
        learning_rate: The rate of AdamW after the warm-up, above 0; it then falls to a hundredth along half a cosine.
        trunk_rate: The share of the learning rate that the trunk's weights have, above 0 and up to 1. A trunk that
            begins with ImageNet's weights knows much already; at a high rate its frozen norms let it die.
        weight_decay: The pull of AdamW towards 0 on every weight but biases and norms.
        warmup_steps: The steps in which the rate rises to its full height; at most a tenth of all steps are used.
        clip_norm: The largest norm that the gradients of a step may have: longer ones are scaled down to it, a guard
            against single bad batches. 0 leaves them.
        accumulate: The number of parts in which a batch is computed; more of them need less memory. BatchNorm and the
            identity losses then see a part at a time, so triplets are found within it.
        ema_decay: The share of its old value that the moving average of the weights keeps at a step; that average is
            what is kept in the end. 0 keeps the weights of the last step.
        anchors: Which sampled boxes of a person the identity losses count and the tables remember: "all", or "one", the
            box that fits it best, which is the annotated one where that was sampled: torchvision adds it to the
            proposals. With "one" sure_updates has nothing to tell apart.
        sure_updates: Whether tables take less of an embedding whose box fits its person less (by their overlap).
        initialize_tables: Whether TOIM's Pooled Table starts from what the starting weights make of everybody's true
            box, as in the paper, and not empty; those weights should tell people apart already.
        group_aspects: Whether batches hold frames of one shape as far as that goes, so that little is padded.
        seed: The seed of weights, order, augmentation and RoI sampling, 0 or more.
        workers: The threads that decode and augment ahead of the network; 0 does it between the steps.
        checkpoint_steps: The steps from one resume point to the next; there is one at the end too.
    """

    epochs: int = 20
    batch_size: int = 4
    learning_rate: float = 5e-4
    trunk_rate: float = 1.0
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
        if not 0 < self.trunk_rate <= 1:
            raise ValueError(f"trunk_rate is {self.trunk_rate}, expected more than 0 and at most 1")
