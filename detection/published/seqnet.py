"""SeqNet as it was published: a joint model on one map of a ResNet-50, whose second head sees the first one's boxes.

Source: Li and Miao, "Sequential End-to-end Network for Efficient Person Search", AAAI 2021. Frames are scaled to 900
pixels; proposals come from the map at stride 16; the first head finds people (confidence 0.5, suppression 0.4); the
second embeds them there and corrects their boxes (suppression 0.5). The confidence is the first head's.

Deviation: embeddings have unit length. The published code multiplies them by the confidence; here the ranking does, if
it is asked to (`--class-weighted`).
"""

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.transform import resize_boxes
from torchvision.ops import clip_boxes_to_image, nms, remove_small_boxes

from detection.detections import Detections
from detection.published.one_map import Maps, OneMapConfig, OneMapModel
from detection.published.seqnet_parts import BoxRegression, LastLevel, NormAwareEmbedding
from reid.devices import Precision, at_least_float32, autocast


@dataclass(frozen=True)
class SeqNetConfig(OneMapConfig):
    """The structure of SeqNet; the defaults are the published ones."""


class SeqNet(OneMapModel[SeqNetConfig]):
    """SeqNet, with the methods that every model of a search has.

    Args:
        config: The structure; None for the published one.
        precision: "auto" computes in bf16 where the device has it; "float32" never does.
    """

    program: ClassVar[str] = "SeqNet"
    file_format: ClassVar[str] = "personsearch-seqnet-1"
    structure: ClassVar[type] = SeqNetConfig

    def __init__(self, config: SeqNetConfig | None = None, *, precision: Precision = "auto") -> None:
        super().__init__(config or SeqNetConfig(), precision)
        self.roi_heads = RoIHeads(
            self._sampler(), LastLevel(), BoxRegression(self.config.box_norm), 0.5, 0.5, 128, 0.5, None,
            self.config.score_threshold, 0.4, 300,
        )  # fmt: skip
        self.roi_heads.add_module("faster_rcnn_predictor", FastRCNNPredictor(2048, num_classes=2))
        self.roi_heads.add_module("reid_head", LastLevel())
        self.roi_heads.add_module("embedding_head", NormAwareEmbedding(self.config.dimension))

    @torch.no_grad()
    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Finds everybody in each image.

        Args:
            images: Each has shape [3, H, W], RGB in [0, 1]; sizes may differ.

        Returns:
            One Detections for each image, the most confident person first, with unit embeddings.
        """
        if not images:
            return []
        heads = self.roi_heads
        with autocast(self.device, self.precision):
            image_list, _ = self.transform([image.to(self.device) for image in images])
            sizes = image_list.image_sizes
            maps = self._seen(image_list)
            proposals = self._proposed(image_list, maps)
            _, seen = heads.box_head(heads.box_roi_pool(maps, proposals, sizes))  # (R, 2048)
            logits, regression = cast(FastRCNNPredictor, heads.faster_rcnn_predictor)(seen)
            boxes, scores, _ = heads.postprocess_detections(
                at_least_float32(logits), at_least_float32(regression), proposals, sizes
            )
            features = self._features(maps, boxes, sizes)
            embeddings = self._embeddings(features)
            with torch.autocast(self.device.type, enabled=False):
                corrections = heads.box_predictor(features[1])  # (R, 8)
        counts = [len(rows) for rows in boxes]
        moved = heads.box_coder.decode(corrections, boxes).reshape(-1, 2, 4)[:, 1].split(counts)
        found = []
        for image, size, box, score, rows in zip(images, sizes, moved, scores, embeddings.split(counts), strict=True):
            box = clip_boxes_to_image(box, size)
            kept = remove_small_boxes(box, 1e-2)
            kept = kept[nms(box[kept], score[kept], 0.5)]
            scaled = resize_boxes(box[kept], list(size), [int(side) for side in image.shape[-2:]])
            found.append(Detections(scaled, score[kept], rows[kept]))
        return found

    def _embedded(self, maps: Maps, boxes: list[Tensor], sizes: list[tuple[int, int]]) -> Tensor:
        return self._embeddings(self._features(maps, boxes, sizes))

    def _features(self, maps: Maps, boxes: list[Tensor], sizes: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
        """What the second head sees in boxes: (R, 1024) and (R, 2048)."""
        seen: tuple[Tensor, Tensor] = cast(LastLevel, self.roi_heads.reid_head)(
            self.roi_heads.box_roi_pool(maps, boxes, sizes)
        )
        return seen

    def _embeddings(self, features: tuple[Tensor, Tensor]) -> Tensor:
        """Unit embeddings (R, D) of what the second head sees."""
        with torch.autocast(self.device.type, enabled=False):
            embeddings: Tensor = cast(NormAwareEmbedding, self.roi_heads.embedding_head)(features)[0]
        return embeddings
