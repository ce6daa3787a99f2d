"""What light makes of a point of a surface: matt light, highlights, and the sky that glossy things mirror."""

import math

import numpy as np
from numpy.typing import NDArray

from datasets.rendering.geometry import Mesh
from datasets.rendering.light import Shining
from datasets.rendering.textures import Number, Triple, inlined

Floats = NDArray[np.float32]


@inlined
def weights(mesh: Mesh, t: int, x: Number, y: Number) -> Triple:
    """The shares of a triangle's three corners in the point that the sample position (x, y) shows."""
    i, j, k = mesh.triangles[t, 0], mesh.triangles[t, 1], mesh.triangles[t, 2]
    ax, ay = mesh.vertices[i, 8], mesh.vertices[i, 9]
    bx, by = mesh.vertices[j, 8] - ax, mesh.vertices[j, 9] - ay
    cx, cy = mesh.vertices[k, 8] - ax, mesh.vertices[k, 9] - ay
    per = 1 / (bx * cy - by * cx)
    dx, dy = x - ax, y - ay
    b = (dx * cy - dy * cx) * per
    c = (dy * bx - dx * by) * per
    near_a, near_b, near_c = (1 - b - c) * mesh.vertices[i, 10], b * mesh.vertices[j, 10], c * mesh.vertices[k, 10]
    whole = near_a + near_b + near_c
    return near_a / whole, near_b / whole, near_c / whole


@inlined
def footprint(mesh: Mesh, t: int, x: Number, y: Number, step: Number) -> tuple[Number, Number, Number, Number]:
    """Texture coordinates at a sample position, and how much texture a pixel shows there.

    Returns:
        u, v, the pixel's area in repeats squared, and the length of its longer side in repeats.
    """
    i, j, k = mesh.triangles[t, 0], mesh.triangles[t, 1], mesh.triangles[t, 2]
    a, b, c = weights(mesh, t, x, y)
    u = a * mesh.vertices[i, 6] + b * mesh.vertices[j, 6] + c * mesh.vertices[k, 6]
    v = a * mesh.vertices[i, 7] + b * mesh.vertices[j, 7] + c * mesh.vertices[k, 7]
    a, b, c = weights(mesh, t, x + step, y)
    u_right = a * mesh.vertices[i, 6] + b * mesh.vertices[j, 6] + c * mesh.vertices[k, 6] - u
    v_right = a * mesh.vertices[i, 7] + b * mesh.vertices[j, 7] + c * mesh.vertices[k, 7] - v
    a, b, c = weights(mesh, t, x, y + step)
    u_down = a * mesh.vertices[i, 6] + b * mesh.vertices[j, 6] + c * mesh.vertices[k, 6] - u
    v_down = a * mesh.vertices[i, 7] + b * mesh.vertices[j, 7] + c * mesh.vertices[k, 7] - v
    longer = max(u_right * u_right + v_right * v_right, u_down * u_down + v_down * v_down)
    return u, v, abs(u_right * v_down - u_down * v_right), math.sqrt(longer)


@inlined
def place(mesh: Mesh, t: int, x: Number, y: Number) -> tuple[Triple, Triple]:
    """World position and unit normal (towards the camera) of the point that a sample position shows."""
    i, j, k = mesh.triangles[t, 0], mesh.triangles[t, 1], mesh.triangles[t, 2]
    a, b, c = weights(mesh, t, x, y)
    # A pixel's middle may lie just outside of the triangle: stay inside.
    a, b, c = max(a, np.float32(0)), max(b, np.float32(0)), max(c, np.float32(0))
    whole = max(a + b + c, np.float32(1e-9))
    a, b, c = a / whole, b / whole, c / whole
    v = mesh.vertices
    nx = a * v[i, 3] + b * v[j, 3] + c * v[k, 3]
    ny = a * v[i, 4] + b * v[j, 4] + c * v[k, 4]
    nz = a * v[i, 5] + b * v[j, 5] + c * v[k, 5]
    by = mesh.triangles[t, 5] / max(math.sqrt(nx * nx + ny * ny + nz * nz), np.float32(1e-6))
    return (
        (
            np.float32(a * v[i, 0] + b * v[j, 0] + c * v[k, 0]),
            np.float32(a * v[i, 1] + b * v[j, 1] + c * v[k, 1]),
            np.float32(a * v[i, 2] + b * v[j, 2] + c * v[k, 2]),
        ),
        (np.float32(nx * by), np.float32(ny * by), np.float32(nz * by)),
    )


@inlined
def lamp_share(lit: Shining, lamp: int, point: Triple, normal: Triple) -> Number:
    """How much of a lamp's color a matt white surface at a point with a normal shows, 0 or more."""
    at = lit.lamp_position[lamp]
    x, y, z = at[0] - point[0], at[1] - point[1], at[2] - point[2]
    far = x * x + y * y + z * z
    half = lit.lamp_reach[lamp] * lit.lamp_reach[lamp]
    fade = 1 - far / (25 * half)
    if fade <= 0:
        return np.float32(0)
    along = normal[0] * x + normal[1] * y + normal[2] * z
    # Lamps are no points: their light reaches a little around the edge.
    facing = (along / math.sqrt(far + np.float32(1e-6)) + np.float32(0.15)) / np.float32(1.15)
    return max(facing, np.float32(0)) * half / (half + far) * fade * fade


@inlined
def sun_share(lit: Shining, normal: Triple) -> Number:
    """How much of the sun's color a matt white surface with a normal shows, 0 or more."""
    return max(normal[0] * lit.sun[0] + normal[1] * lit.sun[1] + normal[2] * lit.sun[2], np.float32(0))


@inlined
def matt(lit: Shining, sun_seen: Number, open_sky: Number, point: Triple, normal: Triple) -> Triple:
    """The light red, green, blue that falls on a point: sky and ground, sun, and lamps."""
    up = np.float32(0.5) + np.float32(0.5) * normal[2]
    sun = sun_share(lit, normal) * sun_seen
    red = (lit.ground[0] + (lit.sky[0] - lit.ground[0]) * up) * open_sky + lit.sun_color[0] * sun
    green = (lit.ground[1] + (lit.sky[1] - lit.ground[1]) * up) * open_sky + lit.sun_color[1] * sun
    blue = (lit.ground[2] + (lit.sky[2] - lit.ground[2]) * up) * open_sky + lit.sun_color[2] * sun
    near = np.float32(0.35) + np.float32(0.65) * open_sky
    for lamp in range(len(lit.lamp_reach)):
        share = lamp_share(lit, lamp, point, normal) * near
        red += lit.lamp_color[lamp, 0] * share
        green += lit.lamp_color[lamp, 1] * share
        blue += lit.lamp_color[lamp, 2] * share
    return red, green, blue


@inlined
def shine(
    lit: Shining, eye: Floats, gloss: Number, sun_seen: Number, open_sky: Number, point: Triple, normal: Triple
) -> Triple:
    """The light red, green, blue that a glossy point throws to the camera without taking on its own color."""
    nx, ny, nz = normal
    x, y, z = eye[0] - point[0], eye[1] - point[1], eye[2] - point[2]
    per = 1 / math.sqrt(x * x + y * y + z * z + np.float32(1e-9))
    x, y, z = x * per, y * per, z * per
    facing = max(nx * x + ny * y + nz * z, np.float32(0.02))
    rx, ry, rz = 2 * facing * nx - x, 2 * facing * ny - y, 2 * facing * nz - z
    glance = 1 - min(facing, np.float32(1))
    mirrored = gloss * (np.float32(0.04) + np.float32(0.6) * gloss * glance**5)
    # The sky is brightest above the horizon; below it the ground is mirrored.
    up = min(max(rz * 4 + np.float32(0.5), np.float32(0)), np.float32(1))
    band = np.float32(1.3) - np.float32(0.5) * max(rz, np.float32(0))
    by = mirrored * open_sky
    red = by * (lit.ground[0] + (lit.sky[0] * band - lit.ground[0]) * up)
    green = by * (lit.ground[1] + (lit.sky[1] * band - lit.ground[1]) * up)
    blue = by * (lit.ground[2] + (lit.sky[2] * band - lit.ground[2]) * up)
    sharp = 8 + 250 * gloss * gloss
    strength = gloss * (np.float32(0.06) + mirrored) * (sharp + 8) / 25
    toward = rx * lit.sun[0] + ry * lit.sun[1] + rz * lit.sun[2]
    if toward > 0.3 and sun_seen > 0:
        by = strength * toward**sharp * sun_seen
        red, green, blue = red + lit.sun_color[0] * by, green + lit.sun_color[1] * by, blue + lit.sun_color[2] * by
    for lamp in range(len(lit.lamp_reach)):
        at, color = lit.lamp_position[lamp], lit.lamp_color[lamp]
        lx, ly, lz = at[0] - point[0], at[1] - point[1], at[2] - point[2]
        far = lx * lx + ly * ly + lz * lz
        half = lit.lamp_reach[lamp] * lit.lamp_reach[lamp]
        toward = (rx * lx + ry * ly + rz * lz) / math.sqrt(far + np.float32(1e-6))
        if toward > 0.5 and far < 25 * half:
            by = strength * toward**sharp * half / (half + far)
            red, green, blue = red + color[0] * by, green + color[1] * by, blue + color[2] * by
    return red, green, blue
