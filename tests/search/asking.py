"""Searches with their filters typed one by one, as tests like them; the product passes them on whole."""

from typing import Any

from search.gallery.filters import Filters
from search.gallery.gallery import Gallery
from search.pipeline import PersonSearch
from search.query.fusion import Ranking
from search.query.rank import EmbeddedProbe, rank_sightings
from search.query.results import RankedSightings


def ask(
    gallery: Gallery,
    embeddings: Any,
    *,
    second_embeddings: Any = None,
    combine: str = "mean",
    company: Any = None,
    ranking: Ranking | None = None,
    limit: int = 50,
    **filters: Any,
) -> RankedSightings:
    """The gallery's sightings most similar to a probe, at most 50 where nothing else is said."""
    probe = EmbeddedProbe(embeddings, second_embeddings, combine, company)
    return rank_sightings(gallery, probe, Filters(limit=limit, **filters), ranking)


def look_for(
    search: PersonSearch,
    gallery: Gallery,
    *,
    crop: Any = None,
    frame: Any = None,
    box: Any = None,
    combine: str = "mean",
    ranking: Ranking | None = None,
    limit: int = 50,
    **filters: Any,
) -> RankedSightings:
    """`PersonSearch.find`, at most 50 sightings where nothing else is said."""
    chosen = Filters(limit=limit, **filters)
    return search.find(gallery, crop=crop, frame=frame, box=box, combine=combine, filters=chosen, ranking=ranking)
