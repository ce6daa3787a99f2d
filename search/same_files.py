"""Files that a gallery knows under another name: moved ones get their new place, copies are passed over."""

import dataclasses
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datasets.footage.folders import PassedOver, SourceError, files_below
from datasets.footage.names import VIDEO_MARK, file_of, written
from datasets.footage.planning import PlannedSource
from datasets.footage.streams import is_stream
from datasets.footage.videos import VIDEO_SUFFIXES
from search.gallery.filters import quoted
from search.gallery.gallery import Gallery
from search.gallery.originals import file_state, read_original, split_location
from search.gallery.store import retried
from search.gallery.tables import FILE_STATE, sighting_of
from search.gallery.upkeep import writing

_PIECE = 65_536
_PIECES = 16
"""Two files of one size are the same where so many pieces, spread over them, hold the same bytes."""

_LOOKED_AT = 3
"""Of a file that is gone, the stored pictures of so many people are compared with the file that may be it."""


@dataclass
class SameFiles:
    """Which files of some sources a gallery has under another name.

    Args:
        moved: New path -> old path, of files that are not at their old path any more.
        copies: New path -> the path by which the gallery knows the same content.
    """

    moved: dict[str, str] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """What was recognized, a line for each kind."""
        lines = []
        if self.moved:
            files = "1 file was" if len(self.moved) == 1 else f"{len(self.moved)} files were"
            lines.append(f"{files} renamed or moved since being indexed: the gallery has the new places now")
        if self.copies:
            files = "1 file is a copy" if len(self.copies) == 1 else f"{len(self.copies)} files are copies"
            lines.append(f"{files} of footage that is in the gallery already, and not looked at again")
        return lines


def recognize(gallery: Gallery, sources: Sequence[PlannedSource]) -> SameFiles:
    """Find the files whose content a gallery has under another name, and write down the new places of moved ones.

    A video is recognized by its content, a picture by content and file name. Only files of the size of an indexed one
    are looked into.

    Args:
        gallery: The gallery.
        sources: What will be indexed into it.

    Raises:
        OSError: The gallery cannot be read or written.
    """
    found = SameFiles()
    if not int(gallery.frames.count_rows()) or FILE_STATE not in gallery.frames.schema.names:
        return found
    known: dict[str, str] = {}  # path -> state
    for row in gallery.frames.search().where("location IS NOT NULL").select(["location", FILE_STATE]).to_list():
        if row[FILE_STATE] is not None:
            known[split_location(row["location"])[0]] = row[FILE_STATE]
    by_size: defaultdict[str, list[str]] = defaultdict(list)
    for path, state in known.items():
        by_size[state.partition(":")[0]].append(path)
    for file in _files_of(sources):
        path = written(os.path.realpath(file))
        new = None if path in known else file_state(path)
        for old in by_size.get(new.partition(":")[0], ()) if new is not None else ():
            if old in found.moved.values() or not _may_be(path, old):
                continue
            if os.path.lexists(file_of(old)):
                if _same_bytes(file_of(path), file_of(old)):
                    found.copies[path] = old
                    break
            elif known[old] == new or _shows_its_people(gallery, old, path):
                found.moved[path] = old
                break
    for new_path, old in found.moved.items():
        _move(gallery, old, new_path)
    return found


def _files_of(sources: Sequence[PlannedSource]) -> Iterator[Path]:
    """The pictures and videos of the sources; streams and lists of pictures have none that could be copies."""
    for one in sources:
        if isinstance(one.source, tuple):
            yield from one.source
            continue
        path = Path(one.source)
        if is_stream(str(one.source)) or path.suffix.lower() == ".json":
            continue
        if not path.is_dir():
            yield path
            continue
        try:
            yield from files_below(path, [], PassedOver())
        except SourceError:
            continue  # reading it will say why


def _may_be(path: str, old: str) -> bool:
    """Whether the names allow that two files are the same footage."""
    if Path(path).suffix.lower() in VIDEO_SUFFIXES:
        return Path(old).suffix.lower() in VIDEO_SUFFIXES
    return Path(path).name == Path(old).name


def _same_bytes(first: Path, second: Path) -> bool:
    """Whether two files of one size hold the same, as far as is looked."""
    if os.path.samefile(first, second):
        return True
    try:
        with first.open("rb") as one, second.open("rb") as other:
            size = os.fstat(one.fileno()).st_size
            for place in range(_PIECES):
                at = max(0, size - _PIECE) * place // (_PIECES - 1)
                one.seek(at)
                other.seek(at)
                if one.read(_PIECE) != other.read(_PIECE):
                    return False
    except OSError:
        return False
    return True


def _of_file(path: str) -> str:
    """The SQL condition of the rows of a file."""
    return f"(location = {quoted(path)} OR starts_with(location, {quoted(path + VIDEO_MARK)}))"


def _shows_its_people(gallery: Gallery, old: str, path: str) -> bool:
    """Whether a file shows people where the gallery has them in a file that is gone."""
    rows = gallery.table.search().where(_of_file(old)).limit(_LOOKED_AT).to_list()
    for row in rows:
        sighting = sighting_of(row, 0.0)
        cutout = gallery.cutout(sighting.cutout)
        there = dataclasses.replace(sighting, location=path + (sighting.location or "").removeprefix(old))
        if not cutout or read_original(there, cutout) is None:
            return False
    return bool(rows)


def _move(gallery: Gallery, old: str, new: str) -> None:
    """Give the rows of a file its new place."""
    gallery.prepare_writing()
    where, state = _of_file(old), file_state(new)
    place = f"concat({quoted(new)}, substr(location, {len(old) + 1}))"
    with writing(gallery.path, alone=True):
        retried(gallery.path, lambda: gallery.table.update(where=where, values_sql={"location": place}))
        stated = {"location": place, FILE_STATE: "NULL" if state is None else quoted(state)}
        retried(gallery.path, lambda: gallery.frames.update(where=where, values_sql=stated))
