"""The joint model: Faster R-CNN and an embedding head on its RoIs, three methods with one return type each.

losses(images, targets) -> JointLosses     training: detection losses and the labelled embeddings
detect(images)          -> [Detections]    boxes, scores and unit embeddings of every person
embed(images, boxes)    -> [Tensor]        unit embeddings of given boxes, a probe's for example
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import fastrcnn_loss
from torchvision.models.detection.transform import resize_boxes
from torchvision.ops import Conv2dNormActivation, MultiScaleRoIAlign

from datasets.samples import BACKGROUND
from detection.detections import Detections
from detection.faster_rcnn import DetectorConfig, build_detector
from reid.precision import Precision, autocast

Target = dict[str, Tensor]
"""boxes (N, 4) xyxy pixels, labels (N,) ones, person_index (N,) >= 0 or UNLABELLED, camera_index (N,)."""


@dataclass(frozen=True)
class EmbeddingConfig:
    """The structure of the embedding head.

    Args:
        dimension: length of an embedding; 256 is what person search uses.
        pool_height: rows that RoIAlign samples of a person; twice the width, as people stand. Even.
        pool_width: columns that RoIAlign samples. Even.
        channels: width of the head's convolutions.
    """

    dimension: int = 256
    pool_height: int = 16
    pool_width: int = 8
    channels: int = 256


@dataclass(frozen=True)
class JointLosses:
    """What one training step needs.

    Args:
        detection: the four losses of Faster R-CNN, scalars: loss_objectness, loss_rpn_box_reg, loss_classifier,
            loss_box_reg.
        embeddings: (R, D) float32 unit embeddings of the sampled RoIs that are people; background RoIs are not
            embedded, as no identity loss counts them.
        person_index: (R,) identity of each, >= 0 or UNLABELLED.
        camera_index: (R,) camera of the frame each comes from.
        image_index: (R,) row of the frame in the batch.
    """

    detection: dict[str, Tensor]
    embeddings: Tensor
    person_index: Tensor
    camera_index: Tensor
    image_index: Tensor


class EmbeddingHead(nn.Module):
    """RoIs of a feature pyramid to unit vectors.

    A person is sampled tall (16 x 8 by default), two convolutions mix the neighbourhood, the columns are averaged and
    the rows kept apart, so that hair, upper and lower clothes stay in their places; a linear map follows.

    The norm is GroupNorm: a step sees a handful of people, and BatchNorm over so few makes an embedding depend on who
    else is in the batch (measured: the OIM loss then rises instead of falling).
    """

    def __init__(self, config: EmbeddingConfig, map_names: Sequence[str], in_channels: int) -> None:
        super().__init__()
        size = (config.pool_height, config.pool_width)
        self.pool = MultiScaleRoIAlign(featmap_names=list(map_names), output_size=size, sampling_ratio=2)
        norm = partial(nn.GroupNorm, math.gcd(32, config.channels))
        self.convolutions = nn.Sequential(
            Conv2dNormActivation(in_channels, config.channels, 3, norm_layer=norm),
            Conv2dNormActivation(config.channels, config.channels, 3, stride=2, norm_layer=norm),
        )
        rows = (config.pool_height + 1) // 2
        self.project = nn.Linear(rows * config.channels, config.dimension)

    def forward(self, features: dict[str, Tensor], boxes: list[Tensor], image_sizes: list[tuple[int, int]]) -> Tensor:
        """Unit embeddings (sum of boxes, D), float32, of boxes in the coordinates of the network's input."""
        pooled = self.pool(features, boxes, image_sizes)  # (R, C, 16, 8)
        stripes = self.convolutions(pooled).mean(dim=3)  # (R, channels, 8)
        return functional.normalize(self.project(stripes.flatten(1)).float(), dim=1)  # (R, D)


class PersonSearchRCNN(nn.Module):
    """Detector and embedder in one network.

    Source: Xiao et al., "Joint Detection and Identification Feature Learning for Person Search", CVPR 2017, with a
    feature pyramid and RoIAlign instead of a single map and RoI pooling.

    Args:
        detector: structure of the Faster R-CNN.
        embedding: structure of the embedding head.
        precision: "auto" computes in bf16 where the device has it; "float32" never does (exports, exact comparisons).
    """

    def __init__(
        self,
        detector: DetectorConfig | None = None,
        embedding: EmbeddingConfig | None = None,
        *,
        precision: Precision = "auto",
    ) -> None:
        super().__init__()
        self.precision: Precision = precision
        self.detector_config = detector or DetectorConfig()
        self.embedding_config = embedding or EmbeddingConfig()
        self.detector = build_detector(self.detector_config)
        names = [str(row) for row in range(len(self.detector_config.pyramid_levels))]
        self.embedding_head = EmbeddingHead(self.embedding_config, names, self.detector_config.pyramid_channels)

    @property
    def embedding_dim(self) -> int:
        """Length of an embedding."""
        return self.embedding_config.dimension

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embedding_head.project.weight.device

    def losses(self, images: list[Tensor], targets: list[Target]) -> JointLosses:
        """Detection losses and the embeddings of the sampled people of a batch; the model must be in training mode.

        Args:
            images: [3, H, W] each, RGB in [0, 1]; sizes may differ.
            targets: one for each image, see `Target`; a frame without people has (0, 4) boxes.

        Raises:
            RuntimeError: the model is in evaluation mode.
        """
        if not self.training:
            raise RuntimeError("losses() needs training mode, call model.train() first")
        with autocast(self.device, self.precision):
            image_list, scaled = self.detector.transform(images, targets)
            features = self._features(image_list)
            proposals, rpn_losses = self.detector.rpn(image_list, features, scaled)
            heads = self.detector.roi_heads
            proposals, matched, labels, regression_targets = heads.select_training_samples(proposals, scaled)
            pooled = heads.box_roi_pool(features, proposals, image_list.image_sizes)
            class_logits, box_regression = heads.box_predictor(heads.box_head(pooled))
            loss_classifier, loss_box_reg = fastrcnn_loss(
                class_logits.float(), box_regression.float(), labels, regression_targets
            )
            people = [label > 0 for label in labels]
            boxes = [box[mask] for box, mask in zip(proposals, people, strict=True)]
            embeddings = self.embedding_head(features, boxes, image_list.image_sizes)
        rows = [index[mask] for index, mask in zip(matched, people, strict=True)]
        counts = torch.tensor([len(box) for box in boxes], device=self.device)
        return JointLosses(
            {**rpn_losses, "loss_classifier": loss_classifier, "loss_box_reg": loss_box_reg},
            embeddings,
            _gather(targets, "person_index", rows, BACKGROUND),
            _gather(targets, "camera_index", rows, 0),
            torch.arange(len(boxes), device=self.device).repeat_interleave(counts),
        )

    @torch.no_grad()
    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Everybody in each image, best first; embeddings are pooled from the final boxes, not from proposals.

        Args:
            images: [3, H, W] each, RGB in [0, 1]; sizes may differ.

        Returns:
            One Detections for each image, boxes in the pixels of the image given, on the model's device.
        """
        self._require_evaluation("detect")
        if not images:
            return []
        with autocast(self.device, self.precision):
            image_list, _ = self.detector.transform([image.to(self.device) for image in images])
            features = self._features(image_list)
            proposals, _ = self.detector.rpn(image_list, features)
            heads = self.detector.roi_heads
            pooled = heads.box_roi_pool(features, proposals, image_list.image_sizes)
            class_logits, box_regression = heads.box_predictor(heads.box_head(pooled))
            boxes, scores, _ = heads.postprocess_detections(
                class_logits.float(), box_regression.float(), proposals, image_list.image_sizes
            )
            embeddings = self.embedding_head(features, boxes, image_list.image_sizes)
        counts = [len(rows) for rows in boxes]
        return [
            Detections(_resize(box, size, image), score, embedding)
            for box, size, image, score, embedding in zip(
                boxes, image_list.image_sizes, images, scores, embeddings.split(counts), strict=True
            )
        ]

    @torch.no_grad()
    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """Unit embeddings of given boxes, seen in their full image as detections are.

        Args:
            images: [3, H, W] each, RGB in [0, 1].
            boxes: (N_i, 4) xyxy pixels of each image.

        Returns:
            (N_i, D) float32 for each image.

        Raises:
            ValueError: a box has no area or lies outside its image.
        """
        self._require_evaluation("embed")
        if len(images) != len(boxes):
            raise ValueError(f"{len(images)} images but {len(boxes)} sets of boxes, expected one for each image")
        boxes = [torch.as_tensor(box, dtype=torch.float32, device=self.device).reshape(-1, 4) for box in boxes]
        for image, rows in zip(images, boxes, strict=True):
            _require_inside(rows, image)
        if not images:
            return []
        with autocast(self.device, self.precision):
            targets = [{"boxes": box} for box in boxes]
            image_list, scaled = self.detector.transform([image.to(self.device) for image in images], targets)
            features = self._features(image_list)
            embeddings = self.embedding_head(features, [one["boxes"] for one in scaled], image_list.image_sizes)
        return list(embeddings.split([len(box) for box in boxes]))

    def _features(self, image_list: ImageList) -> dict[str, Tensor]:
        """The pyramid in float32: anchors take its precision, and RoIAlign computes in float32 anyway."""
        features = self.detector.backbone(image_list.tensors.contiguous(memory_format=torch.channels_last))
        return {name: one.float() for name, one in features.items()}

    def _require_evaluation(self, method: str) -> None:
        if self.training:
            raise RuntimeError(f"{method}() needs evaluation mode, call model.eval() first")


def _gather(targets: list[Target], key: str, rows: list[Tensor], empty: int) -> Tensor:
    """Row by row the target's value; a frame without people has none to gather (and no RoI that is a person)."""
    values = [
        target[key][row] if len(target[key]) else torch.full_like(row, empty)
        for target, row in zip(targets, rows, strict=True)
    ]
    return torch.cat(values)


def _resize(boxes: Tensor, size: tuple[int, int], image: Tensor) -> Tensor:
    return resize_boxes(boxes, list(size), list(image.shape[-2:])) if len(boxes) else boxes


def _require_inside(boxes: Tensor, image: Tensor) -> None:
    height, width = image.shape[-2:]
    x1, y1, x2, y2 = boxes.unbind(1)
    wrong = ~((x1 < x2) & (y1 < y2) & (x2 > 0) & (y2 > 0) & (x1 < width) & (y1 < height))
    if wrong.any():
        values = ", ".join(f"{value:g}" for value in boxes[wrong][0].tolist())
        raise ValueError(
            f"box {values} has no area inside the image of {width} x {height} pixels, expected x1,y1,x2,y2 with "
            f"0 <= x1 < x2 <= {width} and 0 <= y1 < y2 <= {height}"
        )
