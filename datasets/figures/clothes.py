"""Garments as skins around the body: shirts, jackets, coats, dresses, trousers, skirts, hoods and scarves."""

import numpy as np
from numpy.typing import NDArray

from datasets.figures.body import LEG, Body, arm_weights, leg_weights, limb_rings, pelvis, rings_ends, torso_weights
from datasets.figures.lofts import Part, around, closed_ends, grid, ovals, smooth, tube
from datasets.figures.looks import Garment
from datasets.figures.skeleton import BONES, CHEST
from datasets.rendering import Material

Array = NDArray[np.float64]

_DRAPE = {"coat": 0.97, "rain": 0.97, "puffer": 0.95, "jacket": 0.93, "blazer": 0.92, "hoodie": 0.92, "dress": 0.78}
_NECKLINE = {"tank": 0.040, "dress": 0.035, "blazer": 0.085, "cardigan": 0.085, "vest": 0.03, "jacket": 0.012}


def sleeve_end(garment: Garment) -> float:
    """The level at which the sleeves end, as a share of the stature."""
    return 0.79 - garment.sleeves * (0.79 - 0.478)


def _hull(body: Body, garment: Garment, levels: Array, under: float) -> tuple[Array, Array, Array]:
    """Half width and depths (R, C), meters, of a garment at rising levels; it falls straight where the body recedes."""
    wide, front, back = body.torso(levels)
    s = body.frame.stature
    drape = _DRAPE.get(garment.kind, 0.86) if garment.ease > 0.01 else 0.75
    ease = min(garment.ease, 0.012) if garment.kind == "dress" else garment.ease
    off = under + ease * (0.35 + 0.65 * smooth(levels, 0.84, 0.78))
    off = off + 0.011 * smooth(levels, 0.64, 0.57)  # room for the trousers below
    flare = smooth(levels, 0.60, min(garment.hem, 0.5)) * (garment.ease if garment.kind in ("dress", "coat") else 0.0)
    flare = flare * smooth(0.62 - garment.hem, 0.05, 0.5) * (1.6 if garment.kind == "dress" else 0.8)
    below = levels < 0.75
    shaped = []
    for value, most in ((wide, 0.098 if body.female > 0.5 else 0.094), (front, 9.0), (back, 9.0)):
        fall = np.maximum.accumulate(np.where(below, np.minimum(value, most * s), 0)[::-1], axis=0)[::-1]
        hips = np.maximum.accumulate(np.where(levels < 0.53, value, 0)[::-1], axis=0)[::-1]
        value = np.where(below, np.maximum(value, drape * fall), value)
        shaped.append(np.where(levels < 0.50, np.maximum(value, 0.93 * hips), value) + off + flare)
    return shaped[0], shaped[1], shaped[2]


def trunk(body: Body, garment: Garment, cloth: Material, under: float = 0.0) -> Part:
    """What covers the trunk, from the hem to the neckline; open in front where the garment hangs open.

    Args:
        body: Whom it covers.
        garment: What it is.
        cloth: Its material; the texture's middle is the front.
        under: How thick the clothes below are, meters.
    """
    rows, sides = body.count(30 + int(24 * (0.5 - garment.hem)), 10), body.count(32, 14)
    share = np.linspace(0, 1, rows)[:, None]
    if garment.open:
        gap = 0.20 + 0.42 * (1 - share) ** 1.3 + 0.25 * share * (garment.kind in ("blazer", "cardigan"))
        angle = gap + np.linspace(0, 1, sides + 1)[None] * (2 * np.pi - 2 * gap)
    else:
        angle = np.broadcast_to(around(sides), (rows, sides + 1))
    facing = np.cos(angle[-1])
    scoop = _NECKLINE.get(garment.kind, 0.018) * smooth(facing, 0.2, 1.0) + 0.004 * smooth(facing, 0.2, -1)
    levels = garment.hem + share * (0.847 - scoop - garment.hem)
    wide, front, back = _hull(body, garment, levels, under)
    s = body.frame.stature
    forward = (-0.010 + 0.006 * smooth(levels, 0.8, 0.5)) * s
    ruffle: Array | float = 0.0
    if garment.ease > 0.03 and garment.kind in ("dress", "coat"):
        ruffle = np.sin(7 * angle + 1.3) * smooth(levels, 0.52, 0.30) * min(0.02, 0.25 * garment.ease)
    if garment.kind == "puffer":
        ruffle = 0.007 * (np.abs(np.sin(np.pi * levels * s / 0.085)) - 0.6) * smooth(levels, 0.83, 0.80)
    if garment.open:
        edge = np.exp(-((np.minimum(np.arange(sides + 1), sides - np.arange(sides + 1)) / 2.2) ** 2))[None]
        ruffle = ruffle + 0.012 * edge * smooth(share, 1.0, 0.4)
    rings = ovals((forward, 0 * levels, levels * s), (wide + ruffle, front + ruffle, back + ruffle), angle, 2.3)
    if not garment.open:
        hem = rings[:1] * [0.97, 0.97, 1] + [0, 0, 0.004]  # the inner side of the hem
        rings = np.concatenate([hem, rings])
        levels = np.concatenate([levels[:1], levels])
    stiff = 0.45 if garment.kind in ("puffer", "leather") else 1.0
    looseness = stiff * (0.0025 + 0.16 * min(garment.ease, 0.04)) * smooth(levels, 0.845, 0.76)
    looseness = looseness * (1 + 1.4 * smooth(levels, 0.56, 0.40))
    turn = 2 * np.pi
    gap_share = float(angle[0, 0]) / turn if garment.open else 0.0
    u = (0.5 + gap_share, 1.5 - gap_share) if garment.open else (0.0, 1.0)
    return grid(rings, torso_weights(rings, s), cloth, u=u, looseness=looseness, closed=not garment.open)


def sleeves(body: Body, garment: Garment, cloth: Material, under: float = 0.0) -> list[Part]:
    """Both sleeves."""
    if garment.sleeves <= 0.02:
        return []
    end, s, parts = sleeve_end(garment), body.frame.stature, []
    levels = np.linspace(end, 0.826, body.count(26 if garment.sleeves > 0.6 else 14, 7))
    sides = body.count(16, 8)
    ease = under + 0.5 * min(garment.ease, 0.012 if garment.kind == "dress" else 0.04) + 0.004 * (garment.sleeves < 0.6)
    slack = ease * smooth(levels, 0.835, 0.76) + 0.002
    if garment.kind in ("hoodie", "puffer", "sweater") and garment.sleeves > 0.9:
        slack = slack * (1 - 0.55 * smooth(levels, end + 0.02, end))
    elif garment.sleeves > 0.9:
        slack = slack + 0.004 * smooth(levels, end + 0.06, end)
    if garment.kind == "puffer":
        slack = slack + 0.008 * (np.abs(np.sin(np.pi * levels * s / 0.085)) - 0.6) * smooth(levels, 0.82, 0.78)
    looseness = (0.003 + 0.17 * min(garment.ease, 0.03)) * smooth(levels, 0.83, 0.74)[:, None]
    for side in range(2):
        rings = limb_rings(body, side, levels, sides, slack, arm=True)
        inner = rings[:1] + 0.2 * (rings[:1, :-1].mean(1, keepdims=True) - rings[:1]) + [0, 0, 0.006]
        rings = closed_ends(np.concatenate([inner, rings]), bottom=False)
        loose = np.concatenate([looseness[:1], looseness, 0 * looseness[-1:]])
        parts.append(grid(rings, arm_weights(rings, side, s), cloth, looseness=loose))
    return parts


def trousers(body: Body, garment: Garment, cloth: Material) -> list[Part]:
    """Trousers, shorts or leggings: the seat and two legs."""
    s = body.frame.stature
    parts = [pelvis(body, cloth, 0.004 + 0.5 * min(garment.ease, 0.02))]
    levels = np.linspace(garment.hem, 0.545, body.count(30 if garment.hem < 0.2 else 16, 9))
    _, _, wide, deep = body.limb(LEG, levels)
    tight = garment.kind == "leggings"
    least = 0.0 if tight else (0.040 + 1.5 * garment.ease) * (s / 1.7) * smooth(levels, 0.5, 0.3)
    if garment.kind == "sweatpants":
        least = least * (1 - 0.4 * smooth(levels, garment.hem + 0.05, garment.hem))
    if garment.kind == "shorts":
        least = (0.068 + 1.2 * garment.ease) * s / 1.7
    slack = np.maximum(0.0015 + 0.5 * garment.ease, least - np.minimum(wide, deep))
    looseness = (0.0008 if tight else 0.0035 + 0.20 * garment.ease) * smooth(levels, 0.56, 0.48)[:, None]
    looseness = looseness * (1 + 0.9 * smooth(levels, 0.16, 0.06)[:, None])
    for side in range(2):
        rings = limb_rings(body, side, levels, body.count(18, 8), slack, arm=False)
        inner = rings[:1] + 0.25 * (rings[:1, :-1].mean(1, keepdims=True) - rings[:1]) + [0, 0, 0.006]
        rings = closed_ends(np.concatenate([inner, rings]), bottom=False)
        loose = np.concatenate([looseness[:1], looseness, 0 * looseness[-1:]])
        weights = leg_weights(np.maximum(rings, [-9, -9, 0.06 * s]), side, s)
        parts.append(grid(rings, weights, cloth, looseness=loose))
    return parts


def skirt(body: Body, garment: Garment, cloth: Material) -> Part:
    """A skirt from the waist to its hem; `ease` is how wide it swings."""
    s = body.frame.stature
    levels = np.linspace(garment.hem, 0.625, body.count(24, 9))
    sides = body.count(32, 14)
    wide, front, back = body.torso(np.maximum(levels, 0.50))
    fall = smooth(levels, 0.58, garment.hem) * smooth(0.62 - garment.hem, 0.0, 0.4)
    flare = (0.006 + fall * garment.ease)[:, None]
    angle = around(sides)
    ruffle = np.sin(8 * angle)[None] * fall[:, None] * min(0.018, 0.2 * garment.ease)
    narrow = (1 - (0.10 if garment.ease < 0.03 else 0.0) * fall)[:, None]
    half = tuple(value[:, None] * narrow + flare + ruffle for value in (wide, front, back))
    rings = ovals((-0.004 * s + 0 * levels, 0 * levels, levels * s), (half[0], half[1], half[2]), angle, 2.2)
    rings = np.concatenate([rings[:1] * [0.96, 0.96, 1], rings])
    looseness = np.concatenate([fall[:1], fall])[:, None] * (0.004 + 0.09 * garment.ease)
    return grid(rings, torso_weights(rings, s), cloth, looseness=looseness)


def collar(body: Body, garment: Garment, cloth: Material, under: float = 0.0) -> list[Part]:
    """A collar that stands or lies around the neck, and a hood on the back."""
    s, parts = body.frame.stature, []
    angle = around(body.count(20, 10))
    if garment.kind in ("buttoned", "polo", "jacket", "coat", "puffer", "rain", "blazer"):
        stands = garment.kind in ("puffer", "rain", "jacket")
        levels = np.linspace(0.832, 0.868 if stands else 0.858, 5)
        wide, front, back = body.torso(np.maximum(levels, 0.846))
        off = under + 0.006 + (0.3 * garment.ease) + (0.010 if stands else 0.016) * smooth(levels, 0.858, 0.832)
        open_front = 0.022 * smooth(np.cos(angle), 0.55, 1.0)[None] * (np.linspace(0.3, 1.2, 5))[:, None]
        z = (levels[:, None] - open_front) * s + 0.006 * (np.cos(angle)[None] < 0)
        rings = ovals((-0.008 * s + 0 * z, 0 * z, z), (wide + off, front + off, back + off), angle)
        parts.append(grid(rings, torso_weights(rings, s), cloth, v=(0.9, 0.99)))
    if garment.hood:
        parts.append(_lying_hood(body, cloth, under + garment.ease))
    return parts


def _lying_hood(body: Body, cloth: Material, off: float) -> Part:
    """A hood that lies on the back and around the neck."""
    s = body.frame.stature
    angle = np.linspace(0.55, 2 * np.pi - 0.55, body.count(15, 9))
    behind = smooth(np.cos(angle), 0.9, -1.0)
    reach = 0.046 * s + 0.5 * off
    path = np.stack(
        [
            -0.012 * s + np.cos(angle) * (reach + 0.018 * s * behind),
            np.sin(angle) * (reach + 0.012 * s),
            (0.836 - 0.004 * behind + 0.012 * smooth(np.cos(angle), 0.2, -0.3)) * s,
        ],
        -1,
    )
    rings = tube(path, (0.011 + 0.016 * behind) * s, body.count(9, 6))
    middle = path[:, None]
    rings = middle + (rings - middle) * [1.0, 1.0, 1.3]
    weights = np.zeros(BONES)
    weights[CHEST] = 1
    return grid(closed_ends(rings), weights, cloth, v=(0.8, 0.97), looseness=0.004)


def scarf(body: Body, cloth: Material) -> list[Part]:
    """A scarf around the neck with one end hanging down in front."""
    s = body.frame.stature
    angle = np.linspace(0, 2 * np.pi, body.count(17, 9))
    path = np.stack(
        [-0.004 * s + 0.045 * s * np.cos(angle), 0.046 * s * np.sin(angle), (0.852 - 0.008 * np.cos(angle)) * s], -1
    )
    weights = np.zeros(BONES)
    weights[CHEST] = 1
    parts = [grid(tube(path, 0.018 * s, body.count(9, 6)), weights, cloth, looseness=0.004)]
    levels = np.linspace(0.66, 0.845, body.count(9, 5))
    _, front, _ = body.torso(levels)
    half = np.full(len(levels), 0.026 * s)
    x = -0.01 * s + front + 0.030
    rings = ovals((x, 0.035 * s + 0 * levels, levels * s), (half, 0.3 * half, 0.3 * half), around(8), 2.6)
    parts.append(grid(closed_ends(rings), torso_weights(rings_ends(rings), s), cloth, looseness=0.004))
    return parts
