"""Footage of any kind as frames: image files, folders, the custom layout, video files, streams, webcams."""

import contextlib
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from datasets.footage.cameras import camera_of, folders_of_time
from datasets.footage.folders import KINDS, PassedOver, SourceError, files_below
from datasets.footage.listing import listed_items, read_listed
from datasets.footage.names import written
from datasets.footage.reading import Reading
from datasets.footage.series import Key, Series
from datasets.footage.start_times import FileRates, StartTimes, camera_in_name, cameras_line
from datasets.footage.streams import StreamState, is_stream, public_name, stream_items
from datasets.footage.videos import VIDEO_SUFFIXES, Failures, Item, Picking, count_video_frames, video_items
from datasets.images import IMAGE_SUFFIXES, ImageError, read_image
from datasets.layouts.custom_records import read_images
from datasets.moments import EARLIEST_CLOCK
from datasets.samples import Camera, Frame
from datasets.storage.places import ObjectPath, place

__all__ = ["Reading", "SourceError", "count_frames", "frames_from_source", "frames_of_listed", "listed_from_source"]

_log = logging.getLogger(__name__)

Video = Callable[[Path, Failures, Picking, FileRates | None], Generator[Item, None, float]]
"""How a video file is gone through: `video_items` or `listed_items`."""

Source = Path | str | tuple[Path, ...]
"""A path, the address of a stream, or pictures and videos of one folder."""


def frames_from_source(
    source: Source,
    *,
    every_seconds: float = 1.0,
    camera: Camera | None = None,
    start_time: float | None = None,
    reading: Reading | None = None,
    failures: Failures | None = None,
    notes: list[str] | None = None,
    skip: Callable[[str], bool] | None = None,
    state: StreamState | None = None,
) -> Iterator[Frame]:
    """Decode the frames of a source one by one.

    - An image file: one frame.
    - A folder: its images, sub-folders included, in natural order (frame 2 before frame 10); videos in it are read as
      below. Hidden files and the folders of network disks for thumbnails and deleted files are passed over.
    - A JSON file of the custom layout: its images, with their cameras and times.
    - A video file: one frame for each `every_seconds`, named "clip.mp4#t=000012.000".
    - A URL (rtsp, http, ...): a stream.

    Names are relative to the folder, with forward slashes, and the same in every run, so that a job can resume; only
    the frames of live streams are named by the clock.

    Args:
        source: A path, a URL, or several pictures and videos of one folder, which are read in their order.
        every_seconds: As in `Reading`.
        camera: As in `Reading`.
        start_time: As in `Reading`.
        reading: All settings at once, in place of the three before.
        failures: A list to which (name, reason) of each item that could not be read is appended; the iteration goes on
            without it.
        notes: A list to which a line is appended for what was passed over and what was assumed.
        skip: A function that is called with each name; True passes the frame over without decoding it.
        state: Where a stream says what it is doing.

    Returns:
        An iterator; close it (or use it up) to release the video. Wrap it in `prefetched` to decode in the background.

    Raises:
        FileNotFoundError: The path does not exist.
        ValueError: A setting is out of its range, the kind of file is not known, or a folder has no image.
        SourceError: Not a single frame could be read; raised during iteration.
    """
    reading = reading or Reading(every_seconds, camera, start_time)
    failures = [] if failures is None else failures
    items = _items(source, failures, [] if notes is None else notes, reading, state)
    frames = _useful(items, label_of(source), failures, skip)
    return frames if not reading.rotation else _turned(frames, reading.rotation)


def listed_from_source(source: Source, reading: Reading, failures: Failures, notes: list[str]) -> Iterator[Item]:
    """Name the frames that `frames_from_source` decodes, without decoding them; arguments and errors as there.

    Args:
        source: A path, or several pictures and videos of one folder; not a stream, whose frames have no name before
            they come.
        reading: Which frames are taken.
        failures: A list to which (name, reason) of each item that cannot be read is appended.
        notes: A list to which a line is appended for what was passed over and what was assumed.

    Returns:
        Items that can be sent to another process, see `frames_of_listed`.
    """
    if not isinstance(source, tuple) and is_stream(str(source)):
        raise ValueError(f"{label_of(source)} is a stream, whose frames nobody can name before they come")
    return _items(source, failures, notes, reading, None, listed_items)


def frames_of_listed(items: Sequence[Item], reading: Reading, failures: Failures) -> Iterator[Frame]:
    """Decode frames that `listed_from_source` named, in their order.

    Args:
        items: Some of the items, in the order in which they were named.
        reading: How they were named.
        failures: A list to which (name, reason) of each frame that could not be read is appended.
    """
    frames = _decoded(read_listed(items, failures), failures)
    return frames if not reading.rotation else _turned(frames, reading.rotation)


def label_of(source: Source) -> str:
    """A source as messages name it, without what may be secret.

    Args:
        source: As for `frames_from_source`.
    """
    if isinstance(source, tuple):
        return (
            written(str(source[0])) if len(source) == 1 else f"{written(str(source[0].parent))} ({len(source)} files)"
        )
    return public_name(str(source)) if is_stream(str(source)) else written(str(source))


def count_frames(source: Source, *, every_seconds: float = 1.0) -> int | None:
    """Tell about how many frames `frames_from_source` will give, for a progress bar.

    Args:
        source: As for `frames_from_source`.
        every_seconds: As in `Reading`.

    Returns:
        The number, or None for streams.

    Raises:
        FileNotFoundError: The path does not exist.
        ValueError: The path is no source.
    """
    if isinstance(source, tuple):
        files = [file for file in source if file.is_file()]
    elif is_stream(str(source)):
        return None
    else:
        path = Path(source)
        kind = kind_of(path)
        if kind == "json":
            return len(read_images(path).samples)
        files = files_below(path, [], PassedOver()) if kind == "folder" else [path]
    return sum(count_video_frames(file, every_seconds) if _is_video(file) else 1 for file in files)


def frames_line(sources: Sequence[Source]) -> str:
    """Say how many frames there are where every frame is looked at, because it may be far more than was meant.

    Args:
        sources: What is read; what cannot be read is left out, and of streams nobody knows the number.
    """
    total = 0
    for source in sources:
        with contextlib.suppress(OSError, ValueError):
            total += count_frames(source, every_seconds=0) or 0
    return f"every frame is looked at, about {total:,} of files; --every-seconds 1 takes one a second"


def nothing_readable(label: str, met: Failures) -> SourceError:
    """The error of a source of which not a single frame could be read.

    Args:
        label: The source as messages name it.
        met: (name, reason) of what could not be read in it.
    """
    first = f": {met[0][0]}: {met[0][1]}" if met else ""
    more = f" (and {len(met) - 1} more)" if len(met) > 1 else ""
    return SourceError(f"{label} gives no readable frame{first}{more}")


def _useful(
    items: Iterator[Item], label: str, failures: Failures, skip: Callable[[str], bool] | None
) -> Iterator[Frame]:
    """Decode what is not skipped; complain at the end when nothing at all could be read."""
    already_failed = len(failures)
    useful = 0

    def wanted() -> Iterator[Item]:
        nonlocal useful
        for item in items:
            if skip is not None and skip(item.name):
                useful += 1
            else:
                yield item

    for frame in _decoded(wanted(), failures):
        useful += 1
        yield frame
    if not useful:
        raise nothing_readable(label, failures[already_failed:])


def _decoded(items: Iterator[Item], failures: Failures) -> Iterator[Frame]:
    """The frames of those items that can be decoded."""
    for item in items:
        try:
            image = item.decode()
        except ValueError as error:
            reason = f"{error.reason}; {error.remedy}" if isinstance(error, ImageError) else str(error)
            failures.append((item.name, reason))
            _log.info("%s: %s", item.name, reason)  # the caller has it in `failures` and says it
            continue
        yield Frame(item.name, image, item.camera, item.timestamp)


def _turned(frames: Iterator[Frame], degrees: int) -> Iterator[Frame]:
    """The frames with their pictures turned clockwise."""
    for frame in frames:
        image = np.ascontiguousarray(np.rot90(frame.image, -degrees // 90))
        yield Frame(frame.name, image, frame.camera, frame.timestamp)


def _items(
    source: Source,
    failures: Failures,
    notes: list[str],
    reading: Reading,
    state: StreamState | None,
    video: Video = video_items,
) -> Iterator[Item]:
    """The undecoded frames; paths are examined at once, so that a wrong one is refused before any work."""
    if isinstance(source, tuple):
        for file in source:
            kind_of(file)
        return _file_items(source[0].parent, source, failures, notes, reading, video)
    if is_stream(str(source)):
        name = public_name(str(source))
        picking = Picking(name, reading.every_seconds, reading.camera, reading.start_time, reading.max_pixels)
        return stream_items(str(source), failures, picking, reconnect_minutes=reading.reconnect_minutes, state=state)
    path = Path(source)
    kind = kind_of(path)
    if kind == "json":
        if reading.start_time is not None:
            raise ValueError(f"a start time is given, but {path} tells times itself: write 'timestamp' into its images")
        return _json_items(path, failures, reading)
    if kind == "folder":
        if (path / "test.json").is_file() and (path / "train.json").is_file():
            raise ValueError(
                f"{path} is a data set; give a split's frames, {path / 'test.json'}, or a folder of pictures in it"
            )
        passed_over = PassedOver()
        files = files_below(path, failures, passed_over)
        notes += passed_over.lines()
        return _file_items(path, files, failures, notes, reading, video)
    return _file_items(path.parent, [path], failures, notes, reading, video)


def kind_of(path: Path) -> str:
    """Tell folder, json, image and video apart, without reading what is in them.

    Args:
        path: What was named as a source, unless it is a stream.

    Returns:
        One of these four words.

    Raises:
        FileNotFoundError: Nothing is there.
        ValueError: It is of no kind that can be read.
    """
    shown = written(str(path))
    if path.is_dir():
        return "folder"
    if isinstance(found := place(path), ObjectPath):
        raise ValueError(
            f"{found} is on object storage, where a gallery may lie but no footage is read from; mount the bucket as a "
            "folder, or copy the recordings"
        )
    if not path.exists():
        raise FileNotFoundError(
            f"{shown} does not exist; give an image, a folder, a video, a JSON file or a stream's URL"
        )
    if not path.is_file():
        raise ValueError(f"{shown} is neither a file nor a folder; give an image, a folder, a video or a JSON file")
    suffix = path.suffix.lower()
    if suffix == ".json":
        return "json"
    if suffix in IMAGE_SUFFIXES:
        return "image"
    if _is_video(path):
        return "video"
    raise ValueError(f"{shown} has the suffix {suffix!r}, expected {KINDS}, or .json")


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _json_items(path: Path, failures: Failures, reading: Reading) -> Iterator[Item]:
    """The images that a JSON file of the custom layout lists."""
    scan = read_images(path)
    failures.extend((written(problem.where), problem.what) for problem in scan.problems if problem.fatal)
    if not scan.samples:
        first = next((f": {problem}" for problem in scan.problems if problem.fatal), "")
        raise SourceError(f"{path} lists no readable image; expected records in 'images'{first}")
    return (
        Item(
            written(sample.name),
            partial(read_image, sample.path, max_pixels=reading.max_pixels),
            sample.camera if reading.camera is None else reading.camera,
            sample.timestamp,
        )
        for sample in scan.samples
    )


def _file_items(
    folder: Path, files: Sequence[Path], failures: Failures, notes: list[str], reading: Reading, video: Video
) -> Iterator[Item]:
    """Images and videos in order, each with the camera its path tells, and the times counted on in each camera."""
    above = folder.resolve().parts
    names = {file: written(file.relative_to(folder).as_posix()) for file in files}
    cameras = {file: reading.camera for file in files}
    if reading.camera is None:
        cameras = {file: camera_of(name, above) for file, name in names.items()}
        named = {file: camera_in_name(names[file]) for file in files if cameras[file] is None and _is_video(file)}
        cameras |= named
        notes += [line] if (line := cameras_line(list(named.values()))) else []
    series = {file: Series.key(names[file], cameras[file], _is_video(file)) for file in files}
    notes += _assumptions(files, names, cameras, series, above)
    clock, rates = Series(reading.start_time, reading.every_seconds), FileRates()
    told_times = StartTimes(reading.time_zone, reading.creation_times)
    for file in files:
        name, camera, key = names[file], cameras[file], series[file]
        start = clock.of_video(key) if _is_video(file) else clock.of_picture(key)
        if not _is_video(file):
            if reading.start_time is None:
                start = told_times.of_picture(name)
            yield Item(name, partial(read_image, file, max_pixels=reading.max_pixels), camera, start)
            continue
        if reading.start_time is None and (told := told_times.of_video(file, name, key)) is not None:
            start = told
        picking = Picking(name, reading.every_seconds, camera, start, reading.max_pixels, reading.recorded_rate)
        seconds = yield from video(file, failures, picking, rates)
        clock.add_video(key, seconds)
        if start is not None and start >= EARLIEST_CLOCK:
            told_times.ends(key, start + seconds)
    notes += [*told_times.lines(sum(map(_is_video, files))), *rates.lines(reading.recorded_rate)]


def _assumptions(
    files: Sequence[Path],
    names: dict[Path, str],
    cameras: dict[Path, Camera | None],
    series: dict[Path, Key],
    above: tuple[str, ...],
) -> list[str]:
    """A line for each thing that was assumed about cameras and times, so that nobody is surprised by a search."""
    lines = []
    unknown = [file for file in files if cameras[file] is None]
    dated = sum(any(folders_of_time([*above, *names[file].split("/")[:-1]])[len(above) :]) for file in unknown)
    if dated:
        lines.append(
            f"no camera is known of {dated} of {len(files)} files: their folders are dates, which are no cameras; "
            "say --camera, one folder of a camera at a time"
        )
    videos = [file for file in files if _is_video(file)]
    nameless = sum(cameras[file] is None for file in videos)
    if nameless and not dated:
        lines.append(
            f"no camera is known of {nameless} of {len(videos)} videos: neither their names nor their folders tell "
            "one; --camera says it"
        )
    pieces = len(videos) - len({series[file] for file in videos})
    if pieces:
        lines.append(
            f"{pieces + len({series[file] for file in videos})} videos are taken for recordings in pieces: in each "
            "camera, a video begins when the one before it ends"
        )
    return lines
