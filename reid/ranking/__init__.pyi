"""The names that `__init__.py` imports when they are first used, for type checkers."""

from reid.ranking.expansion import expand_both, expand_queries
from reid.ranking.metrics import RankMetrics, rank_embeddings, rank_metrics
from reid.ranking.open_set import identify, verdict_thresholds
from reid.ranking.pair_counts import PairCounts, count_pairs
from reid.ranking.protocols import CropTask, evaluate_crops
from reid.ranking.rerank import k_reciprocal
from reid.ranking.sides import RankingSides

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
