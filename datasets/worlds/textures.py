"""Textures of ground, walls and things: small pictures that wrap around, drawn by chance.

Every function returns a picture (H, W, 3) of uint8 sRGB RGB whose left edge continues its right edge and whose upper
edge continues its lower edge.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.rendering.textures import compiled

Picture = NDArray[np.uint8]
Field = NDArray[np.float32]
Color = tuple[float, float, float]


@lru_cache(maxsize=64)
def _field(size: int, smoothness: float, number: int) -> Field:
    """One of the few fields that `noise` turns and moves about; making a fresh one each time would take too long."""
    rng = np.random.default_rng([size, round(smoothness * 100), number])
    spectrum = np.fft.rfft2(rng.standard_normal((size, size), dtype=np.float32))
    rows, columns = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    distance = np.maximum(np.hypot(rows, columns), 1.0 / size)
    field = np.fft.irfft2(spectrum * distance**-smoothness, s=(size, size))
    field -= field.mean()
    unit: Field = (field / max(float(field.std()), 1e-9)).astype(np.float32)
    unit.flags.writeable = False
    return unit


def noise(rng: np.random.Generator, size: int, smoothness: float) -> Field:
    """A random field (size, size) float32 that wraps, with mean 0 and standard deviation 1.

    Args:
        rng: The source of chance.
        size: The side of the field in pixels.
        smoothness: How fast the fine parts fade, 0 for grains that do not know each other, 1 for clouds with grains, 2
            for large soft clouds.
    """
    number, turned, right, down = (int(value) for value in rng.integers(0, (4, 8, size, size)))
    field = _field(size, smoothness, number)
    field = field.T if turned & 1 else field
    field = field[:: -1 if turned & 2 else 1, :: -1 if turned & 4 else 1]
    return np.ascontiguousarray(np.roll(field, (down, right), axis=(0, 1)))


def tone(
    rng: np.random.Generator, hue: tuple[float, float], saturation: tuple[float, float], value: tuple[float, float]
) -> Color:
    """A color whose hue (in turns), saturation and value lie in the given ranges, as sRGB of 0 .. 255."""
    h, s, v = (float(rng.uniform(*limits)) for limits in (hue, saturation, value))
    sector = h % 1.0 * 6
    parts = [abs(sector - 3) - 1, 2 - abs(sector - 2), 2 - abs(sector - 4)]
    red, green, blue = (255 * v * (1 - s + s * min(max(part, 0.0), 1.0)) for part in parts)
    return red, green, blue


def grey(rng: np.random.Generator, low: float, high: float) -> Color:
    """A nearly neutral color between two values of 0 .. 255."""
    value = float(rng.uniform(low, high))
    warm = float(rng.normal(0, 0.025))
    return value * (1 + warm), value, value * (1 - warm)


def any_color(rng: np.random.Generator) -> Color:
    """Any color: mostly muted, strong ones now and then."""
    if rng.random() < 0.3:
        return tone(rng, (0, 1), (0.5, 0.9), (0.3, 0.95))
    return tone(rng, (0, 1), (0.05, 0.45), (0.12, 0.9))


def tinted(color: Color, shade: Field) -> Picture:
    """A color whose brightness follows a field (H, W), 1 for unchanged."""
    return _shaded(np.asarray(color, dtype=np.float32).reshape(1, 1, 3), np.ascontiguousarray(shade))


def soiled(rng: np.random.Generator, picture: Picture, amount: float) -> Picture:
    """The picture with large soft stains and grain; `amount` is the standard deviation of the brightness, say 0.05."""
    size = picture.shape[0]
    field = 0.8 * noise(rng, size, 1.4) + 0.5 * noise(rng, size, 0.3)
    shade: Field = np.asarray(1 + amount * field[:, : picture.shape[1]], dtype=np.float32)
    return _shaded(picture, shade)


@compiled
def _shaded(color: NDArray[np.uint8] | Field, shade: Field) -> Picture:
    """Colors (H, W, 3), or one (1, 1, 3), of 0 .. 255 whose brightness is multiplied by a field (H, W)."""
    height, width = shade.shape
    picture = np.empty((height, width, 3), dtype=np.uint8)
    single = color.shape[0] == 1 and color.shape[1] == 1
    for y in range(height):
        for x in range(width):
            row, column = (0, 0) if single else (y, x)
            for k in range(3):
                value = np.float32(color[row, column, k]) * shade[y, x]
                picture[y, x, k] = min(max(value, np.float32(0)), np.float32(255))
    return picture


def asphalt(rng: np.random.Generator) -> Picture:
    """A road: grains, worn parts, cracks and mended rectangles."""
    size = 512
    shade = 1 + 0.13 * noise(rng, size, 0.1) + 0.07 * noise(rng, size, 1.3)
    picture = tinted(grey(rng, 65, 125), shade)
    for _ in range(int(rng.integers(0, 3))):
        x, y = rng.integers(20, 350, 2)
        w, h = rng.integers(40, 140, 2)
        part = picture[y : y + h, x : x + w]
        part[:] = np.clip(part * float(rng.uniform(0.7, 1.15)), 0, 255)
    for _ in range(int(rng.integers(0, 4))):
        points = np.cumsum(rng.normal(0, 14, (24, 2)) + rng.normal(0, 8, 2), axis=0) + rng.uniform(0, size, 2)
        cv2.polylines(picture, [points.astype(np.int32)], False, (38, 38, 38), 1, cv2.LINE_AA)
    return picture


def masonry(
    rng: np.random.Generator, color: Color, shape: tuple[int, int], *, shift: float = 0.5, joint: int = 3,
    joint_shade: float = 0.6, variety: float = 0.08, size: int = 384,
) -> Picture:  # fmt: skip
    """Stones, bricks, tiles or planks laid in rows.

    Args:
        rng: The source of chance.
        color: The mean color of the stones.
        shape: The number of rows and of stones in a row.
        shift: How far every second row is moved, as a share of a stone.
        joint: The width of the joints in pixels.
        joint_shade: The brightness of the joints relative to the stones.
        variety: The standard deviation of the brightness from stone to stone.
        size: The side of the picture in pixels.
    """
    rows, columns = shape
    y, x = (each.astype(np.float32) for each in np.ogrid[0:size, 0:size])  # (size, 1) and (1, size)
    row = np.minimum((y * rows / size).astype(np.int32), rows - 1)
    across = x * columns / size + (row % 2) * shift
    column = across.astype(np.int32) % columns
    tones = 1 + rng.normal(0, variety, (rows, columns)).astype(np.float32)
    shade = tones[row, column] * (1 + 0.04 * noise(rng, size, 0.4) + 0.04 * noise(rng, size, 1.3))
    near_row = np.abs((y * rows / size + 0.5) % 1 - 0.5) * size / rows
    near_column = np.abs((across + 0.5) % 1 - 0.5) * size / columns
    gap = np.minimum(near_row, near_column) < joint / 2
    shade = np.where(gap, joint_shade * (1 + 0.05 * noise(rng, size, 0.4)), shade)
    picture = tinted(color, shade.astype(np.float32))
    if variety > 0.04:
        hue = 1 + rng.normal(0, variety * 0.5, (rows, columns, 1)) * np.array([1.0, 0.2, -0.8], dtype=np.float32)
        hue = hue.astype(np.float32)
        picture = np.clip(picture * np.where(gap[..., None], 1, hue[row, column]), 0, 255).astype(np.uint8)
    return picture


def paving(rng: np.random.Generator) -> Picture:
    """Slabs or small stones of a sidewalk or a square."""
    color = grey(rng, 95, 190) if rng.random() < 0.7 else tone(rng, (0.0, 0.12), (0.1, 0.35), (0.45, 0.75))
    rows = int(rng.choice([2, 4, 6, 8, 12]))
    columns = max(1, int(rows * rng.choice([0.5, 1, 1])))
    shift = float(rng.choice([0.0, 0.5]))
    return soiled(
        rng,
        masonry(rng, color, (rows, columns), shift=shift, joint_shade=float(rng.uniform(0.5, 0.85)), variety=0.07),
        0.05,
    )


def brick(rng: np.random.Generator) -> Picture:
    """A wall of bricks."""
    color = tone(rng, (0.0, 0.1), (0.15, 0.6), (0.35, 0.75))
    return soiled(
        rng, masonry(rng, color, (16, 5), joint=3, joint_shade=float(rng.choice([0.6, 1.35])), variety=0.1), 0.05
    )


def concrete(rng: np.random.Generator) -> Picture:
    """Cast concrete with stains, sometimes in panels."""
    if rng.random() < 0.5:
        rows = int(rng.integers(1, 3))
        return soiled(rng, masonry(rng, grey(rng, 110, 190), (rows, rows), shift=0.0, joint=3, variety=0.03), 0.06)
    return soiled(rng, np.full((256, 256, 3), grey(rng, 110, 190), dtype=np.uint8), 0.08)


def plaster(rng: np.random.Generator) -> Picture:
    """A painted wall."""
    color = grey(rng, 140, 235) if rng.random() < 0.4 else tone(rng, (0.0, 0.18), (0.05, 0.4), (0.55, 0.95))
    if rng.random() < 0.2:
        color = tone(rng, (0, 1), (0.05, 0.4), (0.5, 0.92))
    return soiled(rng, np.full((256, 256, 3), color, dtype=np.uint8), float(rng.uniform(0.015, 0.06)))


def tiles(rng: np.random.Generator) -> Picture:
    """Tiles of a floor or wall, in one tone or in two as on a chessboard."""
    count = 2 * int(rng.integers(1, 6))
    color = grey(rng, 100, 230) if rng.random() < 0.7 else tone(rng, (0, 1), (0.1, 0.5), (0.4, 0.9))
    picture = masonry(
        rng,
        color,
        (count, count),
        shift=0.0,
        joint=2,
        joint_shade=float(rng.uniform(0.6, 0.95)),
        variety=float(rng.uniform(0.005, 0.05)),
    )
    if rng.random() < 0.25:
        y, x = np.mgrid[0:384, 0:384] * count // 384
        picture = np.where(((x + y) % 2 == 0)[..., None], picture, picture * float(rng.uniform(0.3, 0.85))).astype(
            np.uint8
        )
    return soiled(rng, picture, 0.03)


def wood(rng: np.random.Generator) -> Picture:
    """Planks with grain along the picture's width."""
    size = 384
    color = tone(rng, (0.05, 0.11), (0.25, 0.65), (0.3, 0.85))
    picture = masonry(rng, color, (int(rng.integers(4, 9)), 2), joint=2, joint_shade=0.5, variety=0.09)
    grain = cv2.blur(noise(rng, size, 0.5), (61, 1), borderType=cv2.BORDER_REFLECT)
    shade = 1 + 0.12 * grain / max(float(grain.std()), 1e-6)
    return np.ascontiguousarray(np.clip(picture * shade[..., None], 0, 255).astype(np.uint8))


def lawn(rng: np.random.Generator) -> Picture:
    """Grass with dry and dark spots."""
    size = 384
    color = np.asarray(tone(rng, (0.2, 0.33), (0.3, 0.6), (0.3, 0.55)), dtype=np.float32)
    dry = np.asarray(tone(rng, (0.11, 0.2), (0.3, 0.5), (0.4, 0.6)), dtype=np.float32)
    mix = np.clip(0.25 + 0.25 * noise(rng, size, 1.3), 0, 1)[..., None]
    shade = 1 + 0.25 * noise(rng, size, 0.2)[..., None]
    return np.asarray(np.clip((color * (1 - mix) + dry * mix) * shade, 0, 255), dtype=np.uint8)


def gravel(rng: np.random.Generator) -> Picture:
    """Gravel, sand or trodden earth."""
    shade = 1 + float(rng.uniform(0.08, 0.25)) * noise(rng, 384, 0.15) + 0.08 * noise(rng, 384, 1.3)
    return tinted(tone(rng, (0.05, 0.13), (0.1, 0.35), (0.4, 0.75)), shade)


def carpet(rng: np.random.Generator) -> Picture:
    """A carpet: plain with grain, in squares, or with stripes."""
    size = 256
    color = grey(rng, 50, 150) if rng.random() < 0.5 else tone(rng, (0, 1), (0.1, 0.4), (0.25, 0.65))
    picture = masonry(
        rng, color, (2, 2), shift=0.0, joint=1, joint_shade=0.9, variety=float(rng.uniform(0.01, 0.1)), size=size
    )
    if rng.random() < 0.3:
        stripes = np.sin(np.arange(size) * 2 * np.pi * int(rng.integers(2, 9)) / size) > rng.uniform(-0.5, 0.9)
        picture[:, stripes] = np.clip(picture[:, stripes] * float(rng.uniform(0.5, 1.5)), 0, 255)
    return soiled(rng, picture, 0.08)


def stone(rng: np.random.Generator) -> Picture:
    """Polished stone: terrazzo with chips, or marble with veins."""
    size = 384
    color = grey(rng, 110, 225) if rng.random() < 0.7 else tone(rng, (0.02, 0.12), (0.1, 0.4), (0.4, 0.8))
    if rng.random() < 0.5:
        shade = 1 + 0.1 * np.sign(noise(rng, size, 0.5) - 1.1) + 0.05 * noise(rng, size, 0.5)
    else:
        veins = np.abs(noise(rng, size, 1.6))
        shade = 1 - 0.25 * np.exp(-veins * 12) + 0.04 * noise(rng, size, 1.2)
    picture = tinted(color, shade.astype(np.float32))
    joint = int(rng.integers(1, 4))
    picture[:joint] = (picture[:joint] * 0.7).astype(np.uint8)
    picture[:, :joint] = (picture[:, :joint] * 0.7).astype(np.uint8)
    return picture


def metal(rng: np.random.Generator) -> Picture:
    """Painted or brushed metal, sometimes corrugated."""
    size = 256
    color = grey(rng, 80, 200) if rng.random() < 0.5 else any_color(rng)
    shade = 1 + 0.03 * cv2.blur(noise(rng, size, 0.2), (1, 31))
    if rng.random() < 0.3:
        shade = shade + 0.18 * np.sin(np.arange(size, dtype=np.float32) * 2 * np.pi * 8 / size)[None]
    return soiled(rng, tinted(color, np.asarray(shade, dtype=np.float32)), 0.04)


def foliage(rng: np.random.Generator) -> Picture:
    """Leaves of a hedge or a tree, with dark gaps."""
    color = tone(rng, (0.17, 0.36), (0.25, 0.65), (0.2, 0.5))
    if rng.random() < 0.15:
        color = tone(rng, (0.02, 0.14), (0.4, 0.8), (0.35, 0.7))
    field = 0.7 * noise(rng, 256, 0.7) + 0.5 * noise(rng, 256, 0.2)
    return tinted(color, np.clip(0.85 + 0.38 * field, 0.15, 2.2).astype(np.float32))
