"""The light of a place at one time: sun, cloud, dusk, lamps at night, infrared, rooms with and without windows."""

import math

import numpy as np
from numpy.typing import NDArray

from datasets.rendering.light import Lamp, Light
from datasets.worlds.scenery import Place

Color = tuple[float, float, float]
_MOST_LAMPS = 2
"""Every lamp costs time in every pixel."""


def _tinted(rng: np.random.Generator, strength: float, warmth: float) -> Color:
    """Linear light of a brightness; warmth from -1, blue, to 1, the yellow of old lamps."""
    warm = warmth + float(rng.normal(0, 0.08))
    return strength * (1 + 0.35 * warm), strength * (1 + 0.04 * warm), strength * (1 - 0.45 * warm)


def _sun(rng: np.random.Generator, lowest: float, highest: float) -> Color:
    """A direction towards the sun; its height lies between two angles in degrees."""
    height, turn = math.radians(float(rng.uniform(lowest, highest))), float(rng.uniform(0, 2 * math.pi))
    return math.cos(height) * math.cos(turn), math.cos(height) * math.sin(turn), math.sin(height)


def _lamps(
    rng: np.random.Generator, place: Place, eye: NDArray[np.float64], strength: float, warmth: float, reach: float
) -> tuple[Lamp, ...]:
    """The lamps of the place that are nearest to a camera."""
    order = np.argsort(np.linalg.norm(place.lamps[:, :2] - eye[:2], axis=1))[:_MOST_LAMPS]
    color = _tinted(rng, strength, warmth)
    return tuple(Lamp((float(x), float(y), float(z)), color, reach) for x, y, z in place.lamps[order])


def draw_light(place: Place, eye: tuple[float, float, float], rng: np.random.Generator) -> Light:
    """A light that the place may have.

    Args:
        place: Where it shines.
        eye: (3,) meters, where the camera is; cameras with infrared lamps shine from there.
        rng: The source of chance.
    """
    spot = np.asarray(eye, dtype=np.float64)
    if rng.random() < (0.05 if place.indoor else 0.07):
        beam = Lamp(eye, (1.1, 1.1, 1.1), float(rng.uniform(5, 12)), size=0.1)
        return Light(None, (0, 0, 0), (0.05,) * 3, (0.03,) * 3, (beam,), float(rng.uniform(0.9, 1.6)), infrared=True)
    if place.indoor:
        return _indoor(place, spot, rng)
    choice = rng.random()
    if choice < 0.48:
        sky, warm = float(rng.uniform(0.2, 0.45)), float(rng.uniform(0.05, 0.35))
        sun = _tinted(rng, float(rng.uniform(0.7, 1.4)), warm)
        return Light(
            _sun(rng, 18, 65), sun, _tinted(rng, sky, -0.3), _tinted(rng, 0.4 * sky, 0.15), (),
            float(rng.uniform(0.75, 1.05)), sun_softness=float(rng.uniform(0.008, 0.05)),
        )  # fmt: skip
    if choice < 0.75:
        sky = float(rng.uniform(0.6, 0.85))
        veiled = _sun(rng, 25, 60) if rng.random() < 0.3 else None
        return Light(
            veiled, _tinted(rng, 0.2, 0.1), _tinted(rng, sky, float(rng.normal(-0.05, 0.08))),
            _tinted(rng, 0.32 * sky, 0.05), (), float(rng.uniform(0.8, 1.1)), sun_softness=0.15,
        )  # fmt: skip
    if choice < 0.86:
        sky = float(rng.uniform(0.15, 0.3))
        sun = _tinted(rng, float(rng.uniform(0.4, 0.9)), 0.8)
        lamps = _lamps(rng, place, spot, 0.3, 0.7, 6.0) if rng.random() < 0.5 else ()
        return Light(
            _sun(rng, 6, 16), sun, _tinted(rng, sky, -0.5), _tinted(rng, 0.3 * sky, 0.2), lamps,
            float(rng.uniform(1.1, 1.6)), sun_softness=0.03,
        )  # fmt: skip
    sky = float(rng.uniform(0.03, 0.1))
    lamps = _lamps(
        rng, place, spot, float(rng.uniform(0.4, 0.9)), float(rng.choice([0.0, 0.5, 1.0])), float(rng.uniform(5, 9))
    )
    return Light(
        None, (0, 0, 0), _tinted(rng, sky, -0.1), _tinted(rng, 0.5 * sky, 0.3), lamps, float(rng.uniform(1.0, 2.0))
    )


def _indoor(place: Place, spot: NDArray[np.float64], rng: np.random.Generator) -> Light:
    warmth = float(rng.choice([-0.15, 0.0, 0.0, 0.3, 0.6]))
    base = float(rng.uniform(0.25, 0.5))
    lamps = _lamps(rng, place, spot, float(rng.uniform(0.25, 0.55)), warmth, float(rng.uniform(4, 8)))
    dark = rng.random() < 0.12
    if dark:
        base *= 0.25
    return Light(
        None, (0, 0, 0), _tinted(rng, base, warmth), _tinted(rng, 0.5 * base, warmth + 0.1), lamps,
        float(rng.uniform(0.85, 1.3)) * (1.6 if dark else 1.0),
    )  # fmt: skip
