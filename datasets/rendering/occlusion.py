"""Where little of the sky is seen: corners, the floor below a table, the ground around feet."""

import math

import numpy as np
from numpy.typing import NDArray

from datasets.rendering.geometry import Lens, bend
from datasets.rendering.textures import Number, compiled, inlined, looping

Floats = NDArray[np.float32]

_TURN = np.arange(12) * 2.399963
_HEIGHT = 1 - (2 * np.arange(12) + 1) / 12
SPHERE = np.stack(
    [np.sqrt(1 - _HEIGHT**2) * np.cos(_TURN), np.sqrt(1 - _HEIGHT**2) * np.sin(_TURN), _HEIGHT], 1
).astype(np.float32)
"""(12, 3) directions spread evenly."""

FINE, COARSE = 0.17, 0.4
"""The sides in meters of the cells of space that hold one ball each of a figure's feet and of its whole body."""

LOW = 0.35
"""Meters above the ground up to which a figure has fine balls."""

REACH = 6.0
"""How many radii from a ball its darkening is felt."""

SIDE = 16
"""Pixels along the side of a tile of a picture."""

HALF = 8
"""The same for pictures at half resolution."""


@compiled
def open_share(
    position: Floats, normal: Floats, nearness: Floats, wanted: NDArray[np.bool_], lens: Lens, radius: Number
) -> Floats:
    """How much of the light from all around reaches what a picture shows, judged by the picture's own depths.

    Args:
        position: (h, w, 3) float32 meters.
        normal: (h, w, 3) float32.
        nearness: (h, w) float32, 1 / depth.
        wanted: (h, w) bool, for which pixels to find it.
        lens: The camera, with as many samples as the picture has pixels.
        radius: Meters within which things are in each other's way.

    Returns:
        (h, w) float32 in [0, 1], 1 where it was not wanted.
    """
    height, width = nearness.shape
    shares = np.ones((height, width), dtype=np.float32)
    turned = lens.rotation
    for y in range(height):
        for x in range(width):
            if not wanted[y, x]:
                continue
            angle = np.float32(((x % 4) * 4 + (y % 4) * 7) % 16) * np.float32(math.pi / 8)
            cos, sin = math.cos(angle), math.sin(angle)
            nx, ny, nz = normal[y, x, 0], normal[y, x, 1], normal[y, x, 2]
            px, py, pz = (
                position[y, x, 0] - lens.position[0],
                position[y, x, 1] - lens.position[1],
                position[y, x, 2] - lens.position[2],
            )
            lift = np.float32(0.01) + np.float32(0.004) / max(nearness[y, x], np.float32(1e-6))
            hidden = np.float32(0)
            for k in range(SPHERE.shape[0]):
                sx, sy, sz = (
                    SPHERE[k, 0] * cos - SPHERE[k, 1] * sin,
                    SPHERE[k, 0] * sin + SPHERE[k, 1] * cos,
                    SPHERE[k, 2],
                )
                length = radius * (np.float32(k * 5 % 12) + np.float32(0.7)) / np.float32(12)
                sx, sy, sz = (
                    px + nx * lift + (nx + sx) * length,
                    py + ny * lift + (ny + sy) * length,
                    pz + nz * lift + (nz + sz) * length,
                )
                depth = turned[2, 0] * sx + turned[2, 1] * sy + turned[2, 2] * sz
                if depth < 0.1:
                    continue
                per = lens.focal / depth
                u = (turned[0, 0] * sx + turned[0, 1] * sy + turned[0, 2] * sz) * per
                v = (turned[1, 0] * sx + turned[1, 1] * sy + turned[1, 2] * sz) * per
                if lens.distortion != 0:
                    u, v = bend(u, v, lens)
                i, j = int(u + lens.width * 0.5), int(v + lens.height * 0.5)
                if 0 <= i < width and 0 <= j < height and nearness[j, i] > 0:
                    ahead = depth - 1 / nearness[j, i]
                    if ahead > lift:
                        hidden += min(np.float32(1), np.float32(1.5) * radius / ahead)
            shares[y, x] = 1 - hidden / SPHERE.shape[0]
    return shares


@compiled
def smooth(shares: Floats, nearness: Floats, wanted: NDArray[np.bool_]) -> Floats:
    """Averages shares (h, w) over 4 x 4 neighbors that are about equally far away; 1 where that is not wanted."""
    height, width = shares.shape
    result = np.ones_like(shares)
    for y in range(height):
        for x in range(width):
            if not wanted[y, x]:
                continue
            here, total, count = nearness[y, x], np.float32(0), np.float32(0)
            for j in range(max(0, y - 2), min(height, y + 2)):
                for i in range(max(0, x - 2), min(width, x + 2)):
                    if abs(nearness[j, i] - here) <= np.float32(0.06) * here:
                        total += shares[j, i]
                        count += 1
            result[y, x] = total / max(count, np.float32(1))
    return result


@compiled
def balls(points: Floats, bounds: Floats, side: Number) -> Floats:
    """A figure as a heap of balls (N, 4) float32: middle and radius in meters, one for each cell of space it fills.

    Args:
        points: (V, 3) the figure's vertices.
        bounds: (6,) their smallest and largest coordinates.
        side: The side of a cell in meters.
    """
    columns, rows = int((bounds[3] - bounds[0]) / side) + 1, int((bounds[4] - bounds[1]) / side) + 1
    layers = int((bounds[5] - bounds[2]) / side) + 1
    # Sums of 1, x, y, z and their squares in each cell.
    sums = np.zeros((layers * rows * columns, 5), dtype=np.float32)
    for n in range(len(points)):
        x, y, z = points[n, 0] - bounds[0], points[n, 1] - bounds[1], points[n, 2] - bounds[2]
        cell = (int(z / side) * rows + int(y / side)) * columns + int(x / side)
        sums[cell, 0] += 1
        sums[cell, 1] += x
        sums[cell, 2] += y
        sums[cell, 3] += z
        sums[cell, 4] += x * x + y * y + z * z
    heap = np.empty((len(sums), 4), dtype=np.float32)
    count = 0
    for cell in range(len(sums)):
        if sums[cell, 0] >= 4:
            x, y, z = sums[cell, 1] / sums[cell, 0], sums[cell, 2] / sums[cell, 0], sums[cell, 3] / sums[cell, 0]
            spread = max(sums[cell, 4] / sums[cell, 0] - (x * x + y * y + z * z), np.float32(0))
            heap[count, 0], heap[count, 1], heap[count, 2] = x + bounds[0], y + bounds[1], z + bounds[2]
            heap[count, 3] = min(max(np.float32(1.4) * math.sqrt(spread), np.float32(0.02)), np.float32(0.7) * side)
            count += 1
    return heap[:count]


def heap_of(points: Floats, bounds: Floats) -> Floats:
    """All balls (N, 4) of a figure: fine ones near the ground and coarse ones everywhere."""
    fine = balls(points, bounds, FINE)
    return np.concatenate([fine[fine[:, 2] < LOW], balls(points, bounds, COARSE)])


@compiled
def spaces(position: Floats, near: Floats, side: int) -> Floats:
    """The boxes (rows, columns, 6) float32 in meters, low then high corner, around what the tiles of a picture show.

    A tile that shows the sky alone has a box whose low corner lies above its high one.

    Args:
        position: (h, w, 3) float32 meters, what each pixel shows.
        near: (h, w) float32, 1 / depth, 0 for the sky, which has no position.
        side: Pixels along the side of a tile; the last ones of a row or column may be smaller.
    """
    height, width = near.shape
    boxes = np.empty(((height + side - 1) // side, (width + side - 1) // side, 6), dtype=np.float32)
    boxes[:, :, :3] = np.float32(1e9)
    boxes[:, :, 3:] = np.float32(-1e9)
    for y in range(height):
        for x in range(width):
            if near[y, x] > 0:
                row, column = y // side, x // side
                for k in range(3):
                    here = position[y, x, k]
                    boxes[row, column, k] = min(boxes[row, column, k], here)
                    boxes[row, column, k + 3] = max(boxes[row, column, k + 3], here)
    return boxes


@looping
def darken(shares: Floats, place: tuple[Floats, Floats, Floats], heap: Floats, lens: Lens) -> None:
    """Lowers the share of light from all around that reaches a place next to figures.

    Args:
        shares: (h, w) float32. Changed in place.
        place: What is seen without the figures: positions (h, w, 3) float32 in meters, normals (h, w, 3) float32, and
            the spaces of its tiles of side `HALF`.
        heap: (N, 4) float32 balls.
        lens: The camera, with as many samples as the picture has pixels.
    """
    position, normal, tiles = place
    height, width = shares.shape
    turned = lens.rotation
    for n in range(len(heap)):
        bx, by, bz, radius = heap[n, 0], heap[n, 1], heap[n, 2], heap[n, 3]
        x, y, z = bx - lens.position[0], by - lens.position[1], bz - lens.position[2]
        reach = np.float32(REACH) * radius
        depth = turned[2, 0] * x + turned[2, 1] * y + turned[2, 2] * z
        if depth < 0.3:
            continue
        per = lens.focal / depth
        u, v = (
            (turned[0, 0] * x + turned[0, 1] * y + turned[0, 2] * z) * per,
            (turned[1, 0] * x + turned[1, 1] * y + turned[1, 2] * z) * per,
        )
        u, v = bend(u, v, lens)
        u, v, wide = (
            u + lens.width * 0.5,
            v + lens.height * 0.5,
            reach * lens.focal / max(depth - reach, np.float32(0.3)),
        )
        x0, x1 = max(0, int(u - wide)), min(width, int(u + wide) + 1)
        y0, y1 = max(0, int(v - wide)), min(height, int(v + wide) + 1)
        for row in range(y0 // HALF, (y1 + HALF - 1) // HALF):
            for column in range(x0 // HALF, (x1 + HALF - 1) // HALF):
                if _away(tiles[row, column], bx, by, bz) < reach * reach:
                    for j in range(max(y0, row * HALF), min(y1, row * HALF + HALF)):
                        for i in range(max(x0, column * HALF), min(x1, column * HALF + HALF)):
                            dx, dy, dz = bx - position[j, i, 0], by - position[j, i, 1], bz - position[j, i, 2]
                            far = dx * dx + dy * dy + dz * dz
                            if far < reach * reach:
                                distance = math.sqrt(far + np.float32(1e-6))
                                facing = normal[j, i, 0] * dx + normal[j, i, 1] * dy + normal[j, i, 2] * dz
                                if facing > 0:
                                    solid = min(radius * radius / far, np.float32(1)) * (1 - distance / reach)
                                    shares[j, i] *= 1 - facing / distance * solid


@inlined
def _away(space: Floats, x: Number, y: Number, z: Number) -> Number:
    """The square of the distance in meters from a point to a box (6,), low and high corner."""
    dx = max(space[0] - x, x - space[3], np.float32(0))
    dy = max(space[1] - y, y - space[4], np.float32(0))
    dz = max(space[2] - z, z - space[5], np.float32(0))
    return dx * dx + dy * dy + dz * dz
