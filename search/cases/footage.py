"""The footage around a sighting: the frames of its video, or the pictures of its camera, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.footage.names import VIDEO_MARK, file_of, moment_named
from datasets.footage.videos import frames_from, video_rate
from datasets.images import ImageError, read_image
from search.gallery.filters import quoted
from search.gallery.gallery import Gallery
from search.gallery.originals import read_original, split_location
from search.gallery.sightings import Sighting
from search.gallery.tables import readable

MOST_RATE = 30.0
"""A video with more frames a second is shown with so many."""

LEAST_RATE = 10.0
"""A film of fewer pictures a second repeats them, so that players find every moment of it."""

LONGEST_PICTURE = 1.5
"""Seconds that one picture is shown at most, so that a film does not stand still where a camera paused."""

Image = NDArray[np.uint8]


class NoFootage(ValueError):
    """The frames around a sighting cannot be read again; the text says why, in one line."""


@dataclass(frozen=True, eq=False)
class Moment:
    """One frame of the footage.

    Args:
        offset: Seconds from the sighting, negative before it.
        image: (H, W, 3) uint8 RGB, as large as the frame of the sighting.
        length: Seconds until the next frame, more than 0.
    """

    offset: float
    image: Image
    length: float


@dataclass(frozen=True)
class FootageAround:
    """The frames of the recording that a sighting comes from, from some seconds before it to some after.

    Args:
        sighting: The sighting.
        before: Seconds before it, 0 or more.
        after: Seconds after it, 0 or more.
        step: Seconds between two frames of a video; for pictures, between two frames of the film.
        pictures: Offset and file of each frame where the footage is single pictures; empty for a video.
    """

    sighting: Sighting
    before: float
    after: float
    step: float
    pictures: tuple[tuple[float, Path], ...] = ()

    @property
    def rate(self) -> float:
        """Frames a second of a film that shows all there is to see."""
        return max(1.0, float(np.ceil(LEAST_RATE * self.step - 1e-9))) / self.step

    def moments(self) -> Iterator[Moment]:
        """The frames in the order of time. Pictures that cannot be read any more are passed over."""
        return self._of_pictures() if self.pictures else self._of_video()

    def _of_pictures(self) -> Iterator[Moment]:
        ends = [offset for offset, _ in self.pictures[1:]]
        last = self.pictures[-1][0] + min(1.0, LONGEST_PICTURE)
        for (offset, file), end in zip(self.pictures, [*ends, last], strict=True):
            try:
                image = read_image(file)
            except ImageError:
                continue
            if image.shape[:2] == (self.sighting.frame_height, self.sighting.frame_width):
                yield Moment(offset, image, float(np.clip(end - offset, 1 / LEAST_RATE, LONGEST_PICTURE)))

    def _of_video(self) -> Iterator[Moment]:
        file, seconds, rate = video_place(self.sighting)
        start, end = max(0.0, seconds - self.before), seconds + self.after
        length, due = self.step, start
        for at, film in frames_from(file, start, rate):
            if at > end + 1e-6:
                return
            if at >= due - 0.25 * length:  # of two frames nearer than the rate allows, the first
                due = max(due + length, at + 0.5 * length)
                yield Moment(at - seconds, film.retrieve(), length)


def footage_around(gallery: Gallery, sighting: Sighting, *, before: float, after: float) -> FootageAround:
    """Find the footage around a sighting, and check that it still shows what was indexed.

    Args:
        gallery: The gallery of the sighting.
        sighting: The sighting.
        before: Seconds before it, 0 or more.
        after: Seconds after it, 0 or more.

    Raises:
        NoFootage: The file is not there any more, shows something else now, or was a stream, which nobody keeps.
    """
    if sighting.location is None:
        raise NoFootage(
            f"the frames around {sighting.frame} came from a stream, which is not kept; index recordings to have them"
        )
    file, moment = split_location(sighting.location)
    if not file_of(file).is_file():
        raise NoFootage(f"{file} is not there any more, so its frames cannot be shown; put it back where it was")
    if read_original(sighting, gallery.cutout(sighting.cutout)) is None:
        raise NoFootage(f"{file} shows something else now than when it was indexed; put the old file back")
    if moment:
        return FootageAround(sighting, before, after, _video_step(file_of(file), moment_named(moment)[1]))
    pictures = tuple(_neighbors(gallery, sighting, before, after))
    return FootageAround(sighting, before, after, 1 / LEAST_RATE, pictures or ((0.0, file_of(file)),))


def video_place(sighting: Sighting) -> tuple[Path, float, float | None]:
    """The video file of a sighting, the second in it, and its rate where that was told because it holds no times."""
    file, moment = split_location(sighting.location or "")
    return file_of(file), *moment_named(moment)


def same_footage_sql(sighting: Sighting) -> str:
    """The condition that a row of a gallery was filmed by the sighting's camera in the same recording."""
    conditions = [f"source = {quoted(sighting.source)}"]
    camera = sighting.camera
    conditions.append("camera IS NULL" if camera is None else f"camera = {quoted(camera)}")
    file, moment = split_location(sighting.location or "")
    if moment:
        conditions.append(f"starts_with(location, {quoted(file + VIDEO_MARK)})")
    return " AND ".join(conditions)


def offsets_of(rows: list[dict[str, Any]], sighting: Sighting) -> list[float | None]:
    """Seconds of rows of the sighting's recording from the sighting; None where nobody knows.

    Args:
        rows: With the columns location, timestamp and frame.
        sighting: The sighting.
    """
    if sighting.location is not None and split_location(sighting.location)[1]:
        own = video_place(sighting)[1]
        return [moment_named(row["location"].rpartition(VIDEO_MARK)[2])[0] - own for row in rows]
    if sighting.timestamp is None:
        return [0.0 if row["frame"] == sighting.frame else None for row in rows]
    return [None if row["timestamp"] is None else row["timestamp"] - sighting.timestamp for row in rows]


def offset_of(other: Sighting, sighting: Sighting) -> float | None:
    """Seconds of one sighting from another of the same recording; None where nobody knows."""
    row = {"location": other.location, "timestamp": other.timestamp, "frame": other.frame}
    return offsets_of([row], sighting)[0]


def _neighbors(gallery: Gallery, sighting: Sighting, before: float, after: float) -> list[tuple[float, Path]]:
    """Offset and file of the pictures that the sighting's camera took around it, in the order of time."""
    frames = gallery.frames
    with readable(gallery.path):
        where = same_footage_sql(sighting)
        if sighting.timestamp is not None:
            first, last = sighting.timestamp - before, sighting.timestamp + after
            where += f" AND timestamp >= {first!r} AND timestamp <= {last!r}"
        else:
            where += f" AND frame = {quoted(sighting.frame)}"
        rows = frames.search().where(where).select(["frame", "location", "timestamp"]).to_list()
    pairs = zip(offsets_of(rows, sighting), rows, strict=True)
    timed = [(offset, row["location"]) for offset, row in pairs if offset is not None and row["location"] is not None]
    return [(offset, file_of(location)) for offset, location in sorted(timed)]


def _video_step(file: Path, told_rate: float | None) -> float:
    """Seconds between two frames of a video, as far as they are shown."""
    told = told_rate or video_rate(file)
    if not 0.02 <= told <= 1000:  # nonsense, or none stated
        told = 25.0
    return float(np.ceil(told / MOST_RATE)) / told
