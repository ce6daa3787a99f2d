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
    """The crops of one step.

    Args:
        images: [N, 3, H, W] uint8 RGB.
        person_index: (N,) int64.
        camera_index: (N,) int64; 0 where the data set knows no cameras.
        failures: (crop name, reason) of crops that could not be read and are left out.
    """

    images: Tensor
    person_index: Tensor
    camera_index: Tensor
    failures: list[tuple[str, str]]


class TrainingCrops:
    """Augmented crops. Pictures are decoded once and kept in memory as far as they fit.

    Args:
        samples: the split "train".
        transform: the augmentation.
        seed: of the augmentation.
        cameras: camera -> camera_index.
        cache_megabytes: pictures kept in memory; the complete Market-1501 takes 320. 0 decodes in each epoch.
    """

    def __init__(
        self,
        samples: Sequence[CropSample],
        transform: CropTransform,
        *,
        seed: int,
        cameras: Mapping[Camera, int],
        cache_megabytes: int,
    ) -> None:
        self.samples = samples
        self._transform = transform
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
            epoch: of the augmentation.
            draws: (B, 2) of `placed`; a row that stands twice is augmented twice, each in its own way.
        """
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
            pictures.append(self._transform(crop, int(seed)))
            kept.append(row)
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
    """(B, 2) of a whole batch's (B,) rows: each with its place in the batch."""
    return np.stack([rows, np.arange(len(rows))], axis=1)


def load_crop_batches(
    crops: TrainingCrops, batches: Sequence[NDArray[np.int64]], *, epoch: int, workers: int
) -> Iterator[CropBatch]:
    """Decode and augment batches ahead of the network.

    Args:
        crops: what the batches index.
        batches: (B, 2) rows of `crops` and places (`placed`), in the order to yield them.
        epoch: of the augmentation.
        workers: threads that work ahead, two batches each; 0 loads in the calling thread.
    """
    return mapped_ahead(lambda draws: crops.batch(epoch, draws), batches, workers=workers, ahead=2 * workers)
