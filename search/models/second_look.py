"""The second look: a crop model embeds the same boxes again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datasets.boxes import cut
from detection.detections import Detections
from reid.crops.model import CropModel

CROP_BATCH = 64
"""Crops that go through the crop model together."""


def embed_boxes(
    model: CropModel,
    images: Sequence[NDArray[np.uint8]],
    boxes: Sequence[Tensor],
    *,
    batch_size: int = CROP_BATCH,
) -> list[Tensor]:
    """Crop embeddings of the people in several frames, their crops batched together.

    A box is cut as `datasets.crops.cut` does it for training: every pixel that it touches.

    Args:
        model: the crop model.
        images: (H, W, 3) uint8 RGB each.
        boxes: (N_i, 4) xyxy pixels of each image; what lies outside is cut off.
        batch_size: crops a forward pass.

    Returns:
        (N_i, D) float32 of unit length for each image, on the processor.

    Raises:
        ValueError: a box has no pixel in its image.
    """
    crops = [_crop(image, box) for image, rows in zip(images, boxes, strict=True) for box in rows.cpu().numpy()]
    return list(model.embed(crops, batch_size=batch_size).split([len(rows) for rows in boxes]))


def look_again_at(model: CropModel, image: NDArray[np.uint8], detections: Detections) -> Detections:
    """The same boxes and scores with the embeddings (N, D) of the crop model, see `embed_boxes`."""
    return detections.with_embeddings(embed_boxes(model, [image], [detections.boxes])[0])


def _crop(image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    crop = cut(image, box)
    if not crop.size:
        height, width = image.shape[:2]
        corners = ", ".join(f"{corner:g}" for corner in box.tolist())
        raise ValueError(f"box {corners} has no pixel in the frame of {width} x {height}; give one inside it")
    return crop
