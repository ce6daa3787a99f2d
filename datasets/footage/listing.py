"""Frames that are named before they are decoded, so that several processes can each decode some of them.

The frames of a picture file are as they always are. Those of a video are found by reading it through without decoding,
and a process that is given some of them begins at the key frame before the first. A video in which anything is unusual
is not cut: its frames stay together, and whoever is given them reads it as `video_items` does.
"""

import dataclasses
import itertools
import logging
import math
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.footage.film import Film, FrameError, picture
from datasets.footage.sparse import SparseFilm, Unclear
from datasets.footage.start_times import FileRates
from datasets.footage.videos import (
    Failures,
    FrameCount,
    Item,
    Picking,
    frame_at,
    frames_from,
    readable_film,
    video_item,
    video_items,
)

DAMAGED = "some of its frames could not be decoded: the file is damaged or cut off; copy it again"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Moment:
    """Where a listed frame of a video is; calling it decodes this frame alone.

    Args:
        path: The video file.
        picking: How the frames of the video are chosen and called.
        seconds: When the frame is shown, from the start of the video.
        begins: When the key frame is shown at which decoding it begins.
        until: When the next listed frame is shown. Where this frame cannot be decoded, one before that time stands in.
        whole: Whether the video must be read from its start, because it is unusual or damaged.
    """

    path: Path
    picking: Picking
    seconds: float
    begins: float = 0.0
    until: float = math.inf
    whole: bool = False

    def __call__(self) -> NDArray[np.uint8]:
        """The picture (H, W, 3) uint8 RGB.

        Raises:
            FrameError: The frame cannot be decoded.
        """
        image = frame_at(self.path, self.seconds, self.picking.recorded_rate)
        if image is None:
            raise FrameError("the frame cannot be decoded")
        return image


def listed_items(
    path: Path, failures: Failures, picking: Picking, rates: FileRates | None = None
) -> Generator[Item, None, float]:
    """Name the frames that `video_items` gives, without decoding them.

    A video in which anything is unusual is decoded all the same, to find out which frames it gives.

    Args:
        path: The video file.
        failures: A list to which (name, reason) of what could not be read is appended.
        picking: Which frames are taken, and what they are called.
        rates: As for `video_items`.

    Returns:
        Items whose `decode` is a `Moment`; they can be sent to another process, which reads them by `read_listed`. The
        generator's value at its end is how many seconds the video lasts, 0 where it does not open.
    """
    with readable_film(path, failures, picking, rates) as (target, film):
        if film is None:
            return 0.0
        told: list[tuple[float, float]] = []

        def note(seconds: float, begins: float) -> bool:
            told.append((seconds, begins))
            return False

        sparse = SparseFilm(film, picking.every_seconds, note)
        try:
            for _ in sparse.frames():
                pass
            clear = not film.is_counted and not FrameCount(film.declared, target, sparse.count).loss()
        except Unclear as error:
            _log.info("%s: not cut into slices (%s)", picking.name, error)
            clear = False
        length = sparse.length
    if clear:
        ends = [*(seconds for seconds, _ in told[1:]), math.inf]
        moments = [
            Moment(path, picking, seconds, begins, until) for (seconds, begins), until in zip(told, ends, strict=True)
        ]
        if not moments or _is_found(moments[len(moments) // 2]):
            yield from (video_item(picking, film, moment.seconds, moment) for moment in moments)
            return length
    items = video_items(path, failures, picking)
    while True:
        try:
            item = next(items)
        except StopIteration as end:
            return float(end.value)
        yield dataclasses.replace(item, decode=Moment(path, picking, _seconds_in(item, picking), whole=True))


def together(items: Iterator[Item]) -> Iterator[list[Item]]:
    """Group items that one process must read: the frames of a video that is read as a whole, else each alone.

    Args:
        items: Listed items in their order.
    """
    for video, run in itertools.groupby(items, lambda item: _film_of(item, whole=True)):
        if video is None:
            yield from ([item] for item in run)
        else:
            yield list(run)


def read_listed(items: Sequence[Item], failures: Failures) -> Iterator[Item]:
    """Read listed items in their order, the frames of one video in one go.

    A frame that is damaged is replaced by the next one that can be decoded before the next listed frame, as
    `video_items` does it; where there is none the frame is left out. The file is then among the failures.

    Args:
        items: Items as `listed_items` gives them, and those of pictures.
        failures: A list to which (name, reason) of what could not be read is appended.

    Returns:
        Items that can be decoded, each until the next one is asked for.
    """
    for video, run in itertools.groupby(items, _film_of):
        if video is None:
            yield from run
            continue
        own = list(run)
        moment = _moment(own[0])
        if not moment.whole:
            yield from _in_one_go(own, failures)
            continue
        wanted = {item.name for item in own}
        # What the file lost is known since it was listed.
        yield from (item for item in video_items(moment.path, [], moment.picking) if item.name in wanted)


def _in_one_go(items: Sequence[Item], failures: Failures) -> Iterator[Item]:
    """Frames of one clear video, decoded from the key frame before the first of them."""
    rest = deque(items)
    first = _moment(items[0])
    # Seeking is not exact in every kind of file, but reading from the start is.
    for seeking in (True, False) if first.begins else (False,):
        with readable_film(first.path, failures, first.picking) as (_, film):
            if film is None:
                return
            if seeking and not film.seek(first.begins):
                continue
            try:
                yield from _passing(film, rest)
            except Unclear as error:
                _log.info("%s: %s", first.picking.name, error)
        if not rest:
            return
    damaged = False
    for item in rest:
        moment, found = _moment(item), False
        with closing(frames_from(moment.path, moment.seconds, moment.picking.recorded_rate)) as near:  # type: ignore[type-var]
            for seconds, film in near:
                found = seconds < moment.until
                if found:
                    damaged = damaged or film.failures > 0 or seconds > moment.seconds
                    yield video_item(moment.picking, film, seconds, film.retrieve)
                break
        damaged = damaged or not found
    if damaged:
        failures.append((first.picking.name, DAMAGED))


def _is_found(moment: Moment) -> bool:
    """Whether decoding can begin at a key frame: a film that is renewed bit by bit has none."""
    with readable_film(moment.path, [], moment.picking) as (_, film):
        if film is None or (moment.begins and not film.seek(moment.begins)):
            return False
        try:
            return bool(list(_passing(film, deque([video_item(moment.picking, film, moment.seconds, moment)]))))
        except Unclear as error:
            _log.info("%s: %s", moment.picking.name, error)
            return False


def _passing(film: Film, rest: deque[Item]) -> Iterator[Item]:
    """Take frames from the left as they pass, decoded.

    Raises:
        Unclear: The film does not begin where it should, or is damaged; what was taken until then is right.
    """
    begins = {moment.seconds: moment.begins for moment in map(_moment, rest)}

    def wants(seconds: float, key: float) -> bool:
        if seconds in begins and begins[seconds] != key:
            raise Unclear("sought past the key frame")
        return seconds in begins

    for seconds, frame in SparseFilm(film, 0, wants).frames():
        if seconds != _moment(rest[0]).seconds:
            raise Unclear("a frame was passed")
        yield dataclasses.replace(rest.popleft(), decode=partial(picture, frame))
        if not rest:
            return


def _moment(item: Item) -> Moment:
    assert isinstance(item.decode, Moment)  # of a video, else nobody asks
    return item.decode


def _film_of(item: Item, *, whole: bool = False) -> tuple[Path, bool] | None:
    """Which video an item is of, None for a picture; with `whole` also for videos that are cut."""
    if not isinstance(item.decode, Moment) or (whole and not item.decode.whole):
        return None
    return item.decode.path, item.decode.whole


def _seconds_in(item: Item, picking: Picking) -> float:
    """The seconds from the start of its video of an item whose time counts from the video's start."""
    return (item.timestamp or 0.0) - (picking.start_time or 0.0)
