"""Layers of crop models beyond torchvision's: how a map becomes features, and what published trunks have besides."""

import torch
from torch import Tensor, nn

_LEAST = 1e-6
"""What smaller values of a map count as under the generalized mean, as fast-reid has it."""


class MeanPooling(nn.Module):
    """The mean of each channel over all places."""

    def forward(self, maps: Tensor) -> Tensor:
        """Computes the features (N, F) of maps (N, F, h, w)."""
        return maps.mean((2, 3))

    def shares(self, maps: Tensor) -> Tensor:
        """Says what each place adds to the features: (N, F, h, w), whose mean over the places is the features."""
        return maps


class GeneralizedMeanPooling(nn.Module):
    """The generalized mean (GeM) of each channel x over its places: f = (mean of max(x, 1e-6)^p)^(1/p).

    With p = 1 it is the mean of what is above 0, and the larger p, the nearer it comes to the largest value.

    Source: Radenovic, Tolias and Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", TPAMI 2019,
    equation 3. One p is learned for all channels, as AGW (Ye et al., TPAMI 2022) and fast-reid have it.

    Args:
        power: The p to begin with, above 0.
    """

    def __init__(self, power: float = 3.0) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), power))

    def forward(self, maps: Tensor) -> Tensor:
        """Computes the features (N, F) of maps (N, F, h, w)."""
        return maps.clamp(min=_LEAST).pow(self.p).mean((2, 3)).pow(1 / self.p)

    def shares(self, maps: Tensor) -> Tensor:
        """Says what each place adds to the features: (N, F, h, w), whose mean over the places is the features.

        f grows in proportion to all x together, so it is the sum of x times its derivative (Euler), which is
        x^p / f^(p - 1) divided by the number of places.
        """
        features = self(maps)[..., None, None]  # (N, F, 1, 1)
        return maps.clamp(min=_LEAST).pow(self.p) / features.pow(self.p - 1)


class InstanceBatchNorm(nn.Module):
    """Normalizes the first half of the channels over each picture (IN), the others over all pictures (BN).

    Source: Pan et al., "Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net", ECCV 2018, IBN-a.

    Args:
        channels: How many channels a map has.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.halves = [channels // 2, channels - channels // 2]
        self.IN = nn.InstanceNorm2d(self.halves[0], affine=True)
        self.BN = nn.BatchNorm2d(self.halves[1])

    def forward(self, maps: Tensor) -> Tensor:
        """Normalizes maps (N, C, h, w)."""
        first, second = maps.split(self.halves, dim=1)
        return torch.cat([self.IN(first), self.BN(second)], dim=1)


class NonLocal(nn.Module):
    """Lets every place of a map see all others: z = x + BN(W y), y = g(x) (phi(x)^T theta(x)) / N for N places.

    Source: Wang et al., "Non-local Neural Networks", CVPR 2018, in its dot product form, as AGW (Ye et al., "Deep
    Learning for Person Re-identification: A Survey and Outlook", TPAMI 2022) and fast-reid have it. BN begins at zero,
    so that a new block changes nothing.

    Args:
        channels: How many channels a map has.
        inner: How many of them g, theta and phi make; the published ones make 1 or half as many.
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.g = nn.Conv2d(channels, inner, 1)
        self.theta = nn.Conv2d(channels, inner, 1)
        self.phi = nn.Conv2d(channels, inner, 1)
        norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(norm.weight)
        self.W = nn.Sequential(nn.Conv2d(inner, channels, 1), norm)

    def forward(self, maps: Tensor) -> Tensor:
        """Computes maps (N, C, h, w) of maps of that shape."""
        g, theta, phi = (layer(maps).flatten(2) for layer in (self.g, self.theta, self.phi))  # (N, inner, places)
        # In this order the products are inner x inner, not places x places; they are the same.
        seen = (g @ phi.transpose(1, 2)) @ theta / g.shape[2]
        return maps + self.W(seen.unflatten(2, maps.shape[2:]))
