"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.evaluation.protocols import SearchMetrics, evaluate_search, random_search
from search.gallery.filters import Filters
from search.gallery.gallery import Gallery
from search.gallery.sightings import Sighting
from search.indexing import IndexSummary
from search.models.embedded_by import EmbeddedBy
from search.pipeline import PersonSearch
from search.query.ranking import Ranking
from search.query.results import RankedSightings

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
