"""NAE as it was published: a joint model with one head, whose embeddings tell by their length whether there is anybody.

Source: Chen et al., "Norm-Aware Embedding for Efficient Person Search", CVPR 2020, and its published code. Frames are
scaled to 900 pixels; proposals come from the map at stride 16. The head sees each proposal before and after the last
level of a ResNet-50; a linear map and BatchNorm of either make the two halves of an embedding x. Its direction x / |x|
is the person, sigmoid(BN(|x|)) the confidence (from 0.5 on, suppression 0.4, the best 300). What is seen after the last
level corrects the box; the embedding stays that of the proposal.

Deviation: embeddings have unit length. The published code multiplies them by the confidence; here the ranking does, if
it is asked to (`--class-weighted`).
"""

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.transform import resize_boxes
from torchvision.ops import clip_boxes_to_image, nms, remove_small_boxes

from detection.detections import Detections
from detection.published.one_map import Maps, OneMapConfig, OneMapModel
from detection.published.seqnet_parts import BoxRegression, LastLevel, NormAwareEmbedding
from reid.devices import Precision, autocast


@dataclass(frozen=True)
class NaeConfig(OneMapConfig):
    """The structure of NAE; the defaults are the published ones."""


class Nae(OneMapModel[NaeConfig]):
    """NAE, with the methods that every model of a search has.

    Args:
        config: The structure; None for the published one.
        precision: "auto" computes in bf16 where the device has it; "float32" never does.
    """

    program: ClassVar[str] = "NAE"
    file_format: ClassVar[str] = "personsearch-nae-1"
    structure: ClassVar[type] = NaeConfig

    def __init__(self, config: NaeConfig | None = None, *, precision: Precision = "auto") -> None:
        super().__init__(config or NaeConfig(), precision)
        self.roi_heads = RoIHeads(
            self._sampler(), LastLevel(), BoxRegression(self.config.box_norm), 0.5, 0.1, 128, 0.5, None,
            self.config.score_threshold, 0.4, 300,
        )  # fmt: skip
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
            embeddings, logits, corrections = self._looked_at(maps, proposals, sizes)
        counts = [len(rows) for rows in proposals]
        moved = heads.box_coder.decode(corrections, proposals).reshape(-1, 2, 4)[:, 1].split(counts)
        people = zip(moved, logits.sigmoid().split(counts), embeddings.split(counts), strict=True)
        found = []
        for image, size, (box, score, rows) in zip(images, sizes, people, strict=True):
            box = clip_boxes_to_image(box, size)
            kept = torch.nonzero(score > heads.score_thresh)[:, 0]
            kept = kept[remove_small_boxes(box[kept], 1e-2)]
            kept = kept[nms(box[kept], score[kept], heads.nms_thresh)][: heads.detections_per_img]
            scaled = resize_boxes(box[kept], list(size), [int(side) for side in image.shape[-2:]])
            found.append(Detections(scaled, score[kept], rows[kept]))
        return found

    def _embedded(self, maps: Maps, boxes: list[Tensor], sizes: list[tuple[int, int]]) -> Tensor:
        return self._looked_at(maps, boxes, sizes)[0]

    def _looked_at(
        self, maps: Maps, boxes: list[Tensor], sizes: list[tuple[int, int]]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Unit embeddings (R, D), logits of a person (R,) and corrections (R, 8) of boxes."""
        heads = self.roi_heads
        features: tuple[Tensor, Tensor] = heads.box_head(heads.box_roi_pool(maps, boxes, sizes))
        with torch.autocast(self.device.type, enabled=False):
            embeddings, logits = cast(NormAwareEmbedding, heads.embedding_head)(features)
            return embeddings, logits, heads.box_predictor(features[1])
