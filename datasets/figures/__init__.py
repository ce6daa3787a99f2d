"""People as surfaces: how they look, how they hold themselves, and things that only look like people."""

from importlib import import_module

_HOMES = {
    "DECOYS": "datasets.figures.decoys",
    "DecoyKind": "datasets.figures.decoys",
    "Look": "datasets.figures.looks",
    "POSES": "datasets.figures.poses",
    "Pose": "datasets.figures.poses",
    "PoseKind": "datasets.figures.poses",
    "decoy": "datasets.figures.decoys",
    "draw_look": "datasets.figures.looks",
    "draw_pose": "datasets.figures.poses",
    "gear": "datasets.figures.luggage",
    "near_double": "datasets.figures.looks",
    "person": "datasets.figures.figure",
    "seat_height": "datasets.figures.figure",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
