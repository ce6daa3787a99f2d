"""One frame a second of a recording, as picture files, each with the boxes that are annotated in it."""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.building.recorded_boxes import BoxTable, RecordingError, TrackId, read_boxes
from datasets.building.recordings import Recording, pictures_of
from datasets.files import write_whole
from datasets.footage.videos import Failures, Picking, count_video_frames, video_items
from datasets.frame_numbers import frame_numbers, own_numbers
from datasets.images import ImageError, encode_jpeg, read_image
from datasets.layouts.custom import write_split
from datasets.layouts.custom_records import clipped_box, read_split
from datasets.layouts.mot import Truth, sequence_info
from datasets.layouts.scan import Problem
from datasets.samples import UNLABELLED, FrameSample

FRAMES = "frames"
STATE = "recordings"
SPARSE = 1.5
"""A video with at most so many annotated frames a second was annotated at chosen frames, and these are taken."""

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Extracted:
    """What a recording gave.

    Args:
        samples: One frame a second in time order, `person_ids` over all recordings.
        failures: One line for each picture or row that could not be used.
        boxes: How many boxes of people the box file holds, at all frames.
    """

    samples: list[FrameSample]
    failures: list[str]
    boxes: int


@dataclass(frozen=True)
class _Taken:
    """A frame of a recording: its number, its time in seconds since the start, its name in the source."""

    number: int
    time: float
    name: str
    decode: Callable[[], Image]
    path: Path | None = None


def expected_frames(recording: Recording) -> int:
    """About how many frames `extract` takes, for a progress bar.

    Args:
        recording: The recording.
    """
    if recording.video:
        return count_video_frames(recording.source, 1.0)
    pictures, rate = _pictures(recording)
    return math.ceil(len(pictures) / max(rate, 1.0))


def extract(
    recording: Recording,
    out: Path,
    person_of: Mapping[TrackId, int] | None,
    *,
    quality: int = 95,
    on_frame: Callable[[], object] | None = None,
) -> Extracted:
    """Write out/frames/<recording>_<second>.jpg for every second, and out/recordings/<recording>.json with their boxes.

    The frame of a second is the first one in it; of videos with few annotated frames the first annotated one. JPEG
    files are copied byte by byte. What is there already is not written again: an interrupted call goes on, and a
    finished recording whose files have not changed is only read.

    Args:
        recording: The recording whose frames are taken.
        out: The data set's folder.
        person_of: (recording, track) -> person; other tracks are people of unknown identity. None takes the track
            numbers themselves.
        quality: The quality of JPEG files that are made from other pictures, 1 to 100.
        on_frame: It is called after each frame.

    Raises:
        RecordingError: The recording or its boxes cannot be used; nothing in out/recordings/ says that they were.
        OSError: A file cannot be written.
    """
    table, problems = read_boxes(recording.boxes, video=recording.video)
    source, annotated = _source_state(recording), _annotation_state(recording, person_of)
    file, state_file = out / STATE / f"{recording.name}.json", out / STATE / f"{recording.name}.state"
    known = json.loads(state_file.read_text(encoding="utf-8")) if state_file.is_file() else {}
    if known.get("source", source) != source:
        raise RecordingError(
            f"{recording.source} has changed since its frames were taken into {out}, expected the same recording; "
            f"choose another folder, or remove {out / FRAMES}/{recording.name}_*.jpg and {state_file}"
        )
    if file.is_file() and known.get("annotated") == annotated:
        return _finished(file, known["failures"], table.boxes)
    (out / FRAMES).mkdir(parents=True, exist_ok=True)
    (out / STATE).mkdir(exist_ok=True)
    write_whole(state_file, json.dumps({"source": source}))
    result = _extract(recording, out, table, person_of, quality, on_frame or (lambda: None))
    failures = _problem_lines(problems) + result.failures
    write_split(file, result.samples)
    state = {"source": source, "annotated": annotated, "failures": failures}
    write_whole(state_file, json.dumps(state))
    return _finished(file, failures, table.boxes)


def _finished(file: Path, failures: list[str], boxes: int) -> Extracted:
    """The samples as the file has them, whether it has just been written or long ago."""
    scan = read_split(file)
    return Extracted(scan.samples, failures, boxes)


def _extract(
    recording: Recording,
    out: Path,
    table: BoxTable,
    person_of: Mapping[TrackId, int] | None,
    quality: int,
    on_frame: Callable[[], object],
) -> Extracted:
    samples: list[FrameSample] = []
    failures: list[str] = []
    lost: Failures = []
    used, last = 0, 0
    for taken in _one_a_second(_frames(recording, table, lost), _preferred(recording, table)):
        second = math.floor(taken.time + 1e-6)
        path = out / FRAMES / f"{recording.name}_{second:06d}.jpg"
        truth = table.at(taken.number, second, taken.name)
        used, last = used + len(truth.boxes), max(last, taken.number if table.by == "frame" else second)
        try:
            size = _write_picture(taken, path, quality)
        except ValueError as error:
            failures.append(f"{recording.name} second {second} is left out: {error}")
            continue
        sample, outside = _sample(recording, path, second, truth, size, person_of)
        samples.append(sample)
        failures += [f"{recording.name} second {second}: {line}" for line in outside]
        on_frame()
    if lost:
        raise RecordingError(f"{recording.source}: {lost[0][1]}")
    if not samples:
        raise RecordingError(f"{recording.source} gives no frame, expected pictures or a video; copy it again")
    _check_match(recording, table, used, last)
    return Extracted(samples, failures, table.boxes)


def _frames(recording: Recording, table: BoxTable, lost: Failures) -> Iterator[_Taken]:
    """Every frame, in time order, not decoded; what a video lost is appended."""
    if recording.video:
        items = video_items(recording.source, lost, Picking(recording.name, every_seconds=0))
        for number, item in enumerate(items, start=1):
            yield _Taken(number, item.timestamp or 0.0, item.name, item.decode)
        return
    pictures, rate = _pictures(recording)
    rows = {key for key in table.truths if isinstance(key, int)} if table.by == "frame" else set()
    try:
        own = own_numbers(pictures) or list(range(1, len(pictures) + 1))
        numbers = frame_numbers(pictures, rows)
    except ValueError as error:
        raise RecordingError(f"{recording.source} and {recording.boxes}: {error}") from error
    first = min(1, *own) if own else 1
    for number, time, path in zip(numbers, own, pictures, strict=True):
        yield _Taken(number, (time - first) / rate, path.name, partial(read_image, path), path)


def _pictures(recording: Recording) -> tuple[list[Path], float]:
    """The pictures of a folder or a MOTChallenge sequence, and how many make a second."""
    folder, rate = recording.source, recording.rate
    if (folder / "img1").is_dir() or (folder / "seqinfo.ini").is_file():
        _, folder, told = sequence_info(folder, [])
        rate = told or rate
    return (pictures_of(folder) if folder.is_dir() else []), rate


def _preferred(recording: Recording, table: BoxTable) -> frozenset[int]:
    """The annotated frames of a video that was annotated at chosen frames only, about one a second."""
    if not recording.video or table.by != "frame":
        return frozenset()
    chosen = {number for number in table.truths if isinstance(number, int)}
    return frozenset(chosen) if len(chosen) <= SPARSE * count_video_frames(recording.source, 1.0) else frozenset()


def _one_a_second(frames: Iterable[_Taken], preferred: frozenset[int]) -> Iterator[_Taken]:
    """The first frame of every second, or the first preferred one; decoded where `decode` works only at once."""
    held: _Taken | None = None
    for frame in frames:
        second = math.floor(frame.time + 1e-6)
        if held is not None and second > math.floor(held.time + 1e-6):
            yield held
            held = None
        if held is None or (frame.number in preferred and held.number not in preferred):
            # Waiting for a better frame, the video moves on: its picture must be taken now.
            held = frame if frame.path is not None else replace(frame, decode=_kept(frame.decode))
    if held is not None:
        yield held


def _kept(decode: Callable[[], Image]) -> Callable[[], Image]:
    """A decoder that has decoded, and tells only when called what went wrong."""
    try:
        image = decode()
    except ValueError as error:
        return partial(_raise, error)
    return lambda: image


def _raise(error: ValueError) -> Image:
    raise error


def _write_picture(taken: _Taken, path: Path, quality: int) -> tuple[int, int]:
    """Write the picture where it is not there yet, whole or not at all; (width, height).

    Raises:
        ValueError: The picture cannot be read or encoded.
    """
    if path.is_file():
        try:
            height, width = read_image(path).shape[:2]
            return width, height
        except ImageError:
            path.unlink()  # half a file of another program; ours come whole
    image = taken.decode()
    if taken.path is not None and taken.path.suffix.lower() in (".jpg", ".jpeg"):
        content = taken.path.read_bytes()
    else:
        content = encode_jpeg(image, quality=quality)
    write_whole(path, content)
    return image.shape[1], image.shape[0]


def _sample(
    recording: Recording,
    path: Path,
    second: int,
    truth: Truth,
    size: tuple[int, int],
    person_of: Mapping[TrackId, int] | None,
) -> tuple[FrameSample, list[str]]:
    """The frame with its people, clipped to it, and a line for each box outside."""
    boxes, people, outside = [], [], []
    for box, track in zip(truth.boxes, truth.tracks, strict=True):
        clipped = clipped_box(list(box), size)
        if clipped is None:
            place = ", ".join(f"{value:g}" for value in box)
            outside.append(f"the box ({place}) of track {track} is outside the picture of {size[0]} x {size[1]}")
            continue
        boxes.append(clipped)
        people.append(track if person_of is None else person_of.get((recording.name, track), UNLABELLED))
    ignore = [part for part in (clipped_box(list(box), size) for box in truth.ignore) if part is not None]
    sample = FrameSample(
        f"{FRAMES}/{path.name}",
        path,
        np.asarray(boxes, dtype=np.float32),
        np.asarray([person if person >= 0 else UNLABELLED for person in people], dtype=np.int64),
        recording.camera,
        timestamp=None if recording.start is None else recording.start + second,
        ignore=np.asarray(ignore, dtype=np.float32),
        size=size,
    )
    return sample, outside


def _check_match(recording: Recording, table: BoxTable, used: int, last: int) -> None:
    """Refuses boxes that are of another recording, or numbered otherwise."""
    if table.boxes and not used:
        raise RecordingError(
            f"{recording.boxes}: no box of {table.boxes} is of a frame that was taken, expected each {table.by} "
            f"as {recording.source} counts it; number them anew"
        )
    keys = [key for key in table.truths if isinstance(key, int)]
    beyond = max(keys, default=0)
    # Of a video the last frames of its last second are not taken.
    room = 2 if table.by == "second" else 2 + _frames_a_second(recording)
    if table.by != "name" and beyond > last + room:
        raise RecordingError(
            f"{recording.boxes} has boxes of {table.by} {beyond}, but {recording.source} ends about {table.by} {last}: "
            "expected boxes of this recording; copy the recording or the boxes again"
        )


def _frames_a_second(recording: Recording) -> float:
    if not recording.video:
        return _pictures(recording)[1]
    return count_video_frames(recording.source, 0.0) / max(count_video_frames(recording.source, 1.0), 1)


def _problem_lines(problems: list[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def _source_state(recording: Recording) -> str:
    """Tells versions of a recording apart."""
    files = [recording.source] if recording.video else _pictures(recording)[0]
    listed = [(path.name, path.stat().st_size) for path in files]
    return _digest([recording.name, recording.rate, listed])


def _annotation_state(recording: Recording, person_of: Mapping[TrackId, int] | None) -> str:
    """Tells versions of boxes, identities, camera and time apart."""
    own = (
        None
        if person_of is None
        else sorted((key[1], who) for key, who in person_of.items() if key[0] == recording.name)
    )
    content = hashlib.sha256(recording.boxes.read_bytes()).hexdigest()
    return _digest([content, own, recording.camera, recording.start])


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
