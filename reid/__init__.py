"""What makes two views the same person: memories, losses, embedders and their metrics."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reid.crops.settings import SphereReIDConfig
    from reid.crops.sphere_reid import SphereReID
    from reid.features import PersonFeatures
    from reid.losses.classifiers import SphereLoss
    from reid.losses.criterion import IdentityCriterion
    from reid.losses.oim import OIMLoss
    from reid.losses.settings import LossConfig
    from reid.losses.toim import TOIMLoss
    from reid.ranking.metrics import RankMetrics, rank_metrics
    from reid.ranking.pair_counts import count_pairs
    from reid.ranking.rerank import k_reciprocal
    from reid.ranking.sides import RankingSides
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "IdentityCriterion",
    "LossConfig",
    "OIMLoss",
    "PersonFeatures",
    "RankMetrics",
    "RankingSides",
    "SphereLoss",
    "SphereReID",
    "SphereReIDConfig",
    "TOIMLoss",
    "count_pairs",
    "k_reciprocal",
    "rank_metrics",
]

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
