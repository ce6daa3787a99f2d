"""The embedding head: people in a feature pyramid to vectors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation, MultiScaleRoIAlign

from reid.devices import at_least_float32


@dataclass(frozen=True)
class EmbeddingConfig:
    """The structure of the embedding head, and which boxes it sees.

    Args:
        dimension: length of an embedding; 256 is what person search uses.
        pool_height: rows that RoIAlign samples of a person; twice the width, as people stand.
        pool_width: columns that RoIAlign samples.
        channels: width of the head's convolutions.
        refined: a second box head looks at the boxes that the first one made, and people are embedded from those
            instead of from proposals (sequential, as SeqNet does; Li and Miao, AAAI 2021). Here the second head has a
            classifier of its own, which scores the detections.
        norm_aware: the length of the raw embedding says how sure it is that there is a person (norm-aware embedding;
            Chen et al., "Norm-Aware Embedding for Efficient Person Search", CVPR 2020). The box head's classifier,
            which the paper does without, stays beside it.
        score_by: what scores the detections: the last box head's classifier, or with norm_aware the norm, as in the
            paper. Measured in docs/joint.md: the norm, which learns from fewer steps, costs 12 points of AP there.
    """

    dimension: int = 256
    pool_height: int = 16
    pool_width: int = 8
    channels: int = 256
    refined: bool = False
    norm_aware: bool = False
    score_by: Literal["classifier", "norm"] = "classifier"

    def __post_init__(self) -> None:
        for name in ("dimension", "pool_height", "pool_width", "channels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
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
        """How many groups of channels are normalised by themselves."""
        return math.gcd(32, self.channels)


class EmbeddingHead(nn.Module):
    """RoIs of a feature pyramid to raw embeddings, whose direction tells people apart.

    A person is sampled tall (16 x 8 by default), two convolutions mix the neighbourhood, the columns are averaged and
    the rows kept apart, so that hair, upper and lower clothes stay in their places; a linear map follows.

    The norm is GroupNorm: a step sees a handful of people, and BatchNorm over so few makes an embedding depend on who
    else is in the batch (measured: the OIM loss then rises instead of falling).
    """

    def __init__(self, config: EmbeddingConfig, map_names: Sequence[str], in_channels: int) -> None:
        super().__init__()
        size = (config.pool_height, config.pool_width)
        self.pool = MultiScaleRoIAlign(featmap_names=list(map_names), output_size=size, sampling_ratio=2)
        norm = partial(nn.GroupNorm, config.norm_groups)
        self.convolutions = nn.Sequential(
            Conv2dNormActivation(in_channels, config.channels, 3, norm_layer=norm),
            Conv2dNormActivation(config.channels, config.channels, 3, stride=2, norm_layer=norm),
        )
        rows = (config.pool_height + 1) // 2
        self.project = nn.Linear(rows * config.channels, config.dimension)

    def forward(self, features: dict[str, Tensor], boxes: list[Tensor], image_sizes: list[tuple[int, int]]) -> Tensor:
        """Raw embeddings (sum of boxes, D), of at least float32, of boxes in the coordinates of the network's input."""
        pooled = self.pool(features, boxes, image_sizes)  # (R, C, 16, 8)
        stripes = self.convolutions(pooled).mean(dim=3)  # (R, channels, 8)
        return at_least_float32(self.project(stripes.flatten(1)))  # (R, D)


class NormScore(nn.Module):
    """How sure the length of an embedding is that there is a person.

    The length is brought to mean 0 and deviation 1 and scaled by BatchNorm, as in the paper, and is a logit then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Raw embeddings (R, D) to logits (R,); in training R has to be 2 or more."""
        length = torch.linalg.vector_norm(embeddings, dim=1, keepdim=True)  # (R, 1)
        with torch.autocast(embeddings.device.type, enabled=False):
            logits: Tensor = self.norm(length).squeeze(1)
        return logits
