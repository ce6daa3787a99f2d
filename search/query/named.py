"""Sightings and frames by the names that an answer prints, so that what was found can be searched on from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.footage.names import file_of, moment_named
from datasets.footage.videos import frame_at
from datasets.images import MOST_PIXELS, ImageError, read_image
from search.gallery.filters import quoted
from search.gallery.gallery import Gallery
from search.gallery.originals import shows, split_location
from search.gallery.sightings import Sighting
from search.gallery.tables import readable, sighting_of

Image = NDArray[np.uint8]
FrameName = tuple[str, str]
"""The source and the name of a frame in a gallery."""


def sighting_named(gallery: Gallery, name: str) -> Sighting:
    """One sighting of a gallery: FRAME#NUMBER, as answers give it in JSON ("id"), or FRAME where one person is seen.

    Args:
        gallery: The gallery.
        name: The frame as tables of answers print it, with or without the number of the person in it.

    Raises:
        ValueError: The gallery has no such sighting, or several.
    """
    frame, mark, number = name.rpartition("#")
    names = {name: None} | ({frame: int(number)} if mark and number.isdecimal() else {})
    with readable(gallery.path):
        listed = ", ".join(map(quoted, names))
        rows = gallery.table.search().where(f"frame IN ({listed})").limit(1000).to_list()
    found = [sighting_of(row, 0.0) for row in rows if names[row["frame"]] in (None, row["index"])]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ValueError(
            f"gallery {gallery.path} has no sighting {name!r}; name one as an answer does: the frame, and after # the "
            "number of the person in it"
        )
    if len({one.source for one in found}) > 1:
        raise ValueError(
            f"{name!r} is a frame of several sources of gallery {gallery.path}; give --frame FILE and --box"
        )
    ways = "; ".join(f"{one.id} at {','.join(f'{side:.0f}' for side in one.box)}" for one in found[:8])
    raise ValueError(f"{name!r} shows {len(found)} people; say which one: {ways}")


def read_named(gallery: Gallery, name: str | Path, *, max_pixels: int = MOST_PIXELS) -> tuple[Image, list[FrameName]]:
    """A whole frame: a picture file, the moment of a video file (clip.mp4#t=12.5), or a frame of the gallery by name.

    Args:
        gallery: The gallery.
        name: The file, or the frame as tables of answers print it.
        max_pixels: A picture file with more pixels is refused.

    Returns:
        (H, W, 3) uint8 RGB, and which frame of the gallery it is where it was named so.

    Raises:
        datasets.images.ImageError: There is no such picture or frame, or it cannot be read.
    """
    path, own = str(name), list[FrameName]()
    if not Path(path).exists() and not _moment(path):
        with readable(gallery.path):
            columns = ["source", "frame", "location"]
            rows = gallery.frames.search().where(f"frame = {quoted(path)}").select(columns).to_list()
        places = {row["location"] for row in rows if row["location"] is not None}
        if len(places) == 1:
            own, path = [(row["source"], row["frame"]) for row in rows], places.pop()
    moment = _moment(path)
    if moment is None:
        return read_image(file_of(path), max_pixels=max_pixels), own
    try:
        image = frame_at(file_of(moment[0]), *moment[1:])
    except (OSError, ValueError) as error:
        raise ImageError(Path(path), str(error)) from None
    if image is None:
        raise ImageError(Path(path), f"the video has no frame at {moment[1]:g} s")
    return image, own


def frames_that_show(gallery: Gallery, image: Image, sightings: Sequence[Sighting]) -> list[FrameName]:
    """The frames of some sightings that are this very picture, under whatever name and in whatever folder it lies.

    Args:
        gallery: The gallery that stores the pictures of the sightings.
        image: (H, W, 3) uint8 RGB, a whole frame.
        sightings: Those that may be of this picture: the best of an answer.
    """
    found: dict[FrameName, None] = {}
    for one in sightings:
        key = (one.source, one.frame)
        if key in found or image.shape[:2] != (one.frame_height, one.frame_width):
            continue
        cutout = gallery.cutout(one.cutout)
        if cutout and shows(image, one, cutout):
            found[key] = None
    return list(found)


def _moment(path: str) -> tuple[str, float, float | None] | None:
    """The video file, the second in it, and its told rate; None for what names no moment of a file that is there."""
    file, moment = split_location(path)
    try:
        second, rate = moment_named(moment)
    except ValueError:
        return None
    return (file, second, rate) if moment and Path(file).exists() else None
