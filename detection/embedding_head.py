"""The embedding head: from people in a feature pyramid to vectors."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torchvision.ops import Conv2dNormActivation, MultiScaleRoIAlign

from detection.settings import EmbeddingConfig
from reid.devices import at_least_float32


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

    def forward(self, features: dict[str, Tensor], boxes: list[Tensor], image_sizes: list[tuple[int, int]]) -> Tensor:
        """Computes raw embeddings.

        Args:
            features: The pyramid, a map (N, C, H_i, W_i) by each name.
            boxes: One tensor of shape (N_i, 4) for each image, xyxy in the network's input.
            image_sizes: The height and width of each image in the network's input.

        Returns:
            (R, D) of at least float32, R boxes in the order of the images.
        """
        samples = self.pool(features, boxes, image_sizes)  # (R, C, 16, 8)
        stripes = self.convolutions(samples).mean(dim=3)  # (R, channels, 8)
        return at_least_float32(self.project(stripes.flatten(1)))  # (R, D)


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
