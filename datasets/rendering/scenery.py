"""The part of a view that does not move: drawn once, and kept with all that figures need to stand in it."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.rendering.camera import Camera
from datasets.rendering.geometry import Mesh, in_front, lens_of
from datasets.rendering.light import Light, shining
from datasets.rendering.occlusion import open_share, smooth
from datasets.rendering.rasterize import draw
from datasets.rendering.shading import footprint, matt, place, shine, sun_share
from datasets.rendering.shadows import Casters, blocked, sun_map
from datasets.rendering.surface import Surface
from datasets.rendering.textures import Number, Textures, Triple, compiled, inlined, level_of, looping, pack, read
from datasets.rendering.weather import backdrop

Floats = NDArray[np.float32]

SAMPLES = 2
"""Samples along each side of a pixel."""

CORNER = 0.7
"""Meters within which things of a place are in the way of each other's light from all around."""

SHADOWS_UNTIL = 70.0
"""Meters from the camera up to which the sun's shadows are drawn."""


class Scenery(NamedTuple):
    """What a camera sees of a place, at H x W pixels of SAMPLES x SAMPLES samples.

    Args:
        nearness: (SAMPLES * H, SAMPLES * W) float32, 1 / depth of each sample, 0 for the sky.
        samples: (SAMPLES * H, SAMPLES * W, 3) float32 linear light.
        color: (H, W, 3) float32 linear light.
        albedo: (H, W, 3) float32, the color of the surface itself.
        open_sky: (H, W) float32, the share of the light from all around that arrives.
        sun: (H, W) float32, how much of the sun's color a white surface shows there.
        position: (H, W, 3) float32 meters; far below the ground for the sky.
        normal: (H, W, 3) float32; zeros for the sky.
        near: (H, W) float32, 1 / depth.
        shadows: What the place keeps the sun from.
    """

    nearness: Floats
    samples: Floats
    color: Floats
    albedo: Floats
    open_sky: Floats
    sun: Floats
    position: Floats
    normal: Floats
    near: Floats
    shadows: Casters


class Samples:
    """What is drawn on before pixels are colored, kept from picture to picture: large arrays take long to make.

    Args:
        still: (SAMPLES * H, SAMPLES * W) float32, 1 / depth of the place.
    """

    def __init__(self, still: Floats) -> None:
        self._still = still
        self._nearness = still.copy()
        self._shown = np.full(still.shape, -1, dtype=np.int32)
        self._covered = np.full(still.shape, -1, dtype=np.int16)
        self._used = (slice(0), slice(0))

    def empty(self, region: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int32], NDArray[np.int16]]:
        """Nearness of the place alone, triangles and surfaces that are -1; to be written in a region (4,) of pixels."""
        self._nearness[self._used] = self._still[self._used]
        self._shown[self._used] = -1
        self._covered[self._used] = -1
        left, top, right, bottom = (SAMPLES * int(each) for each in region)
        self._used = (slice(top, bottom), slice(left, right))
        return self._nearness, self._shown, self._covered


def scenery(static: Surface, camera: Camera, light: Light) -> Scenery:
    """Draws a place once.

    Args:
        static: Everything that does not move.
        camera: Where it is seen from.
        light: What lights it.
    """
    lens, lit = lens_of(camera, SAMPLES), shining(light)
    mesh = in_front(static, np.zeros(len(static.triangles), np.int16), lens, inside_only=True)
    textures = pack(static.materials, light.infrared)
    nearness = np.zeros((lens.height, lens.width), dtype=np.float32)
    shown = np.full((lens.height, lens.width), -1, dtype=np.int32)
    draw(mesh, textures, nearness, shown, np.zeros(shown.shape, np.int16), np.zeros(1, np.int64))
    position, normal, near = _survey(mesh, nearness, shown)
    half = (slice(None, None, 2), slice(None, None, 2))
    near_half = np.ascontiguousarray(near[half])
    survey = (np.ascontiguousarray(position[half]), np.ascontiguousarray(normal[half]), near_half)
    there = near_half > 0
    open_half = smooth(open_share(*survey, there, lens_of(camera, 0.5), CORNER), near_half, there)
    open_sky: Any = cv2.resize(open_half, (camera.width, camera.height), interpolation=cv2.INTER_LINEAR)
    close = (near > 1 / SHADOWS_UNTIL)[::4, ::4]
    shadows = sun_map(static, position[::4, ::4][close], light)
    behind = backdrop(camera, light)
    samples: Any = cv2.resize(behind, (lens.width, lens.height), interpolation=cv2.INTER_NEAREST)
    albedo, sun = np.zeros_like(behind), np.zeros_like(near)
    _shade(mesh, textures, (lit, lens.position, shadows), shown, open_sky, (samples, albedo, sun))
    color: Any = cv2.resize(samples, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    return Scenery(nearness, samples, color, albedo, open_sky, sun, position, normal, near, shadows)


@compiled
def _survey(mesh: Mesh, nearness: Floats, shown: NDArray[np.int32]) -> tuple[Floats, Floats, Floats]:
    """Position (H, W, 3), normal (H, W, 3) and nearness (H, W) of the first sample of each pixel."""
    height, width = nearness.shape[0] // SAMPLES, nearness.shape[1] // SAMPLES
    position = np.full((height, width, 3), -1e6, dtype=np.float32)
    normal = np.zeros((height, width, 3), dtype=np.float32)
    near = np.zeros((height, width), dtype=np.float32)
    for y in range(height):
        for x in range(width):
            t = shown[y * SAMPLES, x * SAMPLES]
            if t >= 0:
                point, across = place(mesh, t, x * SAMPLES + np.float32(0.5), y * SAMPLES + np.float32(0.5))
                for k in range(3):
                    position[y, x, k], normal[y, x, k] = point[k], across[k]
                near[y, x] = nearness[y * SAMPLES, x * SAMPLES]
    return position, normal, near


@inlined
def turn_of(x: int, y: int) -> int:
    """A number in 0 .. 15 that differs from that of all pixels nearby."""
    return ((x & 3) * 4 + (y & 3) * 5 + ((x ^ y) & 2) * 3) & 15


@looping
def _shade(mesh: Mesh, textures: Textures, world: Any, shown: NDArray[np.int32], open_sky: Floats, into: Any) -> None:
    """Colors all samples. Samples of a pixel that show the same triangle are colored together."""
    lit, eye, shadows = world
    samples, albedo, sun = into
    height, width = open_sky.shape
    for y in range(height):
        for x in range(width):
            done = -1
            for s in range(SAMPLES * SAMPLES):
                row, column = y * SAMPLES + s // SAMPLES, x * SAMPLES + s % SAMPLES
                t = shown[row, column]
                if t < 0 or t == done or _seen_before(shown, y, x, s):
                    continue
                point, normal = place(mesh, t, column + np.float32(0.5), row + np.float32(0.5))
                share = sun_share(lit, normal)
                if share > 0 and len(shadows.light):
                    share *= 1 - blocked(shadows, 0, point, turn_of(x, y))
                own, color = colored(
                    mesh, textures, (lit, eye), t, (column, row), (point, normal), (share, open_sky[y, x])
                )
                if done < 0:
                    albedo[y, x, 0], albedo[y, x, 1], albedo[y, x, 2] = own
                    sun[y, x] = share
                done = t
                for other in range(s, SAMPLES * SAMPLES):
                    row, column = y * SAMPLES + other // SAMPLES, x * SAMPLES + other % SAMPLES
                    if shown[row, column] == t:
                        samples[row, column, 0], samples[row, column, 1], samples[row, column, 2] = color


@inlined
def _seen_before(shown: NDArray[np.int32], y: int, x: int, s: int) -> bool:
    """Whether an earlier sample of the pixel shows the same triangle as its sample s."""
    t = shown[y * SAMPLES + s // SAMPLES, x * SAMPLES + s % SAMPLES]
    seen = False
    for earlier in range(s):
        seen = seen or shown[y * SAMPLES + earlier // SAMPLES, x * SAMPLES + earlier % SAMPLES] == t
    return seen


@inlined
def colored(
    mesh: Mesh,
    textures: Textures,
    world: Any,
    t: int,
    sample: tuple[int, int],
    at: tuple[Triple, Triple],
    received: tuple[Number, Number],
) -> tuple[Triple, Triple]:
    """The surface's own color and the light that comes from it, at a sample of a triangle.

    Args:
        mesh: What is drawn.
        textures: Its materials.
        world: The light and the camera's position.
        t: The triangle.
        sample: Column and row of the sample.
        at: Its world coordinates and its normal.
        received: How much of the sun's color arrives, and the share of the light from all around.
    """
    lit, eye = world
    share, open_sky = received
    material = mesh.triangles[t, 3]
    x, y = sample[0] + np.float32(0.5), sample[1] + np.float32(0.5)
    u, v, across, longer = footprint(mesh, t, x, y, np.float32(SAMPLES))
    level = level_of(textures, material, across, longer, np.float32((sample[0] * 3 + sample[1] * 5) % 8) / 8)
    red, green, blue = read(textures, material, level, u, v)
    point, normal = at
    direct = share / max(sun_share(lit, normal), np.float32(1e-6))
    light_red, light_green, light_blue = matt(lit, direct, open_sky, point, normal)
    glow = textures.emission[material]
    color_red, color_green, color_blue = (
        red * (light_red + glow),
        green * (light_green + glow),
        blue * (light_blue + glow),
    )
    gloss = textures.gloss[material]
    if gloss > 0:
        more_red, more_green, more_blue = shine(lit, eye, gloss, min(direct, np.float32(1)), open_sky, point, normal)
        color_red, color_green, color_blue = color_red + more_red, color_green + more_green, color_blue + more_blue
    return (red, green, blue), (color_red, color_green, color_blue)
