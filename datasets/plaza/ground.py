"""The ground as an aerial picture: paving, beds, kerbs, asphalt; and what the sun and the lamps do to it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.plaza.light import LAMPS, Period
from datasets.plaza.mesh import Array, Mesh
from datasets.plaza.scene import BED_RADIUS, BEDS, FOUNTAIN, TREES, building_footprints

FloatImage = NDArray[np.float32]

EXTENT = (-26.0, -22.0, 26.0, 22.0)
"""West, south, east, north edge of the picture, meters."""
TEXEL = 0.03
"""Meters per pixel of the ground's picture."""
SHADOW_TEXEL = 0.06
"""Meters per pixel of the light maps."""
ASPHALT = np.array([0.36, 0.36, 0.37], dtype=np.float32)


def ground_to_picture(texel: float) -> Array:
    """(3, 3) from ground meters to pixels of a picture with this resolution, first row in the south."""
    return np.array([[1 / texel, 0, -EXTENT[0] / texel - 0.5], [0, 1 / texel, -EXTENT[1] / texel - 0.5], [0, 0, 1.0]])


def _grid(texel: float) -> tuple[FloatImage, FloatImage]:
    west, south, east, north = EXTENT
    x = np.arange(west + texel / 2, east, texel, dtype=np.float32)
    y = np.arange(south + texel / 2, north, texel, dtype=np.float32)
    return np.broadcast_to(x, (len(y), len(x))), np.broadcast_to(y[:, None], (len(y), len(x)))


def _around(x: float, y: float, radius: float) -> tuple[slice, slice]:
    """Rows and columns of the ground's picture that hold all within a radius of a place, meters."""
    column, row, _ = ground_to_picture(TEXEL) @ (x, y, 1.0)
    reach = radius / TEXEL + 1
    rows, columns = (slice(max(0, int(middle - reach)), max(0, int(middle + reach) + 1)) for middle in (row, column))
    return rows, columns


def _clouded(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> FloatImage:
    """Smooth noise with about `cells` bumps along the longer side, mean 0, deviation near 1."""
    coarse = rng.normal(size=(max(2, cells * shape[0] // max(shape)), cells)).astype(np.float32)
    fine = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return fine.astype(np.float32, copy=False)


def shrink(image: NDArray[np.generic], size: tuple[int, int]) -> FloatImage:
    """A picture or mask as float32 averaged down to size (width, height)."""
    fine = image.astype(np.float32, copy=False)
    return cv2.resize(fine, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)


def _tint(red: float, green: float, blue: float) -> FloatImage:
    return np.array([red, green, blue], dtype=np.float32)


def _paving(rng: np.random.Generator, x: FloatImage, y: FloatImage) -> FloatImage:
    """Slabs of 0.9 x 0.6 m in running bond, darker bands in a wide grid."""
    x, y = x[:1], y[:, :1]
    row = np.floor(y / 0.6).astype(np.int32)
    shifted = x + 0.45 * (row % 2)
    column = np.floor(shifted / 0.9).astype(np.int32)
    tones = rng.normal(1.0, 0.045, size=(97, 89)).astype(np.float32)
    color = np.array([0.64, 0.61, 0.56], dtype=np.float32) * tones[row % 97, column % 89][..., None]
    band = (np.abs((x + 3.0) % 6.0 - 3.0) < 0.3) | (np.abs((y + 3.0) % 6.0 - 3.0) < 0.3)
    color[band] *= np.array([0.80, 0.77, 0.76], dtype=np.float32)
    joint = (np.abs(shifted - np.round(shifted / 0.9) * 0.9) < 0.014) | (np.abs(y - np.round(y / 0.6) * 0.6) < 0.014)
    color[joint] *= 0.70
    return color


def ground_picture(rng: np.random.Generator) -> FloatImage:
    """The unlit ground, (rows, columns, 3) in [0, 1], EXTENT at TEXEL, first row in the south."""
    x, y = _grid(TEXEL)
    color = _paving(rng, x, y)
    plaza = _around(*FOUNTAIN, 5.4)
    east, north = x[plaza] - FOUNTAIN[0], y[plaza] - FOUNTAIN[1]
    radius = np.hypot(east, north)
    wedge = (np.floor(radius / 0.55) + np.floor(np.arctan2(north, east) / (2 * np.pi / 32))) % 2 == 0
    rings = np.where(wedge[..., None], _tint(0.60, 0.50, 0.43), _tint(0.68, 0.63, 0.56))
    color[plaza][radius < 5.2] = rings[radius < 5.2]
    color[plaza][np.abs(radius - 5.2) < 0.18] = (0.42, 0.39, 0.37)
    outside = (np.abs(x) > 17.6) | (np.abs(y) > 14.9)
    road = outside & (np.abs(x) < 21.3) & (np.abs(y) < 17.8)
    pavement = outside & ~road
    color[road] = ASPHALT
    color[pavement] *= _tint(0.86, 0.88, 0.92)
    kerb = (np.maximum(np.abs(x) - 17.6, np.abs(y) - 14.9) > 0) & (np.maximum(np.abs(x) - 17.78, np.abs(y) - 15.08) < 0)
    color[kerb] = (0.72, 0.71, 0.68)
    for bed in BEDS:
        near = _around(bed[0], bed[1], BED_RADIUS)
        grass = np.hypot(x[near] - bed[0], y[near] - bed[1]) < BED_RADIUS - 0.1
        blades = rng.normal(1.0, 0.16, size=int(grass.sum())).astype(np.float32)
        color[near][grass] = _tint(0.24, 0.38, 0.14) * blades[:, None]
    for cx, cy in TREES:
        near = _around(cx, cy, 0.7)
        pit = np.maximum(np.abs(x[near] - cx), np.abs(y[near] - cy)) < 0.6
        color[near][pit] = (0.27, 0.22, 0.17)
    for cx, cy in ((-6.0, 1.4), (4.2, -6.8), (8.6, 10.4), (-12.5, -3.0)):
        near = _around(cx, cy, 0.4)
        cover = np.hypot(x[near] - cx, y[near] - cy) < 0.34
        color[near][cover] = (0.30, 0.29, 0.29)
    stains = 1 + 0.05 * _clouded(rng, x.shape, 24) + 0.04 * _clouded(rng, x.shape, 110)
    grain = rng.standard_normal(x.shape, dtype=np.float32) * 0.022
    color = color * (stains + grain)[..., None]
    _strew_leaves(rng, color)
    return np.clip(color, 0, 1).astype(np.float32)


def _strew_leaves(rng: np.random.Generator, picture: FloatImage) -> None:
    """Fallen leaves around the trees."""
    tints = ((0.55, 0.36, 0.12), (0.62, 0.46, 0.16), (0.42, 0.26, 0.12))
    to_picture = ground_to_picture(TEXEL)
    for tree in TREES:
        for dx, dy in rng.normal(scale=2.4, size=(90, 2)):
            column, row, _ = to_picture @ (tree[0] + dx, tree[1] + dy, 1.0)
            cv2.circle(picture, (round(column), round(row)), int(rng.integers(1, 3)), tints[int(rng.integers(3))], -1)


def sun_map(period: Period, furniture: Mesh) -> FloatImage:
    """Share of the sun that reaches the ground, (rows, columns) in [0, 1], EXTENT at SHADOW_TEXEL."""
    west, south, east, north = EXTENT
    shape = (round((north - south) / SHADOW_TEXEL), round((east - west) / SHADOW_TEXEL))
    shadow = np.zeros(shape, dtype=np.uint8)
    if period.lamps:
        # At dusk the sky does the work: no hard shadow of the sun, only less light under things.
        direction = np.array([0.0, 0.0, 1.0])
    else:
        direction = period.sun
    to_picture = ground_to_picture(SHADOW_TEXEL)
    low = np.minimum(furniture.vertices[:, 2:3], 1.2) if period.lamps else furniture.vertices[:, 2:3]
    flat = furniture.vertices[:, :2] - direction[:2] * low / direction[2]
    corners = (flat @ to_picture[:2, :2].T + to_picture[:2, 2])[furniture.faces]
    for polygon in np.round(corners * 16).astype(np.int32):
        cv2.fillConvexPoly(shadow, polygon, 255, cv2.LINE_8, 4)
    if not period.lamps:
        for x0, x1, y0, y1, height in building_footprints():
            # Houses shade a strip in front of them; a low sun would otherwise leave the whole square dark.
            cast = direction[:2] / direction[2] * min(height, 3.2)
            base = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
            hull = cv2.convexHull(np.concatenate([base, base - cast]).astype(np.float32)).reshape(-1, 2)
            polygon = hull @ to_picture[:2, :2].T + to_picture[:2, 2]
            cv2.fillConvexPoly(shadow, np.round(polygon * 16).astype(np.int32), 255, cv2.LINE_8, 4)
    soft = cv2.GaussianBlur(shadow, (0, 0), 4.0 if period.lamps else 1.3).astype(np.float32)
    return 1 - soft * np.float32((0.5 if period.lamps else 0.92) / 255)


def ground_light(period: Period, sunlit: FloatImage) -> FloatImage:
    """Light on level ground (rows, columns, 3), EXTENT at SHADOW_TEXEL."""
    sun, sky = period.ground_sun.astype(np.float32), period.sky_color.astype(np.float32)
    light = np.float32(0.25) * sky + sunlit[..., None] * (sun + 0.75 * sky)
    if not period.lamps:
        light = sky + sunlit[..., None] * sun
    else:
        x, y = _grid(SHADOW_TEXEL * 8)
        points = np.stack([x, y, np.zeros_like(x)], axis=-1).astype(np.float64)
        lamps = period.lamplight(points).astype(np.float32)
        light = light + cv2.resize(lamps, (light.shape[1], light.shape[0]), interpolation=cv2.INTER_LINEAR)
    return light


def nearest_lamp(x: float, y: float) -> Array:
    """(2,) the lamp that throws a person's shadow at dusk."""
    return LAMPS[int(np.argmin(np.hypot(LAMPS[:, 0] - x, LAMPS[:, 1] - y)))]
