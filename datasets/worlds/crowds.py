"""Who is where at one moment: people who walk along ways, stand in groups, queue, sit, and hide one another."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.figures.poses import Pose, PoseKind, draw_pose
from datasets.rendering.camera import Camera
from datasets.worlds.cameras import visible_ground
from datasets.worlds.scenery import Place

_APART = 0.55
"""Meters between the middles of two people, at least."""

_ALONE: tuple[tuple[PoseKind, float], ...] = (
    ("walking", 0.56), ("standing", 0.16), ("phoning", 0.07), ("carrying", 0.07), ("pushing", 0.03), ("running", 0.03),
    ("bending", 0.04), ("squatting", 0.02), ("cycling", 0.02),
)  # fmt: skip


class Placed(NamedTuple):
    """One person at one moment: the row of the looks, meters, the direction of looking in radians, and the pose.

    z is the height of the ground below the feet, or of the seat for who sits.
    """

    person: int
    x: float
    y: float
    z: float
    facing: float
    pose: Pose


@dataclass(frozen=True)
class CrowdHabits:
    """How people spread in front of one camera.

    Args:
        nearness: Larger values bring people closer to the camera; 1 spreads them evenly over the distances.
        together: The share of people who are with others.
        behind: The share of people who are put behind another person.
    """

    nearness: float
    together: float
    behind: float


def draw_habits(rng: np.random.Generator) -> CrowdHabits:
    """How people spread in front of a camera."""
    return CrowdHabits(*(float(rng.uniform(*limits)) for limits in ((0.4, 2.0), (0.2, 0.7), (0.05, 0.35))))


class Crowd:
    """Places people in front of one camera.

    Args:
        place: Where they are.
        camera: Who sees them.
        habits: How they spread.
        rng: The source of chance.
    """

    def __init__(self, place: Place, camera: Camera, habits: CrowdHabits, rng: np.random.Generator) -> None:
        self.place, self.camera, self.habits, self.rng = place, camera, habits, rng
        room = place.standing_room()
        room = room[rng.integers(0, len(room), 6000)]
        self._eye = np.asarray(camera.position[:2])
        distance = np.linalg.norm(room - self._eye, axis=1)
        # Nobody stands in the lens, and nobody is smaller than the labels say.
        fit = (distance > 0.7) & (camera.focal * 1.7 / np.maximum(distance, 0.1) > 16)
        room = room[fit]
        self._room = room[visible_ground(place, camera, room)]
        self._distance = np.linalg.norm(self._room - self._eye, axis=1)
        seats = np.array([(seat.x, seat.y) for seat in place.seats]).reshape(-1, 2)
        seen = visible_ground(place, camera, seats) & (np.linalg.norm(seats - self._eye, axis=1) > 0.9)
        self._seats = [seat for seat, fine in zip(place.seats, seen, strict=True) if fine]
        self._placed: list[Placed] = []

    def moment(self, people: list[int], close: bool = False) -> list[Placed]:
        """Puts people somewhere; those for whom there is no room are left out.

        Args:
            people: The rows of the looks, each at most once.
            close: Whether the first ones are so near that they do not fit into the frame.
        """
        self._placed = []
        left = list(people)
        if not len(self._room):
            return []
        for _ in range(min(len(left), int(self.rng.integers(1, 4))) if close else 0):
            self._single(left.pop(0), self._spot(nearest=True))
        while left:
            choice = self.rng.random()
            if choice < 0.12 and self._seats:
                self._sit(left.pop(0))
            elif choice < 0.12 + self.habits.behind and self._placed:
                self._single(left.pop(0), self._spot_behind())
            elif self.rng.random() < self.habits.together and len(left) > 1:
                count = min(len(left), int(self.rng.choice([2, 3, 4, 5], p=[0.55, 0.25, 0.12, 0.08])))
                self._group([left.pop(0) for _ in range(count)])
            else:
                self._single(left.pop(0), self._spot())
        return self._placed

    def _spot(self, nearest: bool = False) -> NDArray[np.float64]:
        weight = self._distance**-self.habits.nearness
        if nearest:
            share = self.camera.focal * 1.7 / self._distance / self.camera.height
            target = min(float(self.rng.uniform(0.7, 2.2)), float(share.max()))
            weight = np.exp(-((np.log(share / target)) ** 2) / 0.25) + 1e-9
        return np.asarray(self._room[self.rng.choice(len(self._room), p=weight / weight.sum())])

    def _spot_behind(self) -> NDArray[np.float64]:
        """A place nearly in line with the camera and a person who is there already, and farther away."""
        front = self._placed[int(self.rng.integers(len(self._placed)))]
        way = np.array([front.x, front.y]) - self._eye
        away = np.linalg.norm(way)
        unit = way / max(float(away), 1e-6)
        side = np.array([-unit[1], unit[0]])
        return (
            np.array([front.x, front.y])
            + unit * float(self.rng.uniform(0.5, 2.0))
            + side * float(self.rng.normal(0, 0.3))
        )

    def _add(
        self, person: int, spot: NDArray[np.float64], facing: float, kind: PoseKind, apart: float = _APART
    ) -> bool:
        """Puts a person where there is room; says whether there was."""
        row, column = self.place.cells(spot)[0]
        wide = apart + (0.5 if kind in ("pushing", "cycling", "running") else 0.0)
        crowded = any(math.hypot(other.x - spot[0], other.y - spot[1]) < wide for other in self._placed)
        if crowded or not self.place.free[row, column] or np.linalg.norm(spot - self._eye) < 0.65:
            return False
        self._placed.append(Placed(person, float(spot[0]), float(spot[1]), 0.0, facing, draw_pose(self.rng, kind)))
        return True

    def _single(self, person: int, spot: NDArray[np.float64]) -> None:
        kinds, shares = zip(*_ALONE, strict=True)
        kind: PoseKind = kinds[int(self.rng.choice(len(kinds), p=shares))]
        if kind == "cycling" and self.place.indoor:
            kind = "walking"
        for _ in range(5):
            if self._add(person, spot, self._heading(spot, kind), kind):
                return
            spot = self._spot()

    def _heading(self, spot: NDArray[np.float64], kind: PoseKind) -> float:
        """Along the nearest way for who moves, anywhere for who stands."""
        if kind in ("standing", "bending", "squatting") or not self.place.flows or self.rng.random() < 0.25:
            return float(self.rng.uniform(0, 2 * math.pi))
        starts, ends = (np.array([getattr(flow, name) for flow in self.place.flows]) for name in ("start", "end"))
        ways = ends - starts
        along = np.clip(((spot - starts) * ways).sum(1) / (ways**2).sum(1), 0, 1)
        nearest = int(np.argmin(np.linalg.norm(starts + along[:, None] * ways - spot, axis=1)))
        heading = math.atan2(ways[nearest, 1], ways[nearest, 0]) + float(self.rng.normal(0, 0.25))
        return heading + (math.pi if self.rng.random() < 0.5 else 0.0)

    def _group(self, people: list[int]) -> None:
        """People who walk side by side, stand around and talk, or queue."""
        kind = int(self.rng.choice(3, p=[0.5, 0.35, 0.15]))
        center = self._spot()
        heading = self._heading(center, "walking")
        ahead, side = (
            np.array([math.cos(heading), math.sin(heading)]),
            np.array([-math.sin(heading), math.cos(heading)]),
        )
        for number, person in enumerate(people):
            if kind == 0:
                spot = center + side * 0.62 * (number - len(people) / 2) + ahead * float(self.rng.normal(0, 0.15))
                self._add(person, spot, heading + float(self.rng.normal(0, 0.1)), "walking", 0.5)
            elif kind == 1:
                turn = heading + 2 * math.pi * number / len(people)
                radius = 0.35 + 0.14 * len(people)
                spot = center + radius * np.array([math.cos(turn), math.sin(turn)])
                self._add(person, spot, turn + math.pi + float(self.rng.normal(0, 0.2)), "standing", 0.5)
            else:
                spot = (
                    center
                    - ahead * float(self.rng.uniform(0.65, 0.9)) * number
                    + side * float(self.rng.normal(0, 0.08))
                )
                self._add(person, spot, heading + float(self.rng.normal(0, 0.2)), "standing", 0.5)

    def _sit(self, person: int) -> None:
        seat = self._seats[int(self.rng.integers(len(self._seats)))]
        if any(math.hypot(other.x - seat.x, other.y - seat.y) < 0.5 for other in self._placed):
            self._single(person, self._spot())
            return
        pose = draw_pose(self.rng, "sitting")
        self._placed.append(Placed(person, seat.x, seat.y, seat.height, seat.facing, pose))
