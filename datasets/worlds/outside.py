"""What stands only in the open: cars, bicycles, trees, hedges. Each stands on z = 0 around the origin."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.rendering.builders import box, cylinder, quad
from datasets.rendering.surface import Material, Surface, join, plain
from datasets.worlds.fronts import sign
from datasets.worlds.textures import any_color, foliage, grey, noise, tone, wood
from datasets.worlds.things import leaf_material

Generator = np.random.Generator
Array = NDArray[np.float64]


def sheet(
    points: Array,
    materials: tuple[Material, ...],
    kinds: NDArray[np.int64] | None = None,
    repeats: tuple[float, float] = (1.0, 1.0),
) -> Surface:
    """A curved sheet through a grid of points, shaded smoothly.

    Args:
        points: (R, C, 3) meters.
        materials: What it is made of.
        kinds: (R - 1, C - 1) rows of `materials` for its cells; the first one everywhere without it.
        repeats: How often the texture repeats along a row and along a column.
    """
    rows, columns = points.shape[:2]
    normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    normals = np.where(length > 1e-12, normals / np.maximum(length, 1e-12), (0.0, 0.0, 1.0))
    u, v = np.meshgrid(np.linspace(0, repeats[0], columns), np.linspace(0, repeats[1], rows))
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None]).ravel()
    triangles = np.concatenate(
        [
            np.stack([first, first + 1, first + columns + 1], 1),
            np.stack([first, first + columns + 1, first + columns], 1),
        ]
    )
    kind = np.zeros(len(first), dtype=np.int64) if kinds is None else kinds.ravel()
    return Surface(
        points.reshape(-1, 3).astype(np.float32),
        normals.reshape(-1, 3).astype(np.float32),
        np.stack([u.ravel(), v.ravel()], axis=1).astype(np.float32),
        triangles.astype(np.int32),
        np.concatenate([kind, kind]).astype(np.int16),
        materials,
    )


def car(rng: Generator) -> Surface:
    """A car or a van that points along +x; about 4.4 m long."""
    van = rng.random() < 0.2
    length = float(rng.uniform(4.6, 5.6) if van else rng.uniform(3.6, 4.8))
    wide, roof = float(rng.uniform(1.65, 1.95)), float(rng.uniform(1.9, 2.3) if van else rng.uniform(1.38, 1.7))
    hood, belt = float(rng.uniform(0.75, 0.95)), float(rng.uniform(0.85, 1.0)) + (0.25 if van else 0)
    hatch = rng.random() < 0.6
    tail = roof - 0.1 if van or hatch else hood + 0.08
    # Shares of the length from the tail, and the height of the top there.
    trunk, screen_top, screen_foot = 0.06 if hatch else 0.18, 0.75 if van else 0.6, 0.9 if van else 0.76
    shape = np.array([[0, 0.45], [0.01, belt], [trunk, tail], [0.3, roof], [screen_top, roof - 0.02],
                      [screen_foot, hood + 0.06], [0.97, hood - 0.12], [0.995, 0.55], [1, 0.4]])  # fmt: skip
    share = np.sort(np.concatenate([np.linspace(0, 1, 27), shape[:, 0]]))
    top = np.interp(share, shape[:, 0], shape[:, 1])
    narrow = 1 - 0.12 * np.abs(2 * share - 1) ** 4
    half = wide / 2 * narrow
    waist = np.minimum(top, belt)
    # Across: sill, side, waist, shoulder of the roof, middle of the roof.
    inset = half - 0.28 * np.maximum(top - waist, 0)
    across = [(half * 0.97, np.full_like(top, 0.22)), (half, np.minimum(0.5, waist)), (half * 0.99, waist),
              (inset, waist + 0.9 * (top - waist)), (inset * 0.85, top), (0 * half, top + 0.02)]  # fmt: skip
    ring = [*across, *[(-y, z) for y, z in across[-2::-1]]]
    x = (share - 0.5) * length
    points = np.stack([np.stack([x, y, z], axis=1) for y, z in ring], axis=1)
    paint = grey(rng, 15, 235) if rng.random() < 0.65 else any_color(rng)
    glass = plain(grey(rng, 12, 40), gloss=0.9)
    kinds = np.zeros((len(share) - 1, len(ring) - 1), dtype=np.int64)
    middle = (share[1:] + share[:-1]) / 2
    cabin = (middle > shape[2, 0]) & (middle < shape[4, 0] + 0.04)
    pillars = np.min(np.abs(middle[:, None] - np.array([0.32, 0.47])), axis=1) < 0.012
    kinds[np.ix_(cabin & ~pillars, [2, len(ring) - 4])] = 1
    slope = ((middle > shape[4, 0]) & (middle < shape[5, 0])) | ((middle < shape[3, 0] - 0.04) & (middle > 0.015))
    if not (van and rng.random() < 0.5):
        kinds[np.ix_(slope, range(3, len(ring) - 4))] = 1
    parts = [sheet(points, (plain(paint, gloss=0.6), glass), kinds)]
    tire, rim = plain((18, 18, 18)), plain(grey(rng, 100, 200), gloss=0.5)
    for along in (-0.31, 0.31):
        for side in (-1, 1):
            outward = np.array([0, side, 0])
            hub = np.array([along * length, side * (wide / 2 - 0.2), 0.32])
            parts.append(cylinder(hub, hub + outward * 0.2, 0.32, tire, sides=16))
            parts.append(cylinder(hub + outward * 0.19, hub + outward * 0.21, 0.2, rim, sides=12))
    parts.append(
        box((-length / 2 + 0.1, -wide / 2 + 0.1, 0.18), (length / 2 - 0.15, wide / 2 - 0.1, 0.4), plain((12, 12, 12)))
    )
    for end, color in ((1, (245, 240, 220)), (-1, (190, 20, 20))):
        at = end * (length / 2 + 0.005)
        for side in (-1, 1):
            y = side * wide * 0.36 * 0.9
            parts.append(
                quad(
                    (at - end * 0.03, y - 0.16, 0.55),
                    (0, 0.32, 0),
                    (-end * 0.02, 0, 0.14),
                    plain(color, gloss=0.5, emission=float(rng.choice([0, 1.0], p=[0.8, 0.2]))),
                )
            )
        plate = Material(sign(rng, 128, 32))
        parts.append(quad((at, -end * 0.26, 0.42), (0, end * 0.52, 0), (0, 0, 0.12), plate))
    return join(parts)


def bicycle(rng: Generator) -> Surface:
    """A parked bicycle along x."""
    picture = np.zeros((128, 224, 4), dtype=np.uint8)
    paint = (*any_color(rng), 255)
    dark = (25, 25, 25, 255)
    for center in ((44, 84), (178, 84)):
        cv2.circle(picture, center, 40, dark, 5, cv2.LINE_AA)
        for turn in np.linspace(0, math.pi, 6):
            offset = np.array([math.cos(turn), math.sin(turn)]) * 38
            ends = np.rint([np.array(center) - offset, np.array(center) + offset]).astype(int).tolist()
            cv2.line(picture, ends[0], ends[1], (120, 120, 120, 255), 1)
    for one, two in (
        ((44, 84), (92, 84)),
        ((44, 84), (80, 36)),
        ((80, 36), (92, 84)),
        ((80, 36), (160, 32)),
        ((92, 84), (160, 36)),
        ((160, 20), (178, 84)),
    ):
        cv2.line(picture, one, two, paint, 5, cv2.LINE_AA)
    cv2.line(picture, (80, 36), (76, 20), dark, 4)
    cv2.line(picture, (64, 18), (92, 18), dark, 7)
    cv2.line(picture, (146, 16), (168, 18), dark, 5)
    return join(
        [
            quad((-0.88, 0, 0), (1.76, 0, 0), (0, 0.08, 1.0), Material(picture)),
            box((0.44, -0.25, 0.86), (0.5, 0.3, 0.89), plain((30, 30, 30))),
        ]
    )


def tree(rng: Generator) -> Surface:
    """A tree 4 to 11 m high."""
    height = float(rng.uniform(4, 11))
    bark = Material(wood(rng))
    lean = rng.normal(0, 0.25, 2)
    fork = np.array([*lean, height * float(rng.uniform(0.3, 0.5))])
    radius = height * float(rng.uniform(0.01, 0.018))
    parts = [cylinder((0, 0, 0), fork, (radius * 1.3, radius), bark, (2, 3), sides=10)]
    leaves = [leaf_material(rng), leaf_material(rng)]
    spread = np.array([1, 1, 1.05]) * height * float(rng.uniform(0.22, 0.33))
    middle = np.array([*lean, height - spread[2] * 0.9])
    bare = rng.random() < 0.12
    for _ in range(int(rng.integers(4, 8))):
        tip = middle + rng.normal(0, 0.5, 3) * spread
        parts.append(cylinder(fork - (0, 0, 0.3), tip, (radius * 0.5, 0.02), bark, sides=6))
        if bare:
            for _ in range(5):
                start = fork + (tip - fork) * float(rng.uniform(0.3, 0.9))
                parts.append(cylinder(start, start + rng.normal(0, 0.35, 3) * spread, (0.03, 0.008), bark, sides=4))
    for _ in range(0 if bare else int(rng.integers(45, 75))):
        direction = rng.standard_normal(3)
        direction /= np.linalg.norm(direction)
        center = middle + direction * spread * float(rng.uniform(0.3, 0.95))
        size = height * float(rng.uniform(0.16, 0.28))
        edge = np.cross(direction + rng.normal(0, 0.5, 3), rng.standard_normal(3))
        edge *= size / np.linalg.norm(edge)
        other = np.cross(direction, edge)
        other *= size / max(float(np.linalg.norm(other)), 1e-6)
        parts.append(quad(center - (edge + other) / 2, edge, other, leaves[int(rng.integers(2))]))
    return join(parts)


def hedge(rng: Generator, length: float | None = None) -> Surface:
    """A hedge or a bush, rough and round, with its length along x."""
    long = float(rng.uniform(0.8, 3.5)) if length is None else length
    high, deep = float(rng.uniform(0.6, 1.9)), float(rng.uniform(0.35, 0.6))
    turn, along = np.meshgrid(np.linspace(0, math.pi, 9), np.linspace(-1, 1, 13))
    end = np.sqrt(np.maximum(1 - np.abs(along) ** 6, 0))
    rough = 1 + 0.14 * noise(rng, 16, 0.4)[:13, :9]
    points = np.stack(
        [along * long / 2, np.cos(turn) * deep * end * rough, np.sin(turn) ** 0.6 * high * end * rough], axis=2
    )
    return sheet(points, (Material(foliage(rng), infrared=2.5),), repeats=(2.0, max(1.0, long)))


def stall(rng: Generator) -> Surface:
    """A market stall or a table under a sunshade; the counter looks along +x."""
    cloth = plain(tone(rng, (0, 1), (0.3, 0.9), (0.4, 0.9)))
    steel = plain(grey(rng, 80, 200))
    parts = [box((-0.5, -1.1, 0), (0.3, 1.1, 0.85), plain(any_color(rng)))]
    parts += [cylinder((x, y, 0), (x, y, 2.2), 0.03, steel, sides=6) for x in (-0.8, 0.7) for y in (-1.2, 1.2)]
    parts += [
        quad((-1.0, -1.4, 2.5), (1.0, 0, 0), (0, 2.8, 0), cloth),
        quad((0.0, -1.4, 2.5), (1.0, 0, -0.35), (0, 2.8, 0), cloth),
    ]
    for _ in range(10):
        x, y, w = float(rng.uniform(-0.4, 0.1)), float(rng.uniform(-1, 0.8)), float(rng.uniform(0.1, 0.3))
        parts.append(box((x, y, 0.85), (x + w, y + w, 0.85 + w * 0.6), plain(any_color(rng))))
    return join(parts)
