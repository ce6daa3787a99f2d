"""The parts of SeqNet and NAE beyond torchvision's: the last group of layers as a head, the norm-aware embedding."""

from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models import ResNet, resnet50

from reid.devices import at_least_float32


class Trunk(nn.Sequential):
    """A ResNet-50 up to stride 16: [N, 3, H, W] -> [N, 1024, H / 16, W / 16]."""

    def __init__(self, network: ResNet) -> None:
        super().__init__()
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3"):
            self.add_module(name, getattr(network, name))


class LastLevel(nn.Module):
    """The last group of layers on the samples of boxes, with the largest value of each channel before and after it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer4 = cast(nn.Sequential, resnet50(weights=None).layer4)

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Computes features of boxes.

        Args:
            samples: (R, 1024, 14, 14).

        Returns:
            (R, 1024) and (R, 2048), of at least float32.
        """
        seen = self.layer4(samples)  # (R, 2048, 7, 7)
        return at_least_float32(samples).amax((2, 3)), at_least_float32(seen).amax((2, 3))


class NormAwareEmbedding(nn.Module):
    """Features before and after the last level become the two halves of an embedding.

    Source: Chen et al., "Norm-Aware Embedding for Efficient Person Search", CVPR 2020. The embedding's direction tells
    who it is; its length, rescaled, whether it is a person. SeqNet takes its first head's confidence instead.

    Args:
        dimension: The length D of an embedding.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        early = dimension // 2
        self.projectors = nn.ModuleDict(
            {
                "feat_res4": nn.Sequential(nn.Linear(1024, early), nn.BatchNorm1d(early)),
                "feat_res5": nn.Sequential(nn.Linear(2048, dimension - early), nn.BatchNorm1d(dimension - early)),
            }
        )
        self.rescaler = nn.BatchNorm1d(1)

    def forward(self, features: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Computes embeddings of boxes.

        Args:
            features: What is seen in them before and after the last level, (R, 1024) and (R, 2048).

        Returns:
            Unit embeddings (R, D), and the logits of a person (R,).
        """
        halves = [projector(part) for projector, part in zip(self.projectors.values(), features, strict=True)]
        embeddings = torch.cat(halves, dim=1)
        logits: Tensor = self.rescaler(embeddings.norm(dim=1, keepdim=True))[:, 0]
        return nn.functional.normalize(embeddings, dim=1), logits


class BoxRegression(nn.Module):
    """The last correction of boxes, (R, 2048) -> (R, 8): four numbers for the background and four for a person.

    Args:
        norm: Whether BatchNorm follows the linear map.
    """

    def __init__(self, norm: bool) -> None:
        super().__init__()
        linear = nn.Linear(2048, 8)
        self.bbox_pred = nn.Sequential(linear, nn.BatchNorm1d(8)) if norm else linear

    def forward(self, features: Tensor) -> Tensor:
        """Computes the corrections of boxes (R, 8) from their features (R, 2048)."""
        corrections: Tensor = self.bbox_pred(features)
        return corrections
