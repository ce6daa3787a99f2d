"""Takes the pictures of one camera in one period: frames with their captions and the boxes of who is seen."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.images import encode_jpeg
from datasets.plaza.cameras import PlazaCamera, plaza_cameras
from datasets.plaza.light import PERIODS
from datasets.plaza.looks import Look
from datasets.plaza.render import FrameRenderer
from datasets.plaza.truth import FrameRecord, Sighting
from datasets.plaza.walks import Placement

MIN_VISIBLE = 0.35
"""A person of whom less is seen has no box."""
MIN_HEIGHT = 22.0
"""A person lower than this many pixels has no box, in frames 640 wide; in proportion otherwise."""

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Shot:
    """One picture to take: seconds since the start of the period, running number in the camera's recording."""

    second: int
    frame_index: int
    test: bool
    placements: tuple[Placement, ...]


@dataclass(frozen=True)
class Task:
    """All pictures of one camera in one period; small enough to send to another process."""

    root: Path
    seed: int
    frame_width: int
    camera: int
    period: int
    looks: tuple[Look, ...]
    person_ids: tuple[int, ...]
    shots: tuple[Shot, ...]


def task_camera(task: Task) -> PlazaCamera:
    """The camera of a task."""
    return plaza_cameras(task.frame_width)[task.camera]


def shoot(task: Task) -> Iterator[tuple[Image, FrameRecord, list[int]]]:
    """Takes the pictures of one task.

    Returns:
        For every shot the picture (H, W, 3) uint8 RGB, its truth, and the row of the looks behind each sighting, which
        tells people without an identity apart too.
    """
    camera, period = task_camera(task), PERIODS[task.period]
    renderer = FrameRenderer(camera, period, task.looks, task.seed)
    for shot in task.shots:
        rng = np.random.default_rng([task.seed, 3, task.camera, shot.frame_index])
        image, silhouettes = renderer.render(shot.placements, rng)
        timestamp = period.start + shot.second
        _write_caption(image, camera, timestamp)
        seen = []
        for silhouette in silhouettes:
            box = _labelled_box(silhouette.box, silhouette.visible, camera)
            if box is not None:
                person_id = task.person_ids[silhouette.person]
                seen.append((Sighting(person_id, box, silhouette.visible, silhouette.inside), int(silhouette.person)))
        # By place, so that the order tells nothing about who is in front.
        seen.sort(key=lambda pair: pair[0].box_xywh)
        name = f"frames/c{camera.camera_id}_{shot.frame_index:06d}.jpg"
        record = FrameRecord(
            name, camera.camera_id, task.period, camera.width, camera.height, shot.frame_index, timestamp, shot.test,
            tuple(sighting for sighting, _ in seen),
        )  # fmt: skip
        yield image, record, [person for _, person in seen]


def write_jpeg(path: Path, image: Image, quality: int) -> None:
    """Write a picture (H, W, 3) uint8 RGB.

    Args:
        path: The file to write.
        image: A picture (H, W, 3) of uint8 RGB.
        quality: The quality of the file, 1 to 100.

    Raises:
        OSError: The file cannot be written.
    """
    path.write_bytes(encode_jpeg(image, quality=quality))


def check_people(seed: int, persons: int, minutes: float, unlabelled_fraction: float, workers: int) -> None:
    """Refuse numbers that make no world.

    Args:
        seed: The number that decides which world it is, 0 or more.
        persons: The number of people with an identity, 2 or more.
        minutes: The length of a recording, more than 0 and at most 600.
        unlabelled_fraction: The share of people without an identity, 0 to 1.
        workers: The number of processes, 1 or more.

    Raises:
        ValueError: A number makes no world; the text names it.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected 0 or more")
    if persons < 2:
        raise ValueError(f"persons is {persons}, expected at least 2: one to train on and one to search for")
    if not 0 < minutes <= 600:
        raise ValueError(f"minutes is {minutes}, expected more than 0 and at most 600 per camera and period")
    if not 0 <= unlabelled_fraction <= 1:
        raise ValueError(f"unlabelled_fraction is {unlabelled_fraction}, expected 0 .. 1: say 0.1 for one in ten")
    if workers < 1:
        raise ValueError(f"workers is {workers}, expected at least 1 process")


def _labelled_box(
    box: NDArray[np.float64], visible: float, camera: PlazaCamera
) -> tuple[float, float, float, float] | None:
    """The silhouette's box clipped to the frame as x, y, w, h with hundredths, None where too little is seen."""
    x1, y1 = np.clip(box[:2], 0, (camera.width, camera.height))
    x2, y2 = np.clip(box[2:], 0, (camera.width, camera.height))
    x, y, right, bottom = (round(float(value), 2) for value in (x1, y1, x2, y2))
    smallest = MIN_HEIGHT * min(1.0, camera.width / 640)
    if visible < MIN_VISIBLE or bottom - y < smallest or right - x < smallest / 8:
        return None
    return x, y, round(right - x, 2), round(bottom - y, 2)


def _write_caption(image: Image, camera: PlazaCamera, timestamp: float) -> None:
    """Camera and clock in the upper left corner, as recorders write them."""
    scale = max(0.3, 0.42 * camera.width / 640)
    text = f"CAM {camera.camera_id}  {datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S}"
    place = (round(10 * scale), round(30 * scale))
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20), 2, cv2.LINE_AA)
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (235, 235, 235), 1, cv2.LINE_AA)
