"""Meshes of quadrilaterals: what furniture, buildings and people are made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Faces of four corners, counter-clockwise seen from outside; a triangle repeats a corner.

    Args:
        vertices: (V, 3) meters.
        faces: (F, 4) rows of `vertices`.
        colors: (F, 3) diffuse color in [0, 1].
        bones: (V, 2) the two bones that move a vertex.
        weights: (V,) share of the second bone.
        gear: (F,) True for what is carried along but is no part of the person (a bicycle).
    """

    vertices: Array
    faces: Indices
    colors: Array
    bones: Indices
    weights: Array
    gear: NDArray[np.bool_]


class MeshBuilder:
    """Collects parts and joins them into one Mesh."""

    def __init__(self) -> None:
        self._parts: list[Mesh] = []

    def add(
        self,
        vertices: Array,
        faces: Indices,
        colors: ArrayLike,
        *,
        bones: ArrayLike = (0, 0),
        weights: ArrayLike = 0.0,
        gear: bool = False,
    ) -> None:
        """Adds one part; colors (3,) or (F, 3), bones (2,) or (V, 2), weights () or (V,)."""
        self._parts.append(
            Mesh(
                vertices,
                faces,
                np.broadcast_to(np.asarray(colors, dtype=np.float64), (len(faces), 3)),
                np.broadcast_to(np.asarray(bones, dtype=np.int64), (len(vertices), 2)),
                np.broadcast_to(np.asarray(weights, dtype=np.float64), (len(vertices),)),
                np.full(len(faces), gear),
            )
        )

    def build(self) -> Mesh:
        """All parts as one mesh."""
        offsets = np.cumsum([0, *(len(part.vertices) for part in self._parts[:-1])])
        return Mesh(
            np.concatenate([part.vertices for part in self._parts]),
            np.concatenate([part.faces + offset for part, offset in zip(self._parts, offsets, strict=True)]),
            np.concatenate([part.colors for part in self._parts]),
            np.concatenate([part.bones for part in self._parts]),
            np.concatenate([part.weights for part in self._parts]),
            np.concatenate([part.gear for part in self._parts]),
        )


def face_frames(vertices: Array, faces: Indices) -> tuple[Array, Array]:
    """Centers (F, 3) and unit outward normals (F, 3) of faces; the normal of a face without area is zero."""
    a, b, c, d = vertices[faces.T]
    first, second = c - a, d - b
    # Written out: np.cross takes several times as long, and this runs for every person in every frame.
    normals = np.empty_like(first)
    normals[:, 0] = first[:, 1] * second[:, 2] - first[:, 2] * second[:, 1]
    normals[:, 1] = first[:, 2] * second[:, 0] - first[:, 0] * second[:, 2]
    normals[:, 2] = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    length = np.sqrt(normals[:, 0] ** 2 + normals[:, 1] ** 2 + normals[:, 2] ** 2)
    return (a + b + c + d) / 4, normals / np.maximum(length, 1e-12)[:, None]


def loft(rings: Array, *, caps: bool = True) -> tuple[Array, Indices]:
    """A skin over rings of corners.

    Args:
        rings: (R, S, 3) corners; seen against the direction from the first ring to the last, counter-clockwise.
        caps: Whether both ends are closed with a fan around the ring's center.

    Returns:
        vertices (V, 3) and faces: (R - 1) * S side faces row by row, then the caps.
    """
    count, sides = rings.shape[:2]
    index = np.arange(count * sides).reshape(count, sides)
    following = np.roll(index, -1, axis=1)
    faces = np.stack([index[:-1], following[:-1], following[1:], index[1:]], axis=-1).reshape(-1, 4)
    vertices = rings.reshape(-1, 3)
    if not caps:
        return vertices, faces
    first, last = len(vertices), len(vertices) + 1
    bottom = np.stack([following[0], index[0], np.full(sides, first), np.full(sides, first)], axis=-1)
    top = np.stack([index[-1], following[-1], np.full(sides, last), np.full(sides, last)], axis=-1)
    vertices = np.concatenate([vertices, rings[0].mean(0, keepdims=True), rings[-1].mean(0, keepdims=True)])
    return vertices, np.concatenate([faces, bottom, top])


def upright_rings(profile: ArrayLike, sides: int, *, squareness: float = 2.0) -> Array:
    """Rings (R, S, 3) around vertical ellipses.

    Args:
        profile: Rows of (center x, center y, z, half width along x, half depth along y), z rising.
        sides: Corners of a ring; the first looks along +y, the next follow counter-clockwise seen from above.
        squareness: 2 an ellipse; larger comes nearer to a rectangle.
    """
    rows = np.asarray(profile, dtype=np.float64)
    angle = np.pi / 2 + np.arange(sides) * (2 * np.pi / sides)
    cosine, sine = np.cos(angle), np.sin(angle)
    power = 2 / squareness
    across = np.sign(cosine) * np.abs(cosine) ** power
    along = np.sign(sine) * np.abs(sine) ** power
    x = rows[:, 0:1] + rows[:, 3:4] * across
    y = rows[:, 1:2] + rows[:, 4:5] * along
    return np.stack([x, y, np.broadcast_to(rows[:, 2:3], x.shape)], axis=-1)


def tube(start: ArrayLike, end: ArrayLike, radius: float, end_radius: float, sides: int = 8) -> tuple[Array, Indices]:
    """A closed, straight tube between two points."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    axis = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
    side = np.cross(axis, [1.0, 0.0, 0.0] if abs(axis[0]) < 0.8 else [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    other = np.cross(axis, side)
    angle = np.arange(sides)[:, None] * (2 * np.pi / sides)
    circle = np.cos(angle) * side + np.sin(angle) * other
    return loft(np.stack([a + radius * circle, b + end_radius * circle]))


def box(center: ArrayLike, size: ArrayLike, *, turn: float = 0.0, taper: float = 1.0) -> tuple[Array, Indices]:
    """A box of size (x, y, z) turned about the vertical by `turn` radians; `taper` scales its top."""
    center, half = np.asarray(center, dtype=np.float64), np.asarray(size, dtype=np.float64) / 2
    corners = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    low = (corners * half[:2]) @ rotation.T + center[:2]
    high = (corners * half[:2] * taper) @ rotation.T + center[:2]
    z = np.full((4, 1), 1.0)
    vertices = np.concatenate(
        [np.hstack([low, z * (center[2] - half[2])]), np.hstack([high, z * (center[2] + half[2])])]
    )
    faces = np.array([[0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7], [4, 5, 6, 7], [3, 2, 1, 0]])
    return vertices, faces


def ellipsoid(center: ArrayLike, radii: ArrayLike, *, rows: int = 8, sides: int = 10) -> tuple[Array, Indices]:
    """A closed ellipsoid of upright rings."""
    c, r = np.asarray(center, dtype=np.float64), np.asarray(radii, dtype=np.float64)
    polar = np.linspace(-0.49 * np.pi, 0.49 * np.pi, rows)
    ring = np.cos(polar)
    profile = np.column_stack(
        [np.full(rows, c[0]), np.full(rows, c[1]), c[2] + r[2] * np.sin(polar), r[0] * ring, r[1] * ring]
    )
    return loft(upright_rings(profile, sides))
