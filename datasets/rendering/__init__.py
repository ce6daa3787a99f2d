"""Surfaces, cameras and light, and the photographs that surveillance cameras take of them."""

from importlib import import_module

_HOMES = {
    "Camera": "datasets.rendering.camera",
    "Lamp": "datasets.rendering.light",
    "Light": "datasets.rendering.light",
    "Material": "datasets.rendering.surface",
    "Picture": "datasets.rendering.view",
    "Surface": "datasets.rendering.surface",
    "View": "datasets.rendering.view",
    "box": "datasets.rendering.builders",
    "cylinder": "datasets.rendering.builders",
    "ground": "datasets.rendering.builders",
    "join": "datasets.rendering.surface",
    "plain": "datasets.rendering.surface",
    "quad": "datasets.rendering.builders",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
