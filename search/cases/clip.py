"""A clip: the seconds around a sighting as a film, with the person's box and the time drawn into it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from search.cases.film import Film, film
from search.cases.footage import FootageAround, Image, footage_around
from search.cases.way import Way, way_of
from search.gallery.gallery import Gallery
from search.gallery.sightings import ClockZones, Sighting, printable
from search.pages.lettering import ACCENT, Color, band_height, draw_band, draw_box

LONGEST_SIDE = 1280
"""Pixels of the longest side of a film at most; larger footage is made smaller."""

SHORTEST_SIDE = 854
"""Pixels of the longest side of a film at least, so that its words can be read; smaller footage is enlarged."""

LONGEST_CLIP = 600.0
"""Seconds: a clip is for looking at a moment, not for copying a recording."""


@dataclass(frozen=True)
class Clip:
    """What was written.

    Args:
        seconds: How long the clip is.
        frames: How many frames it has.
        width: Pixels.
        height: Pixels.
    """

    seconds: float
    frames: int
    width: int
    height: int


def write_clip(
    path: Path,
    gallery: Gallery,
    sighting: Sighting,
    *,
    seconds: float = 10.0,
    label: str = "",
    on_progress: Callable[[int, int], None] | None = None,
) -> Clip:
    """Write the seconds around a sighting as an MP4 file that browsers play, whole or not at all.

    The box follows the person: it stands where the gallery has the person, and between two sightings on the straight
    line from one to the other. Before and after the walk that the sighting belongs to there is no box.

    Args:
        path: The file, which should end in .mp4. Its folder must exist.
        gallery: The gallery of the sighting.
        sighting: The sighting, which is in the middle of the clip.
        seconds: How long the clip is, from more than 0 to 600; shorter where the recording begins or ends.
        label: A few words on the box.
        on_progress: Called with the seconds that are done, and all seconds, both whole numbers.

    Raises:
        NoFootage: The frames cannot be read again, see `footage_around`.
        OSError: The file cannot be written.
        ValueError: The number of seconds is out of its range.
    """
    if not 0 < seconds <= LONGEST_CLIP:
        raise ValueError(f"a clip of {seconds} seconds, expected more than 0 and at most {LONGEST_CLIP:g}")
    half = seconds / 2
    footage = footage_around(gallery, sighting, before=half, after=half)
    way = way_of(gallery, sighting, before=half, after=half)
    width, height = film_size(sighting.frame_width, sighting.frame_height)
    with film(path, width=width, height=height, rate=footage.rate) as written:
        zones = ClockZones.known(gallery.description.cameras)
        show_footage(written, footage, [Followed(way, label)], zones=zones, on_progress=on_progress)
    return Clip(written.seconds, written.frames, written.width, written.height)


@dataclass(frozen=True, eq=False)
class Followed:
    """A person whose box is drawn.

    Args:
        way: Where the person was, in seconds from the sighting of the footage.
        label: A few words on the box.
        color: RGB of the box.
    """

    way: Way
    label: str = ""
    color: Color = ACCENT


def show_footage(
    written: Film,
    footage: FootageAround,
    followed: Sequence[Followed],
    *,
    note: str = "",
    zones: ClockZones = ClockZones(),  # noqa: B008 - frozen
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Add footage to a film, with the boxes of people, the camera and the time drawn into every frame.

    Args:
        written: The film; frames of another form get bars at their sides.
        footage: The footage.
        followed: The people; who stands first is drawn on top.
        note: A few words beside the camera.
        zones: In which time zones the time is shown.
        on_progress: Called with the seconds that are done, and all seconds, both whole numbers.
    """
    sighting, start, offset = footage.sighting, written.seconds, None
    band = band_below(written.width, written.height)
    picture_height = written.height - band
    framed = np.zeros((written.height, written.width, 3), dtype=np.uint8)
    words = " · ".join(filter(None, (camera_words(sighting), note)))
    for moment in footage.moments():
        offset = moment.offset if offset is None else offset
        image, scale, corner = fitted(moment.image, written.width, picture_height)
        for person in reversed(followed):
            box = person.way.at(moment.offset)
            if box is not None:
                draw_box(image, box * scale + np.tile(corner, 2), person.color, person.label)
        framed[:picture_height] = image
        draw_band(framed, words, time_words(sighting, moment.offset, zones), band)
        written.show(framed, start + moment.offset - offset + moment.length)
        if on_progress is not None:
            total = footage.before + footage.after
            on_progress(min(round(moment.offset + footage.before), round(total)), round(total))


def film_size(width: int, height: int) -> tuple[int, int]:
    """The width and height of a film for frames of this size, even numbers of pixels, with the band below them."""
    longest = max(width, height)
    scale = min(LONGEST_SIDE, max(SHORTEST_SIDE, longest)) / longest
    wide, tall = max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
    return wide, tall + band_height(tall, wide)


def band_below(width: int, height: int) -> int:
    """The height in pixels of the band at the lower edge of a film of this size, as `film_size` made it."""
    return next(band for band in range(2, height, 2) if band_height(height - band, width) <= band)


def fitted(image: Image, width: int, height: int) -> tuple[Image, float, tuple[float, float]]:
    """A frame in the middle of a picture of another size, as large as it fits, with black bars where it does not.

    Args:
        image: (H, W, 3) uint8 RGB.
        width: Pixels of the picture.
        height: Pixels of the picture.

    Returns:
        The picture (height, width, 3), by how much the frame grew, and the place of its left upper corner.
    """
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (min(width, max(1, round(image.shape[1] * scale))), min(height, max(1, round(image.shape[0] * scale))))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    inner = cv2.resize(image, size, interpolation=how)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    whole = np.zeros((height, width, 3), dtype=np.uint8)
    whole[top : top + size[1], left : left + size[0]] = inner
    return whole, scale, (float(left), float(top))


def camera_words(sighting: Sighting) -> str:
    """The camera of a sighting as films and montages name it."""
    return "unknown camera" if sighting.camera is None else f"camera {printable(sighting.camera)}"


def time_words(sighting: Sighting, offset: float = 0.0, zones: ClockZones = ClockZones()) -> str:  # noqa: B008 - frozen
    """The time some seconds after a sighting, for people; empty where no time is known."""
    return "" if sighting.timestamp is None else zones.display(sighting.timestamp + offset, sighting.camera)
