"""Bags and telephones that are part of a person's outline."""

import numpy as np
from numpy.typing import NDArray

from datasets.figures.body import Body, torso_weights
from datasets.figures.fabrics import Canvas, woven
from datasets.figures.lofts import Part, grid, pillow, rigid, smooth, tube
from datasets.figures.looks import Look
from datasets.figures.skeleton import BONES, CHEST, HAND, HANGING, PELVIS, SIDES, SPINE
from datasets.rendering import Material

Array = NDArray[np.float64]
IN_HAND = ("handbag", "shopping", "briefcase", "tote")


def bag_picture(look: Look) -> Canvas:
    """The texture of a bag: cloth with a darker seam and a pocket."""
    canvas = woven(look.bag_fabric, 0.6, 0.4)
    rows, columns = canvas.shape[:2]
    u, v = np.linspace(0, 1, columns)[None], np.linspace(0, 1, rows)[:, None]
    behind = np.minimum(u, 1 - u)  # 0 is the middle of the back, which strangers see
    seam = smooth(np.abs(np.hypot(behind / 0.17, (v - 0.68) / 0.22) - 1), 0.08, 0.03) + smooth(
        np.abs(v - 0.34), 0.012, 0.005
    )
    canvas *= (1 - 0.4 * np.clip(seam, 0, 1))[..., None].astype(np.float32)
    if look.seed % 3 == 0:
        mark = (np.abs(behind) < 0.05) & (np.abs(v - 0.42) < 0.03)
        canvas[mark] = look.bag_fabric.colors[1]
    return canvas


def _around_trunk(body: Body, angle: Array, level: Array, off: float) -> Array:
    """Points (N, 3) on the trunk's surface, `off` meters out, at angles and levels (N,)."""
    here, chest = body.torso(level), body.torso(np.full_like(level, 0.745))
    hung = 0.95 * smooth(level, 0.60, 0.70) * smooth(level, 0.775, 0.745)
    wide, front, back = (np.maximum(own, hung * most) for own, most in zip(here, chest, strict=True))
    cosine, sine = np.cos(angle), np.sin(angle)
    along, across = (np.sign(part) * np.abs(part) ** (2 / 2.3) for part in (cosine, sine))  # as square as clothes are
    s = body.frame.stature
    x = (np.where(cosine > 0, front, back) + off) * along - 0.010 * s
    return np.stack([x, (wide + off) * across, level * s], -1)


def _strap(body: Body, path: Array, material: Material, width: float = 0.018) -> Part:
    rings = tube(path, width, 6)
    middle = path[:, None]
    rings = middle + (rings - middle) * [0.6, 1, 1]
    return grid(rings, torso_weights(rings, body.frame.stature), material)


def _backpack(body: Body, look: Look, off: float, material: Material) -> list[Part]:
    s = body.frame.stature
    size = (0.85 + 0.45 * (look.seed % 101) / 101) * (0.55 + 0.45 * s / 1.7)
    _, _, back = body.torso(np.array([0.74]))
    half = np.array([0.085, 0.145, 0.225]) * size
    center = np.array([-0.010 * s - float(back[0]) - off - 0.8 * half[0], 0, 0.815 * s - half[2]])
    rings = pillow(center, half, squareness=2.9, rows=body.count(12, 7), sides=body.count(18, 9))
    sag = smooth(rings[..., 2], center[2] + half[2], center[2] - half[2])
    rings[..., 0] -= 0.035 * size * sag * (rings[..., 0] < center[0])
    shares = np.zeros(BONES)
    shares[[CHEST, SPINE]] = 0.8, 0.2
    parts = [grid(rings, shares, material, looseness=0.004)]
    pocket = pillow(
        center + np.array([-0.75 * half[0], 0, -0.35 * half[2]]),
        half * [0.55, 0.8, 0.5],
        rows=body.count(8, 5),
        sides=body.count(14, 7),
    )
    parts.append(grid(pocket, shares, material, looseness=0.003))
    for sign in SIDES:
        level = np.concatenate([np.linspace(0.665, 0.822, 9), [0.833, 0.815, 0.79]])
        angle = sign * np.concatenate([np.linspace(1.22, 0.70, 9), [1.5, 2.3, 2.5]])
        parts.append(_strap(body, _around_trunk(body, angle, level, off + 0.012), material))
    return parts


def _slung(body: Body, look: Look, off: float, material: Material, across: bool) -> list[Part]:
    """A bag on a strap over one shoulder, straight down or across the chest."""
    s, sign = body.frame.stature, 1.0 if look.left_handed else -1.0
    wide, _, _ = body.torso(np.array([0.53]))
    small = 0.75 if across else 1.0
    half = np.array([0.14, 0.05, 0.11]) * small * (0.8 + 0.5 * (look.seed % 89) / 89)
    center = np.array(
        [-0.02 * s, sign * (float(wide[0]) + off + half[1] + 0.005), (0.565 if not across else 0.53) * s - 0.02]
    )
    bag = pillow(center, half, squareness=3.2, rows=body.count(9, 6), sides=body.count(14, 8))
    parts = [grid(bag, rigid(PELVIS, BONES), material, looseness=0.002)]
    share = np.linspace(0, 1, body.count(13, 8))
    far = -sign if across else sign
    top = far * 0.066
    for front in (0.0, np.pi):
        level = 0.60 + share * (0.828 - 0.60)
        side = np.arcsin(np.clip((sign * 0.092 * (1 - share) + top * share) / 0.1, -1, 1))
        angle = np.where(front > 0, np.pi - side, side)
        parts.append(_strap(body, _around_trunk(body, angle, level, off + 0.012), material, 0.014))
    return parts


def _in_hand(body: Body, look: Look, material: Material) -> list[Part]:
    """A bag that hangs from the hand."""
    s, side = body.frame.stature, int(look.left_handed)
    y = SIDES[side] * 0.1245 * s
    sizes = {
        "handbag": (0.15, 0.055, 0.10),
        "shopping": (0.15, 0.07, 0.17),
        "briefcase": (0.20, 0.045, 0.14),
        "tote": (0.17, 0.05, 0.17),
    }
    half = np.array(sizes[look.bag]) * (0.55 + 0.45 * s / 1.7)
    drop = 0.06 if look.bag == "briefcase" else 0.14
    grip = np.array([0.01, y, 0.425 * s])
    center = grip - [0, 0, drop + half[2]]
    squareness = 3.4 if look.bag in ("briefcase", "shopping") else 2.6
    bag = pillow(center, half, squareness=squareness, rows=body.count(9, 6), sides=body.count(14, 8))
    parts = [grid(bag, rigid(HANGING[side], BONES), material, looseness=0.004)]
    turn = np.linspace(0, np.pi, 7)
    for x in (-0.018, 0.018):
        path = grip + np.stack([0.55 * half[0] * np.cos(turn), x + 0 * turn, -drop + drop * np.sin(turn) ** 0.6], -1)
        parts.append(grid(tube(path, 0.006, 5), rigid(HANGING[side], BONES), material))
    return parts


def bag(body: Body, look: Look, off: float, material: Material) -> list[Part]:
    """The bag of a look; `off` is how thick its clothes are, meters."""
    match look.bag:
        case "backpack":
            return _backpack(body, look, off, material)
        case "shoulder bag":
            return _slung(body, look, off, material, False)
        case "crossbody":
            return _slung(body, look, off, material, True)
        case "":
            return []
        case _:
            return _in_hand(body, look, material)


def telephone(body: Body, side: int, material: Material) -> Part:
    """A telephone in a hand."""
    s = body.frame.stature
    rings = pillow((0.012 * s, SIDES[side] * 0.112 * s, 0.43 * s), (0.036, 0.006, 0.072), squareness=5, rows=6, sides=8)
    return grid(rings, rigid(HAND[side], BONES), material)
