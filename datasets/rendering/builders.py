"""Simple shapes: rectangles, boxes, cylinders and pieces of ground."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from datasets.rendering.surface import Material, Surface, join


def quad(
    corner: ArrayLike,
    edge_u: ArrayLike,
    edge_v: ArrayLike,
    material: Material,
    repeats: tuple[float, float] = (1.0, 1.0),
    pieces: tuple[int, int] = (1, 1),
) -> Surface:
    """A flat parallelogram. Its normal is edge_u x edge_v; both sides are seen.

    Args:
        corner: (3,) meters, where the texture's lower left corner is.
        edge_u: (3,) meters, from the corner along the texture's lower edge.
        edge_v: (3,) meters, from the corner along the texture's left edge, upwards in the picture.
        material: What it is made of.
        repeats: How often the texture repeats along both edges.
        pieces: Into how many pieces both edges are cut.

    Raises:
        ValueError: The two edges span no area.
    """
    u_edge, v_edge = np.asarray(edge_u, dtype=np.float64), np.asarray(edge_v, dtype=np.float64)
    normal = _across(u_edge, v_edge)
    length = float(np.linalg.norm(normal))
    if length == 0:
        raise ValueError(f"edges {edge_u!r} and {edge_v!r} span no area; give two edges in different directions")
    share = _grid_shares(pieces[0], pieces[1])
    vertices = np.asarray(corner, dtype=np.float64) + share[:, :1] * u_edge + share[:, 1:] * v_edge
    return Surface(
        vertices.astype(np.float32),
        np.tile((normal / length).astype(np.float32), (len(vertices), 1)),
        (share * np.asarray(repeats)).astype(np.float32),
        _grid_triangles(pieces[0], pieces[1]).copy(),
        np.zeros(2 * pieces[0] * pieces[1], dtype=np.int16),
        (material,),
    )


def box(low: ArrayLike, high: ArrayLike, material: Material, repeats_per_meter: float = 1.0) -> Surface:
    """A box along the axes, closed on all six sides. Textures stand upright on its walls.

    Args:
        low: (3,) meters, the smallest coordinates.
        high: (3,) meters, the largest coordinates.
        material: What it is made of.
        repeats_per_meter: How often the texture repeats along a meter.

    Raises:
        ValueError: One of `high` is not above its `low`.
    """
    x0, y0, z0 = np.asarray(low, dtype=np.float64)
    x1, y1, z1 = np.asarray(high, dtype=np.float64)
    dx, dy, dz = x1 - x0, y1 - y0, z1 - z0
    if min(dx, dy, dz) <= 0:
        raise ValueError(f"box from {low!r} to {high!r} has no volume; give a high above low along every axis")
    x, y, z = repeats_per_meter * dx, repeats_per_meter * dy, repeats_per_meter * dz
    return join(
        [
            quad((x0, y0, z0), (dx, 0, 0), (0, 0, dz), material, (x, z)),
            quad((x1, y1, z0), (-dx, 0, 0), (0, 0, dz), material, (x, z)),
            quad((x1, y0, z0), (0, dy, 0), (0, 0, dz), material, (y, z)),
            quad((x0, y1, z0), (0, -dy, 0), (0, 0, dz), material, (y, z)),
            quad((x0, y0, z1), (dx, 0, 0), (0, dy, 0), material, (x, y)),
            quad((x0, y1, z0), (dx, 0, 0), (0, -dy, 0), material, (x, y)),
        ]
    )


def cylinder(
    foot: ArrayLike,
    top: ArrayLike,
    radius: float | tuple[float, float],
    material: Material,
    repeats: tuple[float, float] = (1.0, 1.0),
    sides: int = 16,
) -> Surface:
    """A cylinder or a cut cone between two points, closed at both ends.

    Args:
        foot: (3,) meters, the middle of its lower end.
        top: (3,) meters, the middle of its upper end.
        radius: Meters; two values are the radii at the foot and at the top. A radius of 0 makes a tip.
        material: What it is made of.
        repeats: How often the texture repeats around it and along it.
        sides: How many flat sides stand for the round.

    Raises:
        ValueError: Foot and top are the same point, or it has fewer than 3 sides.
    """
    start, end = np.asarray(foot, dtype=np.float64), np.asarray(top, dtype=np.float64)
    length = float(np.linalg.norm(end - start))
    if length == 0 or sides < 3:
        raise ValueError(f"cylinder has length {length} and {sides} sides; give a length above 0 and 3 sides or more")
    low, high = (radius, radius) if isinstance(radius, (int, float)) else radius
    axis = (end - start) / length
    first = np.cross(axis, (0.0, 1.0, 0.0) if abs(axis[1]) < 0.9 else (1.0, 0.0, 0.0))
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    angle = np.linspace(0, 2 * math.pi, sides + 1)
    around = np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second  # (sides + 1, 3)
    slope = (low - high) / length
    outward = (around + slope * axis) / math.hypot(1, slope)
    u = np.linspace(0, repeats[0], sides + 1)
    # Rows: wall foot, wall top, then both ends as fans around their middles.
    vertices = [start + low * around, end + high * around]
    normals, uv = [outward, outward], [np.stack([u, 0 * u], 1), np.stack([u, 0 * u + repeats[1]], 1)]
    triangles = [_grid_triangles(sides, 1)]
    disk = np.stack([np.cos(angle), np.sin(angle)], 1) / 2 + 0.5
    for middle, size, normal in ((start, low, -axis), (end, high, axis)):
        base = sum(len(part) for part in vertices)
        vertices.append(np.concatenate([middle + size * around, middle[None]]))
        normals.append(np.tile(normal, (sides + 2, 1)))
        uv.append(np.concatenate([disk, [[0.5, 0.5]]]))
        steps = np.arange(sides)
        near, far = (steps + 1, steps) if normal is not axis else (steps, steps + 1)
        triangles.append(np.stack([base + near, base + far, np.full(sides, base + sides + 1)], 1))
    faces = np.concatenate(triangles).astype(np.int32)
    return Surface(
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(normals).astype(np.float32),
        np.concatenate(uv).astype(np.float32),
        faces,
        np.zeros(len(faces), dtype=np.int16),
        (material,),
    )


def ground(
    low: ArrayLike, high: ArrayLike, material: Material, repeats_per_meter: float = 1.0, height: float = 0.0
) -> Surface:
    """A flat rectangle of ground that faces up.

    Args:
        low: (2,) meters, its smallest x and y.
        high: (2,) meters, its largest x and y.
        material: What it is made of.
        repeats_per_meter: How often the texture repeats along a meter.
        height: Its z in meters.

    Raises:
        ValueError: It has no area.
    """
    x0, y0 = np.asarray(low, dtype=np.float64)
    x1, y1 = np.asarray(high, dtype=np.float64)
    repeats = (abs(x1 - x0) * repeats_per_meter, abs(y1 - y0) * repeats_per_meter)
    return quad((x0, y0, height), (x1 - x0, 0, 0), (0, y1 - y0, 0), material, repeats)


def _across(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The vector product (3,) of two vectors; np.cross takes ten times as long for one."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


@lru_cache(maxsize=64)
def _grid_shares(columns: int, rows: int) -> np.ndarray:
    """Where on both edges (V, 2), 0 .. 1, the vertices of a grid lie, in rows of columns + 1. Not to be written to."""
    u, v = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    return np.stack([u.ravel(), v.ravel()], axis=1)


@lru_cache(maxsize=64)
def _grid_triangles(columns: int, rows: int) -> np.ndarray:
    """Two triangles (2 * columns * rows, 3) int32 a cell, for vertices in rows of columns + 1. Not to be written to."""
    column, row = np.meshgrid(np.arange(columns), np.arange(rows))
    corner = (row * (columns + 1) + column).ravel()
    right, above = corner + 1, corner + columns + 1
    lower, upper = np.stack([corner, right, above + 1], 1), np.stack([corner, above + 1, above], 1)
    return np.concatenate([lower, upper]).astype(np.int32)
