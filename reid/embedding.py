"""A crop model over a whole split; decoding runs ahead of the network."""

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.crops import read_crop
from datasets.images import ImageError
from datasets.samples import CropSample
from reid.sphere_reid import SphereReID

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
    if batch_size < 1:
        raise ValueError(f"batch size {batch_size}, expected at least 1")
    embeddings = torch.empty(len(samples), model.embedding_dim)
    kept: list[CropSample] = []
    failures: list[tuple[str, str]] = []
    done = 0
    decoded = _decoded(samples, batch_size)
    while batch := list(itertools.islice(decoded, batch_size)):
        failures += [(sample.name, crop.reason) for sample, crop in batch if isinstance(crop, ImageError)]
        readable = [(sample, crop) for sample, crop in batch if not isinstance(crop, ImageError)]
        rows = slice(len(kept), len(kept) + len(readable))
        embeddings[rows] = model.embed([crop for _, crop in readable], batch_size=batch_size, mirrored=mirrored)
        kept += [sample for sample, _ in readable]
        done += len(batch)
        if on_progress is not None:
            on_progress(done, len(samples))
    return CropEmbeddings(kept, embeddings[: len(kept)], failures)


def _decoded(samples: Sequence[CropSample], ahead: int) -> Iterator[Decoded]:
    """Samples with their pictures, two threads ahead; OpenCV decodes without the interpreter's lock."""

    def read(sample: CropSample) -> NDArray[np.uint8] | ImageError:
        try:
            return read_crop(sample)
        except ImageError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        waiting: deque[tuple[CropSample, Future[NDArray[np.uint8] | ImageError]]] = deque()
        for sample in samples:
            waiting.append((sample, pool.submit(read, sample)))
            if len(waiting) > 2 * ahead:
                ready, crop = waiting.popleft()
                yield ready, crop.result()
        for ready, crop in waiting:
            yield ready, crop.result()
