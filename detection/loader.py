"""Frames for training, in an order and with an augmentation that depend on seed and epoch alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datasets.ahead import mapped_ahead
from datasets.boxes import FloatBoxes
from datasets.crops import read_frame
from datasets.images import ImageError
from datasets.samples import Camera, FrameSample
from datasets.transforms import FrameTransform
from detection.joint import Target

GREY = 114
"""What hides a region; the border of an augmented frame has it too."""

Item = tuple[Tensor, Target] | tuple[str, str]
"""A frame with its target, or its name and why it cannot be read."""


@dataclass(frozen=True)
class Batch:
    """The frames of one step, or of one part of it.

    Args:
        images: The pictures, each [3, H, W] uint8 RGB; sizes may differ.
        targets: The boxes and people of each picture.
        failures: The name of each frame that could not be read and is left out, and why.
    """

    images: list[Tensor]
    targets: list[Target]
    failures: list[tuple[str, str]]


class TrainingFrames(Dataset[Item]):
    """Augmented frames with their targets; an index is (epoch, row), so that each epoch sees other augmentations.

    Regions that a frame's sample says to ignore are grey in its picture.

    Args:
        samples: The frames of the split "train".
        transform: What augments a frame.
        seed: The seed of the augmentation, 0 or more.
        cameras: The camera_index of each camera, and of None for frames without one; others get 0.
        taught: For each frame what a teacher makes of its people, (N_i, D) float32; None without a teacher.
    """

    def __init__(
        self,
        samples: Sequence[FrameSample],
        transform: FrameTransform,
        *,
        seed: int,
        cameras: Mapping[Camera | None, int],
        taught: Sequence[NDArray[np.float32]] | None = None,
    ) -> None:
        self.samples = samples
        self.transform = transform
        self.seed = seed
        self.cameras = cameras
        self.taught = taught

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: tuple[int, int]) -> Item:
        epoch, row = index
        sample = self.samples[row]
        try:
            picture = read_frame(sample)
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
        if self.taught is not None:
            target["taught"] = torch.from_numpy(self.taught[row][kept])
        return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1), target  # [3, H, W]


def without_regions(image: NDArray[np.uint8], regions: FloatBoxes, people: FloatBoxes) -> NDArray[np.uint8]:
    """The picture, grey where a data set does not say whether there are people, so that nothing is learnt from there.

    Args:
        image: The picture, (H, W, 3) uint8.
        regions: The regions to hide, (M, 4) xyxy pixels.
        people: The people, (N, 4) xyxy pixels; where they overlap a region they stay visible.

    Example:
        >>> white = np.full((2, 4, 3), 255, dtype=np.uint8)
        >>> left, corner = np.float32([[0, 0, 2, 2]]), np.float32([[0, 0, 1, 1]])
        >>> without_regions(white, left, corner)[..., 0].tolist()
        [[255, 114, 255, 255], [114, 114, 255, 255]]
    """
    if not len(regions):
        return image
    hidden = np.zeros(image.shape[:2], dtype=bool)  # [H, W]
    for boxes, value in ((regions, True), (people, False)):
        for x1, y1, x2, y2 in boxes.round().astype(int).clip(0):
            hidden[y1:y2, x1:x2] = value
    return np.where(hidden[..., None], np.uint8(GREY), image)


def load_batches(frames: TrainingFrames, batches: Sequence[list[tuple[int, int]]], *, workers: int) -> Iterator[Batch]:
    """Decode and augment batches ahead of the network.

    Args:
        frames: The frames that the batches index.
        batches: For each batch its indices of `frames`, in the order to yield them.
        workers: The threads that work ahead, two batches each; 0 loads in the calling thread.
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
