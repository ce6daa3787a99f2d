"""Two crops side by side with what makes them alike drawn over them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from reid.crops.similarity_maps import similarity_maps
from reid.crops.sphere_reid import SphereReID

Image = NDArray[np.uint8]

SHARE = 0.65
"""How much of a picture the warmest color covers."""


@dataclass(frozen=True)
class HeatPair:
    """Two crops as the network sees them, each with its map towards the other.

    Args:
        first: (H, W, 3) uint8 RGB.
        second: (H, W, 3) uint8 RGB.
        similarity: cosine of the two embeddings, without the mirrored view: the mean of either map.
    """

    first: Image = field(repr=False)
    second: Image = field(repr=False)
    similarity: float


def heat_pairs(model: SphereReID, crop: Image, others: Sequence[Image]) -> list[HeatPair]:
    """A crop beside each of others, all on one scale of colors.

    Args:
        model: whose similarity it is.
        crop: (H, W, 3) uint8 RGB.
        others: (H, W, 3) uint8 RGB each, at least one.
    """
    embeddings = model.embed([crop, *others], mirrored=False)
    own, theirs = embeddings[:1].expand(len(others), -1), embeddings[1:]
    towards_others = similarity_maps(model, [crop] * len(others), theirs).numpy()
    towards_crop = similarity_maps(model, others, own).numpy()
    warmest = max(float(np.quantile([*towards_others, *towards_crop], 0.98)), 1e-6)
    return [
        HeatPair(overlay(model.view(crop), first, warmest), overlay(model.view(other), second, warmest), float(value))
        for other, first, second, value in zip(others, towards_others, towards_crop, (own * theirs).sum(1), strict=True)
    ]


def overlay(view: Image, values: NDArray[np.float32], warmest: float) -> Image:
    """A crop with a map over it: warm where the value is high, grey where it is zero or less.

    Args:
        view: (H, W, 3) uint8 RGB.
        values: (h, w), enlarged to the crop.
        warmest: the value that has the warmest color, more than 0.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    height, width = view.shape[:2]
    enlarged = cv2.resize(np.asarray(values, dtype=np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    strength = np.clip(enlarged / warmest, 0, 1)
    color = cv2.applyColorMap((strength * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    share = SHARE * strength[..., None]
    return np.asarray((1 - share) * view.mean(axis=2, keepdims=True) + share * color, dtype=np.uint8)
