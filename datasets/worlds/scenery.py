"""A place while it is built, and when it is whole: what stands where, and where people may walk."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from datasets.figures.decoys import DECOYS, DecoyKind, decoy
from datasets.rendering.surface import Surface, join

CELL = 0.1
"""Meters; the side of a cell of the maps of a place."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Seat:
    """Where somebody may sit: meters, and the direction in radians that the person looks in."""

    x: float
    y: float
    height: float
    facing: float


@dataclass(frozen=True)
class Flow:
    """A straight way on which people walk in both directions: from, to and width, in meters."""

    start: tuple[float, float]
    end: tuple[float, float]
    width: float


@dataclass(frozen=True, eq=False)
class Place:
    """A place without people.

    Args:
        kind: What kind of place it is, "street" and so on.
        surface: Everything that stands there.
        indoor: Whether it has a roof and its light comes from lamps.
        low: (2,) meters, the corner of the maps.
        free: (rows, columns) of cells of CELL meters; rows grow with y. True where a person may stand.
        tall: The same cells; True where something hides a standing person: walls, pillars, cars, shelves.
        ceiling: Meters above the ground; infinite outdoors.
        flows: The ways that people walk on.
        seats: Where somebody may sit.
        lamps: (L, 3) meters, where the lamps hang.
    """

    kind: str
    surface: Surface
    indoor: bool
    low: tuple[float, float]
    free: Mask
    tall: Mask
    ceiling: float
    flows: tuple[Flow, ...]
    seats: tuple[Seat, ...]
    lamps: NDArray[np.float64]

    def cells(self, points: ArrayLike) -> NDArray[np.int64]:
        """The cells (N, 2) as row and column of points (N, 2) in meters; points outside go to the nearest cell."""
        steps = np.floor((np.asarray(points, dtype=np.float64).reshape(-1, 2) - self.low) / CELL)
        limits = np.array([self.free.shape[1] - 1, self.free.shape[0] - 1])
        return np.asarray(np.clip(steps, 0, limits)[:, ::-1], dtype=np.int64)

    def standing_room(self) -> NDArray[np.float64]:
        """The middles (N, 2) in meters of all cells where a person may stand."""
        rows, columns = np.nonzero(self.free)
        return np.stack([columns, rows], axis=1) * CELL + np.asarray(self.low) + CELL / 2

    def sees(self, eye: ArrayLike, points: NDArray[np.float64]) -> Mask:
        """Which points (N, 2) a straight line over the ground from `eye` (2,) reaches without meeting anything tall."""
        share = np.linspace(0.02, 0.98, 48)[None, :, None]
        start = np.asarray(eye, dtype=np.float64)
        way = start + (points[:, None] - start) * share  # (N, 48, 2)
        cells = self.cells(way.reshape(-1, 2))
        return np.asarray(~self.tall[cells[:, 0], cells[:, 1]].reshape(len(points), 48).any(axis=1))


class Scenery:
    """A place that is being built.

    Args:
        rng: The source of chance for everything that is put there.
        low: (2,) meters, the smallest x and y that people may reach.
        high: (2,) meters, the largest x and y that people may reach.
    """

    def __init__(self, rng: np.random.Generator, low: tuple[float, float], high: tuple[float, float]) -> None:
        self.rng = rng
        self.low, self.high = low, high
        shape = (round((high[1] - low[1]) / CELL), round((high[0] - low[0]) / CELL))
        self._taken = np.zeros(shape, dtype=np.uint8)
        self._tall = np.zeros(shape, dtype=np.uint8)
        self._reserved = np.zeros(shape, dtype=np.uint8)
        self._surfaces: list[Surface] = []
        self._flows: list[Flow] = []
        self._seats: list[Seat] = []
        self._lamps: list[tuple[float, float, float]] = []

    def add(self, surface: Surface) -> None:
        """Adds something that takes no room on the ground: floors, ceilings, signs on walls."""
        self._surfaces.append(surface)

    def put(self, surface: Surface, x: float, y: float, turn: float = 0.0, *, tall: bool = False) -> None:
        """Puts a thing made around the origin on the ground; nobody can stand where it is."""
        moved = surface.moved(turn, (x, y, 0.0))
        self._surfaces.append(moved)
        outline = self._outline(surface, x, y, turn)
        cv2.fillConvexPoly(self._taken, outline, 1)
        if tall:
            cv2.fillConvexPoly(self._tall, outline, 1)

    def try_put(
        self, surface: Surface, x: float, y: float, turn: float = 0.0, *, tall: bool = False, gap: float = 0.5
    ) -> bool:
        """Puts a thing where it has room, a `gap` in meters around included and ways kept free; says whether it did."""
        mask = np.zeros_like(self._taken)
        cv2.fillConvexPoly(mask, self._outline(surface, x, y, turn, gap), 1)
        if (mask & (self._taken | self._reserved)).any() or not mask.any():
            return False
        self.put(surface, x, y, turn, tall=tall)
        return True

    def scatter(
        self, make: Callable[[np.random.Generator], Surface], count: int, *, tall: bool = False, gap: float = 0.6,
        turns: Sequence[float] = (0, math.pi / 2, math.pi, -math.pi / 2),
    ) -> None:  # fmt: skip
        """Puts up to `count` things anywhere where there is room, turned by one of the `turns`."""
        for _ in range(count):
            thing = make(self.rng)
            for _ in range(6):
                x, y = (float(self.rng.uniform(self.low[axis] + 0.6, self.high[axis] - 0.6)) for axis in (0, 1))
                if self.try_put(thing, x, y, float(self.rng.choice(turns)), tall=tall, gap=gap):
                    break

    def close(self, low: tuple[float, float], high: tuple[float, float], *, tall: bool = False) -> None:
        """Takes a rectangle of the ground: nobody stands there."""
        for mask in (self._taken, self._tall) if tall else (self._taken,):
            corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
            cv2.fillConvexPoly(mask, self._pixels(corners), 1)

    def flow(self, start: tuple[float, float], end: tuple[float, float], width: float) -> None:
        """Adds a way on which people walk, and keeps it free of things."""
        self._flows.append(Flow(start, end, width))
        one, two = self._pixels(np.array([start, end])).tolist()
        cv2.line(self._reserved, one, two, (1,), max(1, round(0.5 * width / CELL)))

    def decoys(self, mean: float, kinds: Sequence[DecoyKind] = DECOYS) -> None:
        """Puts things somewhere that look like people: mannequins, statues, posters, columns, coats.

        Args:
            mean: How many on average.
            kinds: What they may be.
        """
        for _ in range(int(self.rng.poisson(mean))):
            kind = kinds[int(self.rng.integers(len(kinds)))]
            thing = decoy(self.rng, kind)
            self.scatter(lambda _, thing=thing: thing, 1, turns=[float(self.rng.uniform(0, 2 * math.pi))])  # type: ignore[misc]

    def keep_clear(self, low: tuple[float, float], high: tuple[float, float]) -> None:
        """Keeps a rectangle of the ground free of things that look for a place; people may walk there."""
        corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
        cv2.fillConvexPoly(self._reserved, self._pixels(corners), 1)

    def sit(self, x: float, y: float, height: float, facing: float) -> None:
        """Adds a seat."""
        self._seats.append(Seat(x, y, height, facing))

    def lamp(self, x: float, y: float, z: float) -> None:
        """Adds a lamp."""
        self._lamps.append((x, y, z))

    def finish(self, kind: str, ceiling: float = math.inf) -> Place:
        """The whole place, with a few things in it that look like people."""
        self.decoys(1.3)
        free = cv2.dilate(self._taken, np.ones((5, 5), dtype=np.uint8)) == 0
        free[:3], free[-3:], free[:, :3], free[:, -3:] = False, False, False, False
        lamps = np.asarray(self._lamps, dtype=np.float64).reshape(-1, 3)
        return Place(
            kind, join(self._surfaces), math.isfinite(ceiling), self.low, free, self._tall != 0, ceiling,
            tuple(self._flows), tuple(self._seats), lamps,
        )  # fmt: skip

    def _outline(self, surface: Surface, x: float, y: float, turn: float, gap: float = 0.0) -> NDArray[np.int32]:
        low = surface.vertices[:, :2].min(axis=0) - gap
        high = surface.vertices[:, :2].max(axis=0) + gap
        corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])], dtype=np.float64)
        cos, sin = math.cos(turn), math.sin(turn)
        return self._pixels(corners @ np.array([[cos, sin], [-sin, cos]]) + (x, y))

    def _pixels(self, points: NDArray[np.float64]) -> NDArray[np.int32]:
        return np.asarray(np.rint((points - self.low) / CELL - 0.5), dtype=np.int32)
