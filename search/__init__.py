"""What answers a question: the gallery, the predictor in front of it, the protocols, the report pages."""

from importlib import import_module

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

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
