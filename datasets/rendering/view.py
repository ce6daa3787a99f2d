"""What a camera sees: a place drawn once, and figures drawn into it as often as they move."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.rendering.camera import Camera
from datasets.rendering.geometry import Lens, Mesh, in_front, lens_of
from datasets.rendering.light import Light, Shining, shining
from datasets.rendering.occlusion import HALF, SIDE, darken, heap_of, open_share, smooth, spaces
from datasets.rendering.rasterize import corners, corners_within, draw, silhouette
from datasets.rendering.scenery import SAMPLES, Samples, Scenery, colored, scenery, turn_of
from datasets.rendering.shading import lamp_share, place, sun_share
from datasets.rendering.shadows import Casters, blocked, extent, figure_casters, misses, reach_of
from datasets.rendering.surface import Surface, join
from datasets.rendering.textures import Number, Packed, Textures, Triple, compiled, inlined, looping

Floats = NDArray[np.float32]

FOLD = 0.18
"""Meters within which parts of figures are in the way of each other's light from all around."""

_NEARLY = 0.05
MOST_MARKS = 1 << 20
"""The most samples on which a figure's whole silhouette is measured; larger ones are measured on a coarser grid."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture before any camera's electronics, with the truth about the P figures in it.

    Args:
        image: (H, W, 3) float32 linear RGB, 0 or more; 1 is white.
        owner: (H, W) int16, the figure that fills most of a pixel, -1 for the place.
        depth: (H, W) float32 meters along the optical axis; infinite for the sky.
        boxes: (P, 4) float32 xyxy pixels of the whole figure, hidden parts and parts outside the frame too. All NaN
            for a figure behind the camera.
        inside: (P, 4) float32 xyxy pixels of the part of the figure that lies in the frame, hidden or not: somebody
            whose legs are below the frame gets the box of the upper body. All NaN where nothing lies in it.
        visible: (P,) float32 in [0, 1], the share of the figure's own pixels, inside and outside the frame, that is
            seen.
    """

    image: Floats
    owner: NDArray[np.int16]
    depth: Floats
    boxes: Floats
    inside: Floats
    visible: Floats


class View:
    """A camera in front of a place.

    Args:
        static: Everything that does not move.
        camera: Where it is seen from.
        light: What lights it.
    """

    def __init__(self, static: Surface, camera: Camera, light: Light) -> None:
        self.camera = camera
        self.light = light
        self._scenery = scenery(static, camera, light)
        self._lit = shining(light)
        self._lens = lens_of(camera, SAMPLES)
        self._small = lens_of(camera, 0.5)
        half = (slice(None, None, 2), slice(None, None, 2))
        self._place = tuple(
            np.ascontiguousarray(each[half])
            for each in (self._scenery.position, self._scenery.normal, self._scenery.near)
        )
        self._tiles = spaces(self._scenery.position, self._scenery.near, SIDE)
        self._small_tiles = spaces(self._place[0], self._place[2], HALF)
        with np.errstate(divide="ignore"):
            self._depth: Any = 1 / self._scenery.near
        self._materials = Packed(light.infrared)
        self._samples = Samples(self._scenery.nearness)

    def draw(self, people: Sequence[Surface]) -> Picture:
        """Draws figures into the view, one picture at a time. The same figures give the same bytes.

        Args:
            people: Any number of figures.
        """
        still, lens = self._scenery, self._lens
        image = still.color.copy()
        owner = np.full(still.near.shape, -1, dtype=np.int16)
        depth = self._depth.copy()
        count = len(people)
        if not any(len(each.triangles) for each in people):
            nowhere = np.full((count, 4), np.nan, np.float32)
            return Picture(image, owner, depth, nowhere, nowhere, np.zeros(count, np.float32))
        part = np.repeat(np.arange(count, dtype=np.int16), [len(each.triangles) for each in people])
        whole = join(people)
        mesh = in_front(whole, part, lens, inside_only=False)
        textures, rows = self._materials.pack(whole.materials)
        mesh.triangles[:, 3] = rows[mesh.triangles[:, 3]]
        bounds = np.stack([extent(each.vertices) for each in people])
        casters = figure_casters(people, bounds, self.light, self._lit)
        self._throw_shadows(image, people, bounds, casters)
        region, area = _region(mesh, lens), np.zeros(count, dtype=np.int64)
        nearness, shown, covered = self._samples.empty(region)
        draw(mesh, textures, nearness, shown, covered, area)
        open_sky = self._folds(mesh, nearness, shown)
        seen = np.zeros(count, dtype=np.int64)
        near_figures = _casters_of_figures(casters, bounds)
        world = (self._lit, lens.position, still, casters, near_figures)
        _paint(mesh, textures, world, (nearness, shown, open_sky), region, (image, owner, depth, seen))
        boxes, inside = _boxes(mesh, lens, area)
        visible = np.minimum(seen / np.maximum(area, 1), 1).astype(np.float32)
        return Picture(image, owner, depth, boxes, inside, visible)

    def _throw_shadows(self, image: Floats, people: Sequence[Surface], bounds: Floats, casters: Casters) -> None:
        """Takes from the place the light that figures keep from it."""
        still = self._scenery
        heap = np.concatenate([heap_of(each.vertices, bounds[n]) for n, each in enumerate(people)])
        shares = np.ones(self._place[2].shape, dtype=np.float32)
        darken(shares, (self._place[0], self._place[1], self._small_tiles), heap, self._small)
        left: Any = cv2.resize(shares, (self.camera.width, self.camera.height), interpolation=cv2.INTER_LINEAR)
        _less_sky(image, still, self._lit, left)
        kept = np.ones_like(still.near)
        reached = [reach_of(bounds[casters.figure[c]], casters, c) for c in range(len(casters.light))]
        places, depths = self.camera.project(np.reshape(reached, (-1, 3)))
        for c in range(len(casters.light)):
            pixels, depth = (each[len(reached[c]) * c : len(reached[c]) * (c + 1)] for each in (places, depths))
            region = np.array([0, 0, self.camera.width, self.camera.height])
            if depth.min() > 0.2:
                low, high = pixels.min(axis=0) - 4, pixels.max(axis=0) + 5
                region[:2], region[2:] = np.maximum(region[:2], low), np.minimum(region[2:], high)
            begins, region = casters.maps[c].min(), region.astype(np.int64)
            _less_light((image, kept), still, self._tiles, self._lit, casters, c, begins, region)

    def _folds(self, mesh: Mesh, nearness: Floats, shown: NDArray[np.int32]) -> Floats:
        """(h, w) float32 at half resolution: the share of the light from all around that reaches figures."""
        position, normal, near = (each.copy() for each in self._place)
        wanted = _survey_figures(mesh, nearness, shown, position, normal, near)
        close: Any = cv2.dilate(wanted.view(np.uint8), np.ones((5, 5), np.uint8))
        return smooth(open_share(position, normal, near, wanted, self._small, FOLD), near, close.view(np.bool_))


def _region(mesh: Mesh, lens: Lens) -> NDArray[np.int64]:
    """(4,) first and last column and row (exclusive) of pixels in which a mesh may be seen."""
    low, high = corners(mesh.vertices, mesh.triangles)
    low, high = np.floor(low / SAMPLES), np.ceil(high / SAMPLES)
    size = np.array([lens.width, lens.height]) // SAMPLES
    return np.concatenate([np.clip(low, 0, size), np.clip(high, 0, size)]).astype(np.int64)


@looping
def _less_sky(image: Floats, still: Scenery, lit: Shining, left: Floats) -> None:
    """Takes the light from all around where only a share of it is left."""
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            if left[y, x] < 1 and still.near[y, x] > 0:
                up = np.float32(0.5) + np.float32(0.5) * still.normal[y, x, 2]
                for k in range(3):
                    ambient = (lit.ground[k] + (lit.sky[k] - lit.ground[k]) * up) * still.open_sky[y, x]
                    sunlit = still.albedo[y, x, k] * lit.sun_color[k] * still.sun[y, x]
                    rest = image[y, x, k] - sunlit - still.albedo[y, x, k] * ambient * (1 - left[y, x])
                    # Lamps all around, and what walls throw back, are hidden too.
                    dark = sunlit + rest * (1 - np.float32(0.55) * (1 - left[y, x]))
                    image[y, x, k] = max(dark, np.float32(0.15) * image[y, x, k])


@looping
def _less_light(
    into: tuple[Floats, Floats],
    still: Scenery,
    tiles: Floats,
    lit: Shining,
    casters: Casters,
    c: int,
    begins: Number,
    region: NDArray[np.int64],
) -> None:
    """Takes from a region of the image the light of one caster's light that the caster, at a depth, begins to block."""
    for row in range(region[1] // SIDE, (region[3] + SIDE - 1) // SIDE):
        for column in range(region[0] // SIDE, (region[2] + SIDE - 1) // SIDE):
            space = tiles[row, column]
            if space[0] > space[3] or misses(casters, c, begins, space):
                continue
            for y in range(max(region[1], row * SIDE), min(region[3], row * SIDE + SIDE)):
                for x in range(max(region[0], column * SIDE), min(region[2], column * SIDE + SIDE)):
                    if still.near[y, x] > 0:
                        _less_light_at(into, still, lit, casters, c, (x, y))


@inlined
def _less_light_at(
    into: tuple[Floats, Floats], still: Scenery, lit: Shining, casters: Casters, c: int, pixel: tuple[int, int]
) -> None:
    """The same for one pixel."""
    image, kept = into
    x, y = pixel
    source = casters.light[c]
    if source >= 0 or still.sun[y, x] > 0:
        point = (still.position[y, x, 0], still.position[y, x, 1], still.position[y, x, 2])
        dark = blocked(casters, c, point, turn_of(x, y))
        if dark > 0:
            if source < 0:
                share = still.sun[y, x] * dark * kept[y, x]
                kept[y, x] *= 1 - dark
            else:
                normal = (still.normal[y, x, 0], still.normal[y, x, 1], still.normal[y, x, 2])
                share = lamp_share(lit, source, point, normal) * dark
            for k in range(3):
                color = lit.sun_color[k] if source < 0 else lit.lamp_color[source, k]
                less = image[y, x, k] - still.albedo[y, x, k] * color * share
                image[y, x, k] = max(less, np.float32(0.04) * image[y, x, k])


@compiled
def _survey_figures(
    mesh: Mesh, nearness: Floats, shown: NDArray[np.int32], position: Floats, normal: Floats, near: Floats
) -> NDArray[np.bool_]:
    """Writes where figures are into a survey of the place at half resolution; returns which pixels they fill."""
    height, width = near.shape
    wanted = np.zeros((height, width), dtype=np.bool_)
    step = 2 * SAMPLES
    for y in range(height):
        for x in range(width):
            row, column = y * step, x * step
            t = shown[row, column]
            if t >= 0:
                point, across = place(mesh, t, column + np.float32(0.5), row + np.float32(0.5))
                for k in range(3):
                    position[y, x, k], normal[y, x, k] = point[k], across[k]
                near[y, x] = nearness[row, column]
                wanted[y, x] = True
    return wanted


def _casters_of_figures(casters: Casters, bounds: Floats) -> NDArray[np.int32]:
    """(P, K) int32, for each figure the casters whose shadow may fall on it, then -1."""
    touched = _touched(casters, casters.maps.min(axis=(1, 2)), bounds)
    order = np.argsort(~touched, axis=1, kind="stable").astype(np.int32)
    order[~np.take_along_axis(touched, order, axis=1)] = -1
    return order[:, : max(1, int(touched.sum(axis=1).max(initial=0)))]


@compiled
def _touched(casters: Casters, begins: Floats, bounds: Floats) -> NDArray[np.bool_]:
    """(P, C) bool: whether the shadow of a caster, which begins at a depth (C,), may fall into bounds (P, 6)."""
    touched = np.zeros((len(bounds), len(casters.light)), dtype=np.bool_)
    for p in range(len(bounds)):
        for c in range(len(casters.light)):
            low_a = low_b = np.float32(1e9)
            high_a = high_b = np.float32(-1e9)
            for corner in range(8):
                x = bounds[p, 0 if corner & 1 else 3] - casters.origin[c, 0]
                y = bounds[p, 1 if corner & 2 else 4] - casters.origin[c, 1]
                z = bounds[p, 2 if corner & 4 else 5] - casters.origin[c, 2]
                basis = casters.basis[c]
                per = np.float32(1)
                if casters.light[c] >= 0:
                    per = 1 / max(basis[2, 0] * x + basis[2, 1] * y + basis[2, 2] * z, np.float32(0.05))
                a = (basis[0, 0] * x + basis[0, 1] * y + basis[0, 2] * z) * per
                b = (basis[1, 0] * x + basis[1, 1] * y + basis[1, 2] * z) * per
                low_a, high_a, low_b, high_b = min(low_a, a), max(high_a, a), min(low_b, b), max(high_b, b)
            side = casters.cell[c] * casters.maps.shape[1]
            in_a = high_a > casters.low[c, 0] and low_a < casters.low[c, 0] + side
            in_b = high_b > casters.low[c, 1] and low_b < casters.low[c, 1] + side
            touched[p, c] = in_a and in_b and not misses(casters, c, begins[c], bounds[p])
    return touched


@looping
def _paint(mesh: Mesh, textures: Textures, world: Any, buffers: Any, region: NDArray[np.int64], into: Any) -> None:
    """Colors the pixels that figures fill wholly or partly, once for each material, and notes whose they are."""
    lit, eye, still, casters, near_figures = world
    nearness, shown, open_sky = buffers
    image, owner, depth, seen = into
    most = SAMPLES * SAMPLES
    for y in range(region[1], region[3]):
        for x in range(region[0], region[2]):
            filled, best, best_count = 0, -1, 0
            red = green = blue = np.float32(0)
            for s in range(most):
                row, column = y * SAMPLES + s // SAMPLES, x * SAMPLES + s % SAMPLES
                t = shown[row, column]
                if t < 0:
                    continue
                same, same_part, first = 0, 0, True
                for other in range(most):
                    o = shown[y * SAMPLES + other // SAMPLES, x * SAMPLES + other % SAMPLES]
                    if o >= 0 and mesh.triangles[o, 4] == mesh.triangles[t, 4]:
                        same_part += 1
                        if mesh.triangles[o, 3] == mesh.triangles[t, 3]:
                            same += 1
                            first = first and other >= s
                filled += 1
                seen[mesh.triangles[t, 4]] += 1
                if same_part > best_count:
                    best, best_count = mesh.triangles[t, 4], same_part
                    depth[y, x] = 1 / nearness[row, column]
                if first:
                    world_now = (lit, eye, still.shadows, casters, near_figures)
                    free = open_sky[min(y // 2, open_sky.shape[0] - 1), min(x // 2, open_sky.shape[1] - 1)]
                    color = _figure_color(mesh, textures, world_now, t, (column, row), (free, turn_of(x, y)))
                    red, green, blue = red + color[0] * same, green + color[1] * same, blue + color[2] * same
            if filled:
                for k in range(3):
                    kept = image[y, x, k] / max(still.color[y, x, k], np.float32(1e-6))
                    rest = np.float32(0)
                    for s in range(most):
                        row, column = y * SAMPLES + s // SAMPLES, x * SAMPLES + s % SAMPLES
                        if shown[row, column] < 0:
                            rest += still.samples[row, column, k]
                    own = red if k == 0 else (green if k == 1 else blue)
                    image[y, x, k] = (own + rest * kept) / most
                if 2 * filled >= most:
                    owner[y, x] = best


@inlined
def _figure_color(
    mesh: Mesh, textures: Textures, world: Any, t: int, sample: tuple[int, int], local: tuple[Number, int]
) -> Triple:
    """The light that comes from a sample of a figure, with the shadows of the place and of figures on it."""
    lit, eye, shadows, casters, near_figures = world
    free, turn = local
    point, normal = place(mesh, t, sample[0] + np.float32(0.5), sample[1] + np.float32(0.5))
    share = sun_share(lit, normal)
    if share > 0 and len(shadows.light):
        share *= 1 - blocked(shadows, 0, point, turn)
    mine = near_figures[mesh.triangles[t, 4]]
    for n in range(len(mine)):
        if share > 0 and mine[n] >= 0 and casters.light[mine[n]] < 0:
            share *= 1 - blocked(casters, mine[n], point, turn)
    # Figures near the ground see less of the sky.
    open_sky = free * (np.float32(0.75) + np.float32(0.25) * min(max(point[2], np.float32(0)), np.float32(1)))
    own, color = colored(mesh, textures, (lit, eye), t, sample, (point, normal), (share, open_sky))
    red, green, blue = color
    for n in range(len(mine)):
        lamp = casters.light[mine[n]] if mine[n] >= 0 else -1
        if lamp >= 0:
            dark = blocked(casters, mine[n], point, turn)
            if dark > 0:
                less = lamp_share(lit, lamp, point, normal) * dark * np.float32(0.85)
                red = max(red - own[0] * lit.lamp_color[lamp, 0] * less, np.float32(0.05) * red)
                green = max(green - own[1] * lit.lamp_color[lamp, 1] * less, np.float32(0.05) * green)
                blue = max(blue - own[2] * lit.lamp_color[lamp, 2] * less, np.float32(0.05) * blue)
    return red, green, blue


def _boxes(mesh: Mesh, lens: Lens, area: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Boxes (P, 4) in pixels of whole figures, and of what the frame holds of them.

    The areas (P,) of figures that the frame cuts are measured anew.
    """
    boxes, inside = (np.full((len(area), 4), np.nan, dtype=np.float32) for _ in range(2))
    starts = np.searchsorted(mesh.triangles[:, 4], np.arange(len(area) + 1))
    for number in range(len(area)):
        triangles = mesh.triangles[starts[number] : starts[number + 1]]
        if len(triangles) == 0:
            continue
        low, high = corners(mesh.vertices, triangles)
        boxes[number] = np.concatenate([low, high]) / SAMPLES
        if low.min() >= 0 and high[0] <= lens.width and high[1] <= lens.height:
            inside[number] = boxes[number]
            continue
        inside[number] = _cut(mesh.vertices, triangles, (low, high), (lens.width, lens.height)) / SAMPLES
        size = (np.ceil(high) - np.floor(low)).astype(np.int64) + 1
        coarse = int(np.ceil(np.sqrt(max(1.0, float(size[0]) * float(size[1]) / MOST_MARKS))))
        marks = np.zeros((int(size[1] // coarse) + 1, int(size[0] // coarse) + 1), dtype=np.bool_)
        silhouette(mesh.vertices, triangles, coarse // 2, np.floor(low).astype(np.int64), coarse, marks)
        area[number] = max(area[number], np.count_nonzero(marks) * coarse * coarse)
    return boxes, inside


def _cut(vertices: Floats, triangles: NDArray[np.int32], whole: tuple[Floats, Floats], size: tuple[int, int]) -> Floats:
    """The box (4,) of those corners of a figure that lie in a frame of a width and height; NaN without any.

    Corners lie close together. So a box that nearly touches an edge which the figure, between its smallest and largest
    corner, crosses ends at that edge.
    """
    low, high = np.full(2, np.inf, dtype=np.float32), np.full(2, -np.inf, dtype=np.float32)
    if not corners_within(vertices, triangles, size, low, high):
        return np.full(4, np.nan, dtype=np.float32)
    near = _NEARLY * np.maximum(high - low, 1)
    low[(whole[0] < 0) & (low < near)] = 0
    reach = (whole[1] > size) & (np.asarray(size) - high < near)
    high[reach] = np.asarray(size, dtype=np.float32)[reach]
    return np.concatenate([low, high])
