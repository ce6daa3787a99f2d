"""The project's identity losses: OIM, TOIM, Sphere, the baselines beside them, and their sum by weight.

All are called alike, `loss = criterion(embeddings, person_index, ...)`, and are means over the rows that count. Those
with a memory have `criterion.update(embeddings, person_index, ...)`, to be called once per step after the loss.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reid.losses.classifiers import SoftmaxLoss, SphereLoss
    from reid.losses.criterion import IdentityCriterion
    from reid.losses.metric import CenterLoss, TripletLoss
    from reid.losses.oim import OIMLoss
    from reid.losses.settings import LossConfig
    from reid.losses.toim import TOIMLoss
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "CenterLoss",
    "IdentityCriterion",
    "LossConfig",
    "OIMLoss",
    "SoftmaxLoss",
    "SphereLoss",
    "TOIMLoss",
    "TripletLoss",
]

_HOMES = {
    "CenterLoss": "reid.losses.metric",
    "IdentityCriterion": "reid.losses.criterion",
    "LossConfig": "reid.losses.settings",
    "OIMLoss": "reid.losses.oim",
    "SoftmaxLoss": "reid.losses.classifiers",
    "SphereLoss": "reid.losses.classifiers",
    "TOIMLoss": "reid.losses.toim",
    "TripletLoss": "reid.losses.metric",
}
