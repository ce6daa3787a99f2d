"""Augmentation by albumentations: what may change in a picture of a person without changing who it is."""

import os
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# albumentations looks for updates over the network when imported; this project works off line.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations

from datasets.samples import FloatBoxes


@dataclass(frozen=True)
class FrameAugmentation:
    """How far training frames may depart from the recorded ones.

    Args:
        flip: probability of a horizontal flip.
        scale: the frame is magnified by a factor drawn between 1 - scale and 1 + scale, then shifted; 0 turns it off.
        color: strength of changes of brightness, contrast and saturation, 0..1; hue changes by a tenth of it.
        minimum_visible: a person of whom less than this share stays in the picture is dropped.
    """

    flip: float = 0.5
    scale: float = 0.2
    color: float = 0.2
    minimum_visible: float = 0.4


class FrameTransform:
    """Augments a frame and its boxes; what it draws depends on the seed given with each frame and on nothing else.

    Threads may share it: each has a pipeline of its own, as albumentations keeps its random state in the pipeline.
    """

    def __init__(self, augmentation: FrameAugmentation) -> None:
        self._augmentation = augmentation
        self._of_thread = threading.local()

    def _pipeline(self) -> albumentations.Compose:
        if not hasattr(self._of_thread, "compose"):
            self._of_thread.compose = self._build()
        compose: albumentations.Compose = self._of_thread.compose
        return compose

    def _build(self) -> albumentations.Compose:
        augmentation = self._augmentation
        steps: list[albumentations.BasicTransform] = []
        if augmentation.flip:
            steps.append(albumentations.HorizontalFlip(p=augmentation.flip))
        if augmentation.scale:
            low, high = 1 - augmentation.scale, 1 + augmentation.scale
            shift = augmentation.scale / 2
            steps.append(
                albumentations.Affine(
                    scale=(low, high), translate_percent=(-shift, shift), keep_ratio=True, fill=114, p=0.7
                )
            )
        if augmentation.color:
            strength = augmentation.color
            steps.append(
                albumentations.ColorJitter(
                    brightness=(1 - strength, 1 + strength),
                    contrast=(1 - strength, 1 + strength),
                    saturation=(1 - strength, 1 + strength),
                    hue=(-strength / 10, strength / 10),
                    p=0.8,
                )
            )
        return albumentations.Compose(
            steps,
            bbox_params=albumentations.BboxParams(
                format="pascal_voc",
                label_fields=["rows"],
                clip=True,
                filter_invalid_bboxes=True,
                min_visibility=augmentation.minimum_visible,
            ),
        )

    def __call__(
        self, image: NDArray[np.uint8], boxes: FloatBoxes, seed: int
    ) -> tuple[NDArray[np.uint8], FloatBoxes, NDArray[np.int64]]:
        """The augmented image (H, W, 3), the boxes (M, 4) that remain, and which of the N given boxes they are (M,)."""
        compose = self._pipeline()
        compose.set_random_seed(seed)
        result = compose(image=image, bboxes=boxes, rows=np.arange(len(boxes)))
        rows = np.asarray(result["rows"], dtype=np.int64).reshape(-1)
        return result["image"], np.asarray(result["bboxes"], dtype=np.float32).reshape(-1, 4), rows
