"""Where a person was from moment to moment: the sightings of one walk past a camera, and boxes between them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.cases.footage import offsets_of, same_footage_sql
from search.gallery.filters import quoted
from search.gallery.gallery import Gallery
from search.gallery.sightings import Sighting
from search.gallery.tables import EMBEDDING, readable
from search.tracks.settings import TrackerSettings
from search.tracks.tracker import Tracker

HOLD_SECONDS = 0.3
"""So long before the first and after the last sighting the box stays where it was."""

LONGEST_BRIDGE = 4.0
"""Seconds between two sightings up to which the person is taken to walk straight from one to the other."""

_COLUMNS = ["frame", "index", "location", "timestamp", "box", "detection_score", EMBEDDING]

Box = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Way:
    """Boxes of one person at some moments of a recording.

    >>> way = Way((0.0, 1.0), np.array([[0.0, 0, 10, 20], [10, 0, 20, 20]]))
    >>> way.at(0.5)
    array([ 5.,  0., 15., 20.])
    >>> way.at(2.0) is None
    True

    Args:
        offsets: Seconds from some moment, ascending; at least one.
        boxes: (N, 4) xyxy pixels, one for each offset.
    """

    offsets: tuple[float, ...]
    boxes: Box

    def at(self, offset: float) -> Box | None:
        """The box (4,) at a moment: seen, or on the straight line between two sightings; None where nobody knows."""
        place = int(np.searchsorted(self.offsets, offset))
        if place and place < len(self.offsets):
            before, after = self.offsets[place - 1], self.offsets[place]
            if after - before <= LONGEST_BRIDGE:
                share = (offset - before) / (after - before)
                return np.asarray((1 - share) * self.boxes[place - 1] + share * self.boxes[place])
        distances = np.abs(np.asarray(self.offsets) - offset)
        nearest = int(np.argmin(distances))
        return self.boxes[nearest] if distances[nearest] <= HOLD_SECONDS else None


def way_of(gallery: Gallery, sighting: Sighting, *, before: float, after: float) -> Way:
    """The person's boxes around a sighting: those sightings of its camera that the tracker links with it.

    Args:
        gallery: The gallery of the sighting.
        sighting: The sighting; its box is always part of the way, at offset 0.
        before: Seconds before it, 0 or more.
        after: Seconds after it, 0 or more.
    """
    rows = _rows(gallery, sighting, before, after)
    alone = Way((0.0,), np.array([sighting.box], dtype=np.float64))
    times = sorted(rows)
    if len(times) < 2 or 0.0 not in rows:
        return alone
    spacing = float(np.median(np.diff(times)))
    # The tracker's gap suits frames a second apart: with fewer frames a track must bridge more seconds.
    tracker = Tracker(TrackerSettings(maximum_gap=max(TrackerSettings.maximum_gap, 2.2 * spacing)))
    tracks = {time: tracker.update_arrays(time, *_people(rows[time])) for time in times}
    own = next((place for place, row in enumerate(rows[0.0]) if _is(row, sighting)), None)
    if own is None:
        return alone
    track = tracks[0.0][own]
    linked = [
        (time, rows[time][int(place)]["box"]) for time in times for place in np.flatnonzero(tracks[time] == track)[:1]
    ]
    return Way(tuple(time for time, _ in linked), np.array([box for _, box in linked], dtype=np.float64))


def _rows(gallery: Gallery, sighting: Sighting, before: float, after: float) -> dict[float, list[dict[str, Any]]]:
    """The sightings of the same recording around a sighting, by their seconds from it."""
    where = same_footage_sql(sighting)
    if sighting.timestamp is None:
        where += f" AND frame = {quoted(sighting.frame)}"
    else:
        first, last = sighting.timestamp - before - 1, sighting.timestamp + after + 1
        where += f" AND timestamp >= {first!r} AND timestamp <= {last!r}"
    with readable(gallery.path):
        found = gallery.table.search().where(where).select(_COLUMNS).to_list()
    rows: dict[float, list[dict[str, Any]]] = {}
    for offset, row in zip(offsets_of(found, sighting), found, strict=True):
        if offset is not None:
            rows.setdefault(0.0 if row["frame"] == sighting.frame else offset, []).append(row)
    return rows


def _people(rows: list[dict[str, Any]]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Rows of one frame as the tracker takes them: boxes (N, 4), confidences (N,), embeddings (N, D)."""
    boxes, scores, embeddings = (
        np.array([row[name] for row in rows], dtype=np.float32) for name in ("box", "detection_score", EMBEDDING)
    )
    return boxes, scores, embeddings


def _is(row: dict[str, Any], sighting: Sighting) -> bool:
    return (row["frame"], row["index"]) == (sighting.frame, sighting.index)
