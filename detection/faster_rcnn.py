"""Building torchvision's Faster R-CNN for one class: person.

The parts are torchvision's own and keep its parameter names, so that its published weights load; only what people
need differently is an argument: which stages feed the pyramid, how wide it is, anchors, input size.
"""

import math
from dataclasses import dataclass

from torch import Tensor
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import MultiScaleRoIAlign

from detection.backbones import BACKBONES, BackboneName, build_pyramid, stage_range
from detection.sampling import OneSizePerBatch
from reid.devices import at_least_float32

SMALLEST_INPUT = 32
"""Pixels: the last map of a trunk has one place for so many."""


@dataclass(frozen=True)
class DetectorConfig:
    """Everything that fixes the structure of the detector; a checkpoint carries it. Defaults: ResNet-50-FPN.

    Args:
        backbone: "resnet50" is the published choice; "resnet18" and "mobilenet_v3_large" are for small machines;
            "convnext_*" and "swin_*" (t, s, b; also "swin_v2_*") know more from ImageNet and cost more.
        pyramid_levels: backbone stages that feed the pyramid; stages after the last one are dropped. 1..4 with strides
            4, 8, 16, 32. MobileNetV3: torchvision's 0..5 with strides 2, 4, 8, 16, 32, 32.
        pyramid_channels: width of the pyramid; cost grows with its square.
        pyramid_norm: BatchNorm inside the pyramid; helps training from nothing, absent from torchvision's weights.
        frozen_norm: the backbone began from published weights: its stem and first stage do not train, and its BatchNorm
            is frozen at its pretrained statistics (ConvNeXt and Swin have LayerNorm, without statistics, which trains).
            Must be False from nothing.
        norm_epsilon: added to the variance in the backbone's BatchNorm; torchvision's COCO weights of ResNet-50 want 0.
        anchor_sizes: per pyramid level (one more than `pyramid_levels`), the square roots of anchor areas in pixels.
        anchor_ratios: heights over widths; people stand, so 2 to 3 is enough when weights are not torchvision's.
        box_features: width of the box head.
        min_size: length of the shorter side of the network's input in pixels; larger finds smaller people, slower.
        max_size: upper bound of the longer side in pixels.
        train_sizes: further lengths of the shorter side, one of them or min_size drawn for each training batch.
        rpn_post_nms: proposals kept per image when detecting, out of twice as many per pyramid level; twice that in
            training. Crowds need more; suppression of proposals takes a fifth of a training step at 1000.
        box_batch: RoIs sampled per image in training, a quarter to a half of them people.
        box_positive_fraction: share of people among the sampled RoIs at most; above 0, up to 1.
        nms_threshold: overlap (IoU), 0..1, above which the weaker of two detections is dropped.
        score_threshold: detections below this confidence, 0 or more and below 1, are not returned. Search protocols cut
            at 0.5 themselves.
        detections_per_frame: at most this many people per frame.
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
        lowest, highest = stage_range(self.backbone)
        levels = self.pyramid_levels
        if not levels or list(levels) != sorted(set(levels)) or levels[0] < lowest or levels[-1] > highest:
            raise ValueError(
                f"pyramid_levels {levels}, expected increasing stages of {lowest} to {highest} for {self.backbone}"
            )
        if len(self.anchor_sizes) != len(levels) + 1:
            raise ValueError(
                f"{len(self.anchor_sizes)} anchor_sizes, expected {len(levels) + 1}: one tuple for each of the "
                f"{len(levels)} pyramid_levels and one for the pooled level above them"
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
        """Refuse values with which nothing could be built, found or trained."""
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


def build_backbone(config: DetectorConfig) -> BackboneWithFPN:
    """The feature pyramid: images (N, 3, H, W) to maps {"0": (N, C, H/4, W/4), ..., "pool"}, weights random."""
    return build_pyramid(
        config.backbone,
        config.pyramid_levels,
        channels=config.pyramid_channels,
        pyramid_norm=config.pyramid_norm,
        frozen_norm=config.frozen_norm,
        norm_epsilon=config.norm_epsilon,
    )


def build_detector(config: DetectorConfig) -> FasterRCNN:
    """Faster R-CNN with two classes, background and person, weights random.

    Reference: Ren et al., "Faster R-CNN", NeurIPS 2015; Lin et al., "Feature Pyramid Networks", CVPR 2017.
    """
    backbone = build_backbone(config)
    anchors = AnchorGenerator(config.anchor_sizes, (config.anchor_ratios,) * len(config.anchor_sizes))
    sizes = (*config.train_sizes, config.min_size)
    heads = build_box_heads(config)
    detector = FasterRCNN(
        backbone,
        min_size=sizes,
        max_size=config.max_size,
        rpn_anchor_generator=anchors,
        rpn_head=_Float32RPNHead(config.pyramid_channels, anchors.num_anchors_per_location()[0]),
        rpn_pre_nms_top_n_train=4 * config.rpn_post_nms,
        rpn_pre_nms_top_n_test=2 * config.rpn_post_nms,
        rpn_post_nms_top_n_train=2 * config.rpn_post_nms,
        rpn_post_nms_top_n_test=config.rpn_post_nms,
        box_roi_pool=heads.box_roi_pool,
        box_head=heads.box_head,
        box_predictor=heads.box_predictor,
    )
    detector.roi_heads = heads
    given = detector.transform
    detector.transform = OneSizePerBatch(sizes, config.max_size, given.image_mean, given.image_std)
    return detector


def build_box_heads(config: DetectorConfig) -> RoIHeads:
    """What looks at boxes and says whether they hold a person and where exactly, weights random."""
    maps = [str(row) for row in range(len(config.pyramid_levels))]
    return RoIHeads(
        box_roi_pool=MultiScaleRoIAlign(featmap_names=maps, output_size=7, sampling_ratio=2),
        box_head=TwoMLPHead(config.pyramid_channels * 7 * 7, config.box_features),
        box_predictor=FastRCNNPredictor(config.box_features, num_classes=2),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=config.box_batch,
        positive_fraction=config.box_positive_fraction,
        bbox_reg_weights=None,
        score_thresh=config.score_threshold,
        nms_thresh=config.nms_threshold,
        detections_per_img=config.detections_per_frame,
    )


class _Float32RPNHead(RPNHead):
    """torchvision's head, whose answers are float32 under bf16 autocast: boxes are decoded in their precision.

    A coordinate of 300 pixels is a multiple of 2 in bf16, one of 1200 a multiple of 8.
    """

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Objectness and box regression of each pyramid level, float32."""
        logits, regression = super().forward(x)
        return [at_least_float32(one) for one in logits], [at_least_float32(one) for one in regression]
