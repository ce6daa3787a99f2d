"""How well people are ranked: distances, protocols, figures and re-ranking."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reid.ranking.expansion import expand_both, expand_queries
    from reid.ranking.metrics import RankMetrics, rank_embeddings, rank_metrics
    from reid.ranking.open_set import identify, verdict_thresholds
    from reid.ranking.pair_counts import PairCounts, count_pairs
    from reid.ranking.protocols import CropTask, evaluate_crops
    from reid.ranking.rerank import k_reciprocal
    from reid.ranking.sides import RankingSides
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "CropTask",
    "PairCounts",
    "RankMetrics",
    "RankingSides",
    "count_pairs",
    "evaluate_crops",
    "expand_both",
    "expand_queries",
    "identify",
    "k_reciprocal",
    "rank_embeddings",
    "rank_metrics",
    "verdict_thresholds",
]

_HOMES = {
    "CropTask": "reid.ranking.protocols",
    "PairCounts": "reid.ranking.pair_counts",
    "RankMetrics": "reid.ranking.metrics",
    "RankingSides": "reid.ranking.sides",
    "count_pairs": "reid.ranking.pair_counts",
    "evaluate_crops": "reid.ranking.protocols",
    "expand_both": "reid.ranking.expansion",
    "expand_queries": "reid.ranking.expansion",
    "identify": "reid.ranking.open_set",
    "k_reciprocal": "reid.ranking.rerank",
    "rank_embeddings": "reid.ranking.metrics",
    "rank_metrics": "reid.ranking.metrics",
    "verdict_thresholds": "reid.ranking.open_set",
}
