"""Augmentation by albumentations: what may change in a picture of a person without changing who it is."""

import os
import threading

import numpy as np
from numpy.typing import NDArray

# albumentations looks for updates over the network when imported; this project works off line.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations

from datasets.augmentation import CropAugmentation, FrameAugmentation
from datasets.boxes import FloatBoxes

IMAGENET_MEAN = (124, 116, 104)
"""The mean color of ImageNet, RGB, which is zero after a network's normalization."""


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


class CropTransform:
    """Augments a crop: resize, flip, a random window, color, erasing; the seed given decides everything drawn.

    Args:
        augmentation: How much may change in a crop.
        resize: The (height, width) in pixels that every crop gets first.
        window: The (height, width) in pixels of the random window that is returned.
    """

    def __init__(self, augmentation: CropAugmentation, resize: tuple[int, int], window: tuple[int, int]) -> None:
        self._augmentation = augmentation
        self._resize = resize
        self._window = window
        self._of_thread = threading.local()

    def _build(self) -> albumentations.Compose:
        augmentation = self._augmentation
        (height, width), (window_height, window_width) = self._resize, self._window
        steps: list[albumentations.BasicTransform] = [albumentations.Resize(height, width)]
        if augmentation.flip:
            steps.append(albumentations.HorizontalFlip(p=augmentation.flip))
        if augmentation.pad:
            padded = height + 2 * augmentation.pad, width + 2 * augmentation.pad
            steps.append(albumentations.PadIfNeeded(*padded, fill=0))
        steps.append(albumentations.RandomCrop(window_height, window_width))
        if augmentation.color:
            low, high = 1 - augmentation.color, 1 + augmentation.color
            steps.append(
                albumentations.ColorJitter(
                    brightness=(low, high), contrast=(low, high), saturation=(low, high), hue=(0.0, 0.0), p=0.8
                )
            )
        if augmentation.erase:
            steps.append(
                albumentations.Erasing(
                    scale=(0.02, 0.4), ratio=(0.3, 1 / 0.3), fill=IMAGENET_MEAN, p=augmentation.erase
                )
            )
        return albumentations.Compose(steps)

    def __call__(self, image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB of any size to the window's size."""
        if not hasattr(self._of_thread, "compose"):
            self._of_thread.compose = self._build()
        self._of_thread.compose.set_random_seed(seed)
        augmented: NDArray[np.uint8] = self._of_thread.compose(image=image)["image"]
        return augmented
