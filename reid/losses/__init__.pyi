"""The names that `__init__.py` imports when they are first used, for type checkers."""

from reid.losses.classifiers import SoftmaxLoss, SphereLoss
from reid.losses.criterion import IdentityCriterion
from reid.losses.metric import CenterLoss, TripletLoss
from reid.losses.oim import OIMLoss
from reid.losses.settings import LossConfig
from reid.losses.teacher import TeacherLoss
from reid.losses.toim import TOIMLoss

__all__ = [
    "CenterLoss",
    "IdentityCriterion",
    "LossConfig",
    "OIMLoss",
    "SoftmaxLoss",
    "SphereLoss",
    "TOIMLoss",
    "TeacherLoss",
    "TripletLoss",
]
