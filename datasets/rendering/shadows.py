"""Shadows: maps of how far the light gets (Williams, SIGGRAPH 1978), read with a soft edge.

The place itself has one map from the sun. Every figure has a small map of its own for each light that it stands in.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.rendering.light import Light, Shining
from datasets.rendering.rasterize import nearest
from datasets.rendering.surface import Surface
from datasets.rendering.textures import GREY, Number, Triple, compiled, inlined

Floats = NDArray[np.float32]

FAR = np.float32(1e9)
SUN_CELLS = 2048
FIGURE_CELLS = 96
MOST_LAMPS = 3
"""How many lamps throw a shadow of each figure; the shadows of weaker ones are too faint to see."""
FAINT = 0.05
"""The share of a figure's light below which a lamp throws no shadow of it."""
LONGEST = 25.0
"""Meters after which a shadow ends."""

WIDEST = 0.12
"""The radius in which a map is first searched for what is in the light's way, as a share of its side."""

PLACES = 12
"""At how many places a map is read for one point."""

_TURNS = (np.arange(16)[:, None] / 16 + np.arange(PLACES)[None] * 0.381966) * 2 * math.pi
_OUTWARD = np.sqrt((np.arange(PLACES) * 5 % PLACES + 0.5) / PLACES)
DISKS = np.stack([_OUTWARD * np.cos(_TURNS), _OUTWARD * np.sin(_TURNS)], axis=2).astype(np.float32)
"""(16, PLACES, 2): 16 ways of spreading places evenly over the disk of radius 1."""


class Casters(NamedTuple):
    """What throws shadows, C of them. Light coordinates are two places across the light's way and a depth along it.

    Args:
        light: (C,) int32, the lamp, or -1 for the sun.
        figure: (C,) int32, which figure throws the shadow; -1 is the place itself.
        origin: (C, 3) float32, where light coordinates begin; a lamp's position.
        basis: (C, 3, 3) float32 from world directions to light coordinates.
        low: (C, 2) float32, where the map begins.
        cell: (C,) float32, the side of a cell of the map.
        soft: (C,) float32, for the sun half the soft edge a meter behind the caster, for lamps the lamp's radius.
        maps: (C, R, R) float32, the depth at which the light ends.
    """

    light: NDArray[np.int32]
    figure: NDArray[np.int32]
    origin: Floats
    basis: Floats
    low: Floats
    cell: Floats
    soft: Floats
    maps: Floats


def sun_map(surface: Surface, seen: Floats, light: Light) -> Casters:
    """The shadows that a place throws in the sun, onto the points (N, 3) that a camera sees of it."""
    casters = no_casters(SUN_CELLS if light.sun_direction else 1)
    if light.sun_direction is None or len(seen) == 0:
        return casters
    basis = _basis(-np.asarray(light.sun_direction, dtype=np.float64))
    origin = seen.mean(axis=0)
    reached = (seen - origin) @ basis.T
    low, high = reached[:, :2].min(axis=0) - 0.5, reached[:, :2].max(axis=0) + 0.5
    cell = float((high - low).max()) / SUN_CELLS
    depth = np.full((1, SUN_CELLS, SUN_CELLS), FAR, dtype=np.float32)
    coordinates = ((surface.vertices - origin) @ basis.T).astype(np.float32)
    nearest(coordinates, surface.triangles, low.astype(np.float32), cell, depth[0])
    return Casters(
        np.array([-1], np.int32),
        np.array([-1], np.int32),
        origin[None].astype(np.float32),
        basis[None],
        low[None].astype(np.float32),
        np.array([cell], np.float32),
        np.array([light.sun_softness], np.float32),
        depth,
    )


def no_casters(cells: int) -> Casters:
    """No shadows at all."""
    return Casters(
        np.zeros(0, np.int32),
        np.zeros(0, np.int32),
        np.zeros((0, 3), np.float32),
        np.zeros((0, 3, 3), np.float32),
        np.zeros((0, 2), np.float32),
        np.zeros(0, np.float32),
        np.zeros(0, np.float32),
        np.zeros((0, cells, cells), np.float32),
    )


@compiled
def extent(vertices: Floats) -> Floats:
    """(6,) float32, the smallest and the largest coordinates of vertices (V, 3); zeros without vertices."""
    bounds = np.zeros(6, dtype=np.float32)
    for k in range(3):
        if len(vertices):
            bounds[k], bounds[k + 3] = vertices[0, k], vertices[0, k]
    for i in range(len(vertices)):
        for k in range(3):
            bounds[k], bounds[k + 3] = min(bounds[k], vertices[i, k]), max(bounds[k + 3], vertices[i, k])
    return bounds


def figure_casters(figures: Sequence[Surface], bounds: Floats, light: Light, lit: Shining) -> Casters:
    """The shadows that figures throw: each of them in the sun and in the lamps that light it most.

    Args:
        figures: P of them.
        bounds: (P, 6) their smallest and largest coordinates.
        light: What lights them.
        lit: The same for compiled loops.
    """
    rows = [
        _caster(figure, bounds[number], number, source, light)
        for number, figure in enumerate(figures)
        if len(figure.triangles)
        for source in _sources(bounds[number], light, lit)
    ]
    if not rows:
        return no_casters(FIGURE_CELLS)
    light_number, figure_number, origin, basis, low, cell, soft, maps = zip(*rows, strict=True)
    return Casters(
        np.array(light_number, np.int32),
        np.array(figure_number, np.int32),
        np.array(origin, np.float32),
        np.array(basis, np.float32),
        np.array(low, np.float32),
        np.array(cell, np.float32),
        np.array(soft, np.float32),
        np.array(maps, np.float32),
    )


def _sources(bounds: Floats, light: Light, lit: Shining) -> list[int]:
    """The lights whose shadow of a figure is seen: -1 for the sun, and numbers of lamps."""
    middle = (bounds[:3] + bounds[3:]) / 2
    sources = [-1] if light.sun_direction is not None and max(light.sun_color) > 0 else []
    if len(lit.lamp_reach):
        far = ((lit.lamp_position - middle) ** 2).sum(axis=1)
        strength = lit.lamp_color @ GREY * lit.lamp_reach**2 / (lit.lamp_reach**2 + far)
        whole = strength.sum() + (lit.sky + lit.ground) @ GREY / 2 + lit.sun_color @ GREY
        above = lit.lamp_position[:, 2] > bounds[5] + 0.1
        order = np.argsort(-strength, kind="stable")[:MOST_LAMPS]
        sources += [int(lamp) for lamp in order if strength[lamp] > FAINT * whole and above[lamp]]
    return sources


def _caster(
    figure: Surface, bounds: Floats, number: int, source: int, light: Light
) -> tuple[int, int, Floats, Floats, Floats, float, float, Floats]:
    """One row of `Casters`."""
    middle: Any = (bounds[:3] + bounds[3:]) / 2
    origin: Floats
    if source < 0:
        origin, soft = middle.astype(np.float32), light.sun_softness
        basis = _basis(-np.asarray(light.sun_direction, dtype=np.float64))
    else:
        origin, soft = np.asarray(light.lamps[source].position, dtype=np.float32), light.lamps[source].size
        basis = _basis(middle - origin)
    coordinates: Any = (figure.vertices - origin) @ basis.T
    if source >= 0:
        coordinates[:, :2] /= np.maximum(coordinates[:, 2:], np.float32(0.05))
    reached = extent(coordinates)
    cell = float(max(reached[3] - reached[0], reached[4] - reached[1])) / (FIGURE_CELLS - 2)
    low = (reached[:2] - cell).astype(np.float32)
    depth = np.full((FIGURE_CELLS, FIGURE_CELLS), FAR, dtype=np.float32)
    nearest(coordinates, figure.triangles, low, cell, depth)
    return source, number, origin, basis, low, cell, soft, depth


def _basis(along: NDArray[np.floating]) -> Floats:
    """(3, 3) float32, two directions across a light's way and the way itself."""
    way = np.asarray(along, dtype=np.float64) / np.linalg.norm(along)
    across = np.cross(way, (0.0, 0.0, 1.0) if abs(way[2]) < 0.9 else (1.0, 0.0, 0.0))
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(way, across), way]).astype(np.float32)


@inlined
def blocked(casters: Casters, c: int, point: Triple, turn: int) -> Number:
    """The share of a light that a caster keeps from a point, in [0, 1].

    Args:
        casters: What throws shadows.
        c: Which of them.
        point: Its world coordinates.
        turn: 0 .. 15, how far the places where the map is read are turned, different for neighboring pixels.
    """
    basis, origin = casters.basis, casters.origin
    x, y, z = point[0] - origin[c, 0], point[1] - origin[c, 1], point[2] - origin[c, 2]
    a = basis[c, 0, 0] * x + basis[c, 0, 1] * y + basis[c, 0, 2] * z
    b = basis[c, 1, 0] * x + basis[c, 1, 1] * y + basis[c, 1, 2] * z
    depth = basis[c, 2, 0] * x + basis[c, 2, 1] * y + basis[c, 2, 2] * z
    lamp = casters.light[c] >= 0
    if lamp:
        if depth < 0.05:
            return np.float32(0)
        a, b = a / depth, b / depth
    cells, cell = casters.maps.shape[1], casters.cell[c]
    a, b = (a - casters.low[c, 0]) / cell, (b - casters.low[c, 1]) / cell
    margin = np.float32(0.15) * cells
    if a < -margin or b < -margin or a > cells + margin or b > cells + margin:
        return np.float32(0)
    # A little away from the surface nothing shadows itself.
    lit_until = depth - np.float32(0.03) - 2 * cell * (depth if lamp else np.float32(1))
    widest = np.float32(WIDEST) * cells
    if not lamp:
        widest = min(widest, np.float32(1.5) + casters.soft[c] * np.float32(4) / cell)
    end, hits, count = _dark(casters, c, a, b, lit_until, widest, turn, 2)
    if hits == 0 or hits == count:
        return np.float32(hits > 0)
    radius = casters.soft[c] * (depth - end / hits) / cell
    if lamp:
        radius /= end / hits * depth
    radius = min(max(radius, np.float32(0.8)), margin)
    end, hits, count = _dark(casters, c, a, b, lit_until, radius, turn, 1)
    return np.float32(hits) / np.float32(count)


@inlined
def misses(casters: Casters, c: int, nearest_depth: Number, space: Floats) -> bool:
    """Whether `blocked` is surely 0 in a whole box.

    Args:
        casters: What throws shadows.
        c: Which of them.
        nearest_depth: The smallest depth of its map.
        space: (6,) float32 meters, the box's low and high corners.
    """
    basis, origin = casters.basis, casters.origin
    lamp = casters.light[c] >= 0
    low_a = low_b = np.float32(1e9)
    high_a = high_b = deepest = np.float32(-1e9)
    behind = False
    for corner in range(8):
        x = space[3 if corner & 1 else 0] - origin[c, 0]
        y = space[4 if corner & 2 else 1] - origin[c, 1]
        z = space[5 if corner & 4 else 2] - origin[c, 2]
        a = basis[c, 0, 0] * x + basis[c, 0, 1] * y + basis[c, 0, 2] * z
        b = basis[c, 1, 0] * x + basis[c, 1, 1] * y + basis[c, 1, 2] * z
        depth = basis[c, 2, 0] * x + basis[c, 2, 1] * y + basis[c, 2, 2] * z
        deepest = max(deepest, depth)
        behind = behind or (lamp and depth < np.float32(0.05))
        per = 1 / max(depth, np.float32(0.05)) if lamp else np.float32(1)
        low_a, high_a, low_b, high_b = (
            min(low_a, a * per),
            max(high_a, a * per),
            min(low_b, b * per),
            max(high_b, b * per),
        )
    if deepest <= nearest_depth:
        return True
    # Straight through the lamp nothing is told by the corners.
    side = casters.maps.shape[1] * casters.cell[c]
    margin = np.float32(0.16) * side
    in_a = high_a >= casters.low[c, 0] - margin and low_a <= casters.low[c, 0] + side + margin
    in_b = high_b >= casters.low[c, 1] - margin and low_b <= casters.low[c, 1] + side + margin
    if behind or not (in_a and in_b):
        return not behind
    # Nothing lies before the box so near that its soft edge could reach it.
    cells, cell = casters.maps.shape[1], casters.cell[c]
    wide = int(WIDEST * cells if lamp else min(WIDEST * cells, 1.5 + casters.soft[c] * 4 / cell)) + 2
    left, top = int((low_a - casters.low[c, 0]) / cell) - wide - 1, int((low_b - casters.low[c, 1]) / cell) - wide - 1
    right, bottom = int((high_a - casters.low[c, 0]) / cell) + wide, int((high_b - casters.low[c, 1]) / cell) + wide
    for j in range(max(top, 0), min(bottom, cells - 1) + 1):
        for i in range(max(left, 0), min(right, cells - 1) + 1):
            if casters.maps[c, j, i] < deepest:
                return False
    return True


@inlined
def _dark(
    casters: Casters, c: int, a: Number, b: Number, depth: Number, radius: Number, turn: int, step: int
) -> tuple[Number, int, int]:
    """What is in the light's way within a radius around (a, b), in cells: the sum of depths, how often, of how many."""
    cells = casters.maps.shape[1]
    total, hits, count = np.float32(0), 0, 0
    for k in range(0, PLACES, step):
        i = int(a + radius * DISKS[turn, k, 0] + 4096) - 4096
        j = int(b + radius * DISKS[turn, k, 1] + 4096) - 4096
        count += 1
        if 0 <= i < cells and 0 <= j < cells and casters.maps[c, j, i] < depth:
            total += casters.maps[c, j, i]
            hits += 1
    return total, hits, count


def reach_of(bounds: Floats, casters: Casters, c: int) -> Floats:
    """(16, 3) corners of the space that a caster's shadow may fill, from the figure to the ground."""
    x, y, z = bounds[[0, 3]], bounds[[1, 4]], bounds[[2, 5]]
    corners = np.stack([x.repeat(4), np.tile(y.repeat(2), 2), np.tile(z, 4)], axis=1)  # (8, 3)
    if casters.light[c] < 0:
        way = np.tile(casters.basis[c, 2], (8, 1))
    else:
        way = corners - casters.origin[c]
        way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
    length = np.minimum(np.where(way[:, 2] < -0.02, corners[:, 2] / np.maximum(-way[:, 2], 0.02), LONGEST), LONGEST)
    return np.concatenate([corners, corners + way * np.maximum(length, 0)[:, None]]).astype(np.float32)
