"""Renders the square as raw recordings, one per camera and period, for who wants to build a data set by himself.

What a recording system and an annotator would hand over: `c<camera>p<period>.avi` (or `.mp4`, or a folder of pictures
of that name), beside it `c<camera>p<period>.txt` with boxes in MOTChallenge's text format, and one `identities.csv`
that says which track numbers of which recordings are the same person. `personsearch data build` makes a data set of
them.
"""

import csv
import functools
import io
import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.files import require_empty, write_whole
from datasets.plaza.cameras import plaza_cameras
from datasets.plaza.light import PERIODS
from datasets.plaza.looks import draw_looks
from datasets.plaza.shooting import Shot, Task, check_people, shoot, task_camera, write_jpeg
from datasets.plaza.truth import Sighting
from datasets.plaza.walks import AT_ONCE, CROSSING, LEAD, Timetable
from datasets.rendering.video import SAME_BYTES
from datasets.samples import UNLABELLED
from datasets.workers import in_workers

AWAY = 2
"""An annotator gives a person who was out of sight for more seconds than this a new track number."""
CROSSINGS = 1.2
"""The square is as busy as it must be for everybody to cross it so often on average."""
Form = Literal["videos", "mp4", "pictures"]
"""How recordings are written: Motion JPEG in .avi files, H.264 in .mp4 files, or folders of 000001.jpg and so on."""
_STORED = {"videos": True, "mp4": "mp4", "pictures": False}
"""What the file of settings says of each form."""
SETTINGS_FILE = "plaza.json"
IDENTITIES_FILE = "identities.csv"


@dataclass(frozen=True)
class RecordingsSummary:
    """What was rendered.

    Args:
        root: The folder of the recordings.
        recordings: The number of recordings: cameras times periods.
        frames: The number of pictures in all recordings.
        boxes: The number of rows of all box files.
        tracks: The number of tracks in all recordings.
        persons: The number of people who have a box and an identity.
    """

    root: Path
    recordings: int
    frames: int
    boxes: int
    tracks: int
    persons: int


def write_recordings(
    root: Path,
    *,
    seed: int,
    persons: int = 60,
    minutes: float = 3.0,
    frame_width: int = 640,
    unlabelled_fraction: float = 0.1,
    form: Form = "videos",
    on_progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> RecordingsSummary:
    """Render fifteen recordings of the square, one picture a second, with boxes and identities.

    Everybody crosses the square about once, so that short recordings of many people are crowded. Rendering can be
    interrupted: called again with the same arguments, it goes on with the recordings that are missing.

    Args:
        root: The folder to fill. It must be missing or empty, or hold what an interrupted call left.
        seed: The number that decides everything that is left to chance, 0 or more.
        persons: The number of people with an identity, 2 or more.
        minutes: The length of each recording in minutes.
        frame_width: The width of frames in pixels, at least 160. The frames of camera 5 have half of it.
        unlabelled_fraction: How many people have tracks that identities.csv does not list, as a share of `persons`.
        form: How they are written; videos have one frame a second.
        on_progress: It is called in this process with the frames done and the frames in all.
        workers: The number of processes that render, as for `write_plaza`.

    Returns:
        What the folder holds now.

    Raises:
        ValueError: An argument makes no world; the text names it.
        FileExistsError: `root` holds something else.
    """
    plaza_cameras(frame_width)  # refuses a width that is too small, before anything is written
    check_people(seed, persons, minutes, unlabelled_fraction, workers)
    root = Path(root)
    seconds = max(2, round(minutes * 60))
    settings: dict[str, object] = {
        "seed": seed, "persons": persons, "seconds": seconds, "frame_width": frame_width,
        "unlabelled_fraction": unlabelled_fraction, "videos": _STORED[form],
    }  # fmt: skip
    _claim(root, settings)
    tasks = _plan(root, seed, persons, frame_width, seconds, unlabelled_fraction)
    missing = [task for task in tasks if not (root / f"{_name(task)}.txt").is_file()]
    total = len(tasks) * seconds
    done = (len(tasks) - len(missing)) * seconds
    for count in _run(missing, form, workers):
        done += count
        if on_progress is not None:
            on_progress(done, total)
    return _finish(root, [_name(task) for task in tasks], total)


def _claim(root: Path, settings: dict[str, object]) -> None:
    """Take an empty folder, or one of an interrupted call with the same settings."""
    file = root / SETTINGS_FILE
    if file.is_file():
        known = json.loads(file.read_text(encoding="utf-8"))
        if known != settings:
            changed = ", ".join(f"{name} {known.get(name)}" for name in settings if known.get(name) != settings[name])
            raise FileExistsError(
                f"{root} holds recordings of other settings ({changed}): choose another folder, or give the same ones"
            )
        return
    require_empty(root)
    root.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(settings) + "\n")


def _plan(
    root: Path, seed: int, persons: int, frame_width: int, seconds: int, unlabelled_fraction: float
) -> list[Task]:
    """Who walks when; one task per camera and period."""
    unknown = round(persons * unlabelled_fraction)
    people = persons + unknown
    looks = tuple(draw_looks(np.random.default_rng([seed, 1]), people))
    person_ids = (*range(persons), *[UNLABELLED] * unknown)
    timetable = Timetable(np.random.default_rng([seed, 2, 2]), looks, range(people))
    watched = len(PERIODS) * (seconds + LEAD)
    at_once = max(AT_ONCE, math.ceil(CROSSINGS * people * CROSSING / watched))
    tasks = []
    for period in range(len(PERIODS)):
        rows = timetable.run(seconds, at_once)
        shots = tuple(
            Shot(second, period * seconds + second, False, tuple(placements)) for second, placements in enumerate(rows)
        )
        tasks += [
            Task(root, seed, frame_width, camera, period, looks, person_ids, shots)
            for camera in range(len(plaza_cameras(frame_width)))
        ]
    return tasks


def _name(task: Task) -> str:
    return f"c{task.camera + 1}p{task.period + 1}"


def _run(tasks: Sequence[Task], form: Form, workers: int) -> Iterator[int]:
    """Renders the recordings and tells how many frames have been added."""
    if workers == 1 or len(tasks) < 2:
        for task in tasks:
            yield from _record(task, form)
        return
    yield from in_workers(functools.partial(_record_all, form=form), tasks, workers)


def _record_all(task: Task, form: Form) -> int:
    return sum(_record(task, form))


def _record(task: Task, form: Form) -> Iterator[int]:
    """Render one recording; its box file is written last and says that it is whole."""
    camera, name = task_camera(task), _name(task)
    size, quality = (camera.width, camera.height), camera.sensor.jpeg_quality
    suffix = {"videos": ".avi", "mp4": ".mp4", "pictures": ""}[form]
    # One name for every call, so that what an interrupted one left is written over.
    partial = task.root / f".{name}.unfinished{suffix}"
    writer: _MotionJpeg | _Mp4 | _Pictures
    if form == "videos":
        writer = _MotionJpeg(partial, size, quality)
    else:
        writer = _Mp4(partial, size) if form == "mp4" else _Pictures(partial, quality)
    seen: list[tuple[tuple[Sighting, ...], list[int]]] = []
    for image, record, people in shoot(task):
        writer.write(image)
        seen.append((record.sightings, people))
        yield 1
    writer.close()
    final = task.root / f"{name}{suffix}"
    if final.is_dir():  # of a call that ended between the pictures and the boxes
        shutil.rmtree(final)
    partial.replace(final)
    _write_boxes(task.root, name, seen)


class _MotionJpeg:
    """Writes (H, W, 3) RGB pictures as an .avi: small at these rates, and unlike other codecs in every OpenCV."""

    def __init__(self, path: Path, size: tuple[int, int], quality: int) -> None:
        fourcc, options = cv2.VideoWriter.fourcc(*"MJPG"), [cv2.VIDEOWRITER_PROP_QUALITY, quality]
        self._writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, fourcc, 1.0, size, options)
        if not self._writer.isOpened():
            raise OSError(f"{path}: OpenCV cannot write Motion JPEG here; render folders of pictures instead")

    def write(self, image: NDArray[np.uint8]) -> None:
        """Add a picture."""
        self._writer.write(np.ascontiguousarray(image[..., ::-1]))

    def close(self) -> None:
        """Finish the file."""
        self._writer.release()


class _Mp4:
    """Writes (H, W, 3) RGB pictures as recorders do: H.264, a key frame every five seconds."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        # No version and no time in the file: the same bytes on every machine.
        self._container = av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"})
        self._stream: av.VideoStream = self._container.add_stream("libx264", rate=1)
        self._stream.width, self._stream.height, self._stream.pix_fmt = *size, "yuv420p"
        self._stream.options = {"crf": "18", "preset": "veryfast", "g": "5", **SAME_BYTES}

    def write(self, image: NDArray[np.uint8]) -> None:
        """Add a picture."""
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))

    def close(self) -> None:
        """Finish the file."""
        self._container.mux(self._stream.encode())
        self._container.close()


class _Pictures:
    """Writes (H, W, 3) RGB pictures as a folder of JPEG files."""

    def __init__(self, path: Path, quality: int) -> None:
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        self._folder, self._quality, self._count = path, quality, 0

    def write(self, image: NDArray[np.uint8]) -> None:
        """Add a picture."""
        self._count += 1
        write_jpeg(self._folder / f"{self._count:06d}.jpg", image, self._quality)

    def close(self) -> None:
        """Nothing is held back."""


def _write_boxes(root: Path, name: str, seen: Sequence[tuple[tuple[Sighting, ...], list[int]]]) -> None:
    tracks = number_tracks([people for _, people in seen])
    rows, identities = [], {}
    for frame, ((sightings, _), numbers) in enumerate(zip(seen, tracks, strict=True), start=1):
        for sighting, track in zip(sightings, numbers, strict=True):
            x, y, width, height = sighting.box_xywh
            rows.append(f"{frame},{track},{x + 1:.2f},{y + 1:.2f},{width:.2f},{height:.2f},1,1,{sighting.visible:.3f}")
            identities[track] = sighting.person_id
    known = [(name, track, person) for track, person in sorted(identities.items()) if person != UNLABELLED]
    write_whole(root / f".{name}.identities", _csv(known))
    write_whole(root / f"{name}.txt", "".join(f"{row}\n" for row in rows))


def number_tracks(frames: Sequence[Sequence[int]]) -> list[list[int]]:
    """Track numbers 1, 2, ... as an annotator of one recording gives them, who knows nobody.

    Args:
        frames: The people in sight, one list for each second.

    Returns:
        The same with track numbers: whoever was out of sight for more than AWAY seconds is somebody new.
    """
    current: dict[int, tuple[int, int]] = {}
    count = 0
    numbered = []
    for second, people in enumerate(frames):
        row = []
        for person in people:
            track, last = current.get(person, (0, second - AWAY - 2))
            if second - last > AWAY + 1:
                count += 1
                track = count
            current[person] = (track, second)
            row.append(track)
        numbered.append(row)
    return numbered


def _finish(root: Path, names: Sequence[str], frames: int) -> RecordingsSummary:
    """Join the identities of all recordings into one file, and count."""
    file = root / IDENTITIES_FILE
    if not file.is_file():
        parts = [(root / f".{name}.identities").read_text(encoding="utf-8") for name in names]
        write_whole(file, _csv([("recording", "track", "person_id")]) + "".join(parts))
    for name in names:
        (root / f".{name}.identities").unlink(missing_ok=True)
    rows = [
        (name, line.split(",")[1])
        for name in names
        for line in (root / f"{name}.txt").read_text(encoding="ascii").splitlines()
    ]
    with file.open(newline="", encoding="utf-8") as stream:
        people = {row["person_id"] for row in csv.DictReader(stream)}
    return RecordingsSummary(root, len(names), frames, len(rows), len(set(rows)), len(people))


def _csv(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
