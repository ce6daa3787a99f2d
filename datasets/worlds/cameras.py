"""Where the cameras of a place hang or are held, and what they look at."""

import math

import numpy as np
from numpy.typing import NDArray

from datasets.rendering.camera import Camera
from datasets.worlds.scenery import Place

_SIZES = ((960, 540), (960, 540), (960, 540), (800, 600), (720, 576), (1024, 576), (640, 480), (704, 528))
"""Width and height in pixels of the pictures."""

_TRIES = 24
_CHEST = 1.1


def visible_ground(
    place: Place, camera: Camera, points: NDArray[np.float64], margin: float = 0.04
) -> NDArray[np.bool_]:
    """Which places (N, 2) on the ground show the chest of who stands there, in a frame wider by `margin`."""
    chests = np.concatenate([points, np.full((len(points), 1), _CHEST)], axis=1)
    pixels, depth = camera.project(chests)
    x, y = margin * camera.width, margin * camera.height
    inside = (
        (pixels[:, 0] > -x)
        & (pixels[:, 0] < camera.width + x)
        & (pixels[:, 1] > -y)
        & (pixels[:, 1] < camera.height + y)
    )
    seen = inside & (depth > 0.5)
    seen[seen] = place.sees(camera.position[:2], points[seen])
    return seen


def draw_camera(place: Place, rng: np.random.Generator) -> Camera:
    """A camera that sees much of where people walk: on a wall or pole, lower, or held in front of the eyes.

    Args:
        place: Where it hangs.
        rng: The source of chance.
    """
    kind = str(rng.choice(["high", "middle", "eye"], p=[0.4, 0.3, 0.3]))
    width, height = _SIZES[int(rng.integers(len(_SIZES)))]
    room = place.standing_room()
    sample = room[rng.integers(0, len(room), 400)]
    best: tuple[float, Camera] | None = None
    for _ in range(_TRIES):
        camera = _candidate(place, rng, kind, (width, height), sample)
        seen = sample[visible_ground(place, camera, sample)]
        near = np.linalg.norm(seen - camera.position[:2], axis=1)
        # Places where people are neither tiny nor far larger than the frame count most.
        share = camera.focal * 1.7 / np.maximum(near, 0.3) / camera.height
        useful = np.where((share > 0.06) & (share < 1.6), np.sqrt(np.minimum(share, 0.6)), 0)
        score = float(useful.sum()) * float(rng.uniform(0.6, 1.0))
        if best is None or score > best[0]:
            best = score, camera
    assert best is not None
    return best[1]


def _candidate(
    place: Place, rng: np.random.Generator, kind: str, size: tuple[int, int], sample: NDArray[np.float64]
) -> Camera:
    width, height = size
    low = np.asarray(place.low)
    high = low + np.array(place.free.shape[::-1]) * 0.1
    target = sample[int(rng.integers(len(sample)))]
    top = min(place.ceiling - 0.25, 8.0)
    if kind == "eye":
        eye = sample[int(rng.integers(len(sample)))]
        z, angle = float(rng.uniform(1.2, 1.9)), float(rng.uniform(34, 75))
        aim = float(rng.normal(1.15, 0.25))
    else:
        low_end, high_end = (min(3.2, top - 0.3), top) if kind == "high" else (2.2, min(3.4, top))
        z, angle = (
            low_end + (high_end - low_end) * float(rng.random() ** 1.6),
            float(rng.uniform(42, 95)),
        )
        aim = float(rng.uniform(0.2, 1.3))
        # Near an edge, as cameras hang on walls and poles; outdoors also somewhere in the middle.
        eye = low + 0.35 + rng.random(2) * (high - low - 0.7)
        if place.indoor or rng.random() < 0.7:
            axis = int(rng.integers(2))
            eye[axis] = (low[axis] + 0.35, high[axis] - 0.35)[int(rng.integers(2))]
    away = np.maximum(np.linalg.norm(target - eye), 1.5)
    yaw = math.atan2(target[1] - eye[1], target[0] - eye[0])
    pitch = min(math.atan2(z - aim, float(away)), 1.1)
    focal = width / 2 / math.tan(math.radians(angle) / 2)
    bent = float(rng.uniform(-0.22, -0.02)) if angle > 65 and rng.random() < 0.7 else 0.0
    roll = float(rng.normal(0, 0.025 if kind == "eye" else 0.012))
    if kind != "eye" and rng.random() < 0.1:
        roll = float(rng.normal(0, 0.08))
    return Camera((float(eye[0]), float(eye[1]), z), yaw, pitch, roll, focal, width, height, bent)
