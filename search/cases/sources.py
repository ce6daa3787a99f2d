"""The files that the sightings of a case come from: whether they are still there, and the hash of each."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from datasets.footage.names import file_of
from search.cases.archive import sha256_of
from search.gallery.filters import quoted
from search.gallery.gallery import Gallery
from search.gallery.originals import file_state, split_location
from search.gallery.sightings import Sighting
from search.gallery.tables import FILE_STATE, readable

State = Literal["as indexed", "changed since it was indexed", "not there", "stream"]


@dataclass(frozen=True)
class SourceFile:
    """A file of footage.

    Args:
        file: Its path as the gallery knows it, or the address of a stream.
        state: Whether it is still the file that was indexed. A stream is not kept and has no hash.
        sightings: How many sightings of the case come from it.
        sha256: The hash of its content as it is now; None where it is not there.
        bytes: Its size in bytes; None where it is not there.
    """

    file: str
    state: State
    sightings: int
    sha256: str | None = None
    bytes: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them."""
        return asdict(self)


def source_files(
    gallery: Gallery, sightings: Iterable[Sighting], *, on_file: Callable[[], None] | None = None
) -> tuple[SourceFile, ...]:
    """The files that sightings come from, each hashed once, in the order of their names.

    Args:
        gallery: The gallery of the sightings, which knows how the files were when they were indexed.
        sightings: The sightings; one that is there twice counts twice.
        on_file: Called after each file.
    """
    by_file: dict[str, list[Sighting]] = {}
    for one in sightings:
        name = one.source if one.location is None else split_location(one.location)[0]
        by_file.setdefault(name, []).append(one)
    found = []
    for name, own in sorted(by_file.items()):
        if own[0].location is None:
            found.append(SourceFile(name, "stream", len(own)))
        else:
            found.append(_hashed(gallery, name, own))
        if on_file is not None:
            on_file()
    return tuple(found)


def _hashed(gallery: Gallery, name: str, own: list[Sighting]) -> SourceFile:
    file = file_of(name)
    try:
        digest, size = sha256_of(file), file.stat().st_size
    except OSError:
        return SourceFile(name, "not there", len(own))
    known = _indexed_state(gallery, own[0])
    state: State = "as indexed" if known in (None, file_state(name)) else "changed since it was indexed"
    return SourceFile(name, state, len(own), digest, size)


def _indexed_state(gallery: Gallery, sighting: Sighting) -> str | None:
    """Size and time of change that a sighting's file had when it was indexed; None where nobody noted them."""
    frames = gallery.frames
    if FILE_STATE not in frames.schema.names:
        return None
    where = f"source = {quoted(sighting.source)} AND frame = {quoted(sighting.frame)}"
    with readable(gallery.path):
        rows = frames.search().where(where).select([FILE_STATE]).to_list()
    return rows[0][FILE_STATE] if rows else None
