"""What a camera's electronics make of light: exposure, color, noise, blur, sharpening, compression."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.rendering.textures import GREY, Number, compiled, inlined

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

CURVE = 1024
"""Entries of the tone curve."""
MUCH_GRAIN = 1 << 21
"""How many random numbers are kept for the grain of pictures, because drawing new ones takes longer than all else."""
BRIGHTEST = 4.0
"""The light at which the tone curve ends."""
MIDDLE = 0.17
"""The brightness that a camera's exposure aims for, on average over the picture."""


@dataclass(frozen=True)
class Sensor:
    """The settings of a camera.

    Args:
        exposure: Factor on the brightness that the camera's own exposure aims for.
        adapts: How far the camera adapts its exposure to the scene: 0 not at all, 1 wholly.
        gains: Factors on red, green and blue, for a wrong white balance.
        contrast: Exponent around the middle of the tone curve; 1 is neutral and 1.5 is hard.
        black: The darkest value that is shown, in [0, 0.2]. High values look washed out.
        saturation: 0 is grey, 1 is neutral.
        vignette: The share of light that is lost in the corners.
        glow: The share of light that bright places spread around them.
        blur: The standard deviation of defocus in pixels.
        motion: The length in pixels along which everything is smeared, and the direction in radians.
        noise: The standard deviation of the grain in dark places, with 1 as white.
        blotches: The standard deviation of colored noise a few pixels wide.
        sharpening: The strength of halos along edges; 0 is none and 1.5 is strong.
        scale: The size of the picture that the camera really records, in (0, 1]; it is enlarged afterwards.
        interlace: Pixels by which every other row is displaced.
        jpeg_quality: 1 .. 100.
    """

    exposure: float = 1.0
    adapts: float = 0.8
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 1.0
    black: float = 0.0
    saturation: float = 1.0
    vignette: float = 0.0
    glow: float = 0.0
    blur: float = 0.0
    motion: tuple[float, float] = (0.0, 0.0)
    noise: float = 0.0
    blotches: float = 0.0
    sharpening: float = 0.0
    scale: float = 1.0
    interlace: float = 0.0
    jpeg_quality: int = 95


def draw_sensor(rng: np.random.Generator, grey: bool = False) -> Sensor:
    """A camera at random: mostly good ones, some poor ones.

    Args:
        rng: Where chance comes from.
        grey: Whether it shows no colors, as under infrared light.
    """
    poor = rng.random() ** 2  # most cameras are good
    warm, tint = rng.normal(0, 0.07), rng.normal(0, 0.03)
    noisy = poor * rng.uniform(0.2, 1)
    return Sensor(
        exposure=float(2 ** rng.normal(0, 0.35)),
        adapts=float(rng.uniform(0.6, 0.95)),
        gains=(float(math.exp(warm)), float(math.exp(tint)), float(math.exp(-warm))),
        contrast=float(rng.uniform(0.85, 1.35)),
        black=float(max(0, rng.normal(0.01, 0.03))),
        saturation=0.0 if grey or rng.random() < 0.04 else float(rng.uniform(0.55, 1.25)),
        vignette=float(rng.uniform(0, 0.35)),
        glow=float(rng.uniform(0, 0.12)),
        blur=float(rng.uniform(0.2, 0.8) + 0.9 * poor * rng.random()),
        motion=(float(rng.uniform(0, 6)) if rng.random() < 0.15 else 0.0, float(rng.uniform(0, math.pi))),
        noise=float(0.004 + 0.05 * noisy),
        blotches=float(0.003 + 0.03 * noisy),
        sharpening=float(rng.uniform(0, 1.6)),
        scale=float(rng.uniform(0.4, 0.8)) if rng.random() < 0.3 * (0.3 + poor) else 1.0,
        interlace=float(rng.uniform(0.5, 3)) if rng.random() < 0.04 else 0.0,
        jpeg_quality=int(rng.integers(25, 60)) if rng.random() < 0.3 + 0.4 * poor else int(rng.integers(60, 96)),
    )


def sense(image: Floats, sensor: Sensor, rng: np.random.Generator) -> Bytes:
    """The picture that a camera records of light.

    Args:
        image: (H, W, 3) float32 linear RGB; 1 is white.
        sensor: The camera's settings.
        rng: Where the noise comes from.

    Returns:
        (H, W, 3) uint8 sRGB RGB.
    """
    height, width = image.shape[:2]
    light: Any = _through_lens(image, sensor)
    if sensor.scale < 1:
        size = (max(8, round(width * sensor.scale)), max(8, round(height * sensor.scale)))
        light = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    rows, columns = light.shape[:2]
    aim = MIDDLE * sensor.exposure
    mean = max(float(np.minimum(light[::4, ::4] @ GREY, 2).mean()), 1e-4)
    gain = sensor.exposure ** (1 - sensor.adapts) * (aim / mean) ** sensor.adapts
    grain = _grain(rows, columns, rng)
    blotches = rng.standard_normal(((rows + 2) // 3, (columns + 2) // 3, 2), dtype=np.float32)
    # Amplified darkness is noisy darkness.
    strength = np.array([sensor.noise, sensor.blotches], dtype=np.float32) * np.float32(min(max(gain, 0.7), 6) ** 0.5)
    gains = (np.asarray(sensor.gains) * gain).astype(np.float32)
    shape = np.array([sensor.vignette, sensor.saturation], dtype=np.float32)
    picture: Any = _develop(light, gains, shape, (grain, blotches, strength), _curve(sensor))
    if sensor.sharpening > 0:
        soft = cv2.GaussianBlur(picture, (0, 0), 1.2)
        picture = cv2.addWeighted(picture, 1 + sensor.sharpening, soft, -sensor.sharpening, 0)
    if sensor.interlace > 0:
        move = np.array([[1, 0, sensor.interlace], [0, 1, 0]], dtype=np.float32)
        picture[1::2] = cv2.warpAffine(picture, move, (columns, rows), borderMode=cv2.BORDER_REPLICATE)[1::2]
    if sensor.scale < 1:
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
    return _jpeg(np.ascontiguousarray(picture), sensor.jpeg_quality)


@lru_cache(maxsize=1)
def _much_grain() -> Floats:
    return np.random.default_rng(0).standard_normal(MUCH_GRAIN, dtype=np.float32)


def _grain(rows: int, columns: int, rng: np.random.Generator) -> Floats:
    """Noise (rows, columns) of mean 0 and deviation 1: every picture takes a part of one long row."""
    count = rows * columns
    if 2 * count > MUCH_GRAIN:
        return rng.standard_normal((rows, columns), dtype=np.float32)
    start = int(rng.integers(MUCH_GRAIN - count))
    return _much_grain()[start : start + count].reshape(rows, columns)


def _through_lens(image: Floats, sensor: Sensor) -> Floats:
    """Smears, defocuses and lets bright places glow, all in linear light."""
    light: Any = image
    length, angle = sensor.motion
    if length > 1:
        size = 2 * math.ceil(length / 2) + 1
        kernel = np.zeros((size, size), dtype=np.float32)
        middle, half = size // 2, length / 2
        for step in np.linspace(-half, half, 4 * size):
            kernel[round(middle + step * math.sin(angle)), round(middle + step * math.cos(angle))] += 1
        light = cv2.filter2D(light, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    if sensor.blur > 0.25:
        light = cv2.GaussianBlur(light, (0, 0), sensor.blur, borderType=cv2.BORDER_REPLICATE)
    if sensor.glow > 0:
        height, width = light.shape[:2]
        small = cv2.resize(light, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA)
        wide = cv2.GaussianBlur(np.minimum(small, 8), (0, 0), max(1.0, width / 160))
        spread = cv2.resize(wide, (width, height), interpolation=cv2.INTER_LINEAR)
        light = cv2.addWeighted(light, 1 - sensor.glow, spread, sensor.glow, 0)
    return light


def _curve(sensor: Sensor) -> Floats:
    """(CURVE,) float32: what the camera shows, 0 .. 255, for light from 0 to BRIGHTEST in even steps of its root."""
    light = (np.linspace(0, 1, CURVE) ** 2) * BRIGHTEST
    # The shoulder (Reinhard et al., SIGGRAPH 2002) keeps bright places from clipping at once.
    rolled = light * (1 + light / 2.5**2) / (1 + 0.55 * light)
    shown = np.clip(np.where(rolled <= 0.0031308, rolled * 12.92, 1.055 * rolled ** (1 / 2.4) - 0.055), 0, 1)
    below, above = 0.5 * (2 * shown) ** sensor.contrast, 1 - 0.5 * (2 - 2 * shown) ** sensor.contrast
    shown = np.where(shown < 0.5, below, above)
    return ((sensor.black + (1 - sensor.black) * shown) * 255).astype(np.float32)


@inlined
def _tone(value: Number, curve: Floats) -> Number:
    """The tone curve at a light of 0 or more."""
    light = min(max(np.float32(value), np.float32(0)), np.float32(BRIGHTEST))
    place = math.sqrt(light * np.float32(1 / BRIGHTEST)) * np.float32(CURVE - 1)
    low = min(int(place), CURVE - 2)
    return curve[low] + (curve[low + 1] - curve[low]) * (place - low)


@compiled
def _develop(
    light: Floats, gains: Floats, shape: Floats, noise: tuple[Floats, Floats, Floats], curve: Floats
) -> NDArray[np.uint8]:
    """Light (H, W, 3) as sRGB bytes.

    Args:
        light: (H, W, 3) float32.
        gains: (3,) factors on its channels.
        shape: (2,) vignette and saturation.
        noise: Grain (H, W), blotches (H / 3, W / 3, 2), and the strength of both (2,).
        curve: The tone curve.
    """
    grain, blotches, strength = noise
    height, width = light.shape[:2]
    picture = np.empty((height, width, 3), dtype=np.uint8)
    middle_x, middle_y = np.float32(0.5 * width), np.float32(0.5 * height)
    per_corner = shape[0] / (middle_x * middle_x + middle_y * middle_y)
    for y in range(height):
        dy = np.float32(y) - middle_y
        for x in range(width):
            dx = np.float32(x) - middle_x
            fall = np.float32(1) - (dx * dx + dy * dy) * per_corner
            red, green, blue = light[y, x, 0] * gains[0], light[y, x, 1] * gains[1], light[y, x, 2] * gains[2]
            red, green, blue = _tone(red * fall, curve), _tone(green * fall, curve), _tone(blue * fall, curve)
            grey = np.float32(0.3) * red + np.float32(0.59) * green + np.float32(0.11) * blue
            # Grain is strongest in the dark and fades towards white.
            dim = np.float32(255) * (np.float32(1.15) - grey * np.float32(1 / 255))
            grained = grey + dim * strength[0] * grain[y, x]
            spot = dim * strength[1] * shape[1]
            to_red = (red - grey) * shape[1] + spot * blotches[y // 3, x // 3, 0]
            to_blue = (blue - grey) * shape[1] + spot * blotches[y // 3, x // 3, 1]
            to_green = -(np.float32(0.3) * to_red + np.float32(0.11) * to_blue) / np.float32(0.59)
            picture[y, x, 0] = min(max(grained + to_red + np.float32(0.5), np.float32(0)), np.float32(255))
            picture[y, x, 1] = min(max(grained + to_green + np.float32(0.5), np.float32(0)), np.float32(255))
            picture[y, x, 2] = min(max(grained + to_blue + np.float32(0.5), np.float32(0)), np.float32(255))
    return picture


def _jpeg(picture: Bytes, quality: int) -> Bytes:
    """A picture after it was stored as JPEG and read again."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None  # it was encoded a moment ago
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
