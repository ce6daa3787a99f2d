"""The gallery: every sighting of every indexed frame, on disk."""

from importlib import import_module

_HOMES = {
    "Filters": "search.gallery.filters",
    "Gallery": "search.gallery.gallery",
    "GalleryDescription": "search.gallery.description",
    "GallerySummary": "search.gallery.description",
    "Sighting": "search.gallery.sightings",
    "display_time": "search.gallery.sightings",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
