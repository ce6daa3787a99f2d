"""Which triangle each sample of a picture shows: a depth buffer, filled triangle by triangle."""

import math

import numpy as np
from numpy.typing import NDArray

from datasets.rendering.geometry import Mesh
from datasets.rendering.textures import Number, Textures, compiled, covers, inlined, level_of, looping

Floats = NDArray[np.float32]

WIDE = 8
"""Columns of a triangle above which it is worth finding out where in a row it begins and ends."""


@looping
def draw(
    mesh: Mesh,
    textures: Textures,
    nearness: Floats,
    shown: NDArray[np.int32],
    covered: NDArray[np.int16],
    area: NDArray[np.int64],
) -> None:
    """Draws a mesh over what is there already, where it is nearer.

    Args:
        mesh: What to draw.
        textures: Its materials; their holes are left open.
        nearness: (H, W) float32, 1 / depth of what is there, 0 where nothing is. Changed in place.
        shown: (H, W) int32, the triangle that is seen. Changed in place.
        covered: (H, W) int16, the surface that was drawn here last, hidden or not. Changed in place.
        area: (P,) int64, on how many samples each surface was drawn, hidden or not. Changed in place.
    """
    height, width = nearness.shape
    for t in range(len(mesh.triangles)):
        a, b, c = mesh.triangles[t, 0], mesh.triangles[t, 1], mesh.triangles[t, 2]
        ax, ay, an = mesh.vertices[a, 8], mesh.vertices[a, 9], mesh.vertices[a, 10]
        bx, by, bn = mesh.vertices[b, 8], mesh.vertices[b, 9], mesh.vertices[b, 10]
        cx, cy, cn = mesh.vertices[c, 8], mesh.vertices[c, 9], mesh.vertices[c, 10]
        left, right = min(ax, bx, cx), max(ax, bx, cx)
        top, bottom = min(ay, by, cy), max(ay, by, cy)
        if right < 0 or bottom < 0 or left > width or top > height:
            continue
        x0, x1 = max(0, math.ceil(left - 0.5)), min(width - 1, math.floor(right - 0.5))
        y0, y1 = max(0, math.ceil(top - 0.5)), min(height - 1, math.floor(bottom - 0.5))
        double_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if x0 > x1 or y0 > y1 or double_area == 0:
            continue
        per = 1 / double_area
        # The weights of b and c, and the nearness, grow evenly along a row.
        b_step, c_step = (cy - ay) * per, -(by - ay) * per
        near_step = (bn - an) * b_step + (cn - an) * c_step
        part = mesh.triangles[t, 4]
        holes = textures.cutout[mesh.triangles[t, 3]]
        level = _level_of_triangle(mesh, textures, t, abs(double_area)) if holes else 0
        for y in range(y0, y1 + 1):
            dx, dy = x0 + np.float32(0.5) - ax, y + np.float32(0.5) - ay
            b_weight = (dx * (cy - ay) - dy * (cx - ax)) * per
            c_weight = (dy * (bx - ax) - dx * (by - ay)) * per
            near = an + (bn - an) * b_weight + (cn - an) * c_weight
            first, last = _stretch(b_weight, b_step, c_weight, c_step, x1 - x0)
            for _ in range(first):
                b_weight += b_step
                c_weight += c_step
                near += near_step
            for x in range(x0 + first, x0 + last + 1):
                inside = b_weight >= 0 and c_weight >= 0 and b_weight + c_weight <= 1
                if inside and (not holes or _covered(mesh, textures, t, level, b_weight, c_weight)):
                    if covered[y, x] != part:
                        covered[y, x] = part
                        area[part] += 1
                    if near > nearness[y, x]:
                        nearness[y, x] = near
                        shown[y, x] = t
                b_weight += b_step
                c_weight += c_step
                near += near_step


@inlined
def _stretch(b: Number, b_step: Number, c: Number, c_step: Number, most: int) -> tuple[int, int]:
    """Between which columns of a row, 0 .. `most`, a triangle may lie: one more than it fills on either side.

    Args:
        b: The weight of the triangle's second corner in column 0.
        b_step: By how much it grows from column to column.
        c: The weight of the third corner in column 0.
        c_step: By how much it grows.
        most: The last column.
    """
    low, high = 0.0, float(most)
    if most > WIDE:
        for value, step in ((b, b_step), (c, c_step), (1 - b - c, -b_step - c_step)):
            if step > 1e-9:
                low = max(low, -value / step - 1)
            elif step < -1e-9:
                high = min(high, -value / step + 1)
    # No less than one past the last column, however far away the triangle is.
    first = int(min(low, most + 1.0))
    return first, max(int(max(high, -1.0)), first - 1)


@looping
def _level_of_triangle(mesh: Mesh, textures: Textures, t: int, double_area: Number) -> int:
    """Which copy of its texture suits a whole triangle."""
    v = mesh.vertices
    a, b, c = v[mesh.triangles[t, 0]], v[mesh.triangles[t, 1]], v[mesh.triangles[t, 2]]
    double_repeats = abs((b[6] - a[6]) * (c[7] - a[7]) - (b[7] - a[7]) * (c[6] - a[6]))
    return level_of(textures, mesh.triangles[t, 3], double_repeats / double_area, 0.0, 0.5)


@looping
def _covered(mesh: Mesh, textures: Textures, t: int, level: int, b_weight: Number, c_weight: Number) -> bool:
    """Whether the texture of a triangle with holes has something at a sample."""
    a, b, c = mesh.triangles[t, 0], mesh.triangles[t, 1], mesh.triangles[t, 2]
    near_a = (1 - b_weight - c_weight) * mesh.vertices[a, 10]
    near_b, near_c = b_weight * mesh.vertices[b, 10], c_weight * mesh.vertices[c, 10]
    per = 1 / (near_a + near_b + near_c)
    u = (near_a * mesh.vertices[a, 6] + near_b * mesh.vertices[b, 6] + near_c * mesh.vertices[c, 6]) * per
    v = (near_a * mesh.vertices[a, 7] + near_b * mesh.vertices[b, 7] + near_c * mesh.vertices[c, 7]) * per
    return covers(textures, mesh.triangles[t, 3], level, u, v)


@compiled
def corners(vertices: Floats, triangles: NDArray[np.int32]) -> tuple[Floats, Floats]:
    """The smallest and the largest x and y, (2,) and (2,), that triangles (T, 6) reach on a picture."""
    low, high = np.full(2, np.float32(np.inf)), np.full(2, np.float32(-np.inf))
    for t in range(len(triangles)):
        for corner in range(3):
            for k in range(2):
                here = vertices[triangles[t, corner], 8 + k]
                low[k], high[k] = min(low[k], here), max(high[k], here)
    return low, high


@looping
def corners_within(
    vertices: Floats, triangles: NDArray[np.int32], size: tuple[int, int], low: Floats, high: Floats
) -> int:
    """Of how many corners of triangles (T, 6) lie in a frame (width, height), and the smallest and largest x and y.

    Lowers `low` (2,) and raises `high` (2,) to what those corners reach.
    """
    count = 0
    for t in range(len(triangles)):
        for corner in range(3):
            x, y = vertices[triangles[t, corner], 8], vertices[triangles[t, corner], 9]
            if 0 <= x <= size[0] and 0 <= y <= size[1]:
                low[0], low[1] = min(low[0], x), min(low[1], y)
                high[0], high[1] = max(high[0], x), max(high[1], y)
                count += 1
    return count


@looping
def silhouette(
    vertices: Floats,
    triangles: NDArray[np.int32],
    first: int,
    low: NDArray[np.int64],
    coarse: int,
    area: NDArray[np.bool_],
) -> None:
    """Marks all samples that triangles cover, inside the frame or not.

    Args:
        vertices: (N, 11) as in `Mesh`.
        triangles: (T, 6) as in `Mesh`, those of one figure.
        first: Unused samples before the first marked one in each cell of a coarser grid.
        low: (2,) x and y in samples where `area` begins.
        coarse: How many samples apart the marks are; 1 marks every sample.
        area: (h, w) bool. Changed in place.
    """
    height, width = area.shape
    for t in range(len(triangles)):
        a, b, c = vertices[triangles[t, 0]], vertices[triangles[t, 1]], vertices[triangles[t, 2]]
        left, right = min(a[8], b[8], c[8]), max(a[8], b[8], c[8])
        top, bottom = min(a[9], b[9], c[9]), max(a[9], b[9], c[9])
        offset = first + np.float32(0.5)
        x0, x1 = (
            max(0, math.ceil((left - low[0] - offset) / coarse)),
            min(width - 1, (right - low[0] - offset) // coarse),
        )
        y0, y1 = (
            max(0, math.ceil((top - low[1] - offset) / coarse)),
            min(height - 1, (bottom - low[1] - offset) // coarse),
        )
        double_area = (b[8] - a[8]) * (c[9] - a[9]) - (b[9] - a[9]) * (c[8] - a[8])
        if double_area == 0 or x0 > x1:
            continue
        per = 1 / double_area
        for row in range(y0, y1 + 1):
            dy = low[1] + row * coarse + offset - a[9]
            dx = low[0] + x0 * coarse + offset - a[8]
            b_weight, b_step = (dx * (c[9] - a[9]) - dy * (c[8] - a[8])) * per, coarse * (c[9] - a[9]) * per
            c_weight, c_step = (dy * (b[8] - a[8]) - dx * (b[9] - a[9])) * per, -coarse * (b[9] - a[9]) * per
            start, end = _stretch(b_weight, b_step, c_weight, c_step, x1 - x0)
            for column in range(x0 + start, x0 + end + 1):
                if area[row, column]:
                    continue
                dx = low[0] + column * coarse + offset - a[8]
                b_weight = (dx * (c[9] - a[9]) - dy * (c[8] - a[8])) * per
                c_weight = (dy * (b[8] - a[8]) - dx * (b[9] - a[9])) * per
                if b_weight >= 0 and c_weight >= 0 and b_weight + c_weight <= 1:
                    area[row, column] = True


@compiled
def nearest(coordinates: Floats, triangles: NDArray[np.int32], low: Floats, cell: Number, depth: Floats) -> None:
    """Draws the depths of triangles into a map without perspective, where they are smaller than what is there.

    Args:
        coordinates: (N, 3) float32, two places on the map and a depth.
        triangles: (T, 3) int32.
        low: (2,) float32, where the map begins.
        cell: The side of a cell of the map.
        depth: (R, R) float32, rows along the second coordinate. Changed in place.
    """
    per_cell = 1 / np.float32(cell)
    places = np.empty((len(coordinates), 2), dtype=np.float64)
    for n in range(len(coordinates)):
        places[n, 0], places[n, 1] = (coordinates[n, 0] - low[0]) * per_cell, (coordinates[n, 1] - low[1]) * per_cell
    _nearest(places, coordinates, triangles, depth)


@looping
def _nearest(places: NDArray[np.float64], coordinates: Floats, triangles: NDArray[np.int32], depth: Floats) -> None:
    """The same, with places (N, 2) in cells."""
    rows, columns = depth.shape
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = places[a, 0], places[a, 1]
        bx, by = places[b, 0], places[b, 1]
        cx, cy = places[c, 0], places[c, 1]
        x0, x1 = max(0, math.ceil(min(ax, bx, cx) - 0.5)), min(columns - 1, math.floor(max(ax, bx, cx) - 0.5))
        y0, y1 = max(0, math.ceil(min(ay, by, cy) - 0.5)), min(rows - 1, math.floor(max(ay, by, cy) - 0.5))
        double_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # Most triangles of a figure are so small that they cover the middle of no cell.
        if x0 > x1 or y0 > y1 or double_area == 0:
            continue
        per = 1 / double_area
        depth_a, depth_b, depth_c = coordinates[a, 2], coordinates[b, 2], coordinates[c, 2]
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                dx, dy = x + np.float32(0.5) - ax, y + np.float32(0.5) - ay
                b_weight = (dx * (cy - ay) - dy * (cx - ax)) * per
                c_weight = (dy * (bx - ax) - dx * (by - ay)) * per
                if b_weight >= 0 and c_weight >= 0 and b_weight + c_weight <= 1:
                    here = depth_a + (depth_b - depth_a) * b_weight + (depth_c - depth_a) * c_weight
                    depth[y, x] = min(depth[y, x], here)
