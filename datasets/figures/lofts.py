"""Skins laid over rows of rings: the one way in which bodies, clothes, bags and vehicles get their shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator
from scipy.sparse import csr_array

from datasets.rendering import Material, Surface

Array = NDArray[np.float64]
Indices = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Part:
    """One piece of a figure at rest.

    Args:
        vertices: (V, 3) meters, at rest: upright, arms hanging, looking along +x, soles on z = 0.
        uv: (V, 2) places in the texture; v = 0 is its lowest row.
        triangles: (F, 3) rows of `vertices`, counter-clockwise seen from outside.
        twins: (V,) the vertex that shares this vertex's place and normal: itself except along a texture's seam.
        weights: (V, B) share of each bone in moving a vertex; rows add up to 1.
        looseness: (V,) how far the cloth may fold, meters; 0 for what is stiff.
        material: What it is made of.
    """

    vertices: Array
    uv: Array
    triangles: Indices
    twins: Indices
    weights: Array
    looseness: Array
    material: Material


def smooth(value: ArrayLike, low: float, high: float) -> Array:
    """A soft step from 0 at `low` to 1 at `high`; `low` may be the larger."""
    # np.clip takes several times as long for short arrays.
    share = np.minimum(np.maximum((np.asarray(value, dtype=np.float64) - low) / (high - low), 0), 1)
    return share * share * (3 - 2 * share)


def profile(table: ArrayLike, levels: ArrayLike) -> list[Array]:
    """The columns of a table (first column rising levels) at other levels, without corners between its rows."""
    rows = np.asarray(table, dtype=np.float64)
    levels = np.clip(np.asarray(levels, dtype=np.float64), rows[0, 0], rows[-1, 0])
    return list(np.moveaxis(_curve(rows.tobytes(), rows.shape[1])(levels), -1, 0))


@lru_cache(maxsize=256)
def _curve(table: bytes, columns: int) -> PchipInterpolator:
    """The smooth curve through a table's rows, which takes far longer to make than to read."""
    rows = np.frombuffer(table).reshape(-1, columns)
    return PchipInterpolator(rows[:, 0], rows[:, 1:], axis=0)


def around(sides: int, start: float = -np.pi, end: float = np.pi) -> Array:
    """Angles (sides + 1,) from back over the person's right, the front (0) and the left to the back again."""
    return np.linspace(start, end, sides + 1)


def ovals(
    center: tuple[ArrayLike, ArrayLike, ArrayLike],
    half: tuple[ArrayLike, ArrayLike, ArrayLike],
    angle: Array,
    squareness: float = 2.0,
) -> Array:
    """Level rings (R, C, 3) around a vertical axis.

    Args:
        center: x, y and z of each ring (R,), or of each of its corners (R, C), in meters.
        half: Half width (along y), depth to the front (+x) and to the back, (R,) or (R, C), in meters.
        angle: (C,) or (R, C) angles from `around`.
        squareness: 2 is an ellipse; more comes nearer to a rectangle.
    """
    measures = [np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in (*center, *half)]
    x, y, z, wide, front, back = (value if value.ndim == 2 else value[:, None] for value in measures)
    angle = np.atleast_2d(angle)
    cosine, sine = np.cos(angle), np.sin(angle)
    power = 2 / squareness
    along = np.sign(cosine) * np.abs(cosine) ** power
    across = np.sign(sine) * np.abs(sine) ** power
    points_x = x + np.where(along > 0, front, back) * along
    points_y = y + wide * across
    return np.stack(np.broadcast_arrays(points_x, points_y, z + 0 * points_x), axis=-1)


def grid(
    points: Array,
    weights: Array,
    material: Material,
    *,
    u: tuple[float, float] = (0.0, 1.0),
    v: tuple[float, float] = (0.01, 0.99),
    looseness: ArrayLike = 0.0,
    closed: bool = True,
) -> Part:
    """A skin over rings.

    Args:
        points: (R, C, 3) rings from bottom to top; the last column repeats the first where `closed`.
        weights: (B,), (R, 1, B) or (R, C, B) shares of the bones.
        material: What it is made of.
        u: The texture's column share at the first and at the last column.
        v: The texture's row share at the first and at the last ring.
        looseness: (), (R, 1) or (R, C) how far the cloth may fold, meters.
        closed: Whether the last column lies on the first.
    """
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    twins = index.copy()
    if closed:
        twins[:, -1] = index[:, 0]
    uv = np.stack(np.broadcast_arrays(np.linspace(*u, columns)[None], np.linspace(*v, rows)[:, None]), -1)
    bones = weights.shape[-1]
    return Part(
        points.reshape(-1, 3),
        uv.reshape(-1, 2),
        triangles,
        twins.reshape(-1),
        np.broadcast_to(weights, (rows, columns, bones)).reshape(-1, bones),
        np.broadcast_to(np.asarray(looseness, dtype=np.float64), (rows, columns)).reshape(-1),
        material,
    )


def closed_ends(points: Array, bottom: bool = True, top: bool = True) -> Array:
    """Rings (R, C, 3) with one more ring at each chosen end, drawn together to its middle."""
    parts = [points]
    if bottom:
        parts.insert(0, np.broadcast_to(points[:1, :-1].mean(1, keepdims=True), points[:1].shape))
    if top:
        parts.append(np.broadcast_to(points[-1:, :-1].mean(1, keepdims=True), points[-1:].shape))
    return np.concatenate(parts)


def tube(path: ArrayLike, radius: ArrayLike, sides: int = 8) -> Array:
    """Rings (R, sides + 1, 3) of a round tube along a path (R, 3); radius () or (R,) in meters."""
    line = np.asarray(path, dtype=np.float64)
    ahead = np.gradient(line, axis=0)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    sideways = np.eye(3)[np.argmin(np.abs(ahead).sum(0))]
    first = np.cross(ahead, sideways)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-9)
    second = np.cross(ahead, first)
    angle = around(sides)
    circle = np.cos(angle)[None, :, None] * first[:, None] + np.sin(angle)[None, :, None] * second[:, None]
    return line[:, None] + np.broadcast_to(radius, (len(line),))[:, None, None] * circle


def pillow(center: ArrayLike, half: ArrayLike, *, squareness: float = 2.6, rows: int = 8, sides: int = 12) -> Array:
    """Rings (rows, sides + 1, 3) of a rounded box around `center` with the half sizes (x, y, z) in meters."""
    (x, y, z), (deep, wide, high) = np.asarray(center, dtype=np.float64), np.asarray(half, dtype=np.float64)
    polar = np.linspace(-np.pi / 2, np.pi / 2, rows)
    power = 2 / squareness
    ring = np.maximum(np.cos(polar), 0) ** power
    level = z + high * np.sign(polar) * np.abs(np.sin(polar)) ** power
    middle = np.full(rows, x), np.full(rows, y), level
    return ovals(middle, (wide * ring, deep * ring, deep * ring), around(sides), squareness)


def rigid(bone: int, bones: int) -> Array:
    """Weights (bones,) of what one bone alone moves."""
    weights = np.zeros(bones)
    weights[bone] = 1
    return weights


def chained(levels: ArrayLike, first: int, steps: Sequence[tuple[int, float, float]], bones: int) -> Array:
    """Weights (..., bones) along a chain.

    Args:
        levels: (...) where on the chain each vertex lies.
        first: The bone that moves the start of the chain.
        steps: For each following bone, its index and the levels where it begins and where it has taken over.
        bones: The number of bones.
    """
    levels = np.asarray(levels, dtype=np.float64)
    weights = np.zeros((*levels.shape, bones))
    weights[..., first] = 1
    for bone, begin, end in steps:
        share = smooth(levels, begin, end)
        weights *= (1 - share)[..., None]
        weights[..., bone] += share
    return weights


@dataclass(frozen=True, eq=False)
class Skin:
    """Several parts as one, without what moves them.

    Args:
        vertices: (V, 3) float32 meters.
        uv: (V, 2) float32.
        triangles: (F, 3) int32.
        material: (F,) int16.
        materials: What the triangles are made of.
        corners: (V, F) which triangles meet at each vertex.
    """

    vertices: NDArray[np.float32]
    uv: NDArray[np.float32]
    triangles: NDArray[np.int32]
    material: NDArray[np.int16]
    materials: tuple[Material, ...]
    corners: csr_array

    def normals(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """The unit normals (V, 3) when the vertices lie at `points` (V, 3)."""
        a, b, c = (points[self.triangles[:, k]] for k in range(3))
        first, second = b - a, c - a
        across = np.empty_like(first)  # written out: np.cross takes several times as long
        across[:, 0] = first[:, 1] * second[:, 2] - first[:, 2] * second[:, 1]
        across[:, 1] = first[:, 2] * second[:, 0] - first[:, 0] * second[:, 2]
        across[:, 2] = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
        normals = self.corners @ across
        length = np.sqrt(np.einsum("ij,ij->i", normals, normals))
        flat = length < 1e-12
        normals[flat] = (0, 0, 1)
        length[flat] = 1
        return np.asarray(normals / length[:, None], dtype=np.float32)

    def surface(self, points: NDArray[np.float32]) -> Surface:
        """The surface when the vertices lie at `points` (V, 3)."""
        return Surface(points, self.normals(points), self.uv, self.triangles, self.material, self.materials)


def joined(parts: Sequence[Part]) -> Skin:
    """Parts as one skin; parts of the same material share it."""
    first = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    vertices = np.concatenate([part.vertices for part in parts])
    triangles = np.concatenate([part.triangles + start for part, start in zip(parts, first, strict=True)])
    twins = np.concatenate([part.twins + start for part, start in zip(parts, first, strict=True)])
    materials = {id(part.material): part.material for part in parts}
    places = {key: place for place, key in enumerate(materials)}
    owner = np.concatenate([np.full(len(part.triangles), places[id(part.material)], np.int16) for part in parts])
    faces = np.repeat(np.arange(len(triangles)), 3)
    meet = csr_array(
        (np.ones(len(faces), np.float32), (twins[triangles].reshape(-1), faces)), shape=(len(vertices), len(triangles))
    )
    uv = np.concatenate([part.uv for part in parts]).astype(np.float32)
    return Skin(
        vertices.astype(np.float32),
        uv,
        triangles.astype(np.int32),
        owner,
        tuple(materials.values()),
        csr_array(meet[twins]),
    )


def solid(points: Array, material: Material, **options: Any) -> Part:
    """A skin over rings of something that no bone moves; the options are those of `grid`."""
    return grid(points, np.ones(1), material, **options)


def surface_of(parts: Sequence[Part]) -> Surface:
    """Parts at rest as a surface."""
    skin = joined(parts)
    return skin.surface(skin.vertices)
