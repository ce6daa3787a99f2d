"""Furniture and other things that stand in rooms and in the open; each stands on z = 0 around the origin.

What has a front looks along +x.
"""

import math

import cv2
import numpy as np

from datasets.rendering.builders import box, cylinder, quad
from datasets.rendering.surface import Material, Surface, join, plain
from datasets.worlds.fronts import clothes_rack, poster, screen, shelf, sign
from datasets.worlds.textures import any_color, foliage, grey, metal, noise, stone, tone, wood

Generator = np.random.Generator


def block(low: tuple[float, float, float], high: tuple[float, float, float], material: Material) -> Surface:
    """A box whose texture covers a meter once."""
    return box(low, high, material, 1.0)


def board(width: float, height: float, material: Material, foot: float = 0.0, x: float = 0.0) -> Surface:
    """An upright rectangle that looks along +x and shows the whole texture once."""
    return quad((x, -width / 2, foot), (0, width, 0), (0, 0, height), material)


def two_sided(width: float, height: float, material: Material) -> Surface:
    """A hanging sign that can be read from both sides: from +x and from -x."""
    return join([board(width, height, material, 0.0, 0.02), board(width, height, material, 0.0, 0.02).moved(math.pi)])


def varnish(rng: Generator) -> Material:
    """What furniture is made of: wood, metal or one color."""
    choice = rng.random()
    if choice < 0.4:
        return Material(wood(rng), gloss=0.15)
    if choice < 0.6:
        return Material(metal(rng), gloss=0.3)
    return plain(any_color(rng) if rng.random() < 0.4 else grey(rng, 25, 235), gloss=0.15)


def _legs(x: float, y: float, height: float, material: Material) -> list[Surface]:
    return [
        block((sx * x - 0.025, sy * y - 0.025, 0), (sx * x + 0.025, sy * y + 0.025, height), material)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]


def bench(rng: Generator, length: float = 1.8, back: bool = True) -> Surface:
    """A bench with its length along y; people sit 0.45 m high and look along +x."""
    seat, legs = varnish(rng), plain(grey(rng, 20, 130), gloss=0.2)
    parts = [
        block((-0.22, -length / 2, 0.4), (0.22, length / 2, 0.45), seat),
        *_legs(0.16, length / 2 - 0.15, 0.4, legs),
    ]
    if back:
        parts += [block((-0.26, -length / 2, low), (-0.22, length / 2, low + 0.14), seat) for low in (0.52, 0.72)]
    return join(parts)


def chair(rng: Generator) -> Surface:
    """A chair or an office chair that looks along +x, 0.45 m high."""
    seat, legs = varnish(rng), plain(grey(rng, 20, 160), gloss=0.2)
    parts = [
        block((-0.22, -0.22, 0.41), (0.22, 0.22, 0.46), seat),
        block((-0.24, -0.21, 0.6), (-0.2, 0.21, float(rng.uniform(0.85, 1.15))), seat),
    ]
    if rng.random() < 0.5:
        parts += _legs(0.19, 0.19, 0.41, legs)
        parts += [block((-0.23, sy * 0.19 - 0.02, 0.4), (-0.2, sy * 0.19 + 0.02, 0.62), legs) for sy in (-1, 1)]
    else:
        parts += [
            cylinder((0, 0, 0.05), (0, 0, 0.41), 0.03, legs, sides=8),
            cylinder((0, 0, 0), (0, 0, 0.06), (0.28, 0.1), legs, sides=10),
        ]
        parts += [block((-0.23, -0.03, 0.4), (-0.2, 0.03, 0.62), legs)]
    return join(parts)


def table(rng: Generator, width: float | None = None) -> Surface:
    """A table 0.74 m high, with something on it now and then."""
    length = float(rng.uniform(0.9, 2.0)) if width is None else width
    top = varnish(rng)
    parts = [
        block((-0.4, -length / 2, 0.7), (0.4, length / 2, 0.74), top),
        *_legs(0.35, length / 2 - 0.06, 0.7, plain(grey(rng, 20, 200))),
    ]
    parts += [
        _clutter(rng, (-0.3, -length / 2 + 0.1), (0.3, length / 2 - 0.1), 0.74) for _ in range(int(rng.integers(0, 4)))
    ]
    return join(parts)


def _clutter(rng: Generator, low: tuple[float, float], high: tuple[float, float], height: float) -> Surface:
    """A small box or can somewhere on a rectangle."""
    x, y = (float(rng.uniform(low[axis], high[axis])) for axis in (0, 1))
    w, d, h = (float(value) for value in rng.uniform(0.04, 0.16, 3))
    material = plain(any_color(rng), gloss=0.2)
    if rng.random() < 0.4:
        return cylinder((x, y, height), (x, y, height + 1.5 * h), w / 2, material, sides=8)
    return block((x - w, y - d, height), (x + w, y + d, height + h), material)


def desk(rng: Generator) -> Surface:
    """A desk with a screen, a keyboard and papers; who works there sits at -x and looks along +x."""
    dark = plain(grey(rng, 15, 60), gloss=0.2)
    parts = [table(rng, float(rng.uniform(1.2, 1.7)))]
    glowing = Material(screen(rng), emission=float(rng.uniform(0, 0.8)))
    for y in (-0.3, 0.3) if rng.random() < 0.4 else (0.0,):
        parts += [
            block((0.22, y - 0.28, 0.85), (0.25, y + 0.28, 1.2), dark),
            quad((0.215, y + 0.27, 0.86), (0, -0.54, 0), (0, 0, 0.33), glowing),
            block((0.2, y - 0.04, 0.74), (0.24, y + 0.04, 0.9), dark),
        ]
    parts.append(block((-0.15, -0.22, 0.74), (0.0, 0.22, 0.76), dark))
    if rng.random() < 0.6:
        parts.append(block((-0.3, 0.3, 0.0), (0.3, 0.65, 0.65), varnish(rng)))
    return join(parts)


def shelf_unit(rng: Generator) -> Surface:
    """A shelf with goods on both sides, its length along y."""
    length, height, depth = float(rng.uniform(1.5, 4.0)), float(rng.uniform(1.3, 2.3)), float(rng.uniform(0.35, 0.9))
    frame = plain(grey(rng, 40, 230), gloss=0.1)
    parts = [block((-depth / 2, -length / 2, 0), (depth / 2, length / 2, height), frame)]
    for side in (-1, 1):
        front = Material(shelf(rng))
        start, edge = (side * (depth / 2 + 0.01), -side * length / 2, 0.05), (0, side * length, 0)
        parts.append(quad(start, edge, (0, 0, height - 0.1), front, (max(1.0, round(length / 2.5)), 1.0)))
    return join(parts)


def rack(rng: Generator) -> Surface:
    """A rail with garments, which look a little like people."""
    length, height = float(rng.uniform(1.0, 2.0)), float(rng.uniform(1.3, 1.7))
    steel = plain(grey(rng, 90, 200), gloss=0.4)
    clothes = Material(clothes_rack(rng))
    parts = [cylinder((0, sy * length / 2, 0), (0, sy * length / 2, height), 0.02, steel, sides=6) for sy in (-1, 1)]
    parts.append(cylinder((0, -length / 2, height), (0, length / 2, height), 0.02, steel, sides=6))
    parts += [block((-0.3, sy * length / 2 - 0.03, 0), (0.3, sy * length / 2 + 0.03, 0.04), steel) for sy in (-1, 1)]
    low = float(rng.uniform(0.2, 0.6))
    parts.append(box((-0.22, -length / 2 + 0.06, low), (0.22, length / 2 - 0.06, height - 0.05), clothes, 0.75))
    return join(parts)


def counter(rng: Generator) -> Surface:
    """A counter with a till or screen on it; the customer stands at +x."""
    length, body, top = float(rng.uniform(1.5, 3.5)), varnish(rng), varnish(rng)
    parts = [
        block((-0.35, -length / 2, 0), (0.35, length / 2, 1.0), body),
        block((-0.42, -length / 2 - 0.05, 1.0), (0.42, length / 2 + 0.05, 1.05), top),
        block((-0.2, -0.2, 1.05), (0.0, 0.2, 1.4), plain(grey(rng, 15, 80), gloss=0.2)),
        board(min(length, 1.2), 0.5, Material(sign(rng)), 0.3, 0.36),
    ]
    parts += [_clutter(rng, (-0.3, -length / 2), (0.3, length / 2), 1.05) for _ in range(4)]
    return join(parts)


def machine(rng: Generator) -> Surface:
    """A ticket or vending machine."""
    width, height = float(rng.uniform(0.7, 1.2)), float(rng.uniform(1.6, 2.0))
    face = Material(shelf(rng) if rng.random() < 0.5 else poster(rng), emission=float(rng.choice([0, 0.7])))
    body = plain(any_color(rng), gloss=0.3)
    return join(
        [
            block((-0.35, -width / 2, 0), (0.35, width / 2, height), body),
            board(width * 0.8, height * 0.6, face, height * 0.3, 0.36),
            board(width * 0.5, 0.2, plain(grey(rng, 10, 60)), 0.25, 0.36),
        ]
    )


def pillar(rng: Generator, height: float) -> Surface:
    """A round or square pillar."""
    radius = float(rng.uniform(0.2, 0.5))
    material = Material(stone(rng), gloss=float(rng.uniform(0, 0.4)))
    if rng.random() < 0.5:
        return cylinder((0, 0, 0), (0, 0, height), radius, material, (2, height / 2), sides=20)
    parts = [block((-radius, -radius, 0), (radius, radius, height), material)]
    if rng.random() < 0.4:
        parts.append(board(1.4 * radius, 2.0 * radius, Material(poster(rng)), 1.0, radius + 0.01))
    return join(parts)


def bin_(rng: Generator) -> Surface:
    """A litter bin."""
    radius, height = float(rng.uniform(0.18, 0.35)), float(rng.uniform(0.7, 1.2))
    material = plain(any_color(rng) if rng.random() < 0.5 else grey(rng, 30, 120), gloss=0.2)
    return join(
        [
            cylinder((0, 0, 0), (0, 0, height), radius, material, sides=12),
            cylinder((0, 0, height), (0, 0, height + 0.08), radius * 1.1, plain(grey(rng, 20, 90)), sides=12),
        ]
    )


def plant(rng: Generator) -> Surface:
    """A potted plant."""
    pot, height = plain(grey(rng, 40, 220)), float(rng.uniform(0.8, 2.0))
    leaves = leaf_material(rng)
    parts = [cylinder((0, 0, 0), (0, 0, 0.45), (0.18, 0.25), pot, sides=10)]
    for turn in rng.uniform(0, 2 * math.pi, 6):
        wide = float(rng.uniform(0.25, 0.5))
        edge = (wide * math.cos(turn), wide * math.sin(turn), 0)
        parts.append(quad((-edge[0] / 2, -edge[1] / 2, 0.4), edge, (0, 0, height - 0.4), leaves))
    return join(parts)


def leaf_material(rng: Generator) -> Material:
    """Leaves with gaps that one can see through."""
    gaps = 0.7 * noise(rng, 256, 0.6) + 0.6 * noise(rng, 256, 0.3)
    y, x = (np.mgrid[0:256, 0:256] - 127.5) / 128
    round_off = 1.3 - 2.2 * np.hypot(x, y) ** 3
    there = np.where(gaps + round_off > float(rng.uniform(0.0, 0.7)), 255, 0).astype(np.uint8)
    return Material(np.dstack([foliage(rng), there]), infrared=2.5)


def bars(rng: Generator, length: float, height: float = 1.05) -> Surface:
    """A railing along y."""
    picture = np.zeros((128, 128, 4), dtype=np.uint8)
    picture[..., :3] = grey(rng, 40, 200) if rng.random() < 0.7 else any_color(rng)
    step = int(rng.choice([8, 16, 32]))
    picture[:, ::step, 3], picture[:, 1::step, 3], picture[:, 2::step, 3] = 255, 255, 255
    picture[:8, :, 3] = 255
    picture[-10:-6, :, 3] = 255
    material = Material(picture, gloss=0.2)
    return quad((0, -length / 2, 0), (0, length, 0), (0, 0, height), material, (max(1.0, round(length / 1.2)), 1.0))


def post_sign(rng: Generator) -> Surface:
    """A traffic sign, or a board with words, on a post."""
    height = float(rng.uniform(2.0, 2.8))
    steel = plain(grey(rng, 100, 190), gloss=0.3)
    pole = cylinder((0, 0, 0), (0, 0, height), 0.035, steel, sides=8)
    if rng.random() < 0.5:
        return join([pole, board(float(rng.uniform(0.4, 0.9)), 0.35, Material(sign(rng)), height - 0.4, 0.04)])
    picture = np.zeros((96, 96, 4), dtype=np.uint8)
    edge, inner = tone(rng, (0.95, 1.05), (0.8, 0.95), (0.6, 0.85)), grey(rng, 220, 250)
    if rng.random() < 0.4:
        edge = inner = tone(rng, (0.58, 0.64), (0.7, 0.9), (0.4, 0.7))
    cv2.circle(picture, (48, 48), 47, (*edge, 255), -1)
    cv2.circle(picture, (48, 48), 36, (*inner, 255), -1)
    cv2.rectangle(picture, (28, 40), (68, 56), (*(grey(rng, 10, 250)), 255), -1)
    return join([pole, board(0.6, 0.6, Material(picture), height - 0.6, 0.04)])


def street_lamp(rng: Generator, height: float) -> Surface:
    """A street lamp whose lantern hangs at +x."""
    steel = plain(grey(rng, 40, 160), gloss=0.2)
    reach = float(rng.uniform(0.3, 1.5))
    glass = plain((255, 240, 210), emission=1.5)
    return join(
        [
            cylinder((0, 0, 0), (0, 0, height), (0.09, 0.05), steel, sides=8),
            cylinder((0, 0, height), (reach, 0, height + 0.15), 0.04, steel, sides=6),
            block((reach - 0.3, -0.12, height + 0.08), (reach + 0.2, 0.12, height + 0.18), steel),
            quad((reach - 0.25, -0.1, height + 0.075), (0.4, 0, 0), (0, 0.2, 0), glass),
        ]
    )


def stack(rng: Generator) -> Surface:
    """Boxes piled up, sometimes as tall and as thin as a person."""
    parts, base = [], 0.0
    brown = tone(rng, (0.07, 0.1), (0.3, 0.5), (0.5, 0.75))
    for _ in range(int(rng.integers(1, 5))):
        w, d, h = (float(value) for value in rng.uniform(0.25, 0.6, 3))
        color = brown if rng.random() < 0.7 else any_color(rng)
        parts.append(block((-w / 2, -d / 2, base), (w / 2, d / 2, base + h), plain(color)))
        base += h
    return join(parts)


def bollard(rng: Generator) -> Surface:
    """A bollard or a traffic cone."""
    if rng.random() < 0.3:
        orange = plain((225, 90, 30))
        return join(
            [
                cylinder((0, 0, 0.03), (0, 0, 0.7), (0.16, 0.03), orange, sides=12),
                block((-0.2, -0.2, 0), (0.2, 0.2, 0.04), orange),
            ]
        )
    height = float(rng.uniform(0.6, 1.1))
    return cylinder(
        (0, 0, 0), (0, 0, height), float(rng.uniform(0.06, 0.15)), plain(grey(rng, 30, 200), gloss=0.2), sides=12
    )


def column(rng: Generator) -> Surface:
    """An advertising column with posters around it."""
    radius, height = float(rng.uniform(0.5, 0.7)), float(rng.uniform(2.4, 3.2))
    strip = np.concatenate([poster(rng) for _ in range(4)], axis=1)
    return join(
        [
            cylinder((0, 0, 0), (0, 0, height), radius, Material(strip), sides=20),
            cylinder((0, 0, height), (0, 0, height + 0.3), (radius * 1.15, 0.1), plain(grey(rng, 30, 120)), sides=20),
        ]
    )
