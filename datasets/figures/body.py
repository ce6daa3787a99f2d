"""The body under the clothes: measures, torso, limbs, hands and feet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datasets.figures.lofts import Part, around, chained, closed_ends, grid, ovals, profile, rigid, smooth
from datasets.figures.looks import Look
from datasets.figures.skeleton import (
    BONES,
    CHEST,
    FOOT,
    FOREARM,
    HAND,
    HEAD,
    NECK,
    PELVIS,
    SHANK,
    SIDES,
    SPINE,
    THIGH,
    UPPER_ARM,
    Frame,
    frame,
)
from datasets.rendering import Material

Array = NDArray[np.float64]

# Level, half width, depth to the front, depth to the back; all as shares of the stature.
_MALE = np.array(
    [
        (0.455, 0.040, 0.040, 0.050),
        (0.475, 0.082, 0.054, 0.066),
        (0.500, 0.095, 0.060, 0.073),
        (0.530, 0.098, 0.062, 0.074),
        (0.570, 0.094, 0.063, 0.062),
        (0.615, 0.087, 0.062, 0.052),
        (0.660, 0.088, 0.065, 0.056),
        (0.710, 0.095, 0.070, 0.064),
        (0.745, 0.099, 0.071, 0.067),
        (0.780, 0.101, 0.062, 0.066),
        (0.802, 0.101, 0.050, 0.061),
        (0.820, 0.088, 0.041, 0.055),
        (0.834, 0.066, 0.034, 0.048),
        (0.846, 0.045, 0.031, 0.041),
        (0.858, 0.036, 0.031, 0.036),
        (0.885, 0.034, 0.032, 0.034),
    ]
)
_FEMALE = np.array(
    [
        (0.455, 0.042, 0.040, 0.052),
        (0.475, 0.088, 0.054, 0.070),
        (0.500, 0.102, 0.060, 0.078),
        (0.530, 0.102, 0.061, 0.076),
        (0.570, 0.092, 0.059, 0.060),
        (0.620, 0.076, 0.054, 0.047),
        (0.660, 0.079, 0.060, 0.050),
        (0.705, 0.086, 0.080, 0.057),
        (0.730, 0.089, 0.084, 0.060),
        (0.765, 0.094, 0.066, 0.061),
        (0.795, 0.098, 0.047, 0.057),
        (0.815, 0.088, 0.037, 0.051),
        (0.832, 0.058, 0.030, 0.043),
        (0.845, 0.038, 0.027, 0.036),
        (0.858, 0.031, 0.027, 0.031),
        (0.885, 0.029, 0.028, 0.030),
    ]
)
# Level, y of the middle, x of the middle, half width, half depth; the left arm and the left leg.
ARM = np.array(
    [
        (0.476, 0.1245, -0.002, 0.0175, 0.0140),
        (0.500, 0.1240, -0.003, 0.0165, 0.0155),
        (0.560, 0.1225, -0.005, 0.0215, 0.0225),
        (0.600, 0.1215, -0.006, 0.0240, 0.0250),
        (0.635, 0.1200, -0.006, 0.0225, 0.0250),
        (0.690, 0.1175, -0.006, 0.0255, 0.0285),
        (0.740, 0.1140, -0.006, 0.0280, 0.0315),
        (0.778, 0.1085, -0.006, 0.0295, 0.0345),
        (0.801, 0.1020, -0.006, 0.0265, 0.0320),
        (0.815, 0.0925, -0.006, 0.0185, 0.0230),
        (0.822, 0.0830, -0.006, 0.0070, 0.0090),
    ]
)
LEG = np.array(
    [
        (0.040, 0.048, -0.010, 0.0215, 0.0255),
        (0.075, 0.048, -0.010, 0.0200, 0.0235),
        (0.130, 0.049, -0.013, 0.0260, 0.0290),
        (0.195, 0.050, -0.015, 0.0325, 0.0355),
        (0.245, 0.050, -0.008, 0.0310, 0.0330),
        (0.285, 0.050, -0.001, 0.0325, 0.0345),
        (0.330, 0.051, 0.001, 0.0370, 0.0390),
        (0.400, 0.053, 0.000, 0.0450, 0.0470),
        (0.460, 0.052, -0.003, 0.0500, 0.0545),
        (0.500, 0.050, -0.005, 0.0450, 0.0560),
        (0.540, 0.048, -0.005, 0.0330, 0.0420),
    ]
)


@dataclass(frozen=True)
class Body:
    """The measures of one body.

    Args:
        frame: Its skeleton.
        female, child: Shares in [0, 1].
        weight: -1 thin, 0 average, 2 very heavy.
        fineness: How many rows and sides the skins have, 1 is full.
    """

    frame: Frame
    female: float
    child: float
    weight: float
    fineness: float

    def count(self, full: int, least: int = 5) -> int:
        """How many rows or sides to use where a full skin has `full`."""
        return max(least, round(full * self.fineness))

    def torso(self, levels: ArrayLike) -> tuple[Array, Array, Array]:
        """Half width and depths to front and back, meters, at levels given as shares of the stature."""
        z = np.asarray(levels, dtype=np.float64)
        male, female = (np.array(profile(table, z)) for table in (_MALE, _FEMALE))
        share = self.female * (1 - self.child)
        wide, front, back = (1 - share) * male + share * female
        trunk = smooth(z, 0.86, 0.80)
        neck = smooth(z, 0.80, 0.85) * 0.16 * max(self.weight, 0)
        belly = np.exp(-(((z - 0.60) / 0.075) ** 2))
        heavy, light = max(self.weight, 0), min(self.weight, 0)
        wide, front, back = wide * (1 + neck), front * (1 + neck), back * (1 + neck)
        wide = wide * (1 + trunk * (0.075 * heavy + 0.075 * light) + belly * 0.13 * heavy)
        front = front * (1 + trunk * (0.11 * heavy + 0.07 * light) + belly * (0.38 * heavy + 0.15 * self.child))
        back = back * (1 + trunk * (0.10 * heavy + 0.07 * light))
        return wide * self.frame.stature, front * self.frame.stature, back * self.frame.stature

    def limb(self, table: Array, levels: ArrayLike) -> tuple[Array, Array, Array, Array]:
        """The middle (y, x), half width and half depth, meters, of the left arm or leg."""
        y, x, wide, deep = profile(table, levels)
        heavy, light = max(self.weight, 0), min(self.weight, 0)
        thick: Array | float = 1 + 0.16 * heavy + 0.10 * light - 0.07 * self.female * (table is ARM) + 0.06 * self.child
        if table is ARM:
            thick = 1 + (thick - 1) * (1 - 0.7 * smooth(levels, 0.76, 0.82))
            y = y + 0.098 * (self.frame.shoulders - 1) + 0.012 * heavy
        else:
            y = y + 0.006 * heavy + 0.003 * self.female
        return tuple(value * self.frame.stature for value in (y, x, wide * thick, deep * thick))  # type: ignore[return-value]


def measured(look: Look, fineness: float) -> Body:
    """The body of a look."""
    child = float(smooth(look.height, 1.5, 1.0)) if look.age == "child" else 0.0
    shoulders = (1.0 - 0.09 * look.female - 0.03 * child) * (1 + 0.03 * max(0.0, look.weight))
    skeleton = frame(look.height, 1 + 0.4 * child, shoulders)
    return Body(skeleton, float(look.female), child, look.weight, fineness)


def torso_weights(points: Array, stature: float) -> Array:
    """Weights (..., BONES) of what lies around the trunk, from the knees to the chin; points in meters."""
    z, y = points[..., 2] / stature, points[..., 1] / stature
    weights = chained(
        z, PELVIS, [(SPINE, 0.56, 0.65), (CHEST, 0.66, 0.75), (NECK, 0.835, 0.865), (HEAD, 0.868, 0.89)], BONES
    )
    for side, sign in enumerate(SIDES):
        own = smooth(sign * y, -0.055, 0.055)
        hanging = 0.92 * smooth(z, 0.55, 0.455) * own
        shin = 0.6 * smooth(z, 0.30, 0.16)
        lifted = 0.45 * smooth(sign * y, 0.07, 0.115) * smooth(z, 0.72, 0.80) * smooth(z, 0.845, 0.82)
        for bone, share in ((THIGH[side], hanging * (1 - shin)), (SHANK[side], hanging * shin)):
            weights[..., bone] += share
            weights[..., PELVIS] -= share
        weights[..., UPPER_ARM[side]] += lifted * weights[..., CHEST]
        weights[..., CHEST] *= 1 - lifted
    return weights


def arm_weights(points: Array, side: int, stature: float) -> Array:
    """Weights (..., BONES) of what lies around an arm."""
    return chained(
        points[..., 2] / stature,
        CHEST,
        [(UPPER_ARM[side], 0.832, 0.785), (FOREARM[side], 0.662, 0.606), (HAND[side], 0.496, 0.472)],
        BONES,
    )


def leg_weights(points: Array, side: int, stature: float) -> Array:
    """Weights (..., BONES) of what lies around a leg."""
    return chained(
        points[..., 2] / stature,
        PELVIS,
        [(THIGH[side], 0.555, 0.495), (SHANK[side], 0.320, 0.252), (FOOT[side], 0.055, 0.038)],
        BONES,
    )


def limb_rings(body: Body, side: int, levels: Array, sides: int, ease: Array | float = 0.0, *, arm: bool) -> Array:
    """Rings (R, sides + 1, 3) around an arm or a leg at rising levels, `ease` meters off the skin."""
    y, x, wide, deep = body.limb(ARM if arm else LEG, levels)
    center = x, SIDES[side] * y, levels * body.frame.stature
    return ovals(center, (wide + ease, deep + ease, deep + ease), around(sides), 2.1)


def arms(body: Body, skin: Material, top: float = 0.822) -> list[Part]:
    """Both bare arms with hands, up to the level `top`."""
    parts = []
    for side in range(2):
        levels = np.linspace(0.476, top, body.count(18, 7))
        rings = closed_ends(limb_rings(body, side, levels, body.count(12, 6), arm=True), bottom=False)
        parts.append(grid(rings, arm_weights(rings, side, body.frame.stature), skin))
        parts += _hand(body, side, skin)
    return parts


def _hand(body: Body, side: int, skin: Material) -> list[Part]:
    """A hand with half closed fingers, and its thumb."""
    s, sign = body.frame.stature, SIDES[side]
    table = [  # level, x, half width across the palm's thickness (y), half depth (x)
        (0.396, 0.0130, 0.0075, 0.0110),
        (0.402, 0.0110, 0.0105, 0.0165),
        (0.420, 0.0040, 0.0125, 0.0215),
        (0.440, 0.0005, 0.0130, 0.0235),
        (0.458, -0.001, 0.0130, 0.0215),
        (0.476, -0.002, 0.0140, 0.0165),
        (0.486, -0.002, 0.0150, 0.0145),
    ]
    levels = np.linspace(0.396, 0.486, body.count(9, 5))
    x, thick, deep = profile(table, levels)
    y = np.full(len(levels), 0.1245 + 0.098 * (body.frame.shoulders - 1) + 0.012 * max(body.weight, 0))
    y = y - 0.010 * smooth(levels, 0.43, 0.396)
    ring = ovals((x * s, sign * y * s, levels * s), (thick * s, deep * s, deep * s), around(body.count(10, 6)), 2.3)
    palm = grid(closed_ends(ring, top=False), rigid(HAND[side], BONES), skin)
    if body.fineness < 0.6:
        return [palm]
    levels = np.linspace(0.415, 0.47, 5)
    x, half = profile([(0.415, 0.030, 0.004), (0.435, 0.027, 0.0078), (0.47, 0.006, 0.009)], levels)
    ring = ovals((x * s, sign * (y[0] - 0.002) * s + 0 * x, levels * s), (half * s, half * s, half * s), around(6))
    return [palm, grid(closed_ends(ring), rigid(HAND[side], BONES), skin)]


def neck(body: Body, skin: Material) -> Part:
    """The neck and what a collar leaves free of the chest."""
    levels = np.linspace(0.76, 0.888, body.count(10, 6))
    wide, front, back = body.torso(levels)
    s = body.frame.stature
    forward = (-0.012 + 0.006 * smooth(levels, 0.83, 0.885)) * s
    slack = np.where(levels < 0.85, 0.996, 1.0)
    rings = ovals(
        (forward, 0 * levels, levels * s), (wide * slack, front * slack, back * slack), around(body.count(20, 10)), 2.15
    )
    return grid(rings, torso_weights(rings, s), skin)


def legs(body: Body, material: Material, high: float = 0.54, ease: float = 0.0005) -> list[Part]:
    """Both legs in skin or tights up to the level `high`; a negative `ease`, meters, keeps them inside of trousers."""
    parts = []
    for side in range(2):
        levels = np.linspace(0.04, high, body.count(20, 8))
        rings = limb_rings(body, side, levels, body.count(14, 7), ease, arm=False)
        parts.append(grid(closed_ends(rings), leg_weights(rings_ends(rings), side, body.frame.stature), material))
    return parts


def rings_ends(rings: Array) -> Array:
    """The rings with the first and last repeated, for the weights of `closed_ends` rings."""
    return np.concatenate([rings[:1], rings, rings[-1:]])


def pelvis(body: Body, material: Material, ease: float, high: float = 0.62) -> Part:
    """The seat: what trousers, shorts or underwear cover between the waist and the legs."""
    levels = np.linspace(0.455, high, body.count(12, 6))
    wide, front, back = body.torso(levels)
    s = body.frame.stature
    off = ease * (0.25 + 0.75 * smooth(levels, 0.60, 0.50))
    rings = ovals(
        (-0.004 * s + 0 * levels, 0 * levels, levels * s),
        (wide + off, front + off, back + off),
        around(body.count(24, 10)),
        2.3,
    )
    weights = torso_weights(rings, s)
    looseness = 0.001
    return grid(closed_ends(rings), rings_ends(weights), material, looseness=looseness, v=(0.62, 0.99))


def shoes(body: Body, kind: str, upper: Material, boot: float) -> list[Part]:
    """Both shoes, from heel to toe; their texture's lowest part is the sole. `boot` is the shaft's height, meters."""
    s = body.frame.stature
    heel = {"shoe": 0.012, "boot": 0.012}.get(kind, 0.006) / 1.7
    table = [  # x, half width, height above the sole, lift of the sole
        (-0.0480, 0.0120, 0.0260, 0.000),
        (-0.0440, 0.0195, 0.0420, 0.000),
        (-0.0250, 0.0235, 0.0560, 0.000),
        (0.0050, 0.0235, 0.0600, 0.002),
        (0.0350, 0.0240, 0.0470, 0.003),
        (0.0650, 0.0285, 0.0340, 0.000),
        (0.0880, 0.0265, 0.0270, 0.001),
        (0.1020, 0.0190, 0.0200, 0.004),
        (0.1080, 0.0090, 0.0120, 0.007),
    ]
    x = np.linspace(-0.048, 0.108, body.count(14, 7))
    wide, high, lift = profile(table, x)
    if kind == "sandal":
        high = high * 0.8
    lift = lift + heel * smooth(x, 0.02, -0.01)
    sides = body.count(14, 8)
    angle = around(sides)
    parts = []
    for side in range(2):
        y = SIDES[side] * (0.049 + 0.005 * smooth(x, 0.0, 0.07)) * s
        vertical, across = np.cos(angle), -np.sin(angle)
        flat = np.sign(vertical) * np.abs(vertical) ** 0.75
        z = (lift[:, None] * smooth(vertical, 1, -1)) + high[:, None] * 0.5 * (1 + flat)
        across = np.sign(across) * np.abs(across) ** 0.8 * np.where(vertical > 0, 1 - 0.25 * vertical, 1)
        ring = np.stack(np.broadcast_arrays(x[:, None] * s, y[:, None] + wide[:, None] * s * across, z * s), -1)
        parts.append(grid(closed_ends(ring), rigid(FOOT[side], BONES), upper, u=(0, 1), v=(0, 1)))
        if boot > 0:
            levels = np.linspace(0.045, 0.05 + boot / s, 6)
            rings = limb_rings(body, side, levels, body.count(12, 7), 0.008, arm=False)
            parts.append(grid(rings, leg_weights(rings, side, s), upper, u=(0.45, 0.55), v=(0.2, 0.8)))
    return parts
