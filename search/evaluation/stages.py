"""What each stage of a search gains: the same detections and queries, ranked by one stage, by more, and re-ranked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datasets.samples import FrameSample, Query
from detection.detections import Detections
from detection.settings import LEAST_CONFIDENCE
from search.evaluation.protocols import SearchMetrics, evaluate_reranked, evaluate_search
from search.evaluation.splits import query_context
from search.query.context import ContextSize
from search.query.fusion import fused
from search.query.ranking import Ranking
from search.tracks.settings import TrackletAveraging
from search.tracks.tracker import UNTRACKED, TrackIds
from search.tracks.tracklets import averaged, track_frames

PLAIN = "joint alone"
CONTEXT = "context"
WEIGHTED = "class-weighted"
SECOND = "SphereReID alone"
CASCADE = "cascade"
TRACKLETS = "tracklets"
RERANKED = "k-reciprocal"

Look = tuple[Mapping[str, Detections], Tensor]


@dataclass(frozen=True)
class TrackletMeans:
    """Which sightings of the detections are one person's way, and how far they share their embeddings.

    Args:
        tracks: frame name -> (N,) track numbers, as `search.tracks.tracklets.track_frames` gives them.
        blend: The share of a tracklet's mean in the embedding of each of its sightings, from 0 to 1.
    """

    tracks: Mapping[str, TrackIds]
    blend: float

    @property
    def count(self) -> int:
        """How many tracklets there are."""
        return len(np.unique(self._numbers))

    @property
    def mean_length(self) -> float:
        """How many sightings a tracklet has in the mean; 0 without any."""
        return len(self._numbers) / max(self.count, 1)

    @property
    def _numbers(self) -> TrackIds:
        numbers = np.concatenate([np.zeros(0, dtype=np.int64), *self.tracks.values()])
        return numbers[numbers != UNTRACKED]


def link_sightings(
    samples: Sequence[FrameSample],
    looks: Sequence[Mapping[str, Detections]],
    averaging: TrackletAveraging,
    ranking: Ranking,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> TrackletMeans:
    """The tracklets of detections, linked by what a search ranks by.

    Args:
        samples: The frames, with cameras and times.
        looks: frame name -> Detections of the first stage, and of the second where there is one.
        averaging: How sightings are linked, and how far they share their tracklet's mean.
        ranking: The share of the second stage.
        on_progress: It is called with (frames done, all frames).
    """
    found = searched_by(looks, ranking)
    return TrackletMeans(track_frames(samples, found, averaging.tracker, on_progress=on_progress), averaging.blend)


def searched_by(looks: Sequence[Mapping[str, Detections]], ranking: Ranking) -> Mapping[str, Detections]:
    """The detections with the embeddings that a search ranks by: of one stage, or of both at the ranking's share."""
    return looks[0] if len(looks) == 1 else fused_detections(looks[0], looks[1], ranking.share)


def compare_stages(
    looks: Sequence[Look],
    queries: Sequence[Query],
    ranking: Ranking,
    *,
    score_threshold: float = LEAST_CONFIDENCE,
    ignore: Mapping[str, NDArray[np.float32]] | None = None,
    context: ContextSize | None = None,
    tracklets: TrackletMeans | None = None,
) -> dict[str, SearchMetrics]:
    """The figures of every stage by its name, in the order in which a search goes through them.

    The weighted sum is taken over all detections, not over the candidates that `find` bounds it to. Queries, and the
    people beside them, keep their own embeddings: only the sightings that are searched are averaged over tracklets.
    Context and re-ranking are never combined, as in `find`: the one leaves similarities of a pair, the other of
    neighborhoods, and the people matched would stand among others by another measure.

    Args:
        looks: The first stage, and the second where there is one: frame name -> Detections with its embeddings,
            boxes and scores the same in both, and the (Q, D) embeddings of the queries.
        queries: the protocol as data.
        ranking: The share of the second stage; whether and how many candidates to re-rank; whether similarities are
            also multiplied by the detections' confidence (`class_weighted`): those of the first stage, and those of all
            that comes before re-ranking.
        score_threshold: Detections with less confidence are dropped.
        ignore: frame name -> (M, 4) xyxy boxes; a detection on one of them leaves the ranking, unless it fits the true
            box at least as well.
        context: also match the people beside each query (`search.query.context`): over the first stage, and over all
            that comes before re-ranking; None does not.
        tracklets: also average the sightings over their tracklets; None does not.

    Returns:
        PLAIN; WEIGHTED; with context CONTEXT; with two stages SECOND and CASCADE; then rows whose names say what they
        include, joined by " + ": CASCADE, TRACKLETS, and WEIGHTED, CONTEXT or RERANKED over them; last, where the
        similarities are weighted, WEIGHTED and over it RERANKED, or without that CONTEXT.

    Raises:
        ValueError: as evaluate_search, or the boxes of the two looks are not the same.
    """
    evaluate = partial(evaluate_search, score_threshold=score_threshold, ignore=ignore)

    def in_context(
        searched: Mapping[str, Detections], probes: Tensor, beside: Mapping[str, Detections]
    ) -> SearchMetrics:
        assert context is not None
        people = query_context(queries, probes, beside, score_threshold=score_threshold)
        return evaluate(
            searched,
            queries,
            probes,
            context=people,
            context_gallery=context.gallery,
            context_people=context.people,
        )

    weighted = ranking.class_weighted
    searched, probes = beside, _ = looks[0]
    stages = {PLAIN: evaluate(searched, queries, probes)}
    if weighted:
        stages[WEIGHTED] = evaluate(class_weighted(searched), queries, probes)
    if context is not None:
        stages[CONTEXT] = in_context(searched, probes, beside)
    included: list[str] = []
    if len(looks) > 1:
        stages[SECOND] = evaluate(looks[1][0], queries, looks[1][1])
        searched = beside = fused_detections(searched, looks[1][0], ranking.share)
        probes = fused(probes, looks[1][1], ranking.share)
        included.append(CASCADE)
        stages[CASCADE] = evaluate(searched, queries, probes)
    if tracklets is not None:
        # Each look on its own, as a gallery stores them, and weighted afterwards.
        steady = [averaged(found, tracklets.tracks, blend=tracklets.blend) for found, _ in looks]
        searched = steady[0] if len(looks) == 1 else fused_detections(steady[0], steady[1], ranking.share)
        included.append(TRACKLETS)
        stages[" + ".join(included)] = evaluate(searched, queries, probes)
    if weighted and included:
        stages[" + ".join([*included, WEIGHTED])] = evaluate(class_weighted(searched), queries, probes)
    if context is not None and included:
        stages[" + ".join([*included, CONTEXT])] = in_context(searched, probes, beside)
    reranked = partial(
        evaluate_reranked,
        searched,
        queries,
        probes,
        score_threshold=score_threshold,
        ignore=ignore,
        candidates=ranking.candidates,
    )
    if ranking.rerank:
        stages[" + ".join([*included, RERANKED])] = reranked()
    if weighted and ranking.rerank:
        stages[" + ".join([*included, WEIGHTED, RERANKED])] = reranked(weighted=True)
    elif weighted and context is not None:
        stages[" + ".join([*included, WEIGHTED, CONTEXT])] = in_context(class_weighted(searched), probes, beside)
    return stages


def class_weighted(detections: Mapping[str, Detections]) -> dict[str, Detections]:
    """Detections whose similarity to anything is multiplied by their confidence.

    Source: class-weighted similarity of Chen et al., "Norm-Aware Embedding for Efficient Person Search", CVPR 2020.

    Args:
        detections: frame name -> Detections with unit embeddings.
    """
    weighted = {}
    for name, found in detections.items():
        assert found.embeddings is not None, f"the detections of {name} have no embeddings"
        weighted[name] = found.with_embeddings(found.embeddings * found.scores[:, None])
    return weighted


def fused_detections(
    first: Mapping[str, Detections], second: Mapping[str, Detections], second_weight: float
) -> dict[str, Detections]:
    """Both embeddings of each detection as one, see `search.query.fusion.fused`.

    Args:
        first: frame name -> Detections of the first stage.
        second: the same detections with the embeddings of the second stage.
        second_weight: share of the second stage.

    Raises:
        ValueError: a frame is missing in `second`, its boxes are others, or embeddings are missing.
    """
    both = {}
    for name, one in first.items():
        other = second.get(name)
        if other is None or not one.boxes.equal(other.boxes):
            raise ValueError(f"frame {name}: the second stage has other detections; embed those of the first stage")
        if one.embeddings is None or other.embeddings is None:
            raise ValueError(f"frame {name}: detections have no embeddings; run both stages on them first")
        both[name] = one.with_embeddings(fused(one.embeddings, other.embeddings, second_weight))
    return both
