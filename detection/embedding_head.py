"""The embedding heads: from people in the maps of a frame to vectors."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation, MultiScaleRoIAlign

from detection.backbones import later_levels
from detection.settings import DetectorConfig, EmbeddingConfig
from reid.crops.backbones import trains_in_float32
from reid.devices import at_least_float32


class FrameMaps(NamedTuple):
    """What a network sees in a batch of frames.

    Args:
        trunk: The maps of the trunk's levels that feed the pyramid, (N, C_i, H_i, W_i) float32, "0" the finest.
        pyramid: The pyramid's maps, (N, C, H_i, W_i) float32, by the same names and "pool".
    """

    trunk: dict[str, Tensor]
    pyramid: dict[str, Tensor]


class EmbeddingHead(nn.Module):
    """Turns boxes of a feature pyramid into raw embeddings, whose direction tells people apart.

    A person is sampled tall (16 x 8 by default). Two convolutions mix the neighborhood, the columns are averaged and
    the rows kept apart, so that hair, upper and lower clothes stay in their places; a linear map follows.

    The norm is GroupNorm: a step sees a handful of people, and BatchNorm over so few makes an embedding depend on who
    else is in the batch (measured: the OIM loss then rises instead of falling).

    Args:
        config: The structure of the head.
        map_names: The names of the pyramid's maps that people are sampled from.
        in_channels: The channels of these maps.
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

    def forward(self, maps: FrameMaps, boxes: list[Tensor], image_sizes: list[tuple[int, int]]) -> Tensor:
        """Computes raw embeddings.

        Args:
            maps: What the network sees of the frames; the pyramid is read.
            boxes: One tensor of shape (N_i, 4) for each image, xyxy in the network's input.
            image_sizes: The height and width of each image in the network's input.

        Returns:
            (R, D) of at least float32, R boxes in the order of the images.
        """
        return self.of_samples(self.pool(maps.pyramid, boxes, image_sizes))  # (R, C, 16, 8)

    def of_samples(self, samples: Tensor) -> Tensor:
        """Computes raw embeddings (R, D) of people sampled from the pyramid, (R, C, 16, 8)."""
        stripes = self.convolutions(samples).mean(dim=3)  # (R, channels, 8)
        return at_least_float32(self.project(stripes.flatten(1)))  # (R, D)


class EmbeddingBranch(nn.Module):
    """Turns boxes of an early map of the trunk into raw embeddings, as a crop model with that trunk sees crops.

    A person is sampled from the map where a crop model would have computed the same map of the crop. Copies of the
    trunk's later levels follow, then the mean over all places and a linear map. The trunk itself may end earlier, and
    what finds people does not change what tells them apart.

    Args:
        embedding: The structure of the branch.
        detector: The structure of the detector, whose trunk it is.

    Raises:
        ValueError: The level does not feed the pyramid, or the trunk is none that can be continued.
    """

    def __init__(self, embedding: EmbeddingConfig, detector: DetectorConfig) -> None:
        super().__init__()
        levels = detector.pyramid_levels
        if embedding.level not in levels:
            raise ValueError(f"embedding.level is {embedding.level}, expected one of the pyramid_levels {levels}")
        size = (embedding.pool_height, embedding.pool_width)
        name = str(levels.index(embedding.level))
        self.pool = MultiScaleRoIAlign(featmap_names=[name], output_size=size, sampling_ratio=2)
        self.blocks, width = later_levels(
            detector.backbone,
            embedding.level,
            last_stride=embedding.last_stride,
            frozen_norm=detector.frozen_norm,
            norm_epsilon=detector.norm_epsilon,
        )
        self.project = nn.Linear(width, embedding.dimension)
        stride = 2 ** (embedding.level + 1)
        self._trains_in_float32 = trains_in_float32(detector.backbone, *(stride * places for places in size))

    def forward(self, maps: FrameMaps, boxes: list[Tensor], image_sizes: list[tuple[int, int]]) -> Tensor:
        """Computes raw embeddings.

        Args:
            maps: What the network sees of the frames; one map of the trunk is read.
            boxes: One tensor of shape (N_i, 4) for each image, xyxy in the network's input.
            image_sizes: The height and width of each image in the network's input.

        Returns:
            (R, D) of at least float32, R boxes in the order of the images.
        """
        return self.of_samples(self.pool(maps.trunk, boxes, image_sizes))  # (R, C, 16, 8)

    def of_samples(self, samples: Tensor) -> Tensor:
        """Computes raw embeddings (R, D) of people sampled from the trunk's map, (R, C, 16, 8)."""
        if not len(samples):
            return self.project(samples.new_zeros(0, self.project.in_features))
        exact = self.training and self._trains_in_float32 and samples.device.type == "cpu"
        with torch.autocast(samples.device.type, enabled=False) if exact else nullcontext():
            seen = self.blocks(samples.contiguous(memory_format=torch.channels_last))  # (R, F, h, w)
        with torch.autocast(samples.device.type, enabled=False):
            embeddings: Tensor = self.project(at_least_float32(seen).mean((2, 3)))  # (R, D)
        return embeddings


def build_embedding_head(embedding: EmbeddingConfig, detector: DetectorConfig) -> EmbeddingHead | EmbeddingBranch:
    """Builds what embeds people; weights are random.

    Args:
        embedding: Its structure.
        detector: The structure of the detector that it belongs to.

    Raises:
        ValueError: They do not fit each other.
    """
    if embedding.source == "trunk":
        return EmbeddingBranch(embedding, detector)
    names = [str(row) for row in range(len(detector.pyramid_levels))]
    return EmbeddingHead(embedding, names, detector.pyramid_channels)


class NormScore(nn.Module):
    """How sure the length of an embedding is that there is a person.

    BatchNorm brings the length to mean 0 and deviation 1 and scales it, as in the paper; the result is a logit.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Turns raw embeddings (R, D) into logits (R,). In training R must be 2 or more."""
        length = torch.linalg.vector_norm(embeddings, dim=1, keepdim=True)  # (R, 1)
        with torch.autocast(embeddings.device.type, enabled=False):
            logits: Tensor = self.norm(length).squeeze(1)
        return logits
