"""Searches with their filters typed one by one, as tests like them; the product passes them on whole."""

from typing import Any

from search.gallery.filters import Filters
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy
from search.pipeline import PersonSearch
from search.query.rank import EmbeddedProbe, rank_sightings
from search.query.ranking import Ranking
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


def similarity(
    model: str, second_stage: str | None = None, share: float = 0.8, *, weighted: bool = False, **made: Any
) -> dict[str, Any]:
    """What a calibration is of, as keyword arguments of one."""
    ranking = Ranking(share, class_weighted=weighted)
    return {"embedded_by": EmbeddedBy(model, second_stage, **made), "ranking": ranking}
