"""Takes the pictures of one world: its place, its people, its cameras, moment by moment."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.figures.figure import person, seat_height
from datasets.figures.looks import Look, draw_look, near_double
from datasets.figures.luggage import gear
from datasets.images import encode_jpeg
from datasets.plaza.truth import FrameRecord, Sighting
from datasets.rendering.camera import Camera
from datasets.rendering.surface import Surface
from datasets.rendering.view import Picture, View
from datasets.samples import UNLABELLED
from datasets.worlds.cameras import draw_camera
from datasets.worlds.crowds import Crowd, Placed, draw_habits
from datasets.worlds.lighting import draw_light
from datasets.worlds.places import draw_kind, draw_place
from datasets.worlds.recorder import draw_recorder, rained_on
from datasets.worlds.scenery import Place

LEAST_SEEN = 0.15
"""A person of whom less is seen, as a share of what lies in the frame, is given as a region to ignore."""
LEAST_HEIGHT = 12.0
"""A person whose box is lower than this many pixels is given as a region to ignore."""
LEAST_KNOWN = 0.3
"""A person of whom less is seen is a person, but nobody could tell who: the identity is not given."""
LEAST_KNOWN_HEIGHT = 24.0

_QUALITY = 92
_ALIKE = 0.1
_CROWDED = 0.25
_EMPTY = 0.05
_CLOSE = 0.22
_FIRST_DAY = 1_767_225_600.0
_DAY = 86_400.0


@dataclass(frozen=True)
class WorldTask:
    """One world to render; small enough to send to another process.

    Args:
        root: The folder of the data set.
        seed: The number that decides everything.
        world: Which world it is, from 0 on.
        persons: How many people live there.
        cameras: How many cameras watch it.
        moments: How many pictures each of them takes.
        test: Whether the pictures go to test.json.
    """

    root: Path
    seed: int
    world: int
    persons: int
    cameras: int
    moments: int
    test: bool


def kind_of(task: WorldTask) -> str:
    """Which kind of place a world is."""
    return draw_kind(_chance(task))


def shoot_world(task: WorldTask) -> list[FrameRecord]:
    """Renders all pictures of one world, writes them, and gives their truth.

    Raises:
        OSError: A picture cannot be written.
    """
    rng = _chance(task)
    place = draw_place(rng)
    looks = _draw_looks(rng, task.persons)
    return [record for number in range(task.cameras) for record in _shoot_camera(task, place, looks, number)]


def _chance(task: WorldTask) -> np.random.Generator:
    """The source of chance of a world's place and people."""
    return np.random.default_rng([task.seed, 11, task.world])


def _draw_looks(rng: np.random.Generator, count: int) -> list[Look]:
    """The people of one world, dressed for the same day; some are nearly dressed alike."""
    warm = float(rng.random())
    looks: list[Look] = []
    for _ in range(count):
        alike = looks and rng.random() < _ALIKE
        looks.append(near_double(rng, looks[int(rng.integers(len(looks)))]) if alike else draw_look(rng, warm))
    return looks


def _shoot_camera(task: WorldTask, place: Place, looks: list[Look], number: int) -> list[FrameRecord]:
    """Takes and writes all pictures of one camera."""
    rng = np.random.default_rng([task.seed, 12, task.world, number])
    camera = draw_camera(place, rng)
    light = draw_light(place, camera.position, rng)
    recorder = draw_recorder(rng, place.indoor, light.infrared)
    view = View(rained_on(place.surface) if recorder.weather.rain > 0 else place.surface, camera, light)
    crowd = Crowd(place, camera, draw_habits(rng), rng)
    shown = np.zeros(len(looks))
    camera_id = task.world * task.cameras + number + 1
    records, pictures = [], []
    for moment in range(task.moments):
        placed = _cast(crowd, shown, rng)
        people = [_dressed(looks, one, camera) for one in placed]
        # What people have along hides others, and is no part of them.
        picture = view.draw([*people, *_taken_along(looks, placed)])
        pictures.append(picture)
        records.append(
            FrameRecord(
                f"frames/c{camera_id:05d}_{moment:04d}.jpg",
                camera_id,
                task.world,
                camera.width,
                camera.height,
                moment,
                _FIRST_DAY + _DAY * task.world + 3600.0 * number + 60.0 * moment,
                task.test,
                sightings_of(picture, placed, task.world * task.persons),
            )
        )
    for record, image in zip(records, recorder.record(pictures, rng), strict=True):
        (task.root / record.file_name).write_bytes(encode_jpeg(image, quality=_QUALITY))
    return records


def _cast(crowd: Crowd, shown: np.ndarray, rng: np.random.Generator) -> list[Placed]:
    """Who is there at a moment: those first who were seen least; sometimes nobody, sometimes somebody very close."""
    if rng.random() < _EMPTY:
        return []
    limits = (12, 31) if rng.random() < _CROWDED else (4, 13)
    count = min(int(rng.integers(*limits)), len(shown))
    people = [int(person) for person in np.argsort(shown + 0.9 * rng.random(len(shown)), kind="stable")[:count]]
    rng.shuffle(people)
    placed = crowd.moment(people, close=bool(rng.random() < _CLOSE))
    for one in placed:
        shown[one.person] += 1
    return placed


def _dressed(looks: list[Look], one: Placed, camera: Camera) -> Surface:
    """The figure of a person where it stands; far ones have less detail."""
    away = float(np.linalg.norm(np.subtract((one.x, one.y, 1.0), camera.position)))
    detail = float(np.clip(camera.focal * 1.7 / max(away, 0.5) / 480, 0.0, 1.0))
    return person(looks[one.person], one.pose, detail).moved(one.facing, _foot(looks[one.person], one))


def _taken_along(looks: list[Look], placed: list[Placed]) -> list[Surface]:
    """Bicycles, prams, suitcases, umbrellas and parcels, where their people are."""
    things = [(gear(looks[one.person], one.pose), one) for one in placed]
    return [thing.moved(one.facing, _foot(looks[one.person], one)) for thing, one in things if thing is not None]


def _foot(look: Look, one: Placed) -> tuple[float, float, float]:
    """Where the ground of a figure is; who sits is put onto the seat, however long the legs are."""
    return one.x, one.y, one.z - (seat_height(look, one.pose) if one.pose.kind == "sitting" else 0.0)


def sightings_of(picture: Picture, placed: list[Placed], first_id: int) -> tuple[Sighting, ...]:
    """The boxes of the people in a picture, in the order of their place; what they have along was drawn after them."""
    sightings = []
    for one, whole, held, visible in zip(placed, picture.boxes, picture.inside, picture.visible, strict=False):
        x1, y1, x2, y2 = (float(value) for value in whole)
        left, top, right, bottom = (round(float(value), 2) for value in held)
        inside = (right - left) * (bottom - top) / max((x2 - x1) * (y2 - y1), 1e-6)
        if not visible > 0 or not inside > 0 or right - left < 2 or bottom - top < 4:
            continue
        seen = min(float(visible) / max(inside, 1e-6), 1.0)
        ignored = seen < LEAST_SEEN or bottom - top < LEAST_HEIGHT or right - left < 5 or inside < 0.04
        known = not ignored and seen >= LEAST_KNOWN and bottom - top >= LEAST_KNOWN_HEIGHT and inside > 0.12
        sightings.append(
            Sighting(
                first_id + one.person if known else UNLABELLED,
                (left, top, round(right - left, 2), round(bottom - top, 2)),
                float(visible),
                inside,
                ignored,
            )
        )
    return tuple(sorted(sightings, key=lambda sighting: sighting.box_xywh))
