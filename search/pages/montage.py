"""The answer of a search as one picture: the person looked for, and the ranked sightings with camera, time and rank."""

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from datasets.boxes import cut
from datasets.images import ImageError, decode_image
from search.gallery.gallery import Gallery
from search.gallery.originals import read_original
from search.gallery.sightings import Sighting, printable
from search.pages.lettering import POSSIBLE, RIGHT, Color, shortened, text_width, write_text
from search.query.results import RankedSightings
from search.query.verdict import UNDECIDED

Image = NDArray[np.uint8]

PAGE: Color = (245, 246, 248)
CARD: Color = (255, 255, 255)
SUNKEN: Color = (236, 238, 242)
LINE: Color = (223, 226, 232)
TEXT: Color = (27, 30, 36)
SOFT: Color = (93, 102, 115)

TILE_WIDTH, PICTURE_HEIGHT, WORDS_HEIGHT = 200, 260, 74
MARGIN, GAP, PAD = 28, 14, 10
HEAD_HEIGHT = 170
MOST_COLUMNS, FEWEST_COLUMNS = 8, 4
MOST_PROBES = 4
FEWEST_PIXELS = 8

LEVEL_COLORS = {"match": RIGHT, "possible": POSSIBLE}


def montage(
    answer: RankedSightings,
    gallery: Gallery,
    probes: Sequence[Image],
    *,
    note: str = "",
    read_frame: Callable[[Sighting], Image | None] | None = None,
) -> Image:
    """Draw the answer of a search as one picture.

    Args:
        answer: The answer; its order is the order of the tiles.
        gallery: The gallery that was searched, which keeps a small picture of each sighting.
        probes: The pictures of the person looked for, (H, W, 3) uint8 RGB; the first four are shown.
        note: A line of the head, for example the filters.
        read_frame: Gives the frame of a sighting, or None. The default reads the footage again, for a sharper picture.

    Returns:
        (H, W, 3) uint8 RGB; its width and height depend on how many sightings there are.
    """
    read = read_frame or (lambda one: read_original(one, gallery.cutout(one.cutout)))
    columns = int(np.clip(math.ceil(math.sqrt(1.7 * len(answer))), FEWEST_COLUMNS, MOST_COLUMNS))
    rows = math.ceil(len(answer) / columns)
    tall = PICTURE_HEIGHT + WORDS_HEIGHT
    width = 2 * MARGIN + columns * TILE_WIDTH + (columns - 1) * GAP
    height = 2 * MARGIN + HEAD_HEIGHT + rows * (tall + GAP)
    sheet = np.full((height, width, 3), PAGE, dtype=np.uint8)
    _draw_head(sheet, answer, probes, note)
    for place, sighting in enumerate(answer):
        left = MARGIN + place % columns * (TILE_WIDTH + GAP)
        top = MARGIN + HEAD_HEIGHT + GAP + place // columns * (tall + GAP)
        tile = sheet[top : top + tall, left : left + TILE_WIDTH]
        _draw_tile(tile, sighting, place + 1, answer, _person(sighting, gallery, read))
    return sheet


def as_png(image: Image) -> bytes:
    """A picture (H, W, 3) uint8 RGB as the bytes of a PNG file."""
    target = io.BytesIO()
    PillowImage.fromarray(image).save(target, "PNG")
    return target.getvalue()


def _draw_head(sheet: Image, answer: RankedSightings, probes: Sequence[Image], note: str) -> None:
    """The person looked for at the left, and the verdict beside."""
    left = MARGIN
    for probe in probes[:MOST_PROBES]:
        place = sheet[MARGIN : MARGIN + HEAD_HEIGHT, left : left + 120]
        if place.shape[1] == 120:
            place[:] = SUNKEN
            _put(place, probe)
            left += 120 + PAD
    left += PAD
    room = sheet.shape[1] - left - MARGIN
    lines: list[tuple[str, int, Color, bool]] = [("Person search", 26, TEXT, True)]
    if answer.verdict is not None:
        level = answer.verdict.level
        words = level if level == UNDECIDED else f"{level}: {answer.verdict.similarity:.3f}"
        lines.append((words[0].upper() + words[1:], 20, LEVEL_COLORS.get(level, SOFT), True))
    lines.append((f"{len(answer):,} sightings shown, of {answer.searched:,} compared", 16, TEXT, False))
    lines += [(note, 14, SOFT, False)] if note else []
    lines.append((f"The {answer.ordered_by} orders the sightings; it is no probability of a match.", 13, SOFT, False))
    top = MARGIN
    for text, size, color, bold in lines:
        write_text(sheet, shortened(text, room, size, bold=bold), (left, top), size, color, bold=bold)
        top += round(1.55 * size)


def _draw_tile(tile: Image, sighting: Sighting, rank: int, answer: RankedSightings, person: Image | None) -> None:
    """One sighting: its picture, and below it rank, camera, similarity, time and verdict."""
    tile[:] = CARD
    picture = tile[:PICTURE_HEIGHT]
    picture[:] = SUNKEN
    if person is None:
        write_text(picture, "no picture", (PAD, PICTURE_HEIGHT // 2), 14, SOFT)
    else:
        _put(picture, person)
    _draw_rank(picture, str(rank))
    cv2.rectangle(tile, (0, 0), (tile.shape[1] - 1, tile.shape[0] - 1), LINE, 1)
    level = answer.level_of(sighting)
    shown = level if level is not None and level != UNDECIDED else ""
    if shown:
        cv2.rectangle(tile, (0, PICTURE_HEIGHT), (tile.shape[1] - 1, PICTURE_HEIGHT + 3), LEVEL_COLORS[shown], -1)
    score = f"{sighting.score:.3f}"
    room = TILE_WIDTH - 2 * PAD
    top = PICTURE_HEIGHT + PAD
    camera = "unknown camera" if sighting.camera is None else printable(sighting.camera)
    camera = f"camera {camera}" if camera.isdigit() else camera
    right = text_width(score, 15, bold=True)
    write_text(tile, shortened(camera, room - right - 6, 15, bold=True), (PAD, top), 15, TEXT, bold=True)
    write_text(tile, score, (TILE_WIDTH - PAD - right, top), 15, TEXT, bold=True)
    time = answer.zones.display(sighting.timestamp, sighting.camera) if sighting.timestamp is not None else "no time"
    write_text(tile, shortened(time, room, 13), (PAD, top + 22), 13, SOFT)
    write_text(tile, shown, (PAD, top + 41), 13, LEVEL_COLORS.get(shown, SOFT), bold=True)


def _draw_rank(picture: Image, rank: str) -> None:
    """The rank on a dark ground in the upper left corner."""
    width = text_width(rank, 14, bold=True) + 2 * 7
    picture[8:30, 8 : 8 + width] = (10, 12, 16)
    write_text(picture, rank, (15, 10), 14, CARD, bold=True)


def _person(sighting: Sighting, gallery: Gallery, read: Callable[[Sighting], Image | None]) -> Image | None:
    """The pixels of a sighting's box: of the frame where it is there, else the small picture that the gallery keeps."""
    frame = read(sighting)
    if frame is not None:
        person = cut(frame, sighting.box)
        if min(person.shape[:2]) >= FEWEST_PIXELS:
            return person
    kept = gallery.cutout(sighting.cutout)
    try:
        return None if not kept else decode_image(kept, Path("cut-out"))
    except ImageError:
        return None


def _put(place: Image, picture: Image) -> None:
    """Draw a picture into the middle of a place, as large as it fits."""
    scale = min(place.shape[1] / picture.shape[1], place.shape[0] / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = (place.shape[1] - size[0]) // 2, (place.shape[0] - size[1]) // 2
    place[max(0, top) : top + size[1], max(0, left) : left + size[0]] = resized[: place.shape[0], : place.shape[1]]
