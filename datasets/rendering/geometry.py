"""Triangles in front of a lens: cut at the edge of what it sees, bent as it bends them."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.rendering.camera import NEAR, Camera
from datasets.rendering.surface import Surface
from datasets.rendering.textures import Number, compiled, inlined, looping

BEND = 0.5
"""Pixels that a straight edge may lie beside its bent picture before its triangle is split."""

SHORT = 24.0
"""The length of an edge in samples below which no lens bends it visibly."""

MOST_SPLITS = 8


Floats = NDArray[np.float32]


Cut = tuple[Floats, Floats, NDArray[np.int32], NDArray[np.int32]]
"""Vertices (N, 8), their camera coordinates (N, 3), triangles (T, 3), and the triangle that each came from (T,)."""


class Lens(NamedTuple):
    """A camera for compiled loops, lengths in samples (several make a pixel).

    Args:
        position: (3,) float32 meters.
        rotation: (3, 3) float32 from world to camera directions.
        focal: The focal length.
        radius: Half of the picture's diagonal.
        distortion: The coefficient of the division model.
        width: Samples in a row.
        height: Samples in a column.
    """

    position: NDArray[np.float32]
    rotation: NDArray[np.float32]
    focal: float
    radius: float
    distortion: float
    width: int
    height: int


class Mesh(NamedTuple):
    """Triangles on a picture, with all that belongs together side by side in memory.

    Args:
        vertices: (N, 11) float32: world position in meters, normal, texture repeats u and v, and on the picture x and y
            in samples and 1 / depth.
        triangles: (T, 6) int32: three vertices, the material, which surface it belongs to, and -1 where the camera sees
            the side that the normals point away from, 1 elsewhere.
    """

    vertices: Floats
    triangles: NDArray[np.int32]


def lens_of(camera: Camera, samples: float) -> Lens:
    """A camera for compiled loops, with a number of samples along a side of each pixel; 0.5 is one for two pixels."""
    return Lens(
        np.asarray(camera.position, dtype=np.float32),
        camera.rotation.astype(np.float32),
        float(camera.focal * samples),
        float(camera.radius * samples),
        float(camera.distortion),
        int(camera.width * samples),
        int(camera.height * samples),
    )


def in_front(surface: Surface, part: NDArray[np.int16], lens: Lens, inside_only: bool) -> Mesh:
    """A surface as a lens shows it.

    Args:
        surface: Any number of triangles.
        part: (F,) which thing each triangle belongs to.
        lens: Where they are seen from.
        inside_only: Whether to cut off what lies outside the frame. Large surfaces need it; figures keep what is
            outside because their boxes tell where it would be.
    """
    planes = _frame_planes(lens) if inside_only else np.zeros((0, 4), np.float32)
    planes = np.concatenate([np.array([[0, 0, 1, -NEAR]], dtype=np.float32), planes])
    vertices = np.concatenate([surface.vertices, surface.normals, surface.uv], axis=1)  # (V, 8)
    seen: Any = (surface.vertices - lens.position) @ lens.rotation.T  # (V, 3)
    vertices, seen, triangles, source = _cut(vertices, seen, surface.triangles, planes)
    for _ in range(MOST_SPLITS if lens.distortion < 0 else 0):
        before = len(triangles)
        vertices, seen, triangles, source = _split(vertices, seen, triangles, source, lens)
        if len(triangles) == before:
            break
    facing = np.ones(len(triangles), dtype=np.int32)
    _face(vertices, triangles, lens.position, facing)
    about = np.stack([surface.material[source], part[source], facing], axis=1)  # (T, 3)
    return Mesh(
        np.concatenate([vertices, _bent(seen, lens)], axis=1),
        np.concatenate([triangles, about], axis=1).astype(np.int32),
    )


def _frame_planes(lens: Lens) -> NDArray[np.float32]:
    """(4, 4) planes a x + b y + c z + d >= 0 in camera coordinates around all that the frame can show."""
    # Around the frame's middle the lens spreads the pin-hole picture the most towards the corners.
    spread = 1.01 / (1 + lens.distortion)
    wide, high = spread * lens.width / 2 / lens.focal, spread * lens.height / 2 / lens.focal
    return np.array([[1, 0, wide, 0], [-1, 0, wide, 0], [0, 1, high, 0], [0, -1, high, 0]], dtype=np.float32)


@compiled
def _cut_polygon(corners: Floats, count: int, plane: Floats) -> tuple[Floats, int]:
    """Cuts a polygon (rows of 3 camera coordinates and 8 other values) at a plane (Sutherland and Hodgman)."""
    kept = np.empty((count + 2, corners.shape[1]), dtype=np.float32)
    size = 0
    for i in range(count):
        a, b = corners[i], corners[(i + 1) % count]
        at_a = plane[0] * a[0] + plane[1] * a[1] + plane[2] * a[2] + plane[3]
        at_b = plane[0] * b[0] + plane[1] * b[1] + plane[2] * b[2] + plane[3]
        if at_a >= 0:
            kept[size] = a
            size += 1
        if (at_a >= 0) != (at_b >= 0):
            share = at_a / (at_a - at_b)
            for k in range(corners.shape[1]):
                kept[size, k] = a[k] + share * (b[k] - a[k])
            size += 1
    return kept, size


@looping
def _sides(seen: Floats, triangles: NDArray[np.int32], planes: Floats, state: NDArray[np.int8]) -> tuple[int, int]:
    """Notes which triangles lie inside of all planes (0), are cut (1) or lie outside (2); counts the last two kinds."""
    cut = outside = 0
    for t in range(len(triangles)):
        for p in range(len(planes)):
            a, b, c, d = planes[p, 0], planes[p, 1], planes[p, 2], planes[p, 3]
            inside = 0
            for k in range(3):
                n = triangles[t, k]
                if a * seen[n, 0] + b * seen[n, 1] + c * seen[n, 2] + d >= 0:
                    inside += 1
            if inside == 0:
                state[t] = 2
                break
            if inside < 3:
                state[t] = 1
        cut += state[t] == 1
        outside += state[t] == 2
    return cut, outside


@compiled
def _cut(vertices: Floats, seen: Floats, triangles: NDArray[np.int32], planes: Floats) -> Cut:
    """Triangles cut at planes, with the triangle that each came from. Uncut ones keep their vertices."""
    state = np.zeros(len(triangles), dtype=np.int8)
    cut, outside = _sides(seen, triangles, planes, state)
    if cut == 0 and outside == 0:
        return vertices, seen, triangles, np.arange(len(triangles)).astype(np.int32)
    most = 3 + len(planes)
    more_vertices = np.empty((len(vertices) + cut * most, vertices.shape[1]), dtype=np.float32)
    more_seen = np.empty((len(seen) + cut * most, 3), dtype=np.float32)
    more_vertices[: len(vertices)], more_seen[: len(seen)] = vertices, seen
    kept = np.empty((len(triangles) + cut * most, 3), dtype=np.int32)
    source = np.empty(len(kept), dtype=np.int32)
    count, size = len(vertices), 0
    for t in range(len(triangles)):
        if state[t] == 0:
            for k in range(3):
                kept[size, k] = triangles[t, k]
            source[size] = t
            size += 1
        elif state[t] == 1:
            corners = np.empty((3, 3 + vertices.shape[1]), dtype=np.float32)
            for k in range(3):
                corners[k, :3], corners[k, 3:] = seen[triangles[t, k]], vertices[triangles[t, k]]
            edges = 3
            for plane in planes:
                corners, edges = _cut_polygon(corners, edges, plane)
            for k in range(edges):
                more_seen[count + k], more_vertices[count + k] = corners[k, :3], corners[k, 3:]
            for k in range(1, edges - 1):
                kept[size, 0], kept[size, 1], kept[size, 2] = count, count + k, count + k + 1
                source[size] = t
                size += 1
            count += edges
    return more_vertices[:count], more_seen[:count], kept[:size], source[:size]


@inlined
def bend(x: Number, y: Number, lens: Lens) -> tuple[Number, Number]:
    """Where the lens shows what a pin-hole shows at (x, y), both counted in samples from the middle."""
    far = (x * x + y * y) / (lens.radius * lens.radius)
    by = 2 / (1 + math.sqrt(1 - 4 * lens.distortion * far))
    return x * by, y * by


@compiled
def _bent(seen: Floats, lens: Lens) -> Floats:
    """(N, 3) places on the picture and 1 / depth of points in camera coordinates (N, 3)."""
    screen = np.empty((len(seen), 3), dtype=np.float32)
    for i in range(len(seen)):
        inverse = 1 / max(seen[i, 2], np.float32(NEAR * 0.5))
        x, y = bend(seen[i, 0] * inverse * lens.focal, seen[i, 1] * inverse * lens.focal, lens)
        screen[i, 0], screen[i, 1], screen[i, 2] = x + lens.width * 0.5, y + lens.height * 0.5, inverse
    return screen


@compiled
def _bends(a: Floats, b: Floats, lens: Lens) -> bool:
    """Whether the picture of the edge between two points of a pin-hole picture is far from straight."""
    ax, ay, bx, by = a[0], a[1], b[0], b[1]
    if abs(ax - bx) + abs(ay - by) < SHORT:
        return False
    mx, my = bend((ax + bx) / 2, (ay + by) / 2, lens)
    ax, ay = bend(ax, ay, lens)
    bx, by = bend(bx, by, lens)
    return (mx - (ax + bx) / 2) ** 2 + (my - (ay + by) / 2) ** 2 > BEND * BEND


@compiled
def _split(vertices: Floats, seen: Floats, triangles: NDArray[np.int32], source: NDArray[np.int32], lens: Lens) -> Cut:
    """Splits triangles at edges that the lens bends. Neighbors split their common edge at the same point."""
    bends = np.zeros((len(triangles), 3), dtype=np.bool_)
    new = 0
    flat = seen[:, :2] / seen[:, 2:] * np.float32(lens.focal)  # (N, 2)
    for t in range(len(triangles)):
        for k in range(3):
            bends[t, k] = _bends(flat[triangles[t, k]], flat[triangles[t, (k + 1) % 3]], lens)
            new += bends[t, k]
    more_vertices = np.empty((len(vertices) + new, vertices.shape[1]), dtype=np.float32)
    more_seen = np.empty((len(seen) + new, 3), dtype=np.float32)
    more_vertices[: len(vertices)], more_seen[: len(seen)] = vertices, seen
    kept = np.empty((len(triangles) + new, 3), dtype=np.int32)
    origin = np.empty(len(kept), dtype=np.int32)
    count, size = len(vertices), 0
    polygon, halves = np.empty(3, dtype=np.int32), np.empty(3, dtype=np.int32)
    for t in range(len(triangles)):
        polygon[:], halves[:] = triangles[t], -1
        for k in range(3):
            if bends[t, k]:
                a, b = polygon[k], polygon[(k + 1) % 3]
                # The weights put the new point in the middle of the edge as a pin-hole shows it.
                of_a = seen[b, 2] / (seen[a, 2] + seen[b, 2])
                of_b = seen[a, 2] / (seen[a, 2] + seen[b, 2])
                more_seen[count] = seen[a] * of_a + seen[b] * of_b
                more_vertices[count] = vertices[a] * of_a + vertices[b] * of_b
                halves[k] = count
                count += 1
        before = size
        size = _pieces(polygon, halves, kept, size)
        origin[before:size] = source[t]
    return more_vertices[:count], more_seen[:count], kept[:size], origin[:size]


@compiled
def _pieces(corner: NDArray[np.int32], half: NDArray[np.int32], kept: NDArray[np.int32], size: int) -> int:
    """Writes the 1 to 4 pieces of a triangle whose split edges have a vertex in `half`; returns the next place."""
    splits = (half[0] >= 0) + (half[1] >= 0) + (half[2] >= 0)
    if splits == 0:
        kept[size] = corner
        return size + 1
    if splits == 3:
        for k in range(3):
            kept[size + k, 0], kept[size + k, 1], kept[size + k, 2] = corner[k], half[k], half[(k + 2) % 3]
        kept[size + 3] = half
        return size + 4
    k = 0  # the first of the split edges that follow each other
    while half[k] < 0 or (splits == 2 and half[(k + 1) % 3] < 0):
        k += 1
    a, b, c = corner[k], corner[(k + 1) % 3], corner[(k + 2) % 3]
    if splits == 1:
        kept[size, 0], kept[size, 1], kept[size, 2] = a, half[k], c
        kept[size + 1, 0], kept[size + 1, 1], kept[size + 1, 2] = half[k], b, c
        return size + 2
    second = half[(k + 1) % 3]
    kept[size, 0], kept[size, 1], kept[size, 2] = half[k], b, second
    kept[size + 1, 0], kept[size + 1, 1], kept[size + 1, 2] = a, half[k], second
    kept[size + 2, 0], kept[size + 2, 1], kept[size + 2, 2] = a, second, c
    return size + 3


@looping
def _face(vertices: Floats, triangles: NDArray[np.int32], eye: Floats, facing: NDArray[np.int32]) -> None:
    """Writes -1 where a triangle is seen from the side that its normals point away from."""
    v = vertices
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x = (v[b, 1] - v[a, 1]) * (v[c, 2] - v[a, 2]) - (v[b, 2] - v[a, 2]) * (v[c, 1] - v[a, 1])
        y = (v[b, 2] - v[a, 2]) * (v[c, 0] - v[a, 0]) - (v[b, 0] - v[a, 0]) * (v[c, 2] - v[a, 2])
        z = (v[b, 0] - v[a, 0]) * (v[c, 1] - v[a, 1]) - (v[b, 1] - v[a, 1]) * (v[c, 0] - v[a, 0])
        nx, ny, nz = v[a, 3] + v[b, 3] + v[c, 3], v[a, 4] + v[b, 4] + v[c, 4], v[a, 5] + v[b, 5] + v[c, 5]
        along = x * nx + y * ny + z * nz
        toward = x * (eye[0] - v[a, 0]) + y * (eye[1] - v[a, 1]) + z * (eye[2] - v[a, 2])
        if (along >= 0) != (toward >= 0):
            facing[t] = -1
