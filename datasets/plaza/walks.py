"""Who is where at which second: paths across the square, walkers, pairs, people who stop, cyclists."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datasets.plaza.light import LAMPS
from datasets.plaza.looks import Look
from datasets.plaza.scene import BED_RADIUS, BEDS, BENCHES, BINS, FOUNTAIN, KIOSK, TREES

Array = NDArray[np.float64]

AT_ONCE = 8
"""People on the square at the same time, where there are enough of them."""
CROSSING = 36.0
"""Seconds that a walker is about on the square."""
LEAD = 34.0
"""Seconds before a recording starts that the first person sets out."""

GATES = np.array(
    [(-22.0, -1.0), (-21.0, 9.5), (22.0, 5.0), (21.5, -6.0), (5.0, 18.0), (-7.5, 17.5), (-9.0, -18.0), (7.5, -17.5)]
)
# Circles nobody walks into: x, y, radius.
OBSTACLES = np.array(
    [
        (*FOUNTAIN, 2.9),
        (*KIOSK, 2.2),
        *((x, y, BED_RADIUS + 0.4) for x, y in BEDS),
        *((x, y, 1.3) for x, y, _ in BENCHES),
        *((x, y, 0.5) for x, y in LAMPS),
        *((x, y, 0.7) for x, y in TREES),
        *((x, y, 0.6) for x, y in BINS),
    ]
)


@dataclass(frozen=True)
class Placement:
    """One person at one second.

    Args:
        person: The person's row in the list of looks.
        x: The place on the square in meters, to the east.
        y: The place on the square in meters, to the north.
        heading: Where the person looks, in radians from east to north.
        way: The meters covered so far; they drive the legs.
        vigour: 1 walks or rides, 0 stands.
    """

    person: int
    x: float
    y: float
    heading: float
    way: float
    vigour: float


@dataclass(frozen=True, eq=False)
class _Visit:
    """One crossing of the square: a path sampled every quarter of a meter, and when it is walked."""

    person: int
    start: float
    path: Array
    speed: float
    pause_at: float
    pause: float
    first_step: float

    @property
    def end(self) -> float:
        """The second at which the path is walked to its end, its pause counted."""
        return self.start + (len(self.path) - 1) * 0.25 / self.speed + self.pause

    def at(self, second: float) -> Placement | None:
        """The placement at a time, None outside the visit."""
        elapsed = second - self.start
        if not 0 <= elapsed < self.end - self.start:
            return None
        way, standing = self._way(np.array([elapsed], dtype=np.float64))
        x, y = self._place(way)[0].tolist()
        ahead, behind = self._place(way + 0.4)[0], self._place(way - 0.4)[0]
        heading = float(np.arctan2(ahead[1] - behind[1], ahead[0] - behind[0]))
        vigour = 0.0 if standing[0] else 1.0
        return Placement(self.person, x, y, heading, float(way[0]) + self.first_step, vigour)

    @cached_property
    def whole_seconds(self) -> tuple[int, Array]:
        """The first whole second > 0 of the visit, and the places (N, 2) at it and at those that follow."""
        first = int(max(0.0, self.start)) + 1
        elapsed = np.arange(first, int(self.end) + 1, dtype=np.float64) - self.start
        return first, self._place(self._way(elapsed[elapsed < self.end - self.start])[0])

    def _way(self, elapsed: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Meters covered after so many seconds, and whether the person stands then."""
        before = self.pause_at / self.speed
        standing = (before <= elapsed) & (elapsed < before + self.pause)
        walked = self.speed * (elapsed - np.where(elapsed >= before, self.pause, 0.0))
        return np.where(standing, self.pause_at, walked), standing

    def _place(self, way: Array) -> Array:
        """(N, 2) where one is after so many meters."""
        step = np.arange(len(self.path)) * 0.25
        return np.column_stack([np.interp(way, step, self.path[:, axis]) for axis in (0, 1)])


def _avoid(points: Array) -> Array:
    """Points pushed out of the obstacles."""
    for x, y, radius in OBSTACLES:
        offset = points - (x, y)
        distance = np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-6)
        points = np.where(distance < radius, (x, y) + offset / distance * radius, points)
    return points


def _resample(points: Array) -> Array:
    """The polyline with a point every 0.25 m."""
    step = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.arange(0.0, step[-1], 0.25)
    return np.column_stack([np.interp(at, step, points[:, axis]) for axis in (0, 1)])


def _clearance(path: Array) -> float:
    """How far the path stays out of the obstacles, meters; negative where it cuts into one."""
    return float((np.linalg.norm(path[:, None] - OBSTACLES[:, :2], axis=-1) - OBSTACLES[:, 2]).min())


def draw_path(rng: np.random.Generator) -> Array:
    """A smooth path (N, 2) from one gate to another over a few points of the square, around what stands there."""
    best = _try_path(rng)
    for _ in range(20):
        # A path through the middle of an obstacle is pushed apart instead of around it: draw another.
        if _clearance(best) > -0.2:
            break
        best = max(best, _try_path(rng), key=_clearance)
    return best


def _try_path(rng: np.random.Generator) -> Array:
    first, last = rng.choice(len(GATES), size=2, replace=False)
    inner = rng.uniform((-13.5, -10.5), (13.5, 10.5), size=(int(rng.integers(1, 4)), 2))
    # Visited in the order in which they lie along the way, so that nobody zigzags.
    direction = GATES[last] - GATES[first]
    inner = inner[np.argsort(inner @ direction, kind="stable")]
    points = np.concatenate([GATES[first : first + 1], inner, GATES[last : last + 1]])
    points[[0, -1]] += rng.uniform(-1.5, 1.5, size=(2, 2))
    points = _resample(points)
    for _ in range(3):
        points = _avoid(points)
        kernel = np.ones(9) / 9
        padded = np.pad(points, ((4, 4), (0, 0)), mode="edge")
        points = np.column_stack([np.convolve(padded[:, axis], kernel, mode="valid") for axis in (0, 1)])
    return _resample(_avoid(points))


def _beside(path: Array, offset: float) -> Array:
    """The path shifted sideways, for whom somebody walks along with."""
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    return _avoid(path + offset * np.column_stack([-along[:, 1], along[:, 0]]))


class Timetable:
    """Sends people across the square, everybody about equally often, nobody twice at once.

    Args:
        rng: The generator that decides what is left to chance.
        looks: How each person looks; those who ride are faster.
        members: The rows of `looks` of the people who take part.
    """

    def __init__(self, rng: np.random.Generator, looks: Sequence[Look], members: Sequence[int]) -> None:
        self._rng = rng
        self._looks = looks
        self._members = list(members)
        self._queue: list[int] = []

    def _next_person(self, start: float, busy_until: dict[int, float], rider: bool | None = None) -> int | None:
        """The person who waits longest and is free; `rider` wants riders or walkers only."""
        if len(self._queue) < len(self._members):
            self._queue += [int(member) for member in self._rng.permutation(self._members)]
        for position, person in enumerate(self._queue):
            fits = rider is None or self._looks[person].bicycle == rider
            if fits and busy_until.get(person, -np.inf) < start:
                return self._queue.pop(position)
        return None

    def _visit(self, person: int, start: float, others: list[_Visit], horizon: float) -> _Visit:
        """A crossing that keeps half a meter from the others at whole seconds, if a few tries find one."""
        rng = self._rng
        for _ in range(6):
            path = draw_path(rng)
            length = (len(path) - 1) * 0.25
            rides = self._looks[person].bicycle
            speed = float(rng.uniform(3.0, 4.0) if rides else rng.uniform(1.0, 1.6))
            stops = not rides and rng.random() < 0.18
            pause = float(rng.uniform(4, 12)) if stops else 0.0
            visit = _Visit(
                person, start, path, speed, float(rng.uniform(0.3, 0.7)) * length, pause, float(rng.uniform(0, 2))
            )
            if not _collides(visit, others, horizon):
                break
        return visit

    def run(self, seconds: int, at_once: int = AT_ONCE) -> list[list[Placement]]:
        """One recording: for every second the people on the square. The square is busy from the start.

        Args:
            seconds: How long the recording lasts, in seconds.
            at_once: How many people are on the square at a time, at most 0.6 of the members.
        """
        rng = self._rng
        wanted = min(at_once, max(1, round(0.6 * len(self._members))))
        visits: list[_Visit] = []
        busy_until: dict[int, float] = {}
        start, pace = -LEAD, CROSSING / wanted
        while start < seconds:
            person = self._next_person(start, busy_until)
            if person is not None:
                visit = self._visit(person, start, visits, seconds)
                visits.append(visit)
                busy_until[person] = visit.end
                if not self._looks[person].bicycle and rng.random() < 0.2:
                    partner = self._next_person(start, busy_until, rider=False)
                    if partner is not None:
                        together = _Visit(
                            partner, start, _beside(visit.path, 0.68), visit.speed, visit.pause_at, visit.pause,
                            float(rng.uniform(0, 2)),
                        )  # fmt: skip
                        visits.append(together)
                        busy_until[partner] = together.end
                        start += pace * 0.8
            start += pace * float(rng.uniform(0.6, 1.4))
        found = [[visit.at(float(second)) for visit in visits] for second in range(seconds)]
        return [[placement for placement in row if placement is not None] for row in found]


def _collides(visit: _Visit, others: list[_Visit], horizon: float) -> bool:
    first, places = visit.whole_seconds
    places = places[: max(0, int(min(horizon, visit.end)) + 1 - first)]
    for other in others:
        its_first, its_places = other.whole_seconds
        start, end = max(first, its_first), min(first + len(places), its_first + len(its_places))
        if start < end:
            apart = places[start - first : end - first] - its_places[start - its_first : end - its_first]
            if (np.hypot(apart[:, 0], apart[:, 1]) < 0.55).any():
                return True
    return False
