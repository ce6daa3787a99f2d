"""Shadows: maps of how far the light gets (Williams, SIGGRAPH 1978), read with a soft edge.

The place itself has one map from the sun. Every figure has a small map of its own for each light that it stands in.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from datasets.rendering.light import Light, Shining
from datasets.rendering.rasterize import nearest
from datasets.rendering.surface import Surface
from datasets.rendering.textures import GREY, Number, Triple

Floats = NDArray[np.float32]

FAR = np.float32(1e9)
SUN_CELLS = 2048
FIGURE_CELLS = 96
MOST_LAMPS = 2
"""How many lamps throw a shadow of each figure; the shadows of weaker ones are too faint to see."""
FAINT = 0.06
"""The share of a figure's light below which a lamp throws no shadow of it."""
LONGEST = 25.0
"""Meters after which a shadow ends."""

_STEP = np.arange(12)
DISK = np.stack(
    [np.sqrt((_STEP + 0.5) / 12) * np.cos(2.399963 * _STEP), np.sqrt((_STEP + 0.5) / 12) * np.sin(2.399963 * _STEP)], 1
).astype(np.float32)
"""(12, 2) places spread evenly over the disk of radius 1."""


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


def figure_casters(figures: Sequence[Surface], light: Light, lit: Shining) -> Casters:
    """The shadows that figures throw: each of them in the sun and in the lamps that light it most."""
    rows = [
        _caster(figure, number, source, light)
        for number, figure in enumerate(figures)
        if len(figure.triangles)
        for source in _sources(figure, light, lit)
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


def _sources(figure: Surface, light: Light, lit: Shining) -> list[int]:
    """The lights whose shadow of a figure is seen: -1 for the sun, and numbers of lamps."""
    middle = (figure.vertices.min(axis=0) + figure.vertices.max(axis=0)) / 2
    sources = [-1] if light.sun_direction is not None and max(light.sun_color) > 0 else []
    if len(lit.lamp_reach):
        far = ((lit.lamp_position - middle) ** 2).sum(axis=1)
        strength = lit.lamp_color @ GREY * lit.lamp_reach**2 / (lit.lamp_reach**2 + far)
        whole = strength.sum() + (lit.sky + lit.ground) @ GREY / 2 + lit.sun_color @ GREY
        above = lit.lamp_position[:, 2] > figure.vertices[:, 2].max() + 0.1
        order = np.argsort(-strength, kind="stable")[:MOST_LAMPS]
        sources += [int(lamp) for lamp in order if strength[lamp] > FAINT * whole and above[lamp]]
    return sources


def _caster(
    figure: Surface, number: int, source: int, light: Light
) -> tuple[int, int, Floats, Floats, Floats, float, float, Floats]:
    """One row of `Casters`."""
    middle = (figure.vertices.min(axis=0) + figure.vertices.max(axis=0)) / 2
    if source < 0:
        origin, soft = middle, light.sun_softness
        basis = _basis(-np.asarray(light.sun_direction, dtype=np.float64))
    else:
        origin, soft = np.asarray(light.lamps[source].position, dtype=np.float32), light.lamps[source].size
        basis = _basis(middle - origin)
    coordinates = (figure.vertices - origin) @ basis.T
    if source >= 0:
        coordinates[:, :2] /= np.maximum(coordinates[:, 2:], np.float32(0.05))
    low, high = coordinates[:, :2].min(axis=0), coordinates[:, :2].max(axis=0)
    cell = float((high - low).max()) / (FIGURE_CELLS - 2)
    low = (low - cell).astype(np.float32)
    depth = np.full((FIGURE_CELLS, FIGURE_CELLS), FAR, dtype=np.float32)
    nearest(coordinates.astype(np.float32), figure.triangles, low, cell, depth)
    return source, number, origin, basis, low, cell, soft, depth


def _basis(along: NDArray[np.floating]) -> Floats:
    """(3, 3) float32, two directions across a light's way and the way itself."""
    way = np.asarray(along, dtype=np.float64) / np.linalg.norm(along)
    across = np.cross(way, (0.0, 0.0, 1.0) if abs(way[2]) < 0.9 else (1.0, 0.0, 0.0))
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(way, across), way]).astype(np.float32)


@njit(cache=True, error_model="numpy")
def blocked(casters: Casters, c: int, point: Triple, turn: Number) -> Number:
    """The share of a light that a caster keeps from a point, in [0, 1].

    Args:
        casters: What throws shadows.
        c: Which of them.
        point: Its world coordinates.
        turn: Radians by which the places where the map is read are turned, different for neighboring pixels.
    """
    origin = casters.origin[c]
    x, y, z = point[0] - origin[0], point[1] - origin[1], point[2] - origin[2]
    basis = casters.basis[c]
    a = basis[0, 0] * x + basis[0, 1] * y + basis[0, 2] * z
    b = basis[1, 0] * x + basis[1, 1] * y + basis[1, 2] * z
    depth = basis[2, 0] * x + basis[2, 1] * y + basis[2, 2] * z
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
    bias = np.float32(0.03) + 2 * cell * (depth if lamp else np.float32(1))
    cos, sin = math.cos(turn), math.sin(turn)
    end, hits = _blocker(casters, c, a, b, depth - bias, cos, sin)
    if hits == 0:
        return np.float32(0)
    radius = casters.soft[c] * (depth - end) / cell
    if lamp:
        radius /= end * depth
    radius = min(max(radius, np.float32(0.8)), margin)
    return _dark_share(casters, c, a, b, depth - bias, radius, cos, sin)


@njit(cache=True, error_model="numpy")
def _blocker(
    casters: Casters, c: int, a: Number, b: Number, depth: Number, cos: Number, sin: Number
) -> tuple[Number, int]:
    """The mean depth of what is in the light's way around (a, b), and at how many places something is."""
    cells = casters.maps.shape[1]
    widest = min(np.float32(0.12) * cells, np.float32(1.5) + casters.soft[c] * np.float32(4) / casters.cell[c])
    if casters.light[c] >= 0:
        widest = np.float32(0.12) * cells
    total, hits = np.float32(0), 0
    for k in range(DISK.shape[0]):
        i = math.floor(a + widest * (DISK[k, 0] * cos - DISK[k, 1] * sin))
        j = math.floor(b + widest * (DISK[k, 0] * sin + DISK[k, 1] * cos))
        if 0 <= i < cells and 0 <= j < cells and casters.maps[c, j, i] < depth:
            total += casters.maps[c, j, i]
            hits += 1
    return total / max(hits, 1), hits


@njit(cache=True, error_model="numpy")
def _dark_share(
    casters: Casters, c: int, a: Number, b: Number, depth: Number, radius: Number, cos: Number, sin: Number
) -> Number:
    """The share of places within a radius around (a, b), in cells, where something is in the light's way."""
    cells = casters.maps.shape[1]
    dark = np.float32(0)
    for k in range(DISK.shape[0]):
        i = math.floor(a + radius * (DISK[k, 0] * cos - DISK[k, 1] * sin))
        j = math.floor(b + radius * (DISK[k, 0] * sin + DISK[k, 1] * cos))
        if 0 <= i < cells and 0 <= j < cells and casters.maps[c, j, i] < depth:
            dark += np.float32(1)
    return dark / DISK.shape[0]


def reach_of(figure: Surface, casters: Casters, c: int) -> Floats:
    """(16, 3) corners of the space that a caster's shadow may fill, from the figure to the ground."""
    low, high = figure.vertices.min(axis=0), figure.vertices.max(axis=0)
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1).reshape(8, 3)
    if casters.light[c] < 0:
        way = np.tile(casters.basis[c, 2], (8, 1))
    else:
        way = corners - casters.origin[c]
        way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
    length = np.minimum(np.where(way[:, 2] < -0.02, corners[:, 2] / np.maximum(-way[:, 2], 0.02), LONGEST), LONGEST)
    return np.concatenate([corners, corners + way * np.maximum(length, 0)[:, None]]).astype(np.float32)
