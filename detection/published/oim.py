"""OIM as its PyTorch form was published: a joint model on one map, with an embedding beside the head of Faster R-CNN.

Source: Xiao et al., "Joint Detection and Identification Feature Learning for Person Search", CVPR 2017, in the form of
the program person_search by the author of SeqNet, which has the layers of the first one in Caffe. Frames are BGR from
0 to 255 without a mean, scaled to 600 pixels by OpenCV and seen one by one. A ResNet-50 up to the third block of its
third group gives a map at stride 16; boxes of it, of 14 x 14 places that each have their largest value (RoIPool), go
through the other blocks and are averaged to f (2048). W f + b makes the classes, the correction of the box and the
embedding x, whose direction x / |x| is the person. The embedding stays that of the proposal.

The published code counts the last pixel of a box as part of it, and so do its boxes here. Deviation: boxes without any
width or height, which show nobody, are left out.
"""

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import nms, roi_pool

from detection.detections import Detections
from detection.published.oim_parts import anchors, build_blocks, inside, moved
from detection.published.published_joint import PublishedJoint
from reid.devices import Precision, at_least_float32, autocast

_MEANS = np.array([102.9801, 115.9465, 122.7717], dtype=np.float32)
"""What is taken off blue, green and red."""

_DEVIATIONS = (0.1, 0.1, 0.2, 0.2)
"""Corrections of boxes are learned in units of these."""

_TRUNK = 10
"""The first blocks make the map; the others look at boxes."""

_ANCHORS = 9
_LEAST_SIDE = 16
"""Pixels of the frame itself that a proposal has at least."""


@dataclass(frozen=True)
class OimConfig:
    """The structure of OIM; the defaults are the published ones.

    Args:
        dimension: The length of an embedding.
        min_size: The shorter side of the network's input in pixels.
        max_size: The largest longer side of the network's input in pixels.
        score_threshold: The confidence, 0 or more and below 1, below which nobody is returned.
    """

    dimension: int = 256
    min_size: int = 600
    max_size: int = 1000
    score_threshold: float = 0.5


class Oim(PublishedJoint[OimConfig]):
    """OIM, with the methods that every model of a search has.

    Args:
        config: The structure; None for the published one.
        precision: "auto" computes in bf16 where the device has it; "float32" never does.
    """

    program: ClassVar[str] = "OIM"
    file_format: ClassVar[str] = "personsearch-oim-1"
    structure: ClassVar[type] = OimConfig

    def __init__(self, config: OimConfig | None = None, *, precision: Precision = "auto") -> None:
        super().__init__(config or OimConfig(), precision)
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64)
        self.blocks = build_blocks()
        self.rpn = nn.ModuleDict(
            {
                "rpn_conv": nn.Conv2d(1024, 512, 3, padding=1),
                "rpn_cls_score": nn.Conv2d(512, 2 * _ANCHORS, 1),
                "rpn_bbox_pred": nn.Conv2d(512, 4 * _ANCHORS, 1),
            }
        )
        self.cls_score = nn.Linear(2048, 2)
        self.bbox_pred = nn.Linear(2048, 8)
        self.feature = nn.Linear(2048, self.config.dimension)

    @torch.no_grad()
    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Finds everybody in each image.

        Args:
            images: Each has shape [3, H, W], RGB in [0, 1]; sizes may differ.

        Returns:
            One Detections for each image, the most confident person first, with unit embeddings.
        """
        return [self._found(image) for image in images]

    def _found(self, image: Tensor) -> Detections:
        frame, scale = self._prepared(image)
        maps = self._map(frame)
        proposals = self._proposed(maps, frame, scale)
        seen = self._looked_at(maps, proposals)
        scores = self.cls_score(seen).softmax(1)[:, 1]
        codes = self.bbox_pred(seen)[:, 4:] * torch.tensor(_DEVIATIONS, device=self.device)
        boxes = inside(moved(proposals / scale, codes), int(image.shape[-2]), int(image.shape[-1]))
        kept = (scores > self.config.score_threshold) & (boxes[:, 2:] > boxes[:, :2]).all(1)
        boxes, scores, seen = boxes[kept], scores[kept], seen[kept]
        order = nms(boxes, scores, 0.4)
        return Detections(boxes[order], scores[order], functional.normalize(self.feature(seen[order]), dim=1))

    def _embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        found = []
        for image, rows in zip(images, boxes, strict=True):
            frame, scale = self._prepared(image)
            seen = self._looked_at(self._map(frame), rows * scale)
            found.append(functional.normalize(self.feature(seen), dim=1))
        return found

    def _prepared(self, image: Tensor) -> tuple[Tensor, float]:
        """A frame [3, H, W] as the network sees it, (1, 3, h, w), and how much larger it is made."""
        pixels = image.permute(1, 2, 0).cpu().numpy()[..., ::-1] * np.float32(255) - _MEANS
        sides = pixels.shape[:2]
        scale = self.config.min_size / min(sides)
        if round(scale * max(sides)) > self.config.max_size:
            scale = self.config.max_size / max(sides)
        scaled = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
        return torch.from_numpy(scaled).permute(2, 0, 1)[None].to(self.device), scale

    def _map(self, frame: Tensor) -> Tensor:
        """The map (1, 1024, h / 16, w / 16) of a prepared frame, of at least float32."""
        with autocast(self.device, self.precision):
            seen = functional.max_pool2d(self.bn1(self.conv1(frame)).relu(), 3, 2, ceil_mode=True)
            return at_least_float32(self.blocks[:_TRUNK](seen))

    def _proposed(self, maps: Tensor, frame: Tensor, scale: float) -> Tensor:
        """The 300 best proposals (R, 4) of a prepared frame, in its pixels."""
        height, width = int(frame.shape[-2]), int(frame.shape[-1])
        seen = self.rpn["rpn_conv"](maps).relu()
        logits = self.rpn["rpn_cls_score"](seen)[0].unflatten(0, (2, _ANCHORS))  # (2, 9, h, w)
        scores = logits.softmax(0)[1].permute(1, 2, 0).flatten()  # row by row, nine at each place
        codes = self.rpn["rpn_bbox_pred"](seen)[0].permute(1, 2, 0).reshape(-1, 4)
        codes = torch.cat([codes[:, :2], codes[:, 2:].clamp(-10, 10)], dim=1)
        at = anchors(int(maps.shape[-2]), int(maps.shape[-1])).to(maps)
        boxes = inside(moved(at, codes), height, width)
        large = (boxes[:, 2:] - boxes[:, :2] + 1 >= _LEAST_SIDE * scale).all(1)
        boxes, scores = boxes[large], scores[large]
        best = scores.argsort(descending=True)[:6000]
        boxes, scores = boxes[best], scores[best]
        return boxes[nms(boxes, scores, 0.7)[:300]]

    def _looked_at(self, maps: Tensor, boxes: Tensor) -> Tensor:
        """What the head sees in boxes (R, 4) of a prepared frame: (R, 2048)."""
        samples = roi_pool(maps, [boxes], (14, 14), 1 / 16)
        with autocast(self.device, self.precision):
            seen: Tensor = at_least_float32(self.blocks[_TRUNK:](samples))  # (R, 2048, 7, 7)
        return seen.mean((2, 3))
