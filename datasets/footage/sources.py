"""Footage of any kind as frames: image files, folders, the custom layout, video files, streams."""

import logging
import os
import queue
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from datasets.footage.videos import (
    VIDEO_SUFFIXES,
    Failures,
    Item,
    count_video_frames,
    is_stream,
    public_name,
    stream_items,
    video_items,
)
from datasets.images import IMAGE_SUFFIXES, ImageError, read_image
from datasets.layouts.custom_records import read_images
from datasets.samples import Camera, Frame

_T = TypeVar("_T")
_CAMERA_NAME = re.compile(r"c(\d+)(s\d+|p\d+)?_", re.ASCII)
_PICTURE_FOLDERS = frozenset({"frames", "images", "image", "imgs", "img1", "jpegimages"})
"""Sub-folders, in lower case, that say what lies in them, not which camera took it."""
_log = logging.getLogger(__name__)


class SourceError(ValueError):
    """A source gives no frame at all; one line with the source, what was met and what to do."""


def frames_from_source(
    source: Path | str,
    *,
    every_seconds: float = 1.0,
    camera: Camera | None = None,
    start_time: float | None = None,
    failures: Failures | None = None,
    skip: Callable[[str], bool] | None = None,
) -> Iterator[Frame]:
    """Decode the frames of a source one by one.

    - An image file: one frame.
    - A folder: its images, sub-folders included, in natural order (frame 2 before frame 10); videos in it are read as
      below. Hidden files are passed over.
    - A JSON file of the custom layout: its images, with their cameras and times.
    - A video file: one frame each `every_seconds`, named "clip.mp4#t=000012.000".
    - A URL (rtsp, http, ...): a stream.

    Names are relative to the folder, with forward slashes, and the same in every run, so that a job can resume; only
    the frames of live streams are named by the clock.

    Args:
        source: a path or a URL.
        every_seconds: the distance of two frames of a video or stream; 0 gives every frame.
        camera: the camera of all frames. None takes it from the JSON file, from a name such as c3s1_000123 or c3_000123
            (camera 3), or from the first sub-folder (a whole number where it is one) that is not called frames, images
            or the like.
        start_time: the time of the first frame, seconds since the epoch. Videos count on from it; images of a folder
            are then taken to be `every_seconds` apart in each camera. None leaves images without a time and counts
            videos from 0. Times in a JSON file win.
        failures: (name, reason) of each item that could not be read is appended; the iteration goes on without it.
        skip: called with each name; True passes the frame over without decoding it.

    Returns:
        An iterator; close it (or use it up) to release the video. Wrap it in `prefetched` to decode in the background.

    Raises:
        FileNotFoundError: the path does not exist.
        ValueError: every_seconds is negative, the kind of file is not known, or a folder has no image.
        SourceError: during iteration, when not a single frame could be read.
    """
    if not 0 <= every_seconds < float("inf"):
        raise ValueError(f"every_seconds is {every_seconds}, expected 0 (every frame) or more")
    failures = [] if failures is None else failures
    label = public_name(str(source)) if is_stream(str(source)) else str(source)
    items = _items(source, failures, every_seconds, camera, start_time)
    return _decoded(items, label, failures, skip)


def count_frames(source: Path | str, *, every_seconds: float = 1.0) -> int | None:
    """About how many frames `frames_from_source` will give, for a progress bar; None for streams.

    Raises as `frames_from_source` for paths that are no source.
    """
    if is_stream(str(source)):
        return None
    path = Path(source)
    kind = _kind(path)
    if kind == "json":
        return len(read_images(path).samples)
    files = _files_below(path, []) if kind == "folder" else [path]
    return sum(count_video_frames(file, every_seconds) if _is_video(file) else 1 for file in files)


def prefetched(iterator: Iterable[_T], depth: int = 8) -> Iterator[_T]:
    """The same items, produced by a thread ahead of their use, so that decoding overlaps with the network's work.

    An exception of the iterator is raised at the place where its item would have come. Closing the result stops the
    thread and closes the iterator.

    Args:
        iterator: used by the thread alone from now on.
        depth: how many items may wait, >= 1; each is a whole picture in memory.

    Raises:
        ValueError: depth < 1.
    """
    if depth < 1:
        raise ValueError(f"depth is {depth}, expected 1 or more frames")
    return _prefetch(iterator, depth)


def _prefetch(iterator: Iterable[_T], depth: int) -> Iterator[_T]:
    ready: queue.Queue[tuple[_T | None, BaseException | None, bool]] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(entry: tuple[_T | None, BaseException | None, bool]) -> bool:
        while not stopped.is_set():
            try:
                ready.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        try:
            for item in iterator:
                if not put((item, None, False)):
                    break
            put((None, None, True))
        except BaseException as error:  # whatever it is, it belongs to the consumer
            put((None, error, True))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=produce, name="frame-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error, last = ready.get()
            if error is not None:
                raise error
            if last:
                return
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        # A read from a stream that hangs ends with its own time limit.
        thread.join(timeout=15.0)


def _decoded(
    items: Iterator[Item], label: str, failures: Failures, skip: Callable[[str], bool] | None
) -> Iterator[Frame]:
    """Decode what is not skipped; complain at the end when nothing at all could be read."""
    already_failed = len(failures)
    useful = 0
    for item in items:
        if skip is not None and skip(item.name):
            useful += 1
            continue
        try:
            image = item.decode()
        except ValueError as error:
            reason = f"{error.reason}; {error.remedy}" if isinstance(error, ImageError) else str(error)
            failures.append((item.name, reason))
            _log.info("%s: %s", item.name, reason)  # the caller has it in `failures` and says it
            continue
        useful += 1
        yield Frame(item.name, image, item.camera, item.timestamp)
    if not useful:
        met = failures[already_failed:]
        first = f": {met[0][0]}: {met[0][1]}" if met else ""
        more = f" (and {len(met) - 1} more)" if len(met) > 1 else ""
        raise SourceError(f"{label} gives no readable frame{first}{more}")


def _items(
    source: Path | str, failures: Failures, every_seconds: float, camera: Camera | None, start_time: float | None
) -> Iterator[Item]:
    """The undecoded frames; paths are examined at once, so that a wrong one is refused before any work."""
    if is_stream(str(source)):
        return stream_items(str(source), failures, every_seconds=every_seconds, camera=camera, start_time=start_time)
    path = Path(source)
    kind = _kind(path)
    if kind == "json":
        if start_time is not None:
            raise ValueError(f"a start time is given, but {path} tells times itself: write 'timestamp' into its images")
        return _json_items(path, failures, camera)
    if kind == "folder":
        if (path / "test.json").is_file() and (path / "train.json").is_file():
            raise ValueError(
                f"{path} is a data set; give a split's frames, {path / 'test.json'}, or a folder of pictures in it"
            )
        files = _files_below(path, failures)
        return _file_items(path, files, failures, every_seconds, camera, start_time)
    return _file_items(path.parent, [path], failures, every_seconds, camera, start_time)


def _kind(path: Path) -> str:
    """One of folder, json, image and video; everything else is refused."""
    if path.is_dir():
        return "folder"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist; give an image, a folder, a video, a JSON file or a stream's URL"
        )
    suffix = path.suffix.lower()
    if suffix == ".json":
        return "json"
    if suffix in IMAGE_SUFFIXES:
        return "image"
    if _is_video(path):
        return "video"
    images, videos = " ".join(sorted(IMAGE_SUFFIXES)), " ".join(sorted(VIDEO_SUFFIXES))
    raise ValueError(f"{path} has the suffix {suffix!r}, expected an image ({images}), a video ({videos}) or .json")


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _json_items(path: Path, failures: Failures, camera: Camera | None) -> Iterator[Item]:
    scan = read_images(path)
    failures.extend((problem.where, problem.what) for problem in scan.problems if problem.fatal)
    if not scan.samples:
        raise SourceError(f"{path} lists no readable image; expected records in 'images'")
    return (
        Item(
            sample.name, partial(read_image, sample.path), sample.camera if camera is None else camera, sample.timestamp
        )
        for sample in scan.samples
    )


def _file_items(
    folder: Path, files: list[Path], failures: Failures,
    every_seconds: float, camera: Camera | None, start_time: float | None,
) -> Iterator[Item]:  # fmt: skip
    """Images and videos in order, each with the camera its name or sub-folder tells."""
    pictures_of: dict[Camera | None, int] = {}
    for file in files:
        name = file.relative_to(folder).as_posix()
        own_camera = _camera_of(name) if camera is None else camera
        if _is_video(file):
            yield from video_items(
                file, name, failures, every_seconds=every_seconds, camera=own_camera, start_time=start_time
            )
            continue
        index = pictures_of.get(own_camera, 0)
        pictures_of[own_camera] = index + 1
        timestamp = None if start_time is None else start_time + index * every_seconds
        yield Item(name, partial(read_image, file), own_camera, timestamp)


def _files_below(folder: Path, failures: Failures) -> list[Path]:
    """Images and videos of a folder tree in natural order, links followed once.

    Raises:
        SourceError: there is none.
    """
    found: list[Path] = []
    visited: set[str] = set()
    others = 0

    def unreadable(error: OSError) -> None:
        failures.append((str(error.filename), f"the folder cannot be read ({error.strerror})"))

    for parent, folders, names in os.walk(folder, followlinks=True, onerror=unreadable):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith(".") or suffix not in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
                others += 1
            else:
                found.append(Path(parent, name))
    if not found:
        met = f"{others} other files" if others else "nothing"
        raise SourceError(f"{folder} holds {met}, expected images ({' '.join(sorted(IMAGE_SUFFIXES))}) or videos")
    return sorted(found, key=lambda path: [_natural(part) for part in path.relative_to(folder).parts])


def _natural(text: str) -> list[int | str]:
    """A sort key in which numbers count as numbers; texts and numbers alternate, so that keys compare."""
    parts = re.split(r"(\d+)", text)
    return [int(part) if index % 2 else part.lower() for index, part in enumerate(parts)]


def _camera_of(name: str) -> Camera | None:
    """The camera that a relative path tells: by the names of PRW and Plaza, otherwise by the first sub-folder."""
    *folders, file = name.split("/")
    found = _CAMERA_NAME.match(file)
    if found:
        return int(found[1])
    first = next((folder for folder in folders if folder.lower() not in _PICTURE_FOLDERS), "")
    return int(first) if first.isascii() and first.isdecimal() else first or None
