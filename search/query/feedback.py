"""The person by several examples, and what people who are somebody else take from it.

Source: Rocchio, "Relevance Feedback in Information Retrieval", 1971: a question moves toward what was confirmed and
away from what was rejected. Here both are directions on the unit sphere, so that one comparison answers it all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.gallery.filters import quoted
from search.gallery.gallery import Gallery
from search.gallery.sightings import Sighting
from search.gallery.tables import EMBEDDING, SECOND_EMBEDDING, as_matrix, readable, unit_rows
from search.query.results import RankedSightings

if TYPE_CHECKING:  # who only searches needs no torch
    from torch import Tensor

OTHERS_SHARE = 1 / 3
"""How much the others count beside the person; chosen on rendered worlds, where a quarter to a half do as well."""

WITH_OTHERS = "pictures of others changed the similarities, and verdicts are measured without any"


@dataclass(frozen=True, eq=False)
class Examples:
    """Somebody as vectors of one stage, and others who are certainly somebody else.

    >>> Examples([1.0, 0.0], [[0.0, 1.0]]).directions(2).round(3)
    array([[ 0.949, -0.316]], dtype=float32)

    Args:
        of_the_person: (D,) of one picture, or (P, D) of several pictures of the same person; scaled to unit length.
        of_others: (M, D) of pictures of other people; None where nobody is shown.
    """

    of_the_person: "ArrayLike | Tensor"
    of_others: "ArrayLike | Tensor | None" = None

    def directions(self, width: int, combine: str = "mean") -> NDArray[np.float32]:
        """What sightings are compared with: (1, width) for "mean", (P, width) for "max", of unit length.

        Every picture of the person counts alike. From each direction a third of the mean of the others is taken away,
        so that a sighting that looks like the others comes later.

        Args:
            width: The width D of the gallery's embeddings.
            combine: "mean" is the average direction of the person's pictures. "max" keeps each of them, and a sighting
                counts by the one that it is most like.

        Raises:
            ValueError: There is another way to combine or another width, or an embedding has no direction.
        """
        if combine not in ("mean", "max"):
            raise ValueError(f"combine {combine!r}, expected 'mean' or 'max'")
        person = unit_rows(self.of_the_person, width, "probe")  # (P, D)
        if combine == "mean" and len(person) > 1:
            person = unit_rows(person.mean(axis=0, dtype=np.float64), width, "mean of the probes")
        if self.of_others is None or not len(np.asarray(self.of_others)):
            return person
        others = unit_rows(self.of_others, width, "picture of somebody else").mean(axis=0, dtype=np.float64)  # (D,)
        return unit_rows(person.astype(np.float64) - OTHERS_SHARE * others, width, "probe without the others")


def without_verdict(answer: RankedSightings) -> RankedSightings:
    """An answer that pictures of others changed: no calibration was measured with any, so there is no verdict."""
    return answer if answer.best_similarity is None else replace(answer, verdict=None, no_verdict=WITH_OTHERS)


def stored_embeddings(gallery: Gallery, sightings: Sequence[Sighting]) -> "tuple[Tensor, Tensor | None]":
    """What a gallery stores of some sightings, so that each of them can be an example.

    Args:
        gallery: The gallery that holds them.
        sightings: P of them.

    Returns:
        (P, D) of unit length by the first stage and (P, E) by the second one; None without a second stage.

    Raises:
        ValueError: A sighting is not in the gallery.
    """
    import torch  # only who goes on from sightings has tensors

    described = gallery.description
    columns = [EMBEDDING] if described.second_dim is None else [EMBEDDING, SECOND_EMBEDDING]
    found = [np.zeros((0, width), np.float32) for width in (described.embedding_dim, described.second_dim) if width]
    if sightings:
        wanted = " OR ".join(
            f"(source = {quoted(one.source)} AND frame = {quoted(one.frame)} AND index = {one.index})"
            for one in sightings
        )
        with readable(gallery.path):
            rows = gallery.table.search().where(wanted).select(["source", "frame", "index", *columns]).to_arrow()
        keys = list(zip(*(rows[name].to_pylist() for name in ("source", "frame", "index")), strict=True))
        place = {key: row for row, key in enumerate(keys)}
        try:
            order = [place[one.source, one.frame, one.index] for one in sightings]
        except KeyError as error:
            raise ValueError(f"sighting {error} is not in gallery {gallery.path}; choose one that it shows") from None
        found = [as_matrix(rows[name])[order] for name in columns]
    first, *second = map(torch.from_numpy, found)
    return first, second[0] if second else None
