"""What lies between a camera and its place: the sky behind it, fog, rain, snow, and a dirty lens."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.rendering.camera import Camera
from datasets.rendering.light import Light
from datasets.rendering.surface import Material
from datasets.rendering.textures import GREY, TO_LINEAR, compiled, to_srgb

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Weather:
    """The weather and the state of the lens. The default is a clear day and a clean lens.

    Args:
        fog: The share of light that is lost on each meter; 0.003 is haze and 0.05 is thick fog.
        rain: How many streaks there are, 0 .. 1.
        snow: How many flakes there are, 0 .. 1.
        dirt: How much of the light specks on the lens keep away, 0 .. 1.
        drops: How many drops of water lie on the lens.
    """

    fog: float = 0.0
    rain: float = 0.0
    snow: float = 0.0
    dirt: float = 0.0
    drops: int = 0


def draw_weather(rng: np.random.Generator) -> Weather:
    """Weather outdoors at random: half of the days are clear."""
    kind = rng.random()
    dirt = float(rng.uniform(0.05, 0.5)) if rng.random() < 0.2 else 0.0
    if kind < 0.5:
        return Weather(fog=float(rng.uniform(0, 0.003)), dirt=dirt)
    if kind < 0.7:
        return Weather(fog=float(10 ** rng.uniform(-2.5, -1.4)), dirt=dirt)
    drops = int(rng.integers(1, 12)) if rng.random() < 0.5 else 0
    if kind < 0.9:
        return Weather(fog=float(rng.uniform(0.002, 0.012)), rain=float(rng.uniform(0.1, 1)), dirt=dirt, drops=drops)
    return Weather(fog=float(rng.uniform(0.004, 0.02)), snow=float(rng.uniform(0.1, 1)), dirt=dirt, drops=drops)


def through(image: Floats, depth: Floats, weather: Weather, rng: np.random.Generator) -> Floats:
    """A picture as it looks through weather and a lens.

    Args:
        image: (H, W, 3) float32 linear RGB.
        depth: (H, W) float32 meters, infinite for the sky.
        weather: What is in between.
        rng: Where streaks, flakes and specks come from.

    Returns:
        (H, W, 3) float32 linear RGB; the image itself on a clear day.
    """
    if weather.fog > 0:
        left = np.exp(-np.float32(weather.fog) * np.minimum(depth, np.float32(400)))
        grey = np.float32(1.1 * float(np.clip(image[::8, ::8] @ GREY, 0, 1.5).mean()))
        mist = grey * np.array([0.97, 1, 1.03], dtype=np.float32)
        image = _veiled(image, 1 - left, mist)
    if weather.rain > 0:
        image = _falling(image, weather.rain * 0.004, (12, 0.08), 0.25, rng)
    if weather.snow > 0:
        image = _falling(image, weather.snow * 0.003, (3, 0.3), 0.9, rng)
    if weather.dirt > 0:
        image = _specks(image, weather.dirt, rng)
    for _ in range(weather.drops):
        image = _drop(image, rng)
    return image


def wet(material: Material, amount: float = 1.0) -> Material:
    """A material after rain: darker and glossier.

    Args:
        material: The dry material.
        amount: 0 is dry and 1 is covered by water.
    """
    darker = to_srgb(TO_LINEAR[material.texture[..., :3]] * np.float32(1 - 0.45 * amount))
    texture = np.concatenate([darker, material.texture[..., 3:]], axis=2)
    return Material(texture, max(material.gloss, 0.75 * amount), material.emission, material.infrared)


@compiled
def _veiled(image: Floats, share: Floats, color: Floats) -> Floats:
    """An image (H, W, 3) behind a veil of one color (3,) that takes a share (H, W) of each pixel, in one pass."""
    result = np.empty_like(image)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for k in range(3):
                result[y, x, k] = image[y, x, k] + (color[k] - image[y, x, k]) * share[y, x]
    return result


def _falling(
    image: Floats, density: float, streak: tuple[int, float], white: float, rng: np.random.Generator
) -> Floats:
    """Streaks or flakes in two sizes, near ones large, far ones small."""
    height, width = image.shape[:2]
    cover = np.zeros((height, width), dtype=np.float32)
    length, slant = streak
    angle = math.pi / 2 + rng.normal(0, slant)
    for near in (1, 3):
        rows, columns = height // near + 1, width // near + 1
        count = int(density * rows * columns)
        points = np.zeros((rows, columns), dtype=np.float32)
        points[rng.integers(0, rows, count), rng.integers(0, columns, count)] = rng.uniform(0.4, 1, count)
        size = 2 * length + 1
        kernel = np.zeros((size, size), dtype=np.float32)
        end = (length + round(length * math.cos(angle)), length + round(length * math.sin(angle)))
        cv2.line(kernel, (length, length), end, 1.0, 1)
        smeared = cv2.filter2D(points, -1, cv2.GaussianBlur(kernel, (3, 3), 0.7))
        cover += cv2.resize(smeared, (columns * near, rows * near))[:height, :width] / near
    bright = np.float32(1.6 * float(np.clip(image[::8, ::8] @ GREY, 0, 1.5).mean()) + 0.05)
    share = np.minimum(cover * np.float32(white), np.float32(0.9))
    return _veiled(image, share, np.full(3, bright, dtype=np.float32))


def _specks(image: Floats, amount: float, rng: np.random.Generator) -> Floats:
    """Dust and smears on the lens, far out of focus."""
    height, width = image.shape[:2]
    small = np.zeros((height // 8 + 1, width // 8 + 1), dtype=np.float32)
    for _ in range(int(4 + 30 * amount)):
        middle = (int(rng.integers(0, small.shape[1])), int(rng.integers(0, small.shape[0])))
        axes = (int(rng.integers(1, 5)), int(rng.integers(1, 9)))
        cv2.ellipse(small, middle, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.1, 0.6)), -1)
    cover: Floats = cv2.resize(cv2.GaussianBlur(small, (0, 0), 1.5), (width, height)).astype(np.float32)
    return _veiled(image, np.float32(amount) * cover, np.full(3, 0.6 * float(image.mean()), dtype=np.float32))


def _drop(image: Floats, rng: np.random.Generator) -> Floats:
    """A drop of water on the lens: within it the picture is blurred and upside down."""
    height, width = image.shape[:2]
    radius = rng.uniform(0.01, 0.05) * width
    x0, y0 = rng.uniform(0, width), rng.uniform(0, height)
    left, right = max(0, int(x0 - radius)), min(width, int(x0 + radius) + 1)
    top, bottom = max(0, int(y0 - radius)), min(height, int(y0 + radius) + 1)
    if right - left < 2 or bottom - top < 2:
        return image
    x, y = np.meshgrid(np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32))
    far = np.hypot(x - x0, y - y0) / radius
    from_x, from_y = (x0 - 3 * (x - x0)).astype(np.float32), (y0 - 3 * (y - y0)).astype(np.float32)
    seen = cv2.remap(image, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    seen = cv2.GaussianBlur(seen, (0, 0), max(1.0, radius / 6))
    share = np.clip((1 - far) * 5, 0, 0.85).astype(np.float32)[..., None]
    image = image.copy()
    image[top:bottom, left:right] = image[top:bottom, left:right] * (1 - share) + seen * share
    return image


def backdrop(camera: Camera, light: Light) -> Floats:
    """What a camera sees where no surface is: brighter towards the horizon and the sun, with soft clouds.

    Args:
        camera: Where it looks.
        light: Its sky color is the color of the whole sky on average.

    Returns:
        (H, W, 3) float32 linear light.
    """
    rows, columns = (camera.height + 3) // 4 + 1, (camera.width + 3) // 4 + 1
    column, row = np.meshgrid(4.0 * np.arange(columns), 4.0 * np.arange(rows))
    rays = camera.rays(np.stack([column.ravel(), row.ravel()], axis=1))  # (rows * columns, 3)
    up = np.clip(rays[:, 2], 0, 1)
    sky = np.asarray(light.sky_color) * light.exposure
    white = np.full(3, sky.mean())
    near_horizon = np.exp(-4 * up)[:, None]
    color = sky * (0.75 + 0.35 * near_horizon) * (1 - near_horizon) + near_horizon * (0.4 * sky + 0.6 * white) * 1.25
    cloud = _clouds(rays)[:, None] * (1 - 0.6 * near_horizon)
    color = color * (1 - 0.5 * cloud) + 0.6 * cloud * white
    if light.sun_direction is not None:
        sun = np.asarray(light.sun_direction) / np.linalg.norm(light.sun_direction)
        toward = np.clip(rays @ sun, 0, 1)[:, None]
        color += np.asarray(light.sun_color) * light.exposure * (0.25 * toward**16 + 4 * toward**1500)
    color[rays[:, 2] < 0] = np.asarray(light.ground_color) * light.exposure * 0.8
    coarse = color.reshape(rows, columns, 3).astype(np.float32)
    place = (
        (np.arange(camera.width, dtype=np.float32) + 0.5) / 4,
        (np.arange(camera.height, dtype=np.float32) + 0.5) / 4,
    )
    across, down = (each.astype(np.float32) for each in np.meshgrid(*place))
    return np.asarray(cv2.remap(coarse, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _clouds(rays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cover of clouds in [0, 1] along rays (N, 3): waves of several lengths on a plane high above."""
    x, y = rays[:, 0] / (np.abs(rays[:, 2]) + 0.15), rays[:, 1] / (np.abs(rays[:, 2]) + 0.15)
    total = np.zeros(len(rays))
    for octave in range(5):
        size = 2.0**octave
        bend = np.sin(0.7 * size * y + 1.3 * octave) + np.sin(1.1 * size * x - 0.6 * octave)
        total += np.sin(size * (x + 0.6 * y) + 1.7 * bend + 2.1 * octave) / size
    return np.clip(0.5 + 0.45 * total, 0, 1)
