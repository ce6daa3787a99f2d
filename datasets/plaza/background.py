"""The square without people, as one camera sees it in one light: colors, depths and shadows, rendered once."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.plaza.cameras import PlazaCamera, plaza_cameras
from datasets.plaza.ground import (
    ASPHALT,
    SHADOW_TEXEL,
    TEXEL,
    FloatImage,
    ground_light,
    ground_picture,
    ground_to_picture,
    shrink,
    sun_map,
)
from datasets.plaza.light import Period
from datasets.plaza.mesh import Array, Mesh, face_frames
from datasets.plaza.scene import build_buildings, build_furniture

OVERSAMPLING = 2
_NEAR = 0.3


@dataclass(frozen=True, eq=False)
class Background:
    """An empty view.

    Args:
        image: (H, W, 3) uint8 RGB.
        shaded: The same picture with the ground in the shadow of a person.
        depth: (2 H, 2 W) float32 meters along the optical axis of what can stand in front of a person, else infinite.
        sunlit: The share of the sun's light that reaches each part of the ground, EXTENT at SHADOW_TEXEL.
    """

    image: NDArray[np.uint8]
    shaded: NDArray[np.uint8]
    depth: FloatImage
    sunlit: FloatImage


@lru_cache(maxsize=2)
def _ground(seed: int) -> tuple[FloatImage, FloatImage]:
    """The ground's picture in full and at a quarter of the resolution."""
    picture = ground_picture(np.random.default_rng([seed, 11]))
    return picture, shrink(picture, (picture.shape[1] // 4, picture.shape[0] // 4))


@lru_cache(maxsize=4)
def _furniture(seed: int, lit: bool) -> Mesh:
    heights = np.array([camera.position[2] for camera in plaza_cameras(640)])
    return build_furniture(np.random.default_rng([seed, 12]), lit, heights)


@lru_cache(maxsize=4)
def _buildings(seed: int, lit: bool) -> list[Mesh]:
    return build_buildings(np.random.default_rng([seed, 13]), lit)


@lru_cache(maxsize=1)
def _light(period: Period, seed: int) -> tuple[FloatImage, FloatImage, FloatImage]:
    """The sun's share, the light on the ground, and the light in the shadow of a person; cameras share them."""
    sunlit = sun_map(period, _furniture(seed, period.lamps > 0))
    light = ground_light(period, sunlit)
    # A lamp's shadow takes away that one lamp; others still shine.
    dark = light * np.float32(0.62) if period.lamps else ground_light(period, np.zeros_like(sunlit))
    return sunlit, light, np.minimum(dark, light)


def _row_depths(camera: PlazaCamera) -> Array:
    """(2 H,) depth of the ground under each oversampled row, infinite above the horizon: the cameras are level."""
    rows = (np.arange(camera.height * OVERSAMPLING) + 0.5) / OVERSAMPLING
    down = -(camera.rotation[1, 2] * (rows - camera.intrinsics[1, 2]) / camera.focal + camera.rotation[2, 2])
    return np.where(down > 1e-4, camera.position[2] / np.maximum(down, 1e-4), np.inf)


def _warp(picture: FloatImage, texel: float, camera: PlazaCamera, border: NDArray[np.floating]) -> FloatImage:
    """A picture of the ground as the camera sees it, oversampled."""
    k = OVERSAMPLING
    to_pixels = np.array([[k, 0, -0.5], [0, k, -0.5], [0, 0, 1.0]]) @ camera.ground_homography()
    matrix = ground_to_picture(texel) @ np.linalg.inv(to_pixels)
    return cv2.warpPerspective(
        picture,
        matrix,
        (camera.width * k, camera.height * k),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=[float(value) for value in border],
    ).astype(np.float32, copy=False)


def _sky(camera: PlazaCamera, period: Period, seed: int) -> FloatImage:
    """(2 H, 2 W, 3) sky with a few clouds."""
    height, width = camera.height * OVERSAMPLING, camera.width * OVERSAMPLING
    rows = (np.arange(height) + 0.5) / OVERSAMPLING
    up = camera.rotation[1, 2] * (rows - camera.intrinsics[1, 2]) / camera.focal + camera.rotation[2, 2]
    share = np.clip(up / 0.35, 0, 1)[:, None, None].astype(np.float32) ** np.float32(0.7)
    sky = period.horizon.astype(np.float32) * (1 - share) + period.zenith.astype(np.float32) * share
    rng = np.random.default_rng([seed, 14, camera.camera_id])
    coarse = rng.normal(size=(6, 9)).astype(np.float32)
    clouds = np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1.2)[..., None] * 0.35
    return sky * (1 - clouds) + clouds * (period.horizon * 0.6 + 0.35).astype(np.float32)


def _paint(
    mesh: Mesh, camera: PlazaCamera, period: Period, image: FloatImage, depth: FloatImage | None, *, keep_order: bool
) -> None:
    """Draws the faces that look at the camera into the oversampled image, far ones first unless in their own order."""
    centers, normals = face_frames(mesh.vertices, mesh.faces)
    pixels, depths = camera.project(mesh.vertices)
    face_depths = depths[mesh.faces]
    seen = (np.sum((camera.position - centers) * normals, axis=1) > 0) & (face_depths.min(axis=1) > _NEAR)
    margin = np.array([camera.width, camera.height])
    corners = pixels[mesh.faces.T]  # (4, F, 2): the extremes over a first axis take a third of the time
    low, high = corners.min(axis=0), corners.max(axis=0)
    seen &= np.all((high > 0) & (low < margin) & (high - low < 4 * margin), axis=1)
    chosen = np.flatnonzero(seen)
    middle = face_depths.mean(axis=1)
    if not keep_order:
        chosen = chosen[np.argsort(-middle[chosen], kind="stable")]
    colors = period.shade(mesh.colors[chosen], normals[chosen], centers[chosen])
    # What glows by itself (lamps, lit windows) does not wait for light.
    glows = mesh.colors[chosen].max(axis=1) > 1.0
    colors[glows] = mesh.colors[chosen][glows]
    haze = 1 - np.exp(-middle[chosen, None] / 260)
    colors = colors * (1 - haze) + period.horizon * haze
    polygons = np.round((pixels[mesh.faces[chosen]] * OVERSAMPLING - 0.5) * 16).astype(np.int32)
    for polygon, color, distance in zip(polygons, colors.tolist(), middle[chosen].tolist(), strict=True):
        cv2.fillConvexPoly(image, polygon, color, cv2.LINE_8, 4)
        if depth is not None:
            cv2.fillConvexPoly(depth, polygon, distance, cv2.LINE_8, 4)


def _lit_ground(camera: PlazaCamera, period: Period, seed: int) -> tuple[FloatImage, FloatImage]:
    """The oversampled ground in the light, and in the shadow of a person."""
    picture, small = _ground(seed)
    rows = _row_depths(camera)
    # Texels per pixel along the view: far rows take the coarser picture, or the paving would shimmer.
    with np.errstate(invalid="ignore"):
        footprint = rows**2 / (camera.focal * OVERSAMPLING * camera.position[2]) / TEXEL
    share = np.clip(np.log2(np.maximum(footprint, 1e-3)) / 2, 0, 1).astype(np.float32)[:, None, None]
    diffuse = _warp(picture, TEXEL, camera, ASPHALT) * (1 - share) + _warp(small, TEXEL * 4, camera, ASPHALT) * share
    _, light, dark = _light(period, seed)
    open_light = light[0, 0]
    haze = (1 - np.exp(-np.minimum(rows, 1e4) / 260)).astype(np.float32)[:, None, None]
    horizon = period.horizon.astype(np.float32)
    lit = diffuse * _warp(light, SHADOW_TEXEL, camera, open_light)
    shaded = diffuse * _warp(dark, SHADOW_TEXEL, camera, open_light * 0.6)
    return lit * (1 - haze) + horizon * haze, shaded * (1 - haze) + horizon * haze


def render_background(camera: PlazaCamera, period: Period, seed: int) -> Background:
    """The empty square of a world's seed as `camera` sees it in the light of `period`."""
    lit_lamps = period.lamps > 0
    furniture = _furniture(seed, lit_lamps)
    size = (camera.height * OVERSAMPLING, camera.width * OVERSAMPLING)
    above = np.isinf(_row_depths(camera))
    ground, dark_ground = _lit_ground(camera, period, seed)
    image = _sky(camera, period, seed)
    image[~above] = ground[~above]
    standing = np.zeros(size, dtype=np.float32)
    houses = _buildings(seed, lit_lamps)
    distance = [float(np.linalg.norm(house.vertices[:, :2] - camera.position[:2], axis=1).min()) for house in houses]
    covered = np.full(size, np.inf, dtype=np.float32)
    for index in sorted(range(len(houses)), key=lambda i: -distance[i]):
        _paint(houses[index], camera, period, image, covered, keep_order=True)
    standing[~np.isinf(covered)] = 1
    depth = np.full(size, np.inf, dtype=np.float32)
    _paint(furniture, camera, period, image, depth, keep_order=False)
    standing[~np.isinf(depth)] = 1
    shaded = np.where((standing > 0)[..., None] | above[:, None, None], image, dark_ground)
    return Background(_develop(image, camera), _develop(shaded, camera), depth, _light(period, seed)[0])


def _develop(image: FloatImage, camera: PlazaCamera) -> NDArray[np.uint8]:
    small = shrink(image, (camera.width, camera.height))
    return np.round(camera.sensor.develop(small) * 255).astype(np.uint8)
