"""Which sightings of a case its gallery still has, and where it keeps their pictures now.

A case keeps sightings as they were when they were found. Since then `gallery delete` may have taken some of them out of
the gallery, and packed the pictures of others anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.storage.places import ObjectPath
from search.cases.folder import CaseFolder
from search.cases.values import Case
from search.gallery.filters import quoted
from search.gallery.gallery import Gallery
from search.gallery.sightings import Sighting
from search.gallery.tables import EMBEDDING, SECOND_EMBEDDING, readable, sighting_of

ASKED_AT_ONCE = 200
NAMED = 6
"""So many of the missing pictures are named, the others counted."""


def sightings_of(case: Case) -> Iterable[Sighting]:
    """Every sighting in a case, of its searches and of its marks; one may come several times."""
    yield from (seen.sighting for search in case.searches for seen in search.sightings)
    yield from (one.seen.sighting for one in case.marks)


def present(gallery: Gallery, sightings: Iterable[Sighting]) -> Mapping[str, Sighting]:
    """Those sightings that the gallery has, as it has them now, by their keys.

    Footage that was deleted and indexed again may have somebody else in the same row of a frame: the box tells them
    apart.

    Args:
        gallery: The gallery.
        sightings: The sightings, as they were found some time ago.
    """
    asked = {one.key: one for one in sightings}
    keys, found = list(asked), {}
    table = gallery.table
    columns = [name for name in table.schema.names if name not in (EMBEDDING, SECOND_EMBEDDING)]
    for start in range(0, len(keys), ASKED_AT_ONCE):
        wanted = " OR ".join(map(_condition, (asked[key] for key in keys[start : start + ASKED_AT_ONCE])))
        with readable(gallery.path):
            rows = table.search().where(wanted).select(columns).to_list()
        for now in (sighting_of(row, 0.0) for row in rows):
            if now.box == asked[now.key].box:
                found[now.key] = now
    return found


class PeoplePictures:
    """The pictures of the people in a case, wherever the gallery keeps them now.

    Args:
        gallery: The gallery that was searched.
        sightings: The sightings of the case.
    """

    def __init__(self, gallery: Gallery, sightings: Sequence[Sighting]) -> None:
        self._gallery = gallery
        elsewhere = [one for one in sightings if _had_picture(one) and gallery.cutout(one.cutout) is None]
        moved = present(gallery, elsewhere) if elsewhere else {}
        self._now = {key: one.cutout for key, one in moved.items()}
        self.lost = tuple(one for one in elsewhere if gallery.cutout(self._now.get(one.key)) is None)
        """The sightings whose picture is not in the gallery any more."""

    def of(self, sighting: Sighting) -> bytes | None:
        """The JPEG of a sighting's box; None where there is none."""
        return self._gallery.cutout(self._now.get(sighting.key, sighting.cutout))

    def missing(self) -> list[str]:
        """A line about the pictures that are not there any more, where there are such."""
        if not self.lost:
            return []
        named = ", ".join(one.id for one in self.lost[:NAMED])
        more = f" and {len(self.lost) - NAMED:,} more" if len(self.lost) > NAMED else ""
        sightings = "1 sighting" if len(self.lost) == 1 else f"{len(self.lost):,} sightings"
        return [f"no picture of {sightings}: the gallery does not have {named}{more} any more"]


@dataclass(frozen=True)
class Holding:
    """A case that holds sightings which are not in its gallery any more.

    Args:
        case: The case, by its name in the folder of cases.
        name: What people call it.
        sightings: How many sightings; None where the case cannot be read.
    """

    case: str
    name: str
    sightings: int | None


class HeldByCases:
    """What the cases in a gallery's folder hold of it, to tell afterwards which of them hold what was deleted.

    Args:
        gallery: The gallery before something is deleted from it. A gallery on object storage has no cases in its
            folder.
    """

    def __init__(self, gallery: Gallery) -> None:
        self.folder = None if isinstance(gallery.path, ObjectPath) else Path(gallery.path) / "cases"
        self._gallery = gallery
        self._held: dict[tuple[str, str], tuple[Sighting, ...] | None] = {}
        if self.folder is None:
            return
        cases = CaseFolder(self.folder)
        for summary in cases.list():
            try:
                had = present(gallery, sightings_of(cases.open(summary.case)))
            except ValueError:
                self._held[summary.case, summary.name] = None
            else:
                self._held[summary.case, summary.name] = tuple(had.values())

    def of_deleted(self) -> tuple[Holding, ...]:
        """The cases that hold sightings which the gallery had before and has not now, and those that are damaged."""
        found = []
        for (case, name), had in self._held.items():
            if had is None:
                found.append(Holding(case, name, None))
            elif gone := len(had) - len(present(self._gallery, had)):
                found.append(Holding(case, name, gone))
        return tuple(found)


def _had_picture(sighting: Sighting) -> bool:
    """Whether the gallery ever kept a picture; a box without a pixel has none."""
    return sighting.cutout is not None and sighting.cutout.length > 0


def _condition(sighting: Sighting) -> str:
    source, frame = quoted(sighting.source), quoted(sighting.frame)
    return f"(source = {source} AND frame = {frame} AND index = {sighting.index})"
