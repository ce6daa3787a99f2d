"""Crops for training, in an order and with an augmentation that depend on seed and epoch alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.ahead import mapped_ahead
from datasets.crops import read_crop
from datasets.images import ImageError
from datasets.samples import Camera, CropSample
from datasets.transforms import CropTransform


@dataclass(frozen=True)
class CropBatch:
    """The crops of one step, or of one part of it.

    Args:
        images: The pictures, [N, 3, H, W] uint8 RGB.
        person_index: The identity of each, (N,) int64.
        camera_index: The camera of each, (N,) int64; 0 where the data set knows no cameras.
        failures: The name of each crop that could not be read and is left out, and why.
    """

    images: Tensor
    person_index: Tensor
    camera_index: Tensor
    failures: list[tuple[str, str]]


class TrainingCrops:
    """Augmented crops. Pictures are decoded once and kept in memory as far as they fit.

    Args:
        samples: The crops of the split "train".
        transform: What augments a crop.
        small_transform: What augments a crop in the first epochs; None where all epochs are alike.
        small_epochs: How many epochs those are.
        seed: The seed of the augmentation, 0 or more.
        cameras: The camera_index of each camera.
        cache_megabytes: The memory for decoded pictures; the complete Market-1501 takes 320. 0 decodes in each epoch.
    """

    def __init__(
        self,
        samples: Sequence[CropSample],
        transform: CropTransform,
        *,
        seed: int,
        cameras: Mapping[Camera, int],
        cache_megabytes: int,
        small_transform: CropTransform | None = None,
        small_epochs: int = 0,
    ) -> None:
        self.samples = samples
        self._transform = transform
        self._small_transform = small_transform or transform
        self._small_epochs = small_epochs
        self._seed = seed
        self.person_index = torch.tensor([sample.person_id for sample in samples], dtype=torch.int64)
        self.camera_index = torch.tensor(
            [0 if sample.camera is None else cameras[sample.camera] for sample in samples], dtype=torch.int64
        )
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._room = cache_megabytes * 2**20

    def __len__(self) -> int:
        return len(self.samples)

    def batch(self, epoch: int, draws: NDArray[np.int64]) -> CropBatch:
        """A batch, or a part of one: the same crops whatever the parts are.

        Args:
            epoch: The number of the epoch; each has other augmentations.
            draws: The rows of the crops and their places in the whole batch, (B, 2), see `placed`. A row that stands
                twice is augmented twice, each time in its own way.
        """
        transform = self._small_transform if epoch < self._small_epochs else self._transform
        pictures: list[NDArray[np.uint8]] = []
        kept: list[int] = []
        failures: list[tuple[str, str]] = []
        for row, place in draws.tolist():
            try:
                crop = self._crop(row)
            except ImageError as error:
                failures.append((self.samples[row].name, error.reason))
                continue
            seed = np.random.SeedSequence([self._seed, epoch, row, place]).generate_state(1)[0]
            pictures.append(transform(crop, int(seed)))
            kept.append(row)
        # [N, 3, H, W]
        images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) if pictures else torch.empty(0, 3, 0, 0)
        return CropBatch(images, self.person_index[kept], self.camera_index[kept], failures)

    def _crop(self, row: int) -> NDArray[np.uint8]:
        crop = self._kept.get(row)
        if crop is None:
            crop = read_crop(self.samples[row])
            if crop.nbytes <= self._room:
                self._room -= crop.nbytes
                self._kept[row] = crop
        return crop


def placed(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The (B,) rows of a whole batch, each with its place in it, (B, 2).

    Example:
        >>> placed(np.array([7, 3, 3])).tolist()
        [[7, 0], [3, 1], [3, 2]]
    """
    return np.stack([rows, np.arange(len(rows))], axis=1)


def load_crop_batches(
    crops: TrainingCrops, batches: Sequence[NDArray[np.int64]], *, epoch: int, workers: int
) -> Iterator[CropBatch]:
    """Decode and augment batches while the network still works on earlier ones.

    Args:
        crops: The crops that the rows of the batches count in.
        batches: The batches in the order to yield them, each (B, 2): the row of each crop and its place in the batch,
            as `placed` gives them.
        epoch: The number of the epoch; every epoch augments the crops differently.
        workers: How many threads work ahead, each by up to two batches; 0 loads in the calling thread.
    """
    return mapped_ahead(lambda draws: crops.batch(epoch, draws), batches, workers=workers, ahead=2 * workers)
