"""A crop model over a whole split; decoding runs ahead of the network."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.ahead import mapped_ahead
from datasets.crops import read_crop
from datasets.images import ImageError
from datasets.samples import CropSample
from reid.crops.sphere_reid import CropFeatures, SphereReID

Decoded = tuple[CropSample, NDArray[np.uint8] | ImageError]


@dataclass(frozen=True)
class CropEmbeddings:
    """What a model makes of the crops of a split.

    Args:
        samples: those that could be read, in the order given: N of them.
        embeddings: (N, D) float32 of unit length, on the processor; a row for each of `samples`.
        failures: (crop name, reason) of those that could not.
    """

    samples: list[CropSample]
    embeddings: Tensor
    failures: Sequence[tuple[str, str]] = field(default_factory=tuple)


def embed_crops(
    model: SphereReID,
    samples: Sequence[CropSample],
    *,
    batch_size: int = 64,
    mirrored: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> CropEmbeddings:
    """Unit embeddings of crops; a broken picture is named and passed over.

    Args:
        model: the crop model.
        samples: the crops; those cut from one frame should stand together, its picture is then decoded once.
        batch_size: crops a forward pass.
        mirrored: average with the embedding of the mirrored crop: more accurate, twice the work.
        on_progress: called with (crops done, crops in all).
    """
    embeddings = torch.empty(len(samples), model.embedding_dim)
    kept: list[int] = []
    failures: list[tuple[str, str]] = []
    for start, batch in _batches(samples, batch_size):
        failures += [(sample.name, crop.reason) for sample, crop in batch if isinstance(crop, ImageError)]
        rows = [start + row for row, (_, crop) in enumerate(batch) if not isinstance(crop, ImageError)]
        crops = [crop for _, crop in batch if not isinstance(crop, ImageError)]
        embeddings[rows] = model.embed(crops, batch_size=batch_size, mirrored=mirrored)
        kept += rows
        if on_progress is not None:
            on_progress(start + len(batch), len(samples))
    return CropEmbeddings([samples[row] for row in kept], embeddings[kept], failures)


@dataclass(frozen=True)
class SplitFeatures:
    """What a model makes of the crops of a split, before anything is brought to unit length.

    Args:
        rows: which of the crops could be read, N of them.
        features: of those, on the processor.
    """

    rows: list[int]
    features: CropFeatures


@torch.no_grad()
def crop_features(model: SphereReID, samples: Sequence[CropSample], *, batch_size: int = 64) -> SplitFeatures:
    """Pooled features and raw embeddings of crops, in evaluation mode; crops that cannot be read are passed over.

    Args:
        model: the crop model.
        samples: the crops.
        batch_size: crops a forward pass.
    """
    was_training = model.training
    model.eval()
    rows: list[int] = []
    pooled: list[Tensor] = []
    raw: list[Tensor] = []
    for start, batch in _batches(samples, batch_size):
        rows += [start + row for row, (_, crop) in enumerate(batch) if not isinstance(crop, ImageError)]
        views = [model.view(crop) for _, crop in batch if not isinstance(crop, ImageError)]
        if views:
            found = model(torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).to(model.device))
            pooled.append(found.pooled.cpu())
            raw.append(found.embedding.cpu())
    model.train(was_training)
    empty = torch.empty(0, model.feature_dim), torch.empty(0, model.embedding_dim)
    return SplitFeatures(rows, CropFeatures(torch.cat([empty[0], *pooled]), torch.cat([empty[1], *raw])))


def _batches(samples: Sequence[CropSample], size: int) -> Iterator[tuple[int, list[Decoded]]]:
    """Decoded crops in batches, each with the row of its first."""
    if size < 1:
        raise ValueError(f"batch size {size}, expected at least 1")
    decoded = _decoded(samples, size)
    start = 0
    while batch := list(itertools.islice(decoded, size)):
        yield start, batch
        start += len(batch)


def _decoded(samples: Sequence[CropSample], ahead: int) -> Iterator[Decoded]:
    """Samples with their pictures, two threads ahead."""

    def read(sample: CropSample) -> NDArray[np.uint8] | ImageError:
        try:
            return read_crop(sample)
        except ImageError as error:
            return error

    return zip(samples, mapped_ahead(read, samples, workers=2, ahead=2 * ahead))


def identical_crops(query: Sequence[CropSample], gallery: Sequence[CropSample]) -> NDArray[np.int64]:
    """Pairs (query row, gallery row) that are the same crop, (M, 2): no answer of any protocol."""
    rows: dict[str, list[int]] = {}
    for row, sample in enumerate(gallery):
        rows.setdefault(sample.name, []).append(row)
    pairs = [(number, row) for number, sample in enumerate(query) for row in rows.get(sample.name, ())]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
