"""Surfaces, cameras and light, and the photographs that surveillance cameras take of them."""

from importlib import import_module

_HOMES = {
    "Camera": "datasets.rendering.camera",
    "Lamp": "datasets.rendering.light",
    "Light": "datasets.rendering.light",
    "Material": "datasets.rendering.surface",
    "Picture": "datasets.rendering.view",
    "Sensor": "datasets.rendering.sensing",
    "Surface": "datasets.rendering.surface",
    "View": "datasets.rendering.view",
    "Weather": "datasets.rendering.weather",
    "box": "datasets.rendering.builders",
    "cylinder": "datasets.rendering.builders",
    "draw_sensor": "datasets.rendering.sensing",
    "draw_weather": "datasets.rendering.weather",
    "ground": "datasets.rendering.builders",
    "join": "datasets.rendering.surface",
    "plain": "datasets.rendering.surface",
    "quad": "datasets.rendering.builders",
    "sense": "datasets.rendering.sensing",
    "through": "datasets.rendering.weather",
    "through_video": "datasets.rendering.video",
    "wet": "datasets.rendering.weather",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
