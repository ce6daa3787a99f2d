"""Building torchvision's Faster R-CNN for one class: person.

The parts are torchvision's own and keep its parameter names, so that its published weights load; only what people
need differently is an argument: which levels feed the pyramid, how wide it is, anchors, input size. Two parts are put
in torchvision's places: samplers that draw the boxes of a training frame by the frame's own seed, and a resizing that
draws one size for a batch.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform, resize_boxes
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.boxes import box_area

from detection.backbones import TrunkAndPyramid, build_pyramid
from detection.settings import DetectorConfig
from reid.devices import at_least_float32


def build_backbone(config: DetectorConfig) -> TrunkAndPyramid:
    """Builds the feature pyramid: images (N, 3, H, W) to maps {"0": (N, C, H/4, W/4), ..., "pool"}, weights random."""
    return build_pyramid(
        config.backbone,
        config.pyramid_levels,
        channels=config.pyramid_channels,
        pyramid_norm=config.pyramid_norm,
        frozen_norm=config.frozen_norm,
        norm_epsilon=config.norm_epsilon,
    )


def build_detector(config: DetectorConfig) -> FasterRCNN:
    """Builds Faster R-CNN with two classes, background and person; weights are random.

    Source: Ren et al., "Faster R-CNN", NeurIPS 2015; Lin et al., "Feature Pyramid Networks", CVPR 2017.

    Args:
        config: The structure.
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
    """Builds what looks at boxes and says whether they hold a person and where exactly; weights are random.

    Args:
        config: The structure.
    """
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


NEAR = 0.5
"""Somebody whose box is at least so tall, as a share of the frame, is near the camera."""

SURE = 0.9
"""A box with at least this confidence is nobody's part."""


def without_parts(boxes: Tensor, scores: Tensor, share: float, height: float) -> Tensor:
    """Tells which boxes of a frame hold a person, and not a leg or an arm of somebody near who has a box as well.

    A box is taken for a part where the model is less sure of it than `SURE`, and where `share` of it lies inside the
    box of somebody near (`NEAR`) that is larger and of which the model is surer. Whoever stands behind somebody so near
    is mostly hidden. A child in front of a grown-up is lost where the model is not sure of it. This rule is the
    project's own.

    Args:
        boxes: (N, 4) xyxy pixels.
        scores: (N,) confidence, 0 to 1.
        share: How much of a part lies inside, above 0 and up to 1. Raising it drops fewer boxes.
        height: The frame's height in the same pixels.

    Returns:
        (N,) bool, true for the boxes that stay.

    >>> boxes = torch.tensor([[10.0, 0, 60, 100], [20, 60, 40, 100]])
    >>> without_parts(boxes, torch.tensor([0.95, 0.6]), share=0.7, height=120).tolist()
    [True, False]
    """
    areas = box_area(boxes)  # (N,)
    low = torch.maximum(boxes[:, None, :2], boxes[:, :2])  # (N, N, 2)
    high = torch.minimum(boxes[:, None, 2:], boxes[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)  # (N, N)
    near = boxes[:, 3] - boxes[:, 1] >= NEAR * height
    whole = near & (scores > scores[:, None]) & (areas > areas[:, None])  # (N, N) the column may own the row
    return ~((shared >= share * areas[:, None]) & whole & (scores[:, None] < SURE)).any(dim=1)


class _Float32RPNHead(RPNHead):
    """torchvision's head, whose answers are float32 under bf16 autocast: boxes are decoded in their precision.

    A coordinate of 300 pixels is a multiple of 2 in bf16, one of 1200 a multiple of 8.
    """

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Computes objectness and box regression of each pyramid level, float32."""
        logits, regression = super().forward(x)
        return [at_least_float32(one) for one in logits], [at_least_float32(one) for one in regression]


class FrameSampler(BalancedPositiveNegativeSampler):
    """torchvision's sampler, with a generator for each frame.

    What is drawn of a frame does not depend on which other frames are in the batch, in which process it is computed,
    or on what was drawn before. So one process and several train on the same samples, and a resumed run goes on
    with those of an uninterrupted one.

    Args:
        batch_size_per_image: How many rows are drawn of each frame.
        positive_fraction: The largest share of people among them.
        part: A number that tells the draws of one frame apart: proposals, boxes, refined boxes.

    Attributes:
        seeds: One integer for each frame of the batch that comes next. Without them torch's own generator draws.
    """

    def __init__(self, batch_size_per_image: int, positive_fraction: float, part: int) -> None:
        super().__init__(batch_size_per_image, positive_fraction)
        self.part = part
        self.seeds: list[int] = []

    def __call__(self, matched_idxs: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Draws rows of each frame.

        Args:
            matched_idxs: (N_i,) for each frame: above 0 a person, 0 none, -1 passed over.

        Returns:
            Two masks for each frame: the rows drawn that are people, and those that are not.
        """
        if len(self.seeds) != len(matched_idxs):
            drawn: tuple[list[Tensor], list[Tensor]] = super().__call__(matched_idxs)
            return drawn
        people, others = [], []
        for seed, labels in zip(self.seeds, matched_idxs):
            # torchvision draws with the global generator of the labels' device.
            devices = [labels.device] if labels.is_cuda else []
            with torch.random.fork_rng(devices=devices):
                torch.manual_seed(seed + self.part)
                one, other = super().__call__([labels])
            people += one
            others += other
        return people, others


def frame_sampler(heads: RegionProposalNetwork | RoIHeads, part: int) -> FrameSampler:
    """Puts a `FrameSampler` with the same settings in place of the sampler of a part of torchvision's detector.

    Args:
        heads: The part of the detector, which is changed.
        part: The number that tells its draws from those of other parts.

    Returns:
        The new sampler.
    """
    given = heads.fg_bg_sampler
    sampler = FrameSampler(given.batch_size_per_image, given.positive_fraction, part)
    heads.fg_bg_sampler = sampler
    return sampler


class OneSizePerBatch(GeneralizedRCNNTransform):
    """torchvision's resizing, with one size drawn for a batch instead of one for each frame: nothing is padded.

    Attributes:
        size_seed: Integers that decide which size, the same in all processes and parts of a batch. None draws anew each
            time.
    """

    size_seed: Sequence[int] | None = None

    def forward(
        self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None
    ) -> tuple[ImageList, list[dict[str, Tensor]] | None]:
        """Resizes images and targets as torchvision does, all to the size of this batch."""
        generator = np.random.default_rng(self.size_seed)
        self._drawn = int(generator.choice(self.min_size)) if self.training else self.min_size[-1]
        result: tuple[ImageList, list[dict[str, Tensor]] | None] = super().forward(images, targets)
        return result

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        """Scale a frame and its boxes as torchvision does, but never to a side of no pixels.

        torchvision rounds the short side of a very long and thin frame (2000 x 2, say) down to 0 and fails.

        Args:
            image: (3, H, W).
            target: The frame's boxes (N, 4) under "boxes", and whatever belongs to them; None when detecting.
        """
        height, width = image.shape[-2:]
        scale = min(self._drawn / min(height, width), self.max_size / max(height, width))
        if min(height, width) * scale >= 1:
            result: tuple[Tensor, dict[str, Tensor] | None] = super().resize(image, target)
            return result
        sides = [max(1, int(side * scale)) for side in (height, width)]
        scaled = functional.interpolate(image[None], size=sides, mode="bilinear", align_corners=False)[0]  # [3, h, w]
        if target is not None:
            target["boxes"] = resize_boxes(target["boxes"], [height, width], sides)
        return scaled, target

    def torch_choice(self, k: list[int]) -> int:
        """Gives the size of this batch."""
        return self._drawn
