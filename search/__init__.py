"""What answers a question: the gallery, the predictor in front of it, the protocols, the report pages."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.evaluation.protocols import SearchMetrics, evaluate_search, random_search
    from search.gallery.filters import Filters
    from search.gallery.gallery import Gallery
    from search.gallery.sightings import Sighting
    from search.indexing import IndexSummary
    from search.models.embedded_by import EmbeddedBy
    from search.pipeline import PersonSearch
    from search.query.ranking import Ranking
    from search.query.results import RankedSightings
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "EmbeddedBy",
    "Filters",
    "Gallery",
    "IndexSummary",
    "PersonSearch",
    "RankedSightings",
    "Ranking",
    "SearchMetrics",
    "Sighting",
    "evaluate_search",
    "random_search",
]

_HOMES = {
    "EmbeddedBy": "search.models.embedded_by",
    "Filters": "search.gallery.filters",
    "Gallery": "search.gallery.gallery",
    "IndexSummary": "search.indexing",
    "PersonSearch": "search.pipeline",
    "RankedSightings": "search.query.results",
    "Ranking": "search.query.ranking",
    "SearchMetrics": "search.evaluation.protocols",
    "Sighting": "search.gallery.sightings",
    "evaluate_search": "search.evaluation.protocols",
    "random_search": "search.evaluation.protocols",
}
