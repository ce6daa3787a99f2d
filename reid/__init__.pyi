"""The names that `__init__.py` imports when they are first used, for type checkers."""

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
