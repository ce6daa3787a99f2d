"""Frames for training, in an order and with an augmentation that depend on seed and epoch alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datasets.ahead import mapped_ahead
from datasets.images import ImageError, read_image
from datasets.samples import Camera, FloatBoxes, FrameSample
from datasets.transforms import FrameTransform
from detection.joint import Target

GREY = 114
"""What hides a region; the border of an augmented frame has it too."""

Item = tuple[Tensor, Target] | tuple[str, str]
"""A frame with its target, or its name and why it cannot be read."""


@dataclass(frozen=True)
class Batch:
    """The frames of one step.

    Args:
        images: [3, H, W] uint8 each.
        targets: one for each image.
        failures: (frame name, reason) of frames that could not be read and are left out.
    """

    images: list[Tensor]
    targets: list[Target]
    failures: list[tuple[str, str]]


class TrainingFrames(Dataset[Item]):
    """Augmented frames with their targets; an index is (epoch, row), so that each epoch sees other augmentations.

    Args:
        samples: the split "train".
        transform: the augmentation.
        seed: of the augmentation.
        cameras: camera -> camera_index, None for frames without one; cameras that are not listed get 0.
    """

    def __init__(
        self,
        samples: Sequence[FrameSample],
        transform: FrameTransform,
        *,
        seed: int,
        cameras: Mapping[Camera | None, int],
    ) -> None:
        self.samples = samples
        self.transform = transform
        self.seed = seed
        self.cameras = cameras

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: tuple[int, int]) -> Item:
        epoch, row = index
        sample = self.samples[row]
        try:
            picture = read_image(sample.path)
        except ImageError as error:
            return sample.name, error.reason
        picture = without_regions(picture, sample.ignore, sample.boxes)
        seed = int(np.random.SeedSequence([self.seed, epoch, row]).generate_state(1)[0])
        image, boxes, kept = self.transform(picture, sample.boxes, seed)
        camera = self.cameras.get(sample.camera, 0)
        target = {
            "boxes": torch.from_numpy(boxes),
            "labels": torch.ones(len(boxes), dtype=torch.int64),
            "person_index": torch.from_numpy(sample.person_ids[kept]),
            "camera_index": torch.full((len(boxes),), camera, dtype=torch.int64),
            "frame_seed": torch.tensor(seed),
        }
        return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1), target


def without_regions(image: NDArray[np.uint8], regions: FloatBoxes, people: FloatBoxes) -> NDArray[np.uint8]:
    """Grey where a data set says that there is neither person nor background, so that nothing is learnt from it.

    Args:
        image: (H, W, 3).
        regions: (M, 4) xyxy boxes to hide.
        people: (N, 4) boxes that stay visible where they overlap a region.
    """
    if not len(regions):
        return image
    hidden = np.zeros(image.shape[:2], dtype=bool)
    for boxes, value in ((regions, True), (people, False)):
        for x1, y1, x2, y2 in boxes.round().astype(int).clip(0):
            hidden[y1:y2, x1:x2] = value
    return np.where(hidden[..., None], np.uint8(GREY), image)


def load_batches(frames: TrainingFrames, batches: Sequence[list[tuple[int, int]]], *, workers: int) -> Iterator[Batch]:
    """Decode and augment batches ahead of the network.

    Args:
        frames: what the batches index.
        batches: rows of `frames`, in the order to yield them.
        workers: threads that work ahead, two batches each; 0 loads in the calling thread.
    """
    return mapped_ahead(
        lambda rows: _collate([frames[row] for row in rows]), batches, workers=workers, ahead=2 * workers
    )


def _collate(items: list[Item]) -> Batch:
    batch = Batch([], [], [])
    for item in items:
        if isinstance(item[0], str):
            batch.failures.append((item[0], str(item[1])))
        elif isinstance(item[1], dict):
            batch.images.append(item[0])
            batch.targets.append(item[1])
    return batch
