"""The gallery: every sighting of every indexed frame, on disk."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.gallery.description import GalleryDescription, GallerySummary
    from search.gallery.filters import Filters
    from search.gallery.gallery import Gallery
    from search.gallery.sightings import Sighting, display_time
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "Filters",
    "Gallery",
    "GalleryDescription",
    "GallerySummary",
    "Sighting",
    "display_time",
]

_HOMES = {
    "Filters": "search.gallery.filters",
    "Gallery": "search.gallery.gallery",
    "GalleryDescription": "search.gallery.description",
    "GallerySummary": "search.gallery.description",
    "Sighting": "search.gallery.sightings",
    "display_time": "search.gallery.sightings",
}
