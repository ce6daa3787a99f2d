"""What makes two views the same person: memories, losses, embedders and their metrics."""

from importlib import import_module

_HOMES = {
    "IdentityCriterion": "reid.losses.criterion",
    "LossConfig": "reid.losses.settings",
    "OIMLoss": "reid.losses.oim",
    "PersonFeatures": "reid.features",
    "RankMetrics": "reid.ranking.metrics",
    "RankingSides": "reid.ranking.sides",
    "SphereLoss": "reid.losses.classifiers",
    "SphereReID": "reid.crops.sphere_reid",
    "SphereReIDConfig": "reid.crops.settings",
    "TOIMLoss": "reid.losses.toim",
    "count_pairs": "reid.ranking.pair_counts",
    "k_reciprocal": "reid.ranking.rerank",
    "rank_metrics": "reid.ranking.metrics",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
