"""A model over a whole split: detections of every frame and an embedding of every query."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.ahead import batches, pictures_ahead
from datasets.crops import read_frame
from datasets.images import ImageError, as_tensor, read_image
from datasets.samples import FrameSample, Query
from detection.detections import Detections
from detection.model import PeopleFinder, PersonModel
from detection.settings import LEAST_CONFIDENCE
from reid.crops.model import CropModel
from search.models.probes import box_probe
from search.models.second_look import embed_boxes
from search.query.context import people_beside

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class SplitDetections:
    """What a model found in the frames of a split.

    Args:
        by_frame: frame name -> Detections on the processor, for every frame that could be read.
        failures: (frame name, reason) of those that could not.
        second: The same detections with the embeddings of the second stage; None without one.
    """

    by_frame: Mapping[str, Detections]
    failures: Sequence[tuple[str, str]] = field(default_factory=tuple)
    second: Mapping[str, Detections] | None = None

    @property
    def looks(self) -> list[Mapping[str, Detections]]:
        """The detections as each stage embeds them: one mapping, or two with a second stage."""
        return [self.by_frame] if self.second is None else [self.by_frame, self.second]


@dataclass(frozen=True)
class QueryEmbeddings:
    """What a model makes of the queries of a split.

    Args:
        queries: those that could be seen, in the order given: K of them.
        embeddings: (K, D) float32 of unit length, on the processor; a row for each of `queries`.
        failures: (query and its picture, reason) of those that could not.
    """

    queries: list[Query]
    embeddings: Tensor
    failures: Sequence[tuple[str, str]] = field(default_factory=tuple)


@dataclass(frozen=True)
class StageQueries:
    """What each stage of a search makes of the queries of a split.

    Args:
        queries: Those that could be seen, K of them, in the order given.
        embeddings: For each stage (K, D) float32 of unit length, on the processor.
        failures: (query and its picture, reason) of those that could not be seen.
    """

    queries: list[Query]
    embeddings: list[Tensor]
    failures: Sequence[tuple[str, str]] = field(default_factory=tuple)


def detect_split(
    model: PeopleFinder,
    samples: Sequence[FrameSample],
    *,
    second_stage: CropModel | None = None,
    score_threshold: float = 0.0,
    batch_size: int = 4,
    on_progress: OnProgress | None = None,
) -> SplitDetections:
    """Detect in every frame; decoding runs ahead of the network, and a broken image is named and passed over.

    Args:
        model: in evaluation mode.
        samples: the frames.
        second_stage: also embeds the crops of the people found.
        score_threshold: people found with less confidence are left out.
        batch_size: frames a forward pass.
        on_progress: called with (frames done, frames in all).

    Raises:
        ValueError: the batch size is not positive.
    """
    found: dict[str, Detections] = {}
    second: dict[str, Detections] = {}
    failures: list[tuple[str, str]] = []
    done = 0
    for batch in batches(pictures_ahead(read_frame, samples), batch_size):
        readable = [(sample, image) for sample, image in batch if not isinstance(image, ImageError)]
        failures += [(sample.name, image.reason) for sample, image in batch if isinstance(image, ImageError)]
        results = [result.to("cpu") for result in model.detect([as_tensor(image) for _, image in readable])]
        results = [result[result.scores >= score_threshold] for result in results]
        names = [sample.name for sample, _ in readable]
        found |= zip(names, results, strict=True)
        if second_stage is not None:
            rows = embed_boxes(second_stage, [image for _, image in readable], [result.boxes for result in results])
            seen = [result.with_embeddings(row) for result, row in zip(results, rows, strict=True)]
            second |= zip(names, seen, strict=True)
        done += len(batch)
        if on_progress is not None:
            on_progress(done, len(samples))
    return SplitDetections(found, failures, None if second_stage is None else second)


def embed_queries(
    model: PersonModel,
    queries: Sequence[Query],
    samples: Sequence[FrameSample],
    *,
    batch_size: int = 4,
    on_progress: OnProgress | None = None,
) -> QueryEmbeddings:
    """Unit embeddings of the queries, each seen once: its box in its full frame, or its crop (`PersonModel.view`).

    Queries of one frame share a forward pass. A query whose picture is broken, or whose box lies outside it, is named
    and passed over: without an embedding it has no ranking, and an average precision of 0 would be the file's fault.

    Args:
        model: in evaluation mode.
        queries: boxes in frames of `samples`, or crops.
        samples: the split "gallery".
        batch_size: images a forward pass.
        on_progress: called with (queries done, queries in all).

    Raises:
        ValueError: the batch size is not positive, or a query's frame is not in the split.
    """
    frames = {sample.name: sample for sample in samples}
    groups: dict[str, list[int]] = {}
    for row, query in enumerate(queries):
        if query.frame is not None and query.frame not in frames:
            raise ValueError(
                f"query {row} of person {query.person_id} names the frame {query.frame}, which is not in the gallery "
                f"split; check the data set with `personsearch data check`"
            )
        groups.setdefault(query.frame or f"crop {row}", []).append(row)
    embeddings = torch.zeros(len(queries), model.embedding_dim)
    failed: dict[int, tuple[str, str]] = {}
    done = 0
    for batch in batches(groups.values(), batch_size):
        probes = [_probe(model, [queries[row] for row in rows], rows, frames, failed) for rows in batch]
        seen = [probe for probe in probes if probe is not None]
        results = model.embed([image for _, image, _ in seen], [boxes for _, _, boxes in seen])
        for (rows, _, _), result in zip(seen, results, strict=True):
            embeddings[rows] = result.cpu()
        done += sum(len(rows) for rows in batch)
        if on_progress is not None:
            on_progress(done, len(queries))
    kept = [row for row in range(len(queries)) if row not in failed]
    return QueryEmbeddings([queries[row] for row in kept], embeddings[kept], [failed[row] for row in sorted(failed)])


def embed_by_stages(
    stages: Sequence[PersonModel],
    queries: Sequence[Query],
    samples: Sequence[FrameSample],
    *,
    batch_size: int = 4,
    on_progress: OnProgress | None = None,
) -> StageQueries:
    """Embeddings of the queries by each stage of a search, see `embed_queries`.

    Args:
        stages: The models, in evaluation mode (`search.models.opening.SearchModels.stages`).
        queries: Boxes in frames of `samples`, or crops.
        samples: The split "gallery".
        batch_size: The number of images of a forward pass.
        on_progress: It is called with (embeddings done, embeddings in all), over all stages.

    Raises:
        ValueError: The batch size is not positive, or a query's frame is not in the split.
    """
    kept = list(queries)
    embeddings: list[Tensor] = []
    failures: list[tuple[str, str]] = []
    total = len(stages) * len(kept)
    for number, model in enumerate(stages):
        begun = number * len(queries)

        def report(done: int, _: int, begun: int = begun) -> None:
            if on_progress is not None:
                on_progress(begun + done, total)

        seen = embed_queries(model, kept, samples, batch_size=batch_size, on_progress=report)
        # What one stage cannot see, no other can: the picture is broken, or the box lies outside it.
        kept = seen.queries
        failures += seen.failures
        embeddings.append(seen.embeddings)
    return StageQueries(kept, embeddings, failures)


def query_context(
    queries: Sequence[Query],
    embeddings: Tensor,
    found: Mapping[str, Detections],
    *,
    overlap: float = 0.5,
    score_threshold: float = LEAST_CONFIDENCE,
) -> list[Detections | None]:
    """Who walks beside each query: its own box first, then the other detections of its frame, best first.

    Args:
        queries: those that are crops have no context (None).
        embeddings: (Q, D) of the queries.
        found: frame name -> Detections.
        overlap: a detection that overlaps the query's box more is the query itself and is left out.
        score_threshold: detections with a lower score are no company; that of `evaluate_search`.
    """
    context: list[Detections | None] = []
    for query, embedding in zip(queries, embeddings, strict=True):
        if query.frame is None or query.frame not in found:
            context.append(None)
            continue
        box = torch.as_tensor(query.box).reshape(1, 4)
        others = people_beside(box, found[query.frame], overlap=overlap, score_threshold=score_threshold)
        assert others.embeddings is not None
        context.append(
            Detections(
                torch.cat([box, others.boxes]),
                torch.cat([torch.ones(1), others.scores]),
                torch.cat([embedding.reshape(1, -1), others.embeddings]),
            )
        )
    return context


def _probe(
    model: PersonModel,
    queries: Sequence[Query],
    rows: Sequence[int],
    frames: Mapping[str, FrameSample],
    failed: dict[int, tuple[str, str]],
) -> tuple[list[int], Tensor, Tensor] | None:
    """The rows of queries that can be seen in their common image, the image, and their boxes (R, 4) in it.

    What cannot be seen is added to `failed` by row; None where nothing is left.
    """
    first = queries[0]
    try:
        image = read_frame(frames[str(first.frame)]) if first.crop is None else read_image(first.crop)
    except ImageError as error:
        failed.update({row: (_query_name(query), error.reason) for row, query in zip(rows, queries, strict=True)})
        return None
    if first.crop is not None:
        image, box = model.view(image)
        return list(rows), as_tensor(image), torch.as_tensor(box).reshape(1, 4)
    boxes: dict[int, NDArray[np.float32]] = {}
    for row, query in zip(rows, queries, strict=True):
        try:
            boxes[row] = box_probe(image, np.asarray(query.box))
        except ValueError as error:
            failed[row] = _query_name(query), str(error)
    if not boxes:
        return None
    return list(boxes), as_tensor(image), torch.as_tensor(np.stack(list(boxes.values())))


def _query_name(query: Query) -> str:
    return f"query of person {query.person_id} ({query.frame if query.crop is None else query.crop})"
