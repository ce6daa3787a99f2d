"""Many synthetic places with people: streets, halls, shops ... each with cameras, light and people of its own."""

from importlib import import_module

_HOMES = {
    "PLACES": "datasets.worlds.places",
    "Place": "datasets.worlds.scenery",
    "WorldsSummary": "datasets.worlds.world",
    "draw_place": "datasets.worlds.places",
    "write_worlds": "datasets.worlds.world",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
