"""What each stage of a search gains: the same detections and queries, ranked by one stage, by both, and re-ranked."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datasets.samples import Query
from detection.detections import Detections
from search.cascade import Cascade, fused
from search.protocols import SearchMetrics, evaluate_reranked, evaluate_search

PLAIN = "joint alone"
SECOND = "SphereReID alone"
CASCADE = "cascade"
RERANKED = "k-reciprocal"
CASCADE_RERANKED = f"{CASCADE} + {RERANKED}"


def compare_stages(
    looks: Sequence[tuple[Mapping[str, Detections], Tensor]],
    queries: Sequence[Query],
    cascade: Cascade,
    *,
    score_threshold: float = 0.5,
    ignore: Mapping[str, NDArray[np.float32]] | None = None,
) -> dict[str, SearchMetrics]:
    """The figures of every stage by its name, in the order in which a search goes through them.

    The weighted sum is taken over all detections, not over the candidates that `find` bounds it to.

    Args:
        looks: of the first stage, and of the second where there is one: frame name -> Detections with its embeddings,
            boxes and scores the same in both, and the (Q, D) embeddings of the queries.
        queries: the protocol as data.
        cascade: the weight of the second stage; whether and how many candidates to re-rank.
        score_threshold: as in evaluate_search.
        ignore: as in evaluate_search.

    Returns:
        PLAIN; with two stages SECOND and CASCADE too; with re-ranking RERANKED, or CASCADE_RERANKED after two stages.

    Raises:
        ValueError: as evaluate_search, or the boxes of the two looks are not the same.
    """
    last, probes = looks[0]
    stages = {PLAIN: evaluate_search(last, queries, probes, score_threshold=score_threshold, ignore=ignore)}
    if len(looks) > 1:
        second, second_probes = looks[1]
        stages[SECOND] = evaluate_search(second, queries, second_probes, score_threshold=score_threshold, ignore=ignore)
        last = fused_detections(last, second, cascade.second_weight)
        probes = fused(probes, second_probes, cascade.second_weight)
        stages[CASCADE] = evaluate_search(last, queries, probes, score_threshold=score_threshold, ignore=ignore)
    if cascade.rerank:
        stages[RERANKED if len(looks) == 1 else CASCADE_RERANKED] = evaluate_reranked(
            last, queries, probes, score_threshold=score_threshold, ignore=ignore, candidates=cascade.candidates
        )
    return stages


def fused_detections(
    first: Mapping[str, Detections], second: Mapping[str, Detections], second_weight: float
) -> dict[str, Detections]:
    """Both embeddings of each detection as one, see `search.cascade.fused`.

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
