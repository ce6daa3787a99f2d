"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.gallery.description import GalleryDescription, GallerySummary
from search.gallery.filters import Filters
from search.gallery.gallery import Gallery
from search.gallery.sightings import Sighting, display_time

__all__ = [
    "Filters",
    "Gallery",
    "GalleryDescription",
    "GallerySummary",
    "Sighting",
    "display_time",
]
