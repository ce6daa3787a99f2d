"""The page of `personsearch find`: the verdict, the probe, a timeline, and the sightings as cards."""

from collections.abc import Callable, Sequence
from operator import itemgetter

import numpy as np

from search.gallery.gallery import Gallery
from search.gallery.originals import read_original
from search.gallery.sightings import NO_CAMERA, Sighting
from search.pages import drawing
from search.pages.page import (
    CONTEXT_QUALITY,
    CONTEXT_SIDE,
    Image,
    MarkedBox,
    Picture,
    data_uri,
    image_uri,
    mark,
    rendered,
)
from search.query.results import RankedSightings
from search.query.verdict import UNDECIDED

FRAMES_IN_CONTEXT = 24
MOST_EMPTY_LANES = 12
SHORTEST_BAR = 0.06


def find_page(
    results: RankedSightings,
    gallery: Gallery,
    probe_image: Image | Sequence[Image],
    *,
    title: str = "Person search",
    note: str = "",
    probe_frame: Picture | None = None,
    frames_in_context: int = FRAMES_IN_CONTEXT,
    read_frame: Callable[[Sighting], Image | None] | None = None,
) -> str:
    """The answer of a search as HTML: the verdict, the probe, a timeline, and the sightings as cards.

    Args:
        results: The answer of `PersonSearch.find`.
        gallery: The gallery that was searched, which keeps the cut-out picture of each sighting.
        probe_image: The person looked for, one picture or several, (H, W, 3) uint8 RGB.
        title: The heading of the page.
        note: A line below the heading, for example the filters.
        probe_frame: The frame that the probe was taken from, with its box.
        frames_in_context: How many of the best sightings show their whole frame when they are opened; each adds about
            100 KB to the page.
        read_frame: Gives the frame of a sighting, or None where there is none any more. The default reads the footage
            again, and shows a frame only where the sighting's box still has the pixels of its stored cut-out.
    """
    probes = [probe_image] if isinstance(probe_image, np.ndarray) else list(probe_image)
    frames = _FramePictures(read_frame or (lambda one: read_original(one, gallery.cutout(one.cutout))))
    cards = [
        {
            "rank": rank,
            "sighting": sighting,
            "bar": bar,
            "level": results.level_of(sighting),
            "camera": NO_CAMERA if sighting.camera is None else sighting.camera,
            "time": results.zones.display(sighting.timestamp, sighting.camera),
            "box": ", ".join(f"{value:.0f}" for value in sighting.box),
            "cutout": data_uri(gallery.cutout(sighting.cutout)),
            "context": frames.picture(sighting) if rank <= frames_in_context else None,
        }
        for rank, (sighting, bar) in enumerate(zip(results, _bars(results), strict=True), start=1)
    ]
    cameras = gallery.cameras()
    return rendered(
        "find.html.j2",
        title=title,
        note=note,
        probes=[image_uri(probe, 420) for probe in probes],
        probe_frame=probe_frame,
        results=results,
        cards=cards,
        undecided=UNDECIDED,
        timeline=drawing.timeline(
            results,
            cameras if len(cameras) <= MOST_EMPTY_LANES else (),
            ordered_by=results.ordered_by,
            zones=results.zones,
        ),
        facts=_facts(results),
    )


class _FramePictures:
    """Frames as pictures with one box; a frame that several sightings share is read and encoded once."""

    def __init__(self, read_frame: Callable[[Sighting], Image | None]) -> None:
        self._read = read_frame
        self._encoded: dict[tuple[str, str], str | None] = {}

    def picture(self, sighting: Sighting) -> dict[str, object] | None:
        """The frame of a sighting as the page draws it, None where it cannot be read any more."""
        key = (sighting.source, sighting.frame)
        if key not in self._encoded:
            image = self._read(sighting)
            self._encoded[key] = None if image is None else image_uri(image, CONTEXT_SIDE, CONTEXT_QUALITY)
        uri = self._encoded[key]
        if uri is None:
            return None
        marked = mark(MarkedBox(sighting.box), sighting.frame_width)
        return {"uri": uri, "width": sighting.frame_width, "height": sighting.frame_height, "marks": [marked]}


def _bars(results: RankedSightings) -> list[float]:
    """The length of each bar, from 0 to 1: similarities lie close together, so the lowest one begins the scale."""
    scores = np.array([sighting.score for sighting in results], dtype=np.float64)
    span = np.ptp(scores) if len(scores) else 0.0
    if span == 0:
        return [1.0] * len(scores)
    lengths: list[float] = (SHORTEST_BAR + (1 - SHORTEST_BAR) * (scores - scores.min()) / span).tolist()
    return lengths


def _facts(results: RankedSightings) -> list[tuple[str, str]]:
    """The lines that stand beside the probe, each as its label and its value."""
    facts = [("sightings shown", f"{len(results):,} of {results.searched:,} compared")]
    if not results:
        return facts
    facts.append((f"best {results.ordered_by}", f"{results[0].score:.3f} (no percentage)"))
    cameras = sorted({NO_CAMERA if one.camera is None else one.camera for one in results})
    facts.append(("cameras", ", ".join(cameras[:8]) + (f" and {len(cameras) - 8} more" if len(cameras) > 8 else "")))
    timed = [(one.timestamp, one.camera) for one in results if one.timestamp is not None]
    if timed:
        # Each in the zone of the camera that saw it, as on its card.
        earliest, latest = (results.zones.display(*end(timed, key=itemgetter(0))) for end in (min, max))
        facts += [("earliest of them", earliest), ("latest of them", latest)]
    return facts
