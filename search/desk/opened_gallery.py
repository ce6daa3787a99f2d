"""One gallery, open for many readers at once: its frames and sightings by their keys."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search.desk.catalog import CatalogFrame, FrameCatalog
from search.desk.refusals import NotThere
from search.gallery.description import GalleryDescription, read_description
from search.gallery.filters import quoted
from search.gallery.gallery import Gallery
from search.gallery.sightings import Sighting
from search.gallery.store import open_tables
from search.gallery.tables import EMBEDDING, SECOND_EMBEDDING, readable, sighting_of, sightings_schema
from search.nearest.resident import keep_in_memory

MOST_KNOWN = 50_000
"""So many sightings that were answered lately are kept in memory; a search shows at most 1,000."""

SECONDS_BETWEEN_LOOKS = 2.0
"""How long the frames are taken as they are before the gallery is asked whether there are new ones."""

MOST_NEARBY = 500


class OpenedGallery:
    """A gallery that several threads read: each part of it that is for one thread stands behind a lock.

    Args:
        path: The gallery's folder.

    Raises:
        FileNotFoundError: No gallery is there.
        OSError, ValueError: The gallery is damaged, or not readable by this version.
    """

    def __init__(self, path: Path) -> None:
        # Looking things up does not wait for a search: it has tables of its own.
        self._searched = Gallery.open(path)
        self.path = path = self._searched.path
        # Who serves a gallery searches it often: its embeddings are read once, here.
        with readable(path):
            keep_in_memory(self._searched).follow()
        self._description = self._searched.description
        schema = sightings_schema(self._description.embedding_dim, self._description.second_dim)
        self._sightings, self._frames = open_tables(path, schema, create=False)
        self._look_lock, self._search_lock = threading.Lock(), threading.Lock()
        self._known: OrderedDict[str, Sighting] = OrderedDict()
        self._known_lock = threading.Lock()
        self._catalog: FrameCatalog | None = None
        self._version = (-1, -1)
        self._next_look = 0.0
        self.catalog()

    @property
    def description(self) -> GalleryDescription:
        """What the gallery's gallery.json said when the frames were looked at last."""
        return self._description

    @property
    def name(self) -> str:
        """The gallery's name for readers: its folder, without the way there."""
        return self.path.resolve().name

    @contextmanager
    def searched(self) -> Iterator[Gallery]:
        """Lend the gallery for a search; one search runs at a time."""
        with self._search_lock:
            yield self._searched

    def catalog(self) -> FrameCatalog:
        """The frames as they are now; frames that are being indexed meanwhile appear within some seconds."""
        with self._look_lock:
            if self._catalog is None or time.monotonic() >= self._next_look:
                with readable(self.path):
                    version = (int(self._sightings.version), int(self._frames.version))
                if self._catalog is None or version != self._version:
                    self._catalog = FrameCatalog(self._frames.search().to_arrow())
                    self._version = version
                # What is noted of cameras changes without their frames.
                self._description = read_description(self.path)
                self._next_look = time.monotonic() + SECONDS_BETWEEN_LOOKS
            return self._catalog

    def frame(self, key: str) -> CatalogFrame:
        """The frame of a key.

        Raises:
            NotThere: No frame has that key.
        """
        return self.catalog().frame(key)

    def sighting(self, key: str) -> Sighting:
        """The sighting of a key.

        Raises:
            NotThere: No sighting has that key.
        """
        with self._known_lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        frame_key, _, row = key.rpartition(".")
        if row.isascii() and row.isdecimal() and len(row) <= 6 and str(int(row)) == row:
            found = self._rows(_of_frame(self.frame(frame_key)) + f" AND index = {int(row)}", 1)
            if found:
                self.remember(found)
                return found[0]
        raise NotThere("no_sighting")

    def people(self, frame: CatalogFrame) -> list[Sighting]:
        """The sightings of a frame, in the order of its rows."""
        found = sorted(self._rows(_of_frame(frame), frame.people + 1), key=lambda one: one.index)
        self.remember(found)
        return found

    def nearby(self, sighting: Sighting, seconds: float) -> list[Sighting]:
        """Who was near: the sightings of the same camera at most so many seconds away, in the order of time.

        The people of the same frame are among them, the sighting itself is not. A sighting without a time has only the
        people of its own frame; of more than 500 the nearest in time are given.
        """
        own = f"source = {quoted(sighting.source)} AND frame = {quoted(sighting.frame)}"
        where = own
        if sighting.timestamp is not None:
            camera = "camera IS NULL" if sighting.camera is None else f"camera = {quoted(sighting.camera)}"
            first, last = sighting.timestamp - seconds, sighting.timestamp + seconds
            where = f"{camera} AND timestamp >= {first!r} AND timestamp <= {last!r}"
        at = sighting.timestamp or 0.0
        found = [one for one in self._rows(where, None) if one.key != sighting.key]
        found = sorted(found, key=lambda one: abs((one.timestamp or 0.0) - at))[:MOST_NEARBY]
        self.remember(found)
        return sorted(found, key=lambda one: (one.timestamp or 0.0, one.frame, one.index))

    def vectors(self, sightings: Sequence[Sighting]) -> list[tuple[list[float], list[float] | None]]:
        """What a gallery stores of each sighting: its embedding (D,), and that of the second stage (E,) or None."""
        wanted = " OR ".join(f"({_of(one)})" for one in sightings)
        columns = ["source", "frame", "index", EMBEDDING]
        with self._look_lock, readable(self.path):
            table: Any = self._sightings
            columns += [SECOND_EMBEDDING] if SECOND_EMBEDDING in table.schema.names else []
            rows = table.search().where(wanted).select(columns).limit(len(sightings)).to_list() if wanted else []
        found = {(row["source"], row["frame"], row["index"]): row for row in rows}
        keys = [(one.source, one.frame, one.index) for one in sightings]
        if any(key not in found for key in keys):
            raise NotThere("example_removed")
        return [(found[key][EMBEDDING], found[key].get(SECOND_EMBEDDING)) for key in keys]

    def cutout(self, sighting: Sighting) -> bytes | None:
        """The stored JPEG of a sighting's box; None where there is none."""
        return self._searched.cutout(sighting.cutout)

    def remember(self, sightings: Sequence[Sighting]) -> None:
        """Keep sightings that were shown: their pictures are asked for next."""
        with self._known_lock:
            for one in sightings:
                self._known[one.key] = one
                self._known.move_to_end(one.key)
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)

    def _rows(self, where: str, limit: int | None) -> list[Sighting]:
        """The sightings that satisfy a condition, without their vectors."""
        with self._look_lock, readable(self.path):
            table: Any = self._sightings
            columns = [name for name in table.schema.names if name not in (EMBEDDING, SECOND_EMBEDDING)]
            query = table.search().where(where).select(columns)
            rows = (query if limit is None else query.limit(limit)).to_arrow().to_pylist()
        return [sighting_of(row, 0.0) for row in rows]


def _of_frame(frame: CatalogFrame) -> str:
    return f"source = {quoted(frame.source)} AND frame = {quoted(frame.frame)}"


def _of(sighting: Sighting) -> str:
    return f"source = {quoted(sighting.source)} AND frame = {quoted(sighting.frame)} AND index = {sighting.index}"
