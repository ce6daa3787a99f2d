"""The sky behind everything: brighter towards the horizon and the sun, with soft clouds."""

import numpy as np
from numpy.typing import NDArray

from datasets.rendering.camera import Camera
from datasets.rendering.light import Light


def backdrop(camera: Camera, light: Light) -> NDArray[np.float32]:
    """What a camera sees where no surface is.

    Args:
        camera: Where it looks.
        light: Its sky color is the color of the whole sky on average.

    Returns:
        (H, W, 3) float32 linear light.
    """
    column, row = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    rays = camera.rays(np.stack([column.ravel(), row.ravel()], axis=1))  # (H * W, 3)
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
    below = rays[:, 2] < 0
    color[below] = np.asarray(light.ground_color) * light.exposure * 0.8
    return color.reshape(camera.height, camera.width, 3).astype(np.float32)


def _clouds(rays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cover of clouds in [0, 1] along rays (N, 3): waves of several lengths on a plane high above."""
    x, y = rays[:, 0] / (np.abs(rays[:, 2]) + 0.15), rays[:, 1] / (np.abs(rays[:, 2]) + 0.15)
    total = np.zeros(len(rays))
    for octave in range(5):
        size = 2.0**octave
        bend = np.sin(0.7 * size * y + 1.3 * octave) + np.sin(1.1 * size * x - 0.6 * octave)
        total += np.sin(size * (x + 0.6 * y) + 1.7 * bend + 2.1 * octave) / size
    return np.clip(0.5 + 0.45 * total, 0, 1)
