"""A crop model over a whole split; decoding runs ahead of the network."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.ahead import batches, pictures_ahead
from datasets.crops import read_crop
from datasets.images import ImageError
from datasets.samples import CropSample
from reid.crops.sphere_reid import SphereReID
from reid.features import PersonFeatures
from reid.ranking.expansion import combine_queries

Decoded = tuple[CropSample, NDArray[np.uint8] | ImageError]


@dataclass(frozen=True)
class CropEmbeddings:
    """What a model makes of the crops of a split.

    Args:
        samples: The N crops that could be read, in the order given.
        embeddings: (N, D) float32 of unit length, on the processor; a row for each of `samples`.
        failures: The name of each crop that could not be read, with the reason.
    """

    samples: list[CropSample]
    embeddings: Tensor
    failures: Sequence[tuple[str, str]] = field(default_factory=tuple)

    def of(self, samples: Sequence[CropSample]) -> "CropEmbeddings":
        """The embeddings of some of the crops, in the order given; crops that could not be read are left out."""
        row_of = {sample.name: row for row, sample in enumerate(self.samples)}
        readable = [sample for sample in samples if sample.name in row_of]
        return CropEmbeddings(readable, self.embeddings[[row_of[sample.name] for sample in readable]])


def embed_crops(
    model: SphereReID,
    samples: Sequence[CropSample],
    *,
    batch_size: int = 64,
    mirrored: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> CropEmbeddings:
    """Computes the unit embeddings of crops; a broken picture is named and passed over.

    Args:
        model: The crop model.
        samples: The crops. Those cut from one frame should stand together, so that its picture is decoded once.
        batch_size: How many crops go through the network together. More takes more memory.
        mirrored: Whether to average with the embedding of the mirrored crop: more accurate, twice the work.
        on_progress: Called with (crops done, crops in all) after each batch.

    Returns:
        The embeddings, and which crops they are of.

    Raises:
        ValueError: The batch size is below 1.
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
        rows: Which of the crops could be read, N of them.
        features: The features and embeddings of these, on the processor.
    """

    rows: list[int]
    features: PersonFeatures


@torch.no_grad()
def crop_features(model: SphereReID, samples: Sequence[CropSample], *, batch_size: int = 64) -> SplitFeatures:
    """Computes the features and raw embeddings of crops, in evaluation mode; crops that cannot be read are left out.

    Args:
        model: The crop model. It is left in the mode in which it was.
        samples: The crops.
        batch_size: How many crops go through the network together. More takes more memory.

    Returns:
        Which crops could be read, and what the model makes of them.
    """
    was_training = model.training
    model.eval()
    rows: list[int] = []
    features = [torch.empty(0, model.feature_dim)]
    embeddings = [torch.empty(0, model.embedding_dim)]
    for start, batch in _batches(samples, batch_size):
        rows += [start + row for row, (_, crop) in enumerate(batch) if not isinstance(crop, ImageError)]
        views = [model.view(crop) for _, crop in batch if not isinstance(crop, ImageError)]
        if views:
            found = model(torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).to(model.device))
            features.append(found.features.cpu())  # [B, F]
            embeddings.append(found.embedding.cpu())  # [B, D]
    model.train(was_training)
    return SplitFeatures(rows, PersonFeatures(torch.cat(features), torch.cat(embeddings)))


def _batches(samples: Sequence[CropSample], size: int) -> Iterator[tuple[int, list[Decoded]]]:
    """Decoded crops in batches, each with the row of its first."""
    return zip(itertools.count(0, size), batches(pictures_ahead(read_crop, samples, ahead=2 * size), size))


def multi_query(query: CropEmbeddings, crops: CropEmbeddings) -> NDArray[np.float32]:
    """Averages all crops that show a query's person through the query's camera.

    Args:
        query: The embeddings of Q queries.
        crops: The embeddings of the crops to average, as `market1501.load_query_groups` gives them. A query without
            any crop of its person and camera keeps its own embedding.

    Returns:
        (Q, D) float32, one unit embedding for each query.
    """
    samples = crops.samples
    together = combine_queries(crops.embeddings, [one.person_id for one in samples], [one.camera for one in samples])
    row_of = {key: row for row, key in enumerate(zip(together.person_ids.tolist(), together.cameras, strict=True))}
    rows = [row_of.get((one.person_id, one.camera)) for one in query.samples]
    own = query.embeddings.numpy()  # [Q, D]
    return np.stack([own[number] if row is None else together.embeddings[row] for number, row in enumerate(rows)])
