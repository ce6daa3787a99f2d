"""Hair and what is worn on the head."""

import numpy as np
from numpy.typing import NDArray

from datasets.figures.body import Body
from datasets.figures.fabrics import Canvas, clouds
from datasets.figures.head import face_angles, head_height, head_points
from datasets.figures.lofts import Part, closed_ends, grid, pillow, rigid, smooth, tube
from datasets.figures.looks import Look
from datasets.figures.skeleton import BONES, CHEST, HEAD, NECK
from datasets.rendering import Material

Array = NDArray[np.float64]

# Style: thickness on top, thickness at the sides (head heights), level of the hairline above the forehead,
# level where the hair ends at the ear's front, level where it ends at the nape.
_STYLES: dict[str, tuple[float, float, float, float, float]] = {
    "short": (0.055, 0.030, 0.80, 0.52, 0.16),
    "crop": (0.022, 0.012, 0.82, 0.52, 0.18),
    "fringe": (0.075, 0.045, 0.70, 0.45, 0.10),
    "curly": (0.130, 0.110, 0.77, 0.42, 0.02),
    "bald": (0.0, 0.014, 1.4, 0.50, 0.18),
    "long": (0.050, 0.050, 0.81, 0.18, 0.02),
    "bob": (0.060, 0.065, 0.78, 0.10, 0.02),
    "ponytail": (0.032, 0.026, 0.80, 0.52, 0.14),
    "bun": (0.032, 0.026, 0.80, 0.52, 0.14),
}


def painted_hair(look: Look) -> Canvas:
    """The texture of hair: strands that run from the crown down."""
    rng = np.random.default_rng(look.seed + 2)
    shape = (96, 128)
    strands = 0.20 * clouds(rng, shape, (3, 60)) + 0.13 * clouds(rng, shape, (5, 26))
    if look.hair == "curly":
        strands = 0.28 * clouds(rng, shape, (26, 34))
    light = 1 + strands + 0.10 * np.sin(np.linspace(-0.5, 3.2, shape[0]))[:, None]
    return np.asarray(
        np.array(look.hair_color, dtype=np.float32) * light[..., None].astype(np.float32), dtype=np.float32
    )


def _bounds(style: tuple[float, float, float, float, float], angle: Array) -> Array:
    """The level at which the hair begins above the skin, around the head."""
    _, _, forehead, ear, nape = style
    aside = np.abs(angle)
    line = forehead + 0.02 * np.cos(3 * aside)
    line = line + (ear - line) * smooth(aside, 0.95, 1.35)
    return np.asarray(line + (nape - line) * smooth(aside, 1.75, 2.05))


def _cover(body: Body, style: tuple[float, float, float, float, float], material: Material, curls: float) -> Part:
    """Hair that lies on the skull: a shell that dips under the skin where no hair grows."""
    rows, sides = body.count(22, 9), body.count(28, 12)
    level = np.concatenate([np.linspace(0.0, 0.9, rows - 4), [0.935, 0.965, 0.985, 1.0]])[:, None]
    angle = face_angles(sides)[None]
    grown = smooth(level - _bounds(style, angle), -0.025, 0.045)
    if style[2] > 1:  # bald on top, a wreath at the sides and behind
        grown = grown * smooth(level, 0.72, 0.60) * smooth(np.abs(angle), 1.2, 1.5)
    thick = style[1] + (style[0] - style[1]) * smooth(level, 0.55, 0.85)
    bumps = curls * (np.sin(5 * angle + 9 * level) * np.sin(17 * level + 2 * np.sin(3 * angle)))
    lift = grown * (thick + bumps) - 0.05 * (1 - grown)
    rings = head_points(body, angle, level, lift)
    return grid(closed_ends(rings, bottom=False), rigid(HEAD, BONES), material)


def _falling(body: Body, length: float, material: Material, open_angle: float, thick: float) -> Part:
    """Hair that falls from the sides and the back of the head; `length` in head heights below the chin."""
    rows, sides = body.count(14, 7), body.count(20, 10)
    angle = np.linspace(open_angle, 2 * np.pi - open_angle, sides + 1)[None]
    drop = np.linspace(-length, 0.86, rows)[:, None]
    level = np.maximum(drop, 0.42)
    inner = head_points(body, angle, level, thick * smooth(drop, 0.92, 0.6))
    tall = head_height(body)
    below = np.minimum(drop - 0.42, 0) * tall
    narrow = 1 - 0.16 * smooth(drop, 0.4, -length)
    center = np.array([0.0, 0, 0]) + inner.mean((0, 1)) * [1, 1, 0]
    points = center + (inner - center) * [1, 1, 1] * np.stack(
        [narrow + 0 * angle, narrow + 0 * angle, 1 + 0 * narrow + 0 * angle], -1
    )
    points[..., 2] += below
    points[..., 0] -= 0.16 * tall * smooth(drop, 0.35, -0.3) * smooth(np.cos(angle), 0.3, -0.6)
    wave = 0.012 * tall * np.sin(9 * angle) * smooth(drop, 0.5, -0.2)
    points[..., :2] += wave[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    share = smooth(drop, 0.05, -0.6)[..., None]
    weights = (1 - share) * rigid(HEAD, BONES) + share * (0.35 * rigid(NECK, BONES) + 0.65 * rigid(CHEST, BONES))
    return grid(points, weights, material, closed=False, looseness=0.004 * smooth(drop, 0.3, -0.2))


def _tail(body: Body, material: Material, bun: bool, high: float) -> list[Part]:
    tall = head_height(body)
    root = head_points(body, np.array([np.pi]), np.array([[high]]), 0.05)[0, 0]
    if bun:
        return [
            grid(
                pillow(root - [0.05 * tall, 0, 0], np.full(3, 0.17 * tall), squareness=2, rows=7, sides=10),
                rigid(HEAD, BONES),
                material,
            )
        ]
    t = np.linspace(0, 1, 8)
    path = root + np.stack(
        [-0.18 * tall * np.sin(2.2 * t), 0 * t, 0.05 * tall * np.sin(6 * t) - 0.95 * tall * t**1.25], -1
    )
    radius = tall * np.array([0.05, 0.085, 0.105, 0.11, 0.105, 0.09, 0.06, 0.015])
    share = smooth(t, 0.6, 1.4)[:, None, None]
    weights = (1 - share) * rigid(HEAD, BONES) + share * rigid(CHEST, BONES)
    return [grid(tube(path, radius, body.count(9, 6)), weights, material)]


def hair(body: Body, look: Look, material: Material) -> list[Part]:
    """All the hair that can be seen."""
    if look.headwear in ("headscarf", "hood"):
        return []
    style = _STYLES[look.hair]
    if look.headwear in ("beanie", "cap", "hat", "helmet"):
        style = (min(style[0], 0.02), min(style[1], 0.03), *style[2:])
    parts = [_cover(body, style, material, 0.022 if look.hair == "curly" else 0.004)]
    length = (look.seed % 97) / 97
    match look.hair:
        case "long":
            parts.append(_falling(body, 0.35 + 1.2 * length, material, 1.05, 0.075))
        case "bob":
            parts.append(_falling(body, -0.12 + 0.3 * length, material, 0.95, 0.085))
        case "ponytail" if look.headwear != "beanie":
            parts += _tail(body, material, False, 0.60 + 0.25 * length)
        case "bun" if not look.headwear:
            parts += _tail(body, material, True, 0.62 + 0.32 * length)
        case _:
            pass
    if look.beard > 0.75:
        parts.append(_beard(body, material))
    return parts


def _beard(body: Body, material: Material) -> Part:
    """A full beard that stands out of the chin."""
    level = np.linspace(-0.06, 0.30, body.count(8, 5))[:, None]
    angle = np.linspace(-1.5, 1.5, body.count(14, 8))[None]
    lift = 0.045 * smooth(np.abs(angle), 1.5, 0.8) * smooth(level, 0.17, 0.06) - 0.02 * smooth(level, 0.12, 0.25)
    rings = head_points(body, angle, np.maximum(level, 0.0), lift)
    rings[..., 2] += np.minimum(level, 0) * head_height(body)
    return grid(rings, rigid(HEAD, BONES), material, closed=False)


def headwear(body: Body, look: Look, cloth: Material) -> list[Part]:
    """A cap, a beanie, a hat, a helmet, a headscarf or a hood that is drawn up."""
    rows, sides, weights = body.count(12, 6), body.count(24, 12), rigid(HEAD, BONES)
    angle = face_angles(sides)[None]
    tall = head_height(body)
    match look.headwear:
        case "cap" | "beanie" | "helmet" | "hat":
            low = {"beanie": 0.60, "helmet": 0.66}.get(look.headwear, 0.70)
            lift = {"beanie": 0.065, "helmet": 0.13, "hat": 0.07}.get(look.headwear, 0.05)
            share = np.linspace(0, 1, rows)[:, None]
            start = low - 0.14 * smooth(np.cos(angle), 0.2, -0.8) * (look.headwear != "hat")
            level = start + (1 - start) * np.sin(share * np.pi / 2)
            rings = head_points(body, angle, level, lift + 0.04 * share * (look.headwear in ("beanie", "hat")))
            parts = [grid(closed_ends(rings, bottom=False), weights, cloth)]
            if look.headwear in ("cap", "hat"):
                parts.append(_brim(body, cloth, look.headwear == "cap", look.seed % 5 == 0))
            return parts
        case "headscarf" | "hood":
            loose = 0.085 if look.headwear == "headscarf" else 0.15
            return [_shroud(body, cloth, loose, tall)]
        case _:
            return []


def _brim(body: Body, cloth: Material, cap: bool, backwards: bool) -> Part:
    """The peak of a cap, or the brim all around a hat."""
    reach = 1.1 if cap else np.pi
    angle = np.linspace(-reach, reach, body.count(15 if cap else 25, 9))[None]
    inner = head_points(body, angle, np.array([[0.70]]), 0.04)[0]
    axis = np.array([inner[:, 0].mean(), 0, inner[0, 2]])
    out = (inner - axis) * [1, 1, 0]
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    tall = head_height(body)
    long = 0.42 * tall * np.cos(angle[0] / 1.1 * np.pi / 2)[:, None] ** 0.6 if cap else 0.30 * tall
    drop = np.array([0, 0, -0.05 * tall if cap else -0.02 * tall])
    rings = np.stack(
        [
            inner + out * long * share + drop * share**2 + np.array([0, 0, h])
            for share, h in ((0, 0), (0.5, 0), (1, -0.002), (1, 0.003), (0.5, 0.006), (0, 0.004))
        ]
    )
    if cap and backwards:
        rings = rings * [-1, -1, 1] + [2 * 0.010 * body.frame.stature - 0.05 * tall, 0, -0.10 * tall]
    return grid(rings, rigid(HEAD, BONES), cloth, closed=False, v=(0.85, 0.95))


def _shroud(body: Body, cloth: Material, loose: float, tall: float) -> Part:
    """Cloth around head and neck that leaves the face free."""
    rows, sides = body.count(18, 9), body.count(26, 13)
    level = np.linspace(-0.42, 1.0, rows)[:, None]
    gap = 0.72 * np.sqrt(np.clip(1 - ((level - 0.40) / 0.42) ** 2, 0, 1)) + 0.02
    angle = gap + np.linspace(0, 1, sides + 1)[None] * (2 * np.pi - 2 * gap)
    points = head_points(body, angle, np.clip(level, 0.12, 1), loose * (0.6 + 0.4 * smooth(level, 0.3, 0.9)))
    low = np.minimum(level - 0.12, 0)
    points[..., 2] += low * tall
    points[..., 1] *= 1 + 0.5 * smooth(level, 0.0, -0.42)
    points[..., 0] += -0.20 * tall * smooth(level, 0.4, -0.1) * smooth(np.cos(angle), 0.5, -0.5) - 0.1 * tall * smooth(
        level, 0.1, -0.1
    )
    share = smooth(level, 0.05, -0.40)[..., None]
    weights = (1 - share) * rigid(HEAD, BONES) + share * rigid(CHEST, BONES)
    return grid(
        closed_ends(points, bottom=False),
        np.concatenate([weights + 0 * points[..., :1], weights[-1:] + 0 * points[-1:, :, :1]]),
        cloth,
        closed=False,
        looseness=0.004,
    )


def glasses(body: Body, dark: bool, material: Material) -> list[Part]:
    """Two lenses and the sides of a pair of glasses."""
    tall, parts, weights = head_height(body), [], rigid(HEAD, BONES)
    for sign in (-1.0, 1.0):
        eye = head_points(body, np.array([sign * 0.40]), np.array([[0.51]]), 0.035)[0, 0]
        ear = head_points(body, np.array([sign * 1.65]), np.array([[0.55]]), 0.015)[0, 0]
        corner = head_points(body, np.array([sign * 0.85]), np.array([[0.53]]), 0.03)[0, 0]
        parts.append(grid(tube(np.stack([ear, corner]), 0.012 * tall, 4), weights, material))
        if dark:
            parts.append(
                grid(pillow(eye, (0.018 * tall, 0.125 * tall, 0.075 * tall), rows=6, sides=10), weights, material)
            )
            continue
        turn = np.linspace(0, 2 * np.pi, 11)
        path = eye + tall * np.stack([0 * turn, 0.12 * np.cos(turn), 0.07 * np.sin(turn)], -1)
        path[:, 0] -= 0.10 * np.abs(path[:, 1] - eye[1]) * (path[:, 1] * sign > eye[1] * sign)
        parts.append(grid(tube(path, 0.010 * tall, 4), weights, material))
    return parts
