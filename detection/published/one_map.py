"""The part that SeqNet and NAE share: people are proposed, and seen, on one map of a ResNet-50 at stride 16."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torchvision.models import resnet50
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import AnchorGenerator, RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign

from detection.published.published_joint import Config, PublishedJoint
from detection.published.seqnet_parts import Trunk
from reid.devices import Precision, at_least_float32, autocast

_MAP = "feat_res4"
Maps = dict[str, Tensor]


@dataclass(frozen=True)
class OneMapConfig:
    """The structure of such a model; the defaults are the published ones of SeqNet and NAE.

    Args:
        dimension: The length of an embedding.
        box_norm: Whether BatchNorm follows the last correction of boxes.
        min_size: The shorter side of the network's input in pixels.
        max_size: The largest longer side of the network's input in pixels.
        score_threshold: The confidence, 0 or more and below 1, below which nobody is returned.
    """

    dimension: int = 256
    box_norm: bool = True
    min_size: int = 900
    max_size: int = 1500
    score_threshold: float = 0.5


class OneMapModel(PublishedJoint[Config]):
    """A model whose trunk, proposals and preparation of frames are those of SeqNet and NAE.

    Proposals come of anchors of 32 to 512 pixels in three shapes, the best 6000 of them, of which 300 are left after
    suppression at 0.7.

    Args:
        config: The structure.
        precision: "auto" computes in bf16 where the device has it; "float32" never does.
    """

    def __init__(self, config: Config, precision: Precision = "auto") -> None:
        super().__init__(config, precision)
        self.backbone = Trunk(resnet50(weights=None))
        anchors = AnchorGenerator(((32, 64, 128, 256, 512),), ((0.5, 1.0, 2.0),))
        before, after = {"training": 12000, "testing": 6000}, {"training": 2000, "testing": 300}
        head = RPNHead(1024, anchors.num_anchors_per_location()[0])
        self.rpn = RegionProposalNetwork(anchors, head, 0.7, 0.3, 256, 0.5, before, after, 0.7)
        self.transform = GeneralizedRCNNTransform(
            config.min_size, config.max_size, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
        )

    @staticmethod
    def _sampler() -> MultiScaleRoIAlign:
        """What samples boxes of the map, 14 x 14 places each."""
        return MultiScaleRoIAlign([_MAP], output_size=14, sampling_ratio=2)

    def _seen(self, images: ImageList) -> Maps:
        """The map (N, 1024, H / 16, W / 16) of prepared frames, of at least float32."""
        return {_MAP: at_least_float32(self.backbone(images.tensors))}

    def _proposed(self, images: ImageList, maps: Maps) -> list[Tensor]:
        """The proposals (R_i, 4) of each prepared frame."""
        with torch.autocast(self.device.type, enabled=False):
            proposals: list[Tensor] = self.rpn(images, maps)[0]
        return proposals

    def _embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        with autocast(self.device, self.precision):
            targets = [{"boxes": rows} for rows in boxes]
            image_list, scaled = self.transform([image.to(self.device) for image in images], targets)
            placed = [one["boxes"] for one in cast(list[dict[str, Tensor]], scaled)]
            embeddings = self._embedded(self._seen(image_list), placed, image_list.image_sizes)
        return list(embeddings.split([len(rows) for rows in boxes]))

    @abstractmethod
    def _embedded(self, maps: Maps, boxes: list[Tensor], sizes: list[tuple[int, int]]) -> Tensor:
        """Unit embeddings (R, D) of boxes in the pixels of prepared frames."""
