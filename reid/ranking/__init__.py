"""How well people are ranked: distances, protocols, figures and re-ranking."""

from importlib import import_module

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

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
