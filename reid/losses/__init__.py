"""The project's identity losses: OIM, TOIM, Sphere, the baselines beside them, and their sum by weight.

All are called alike, `loss = criterion(embeddings, person_index, ...)`, and are means over the rows that count. Those
with a memory have `criterion.update(embeddings, person_index, ...)`, to be called once per step after the loss.
"""

from importlib import import_module

_HOMES = {
    "CenterLoss": "reid.losses.metric",
    "IdentityCriterion": "reid.losses.criterion",
    "LossConfig": "reid.losses.settings",
    "OIMLoss": "reid.losses.oim",
    "SoftmaxLoss": "reid.losses.classifiers",
    "SphereLoss": "reid.losses.classifiers",
    "TOIMLoss": "reid.losses.toim",
    "TeacherLoss": "reid.losses.teacher",
    "TripletLoss": "reid.losses.metric",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
