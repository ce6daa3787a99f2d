"""A film that follows a person: every walk past a camera in which a search or somebody found them, in order of time."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.boxes import box_overlap
from search.cases.clip import Clip, Followed, film_size, show_footage
from search.cases.film import film
from search.cases.footage import FootageAround, NoFootage, footage_around, offset_of, same_footage_sql
from search.cases.values import CaseSighting
from search.cases.way import Way, way_of
from search.gallery.gallery import Gallery
from search.gallery.sightings import ClockZones
from search.pages.lettering import ACCENT, POSSIBLE, RIGHT, Color

REACH_SECONDS = 30.0
"""So far before and after a sighting its walk past the camera is followed."""

MARGIN_SECONDS = 1.5
"""Seconds of footage before a walk and after it."""

SAME_BOX = 0.7
"""Overlap from which on a sighting's box is the one that a walk has at that moment."""


@dataclass(frozen=True, eq=False)
class Walk:
    """A person's way past one camera.

    Args:
        best: The best of its sightings.
        way: Where the person was, in seconds from that sighting.
        sightings: All of them that were asked for, best first.
    """

    best: CaseSighting
    way: Way
    sightings: tuple[CaseSighting, ...]


@dataclass(frozen=True, eq=False)
class Scene:
    """A piece of one recording, with everybody who is followed in it.

    Args:
        anchor: The sighting from which seconds are counted.
        start: The first second, from the anchor.
        end: The last second, from the anchor.
        walks: Those who are followed, best first, each with the seconds between the anchor and its best sighting.
    """

    anchor: CaseSighting
    start: float
    end: float
    walks: tuple[tuple[float, Walk], ...]

    @property
    def time(self) -> float:
        """When it begins, in the seconds of the gallery; infinite where nobody knows."""
        timestamp = self.anchor.sighting.timestamp
        return np.inf if timestamp is None else timestamp + self.start

    @property
    def sightings(self) -> tuple[CaseSighting, ...]:
        """All sightings in it that were asked for, walk by walk."""
        return tuple(seen for _, walk in self.walks for seen in walk.sightings)


def scenes_of(gallery: Gallery, sightings: Sequence[CaseSighting]) -> tuple[Scene, ...]:
    """The pieces of the recordings that show some sightings, in the order of time.

    Sightings of one walk past a camera, as the tracker links them, are one walk. Walks at the same time past the same
    camera are one scene.

    Args:
        gallery: The gallery of the sightings.
        sightings: The sightings, best first. Walks are searched from the best on.
    """
    by_recording: dict[str, list[Walk]] = {}
    for seen in sightings:
        walks = by_recording.setdefault(same_footage_sql(seen.sighting), [])
        for place, walk in enumerate(walks):
            if _is_in(seen, walk):
                walks[place] = dataclasses.replace(walk, sightings=(*walk.sightings, seen))
                break
        else:
            way = way_of(gallery, seen.sighting, before=REACH_SECONDS, after=REACH_SECONDS)
            walks.append(Walk(seen, way, (seen,)))
    scenes = [scene for walks in by_recording.values() for scene in _joined(walks)]
    return tuple(sorted(scenes, key=lambda scene: scene.time))


def write_film(
    path: Path,
    gallery: Gallery,
    scenes: Sequence[Scene],
    *,
    zones: ClockZones | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Clip, tuple[str, ...]]:
    """Write scenes one after the other as an MP4 file that browsers play, whole or not at all.

    Args:
        path: The file, which should end in .mp4. Its folder must exist.
        gallery: The gallery of the sightings.
        scenes: What is shown, at least one.
        zones: In which time zones times are shown; None takes those of the gallery's cameras.
        on_progress: Called with the seconds that are done, and all seconds, both whole numbers.

    Returns:
        What was written, and one line for each scene that is left out because its footage cannot be read again.

    Raises:
        NoFootage: The footage of no scene can be read again.
        OSError: The file cannot be written.
    """
    zones = zones or ClockZones.known(gallery.description.cameras)
    footages: list[tuple[Scene, FootageAround]] = []
    missing: list[str] = []
    for scene in scenes:
        try:
            sighting = scene.anchor.sighting
            footages.append(
                (scene, footage_around(gallery, sighting, before=max(0.0, -scene.start), after=max(0.0, scene.end)))
            )
        except NoFootage as error:
            missing.append(str(error))
    if not footages:
        raise NoFootage(missing[0] if missing else "there is no sighting to show; search otherwise")
    width, height = max((_size(scene) for scene, _ in footages), key=lambda size: size[0] * size[1])
    total = round(sum(scene.end - scene.start for scene, _ in footages))
    with film(path, width=width, height=height, rate=max(footage.rate for _, footage in footages)) as written:
        for place, (scene, footage) in enumerate(footages, start=1):
            note = f"{place} of {len(footages)}" if len(footages) > 1 else ""
            show_footage(
                written, footage, [_followed(since, walk) for since, walk in scene.walks], note=note, zones=zones
            )
            if on_progress is not None:
                on_progress(min(round(sum(one.end - one.start for one, _ in footages[:place])), total), total)
    return Clip(written.seconds, written.frames, written.width, written.height), tuple(dict.fromkeys(missing))


def _is_in(seen: CaseSighting, walk: Walk) -> bool:
    """Whether a sighting is part of a walk: the walk has its box at its moment."""
    since = offset_of(seen.sighting, walk.best.sighting)
    if since is None:
        return False
    nearest = int(np.argmin(np.abs(np.asarray(walk.way.offsets) - since)))
    if abs(walk.way.offsets[nearest] - since) > 1e-3:
        return False
    return float(box_overlap(walk.way.boxes[nearest], np.array(seen.sighting.box))) >= SAME_BOX


def _joined(walks: Sequence[Walk]) -> list[Scene]:
    """The walks of one recording as scenes; those that overlap in time are one."""
    if not walks:
        return []
    first = walks[0].best
    spans = []
    for walk in walks:
        since = offset_of(walk.best.sighting, first.sighting)
        if since is None:  # no times: a scene of its own
            spans.append((walk.best, -MARGIN_SECONDS, MARGIN_SECONDS, 0.0, walk))
        else:
            start, end = since + walk.way.offsets[0] - MARGIN_SECONDS, since + walk.way.offsets[-1] + MARGIN_SECONDS
            spans.append((first, start, end, since, walk))
    scenes: list[Scene] = []
    for anchor, start, end, since, walk in sorted(spans, key=lambda span: span[1]):
        last = scenes[-1] if scenes else None
        if last is not None and last.anchor is anchor and start <= last.end:
            walks_there = sorted([*last.walks, (since, walk)], key=lambda one: one[1].best.rank or 0)
            scenes[-1] = dataclasses.replace(last, end=max(end, last.end), walks=tuple(walks_there))
        else:
            scenes.append(Scene(anchor, start, end, ((since, walk),)))
    return [_anchored(scene) for scene in scenes]


def _anchored(scene: Scene) -> Scene:
    """The scene with its seconds counted from a sighting in it, so that its footage is found there."""
    since, walk = scene.walks[0]
    walks = tuple((other - since, one) for other, one in scene.walks)
    return Scene(walk.best, scene.start - since, scene.end - since, walks)


def _followed(since: float, walk: Walk) -> Followed:
    """A walk as it is drawn: its seconds from the scene's anchor, rank, similarity, and the color of its verdict."""
    best = walk.best
    similarity = best.sighting.similarity
    words = [f"rank {best.rank}" if best.rank else "", "" if similarity is None else f"{similarity:.3f}"]
    way = Way(tuple(since + offset for offset in walk.way.offsets), walk.way.boxes)
    return Followed(way, " · ".join(filter(None, words)), level_color(best.level))


def level_color(level: str | None) -> Color:
    """The color of a verdict: green for a match, amber for possible, else the blue of the pages."""
    return {"match": RIGHT, "possible": POSSIBLE}.get(level or "", ACCENT)


def _size(scene: Scene) -> tuple[int, int]:
    return film_size(scene.anchor.sighting.frame_width, scene.anchor.sighting.frame_height)
