"""Builds the body, clothes, hair, bag and bicycle of one look as a mesh that a skeleton moves."""

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from datasets.plaza import skeleton as bones
from datasets.plaza.looks import (
    BAG_COLORS,
    CLOTH_COLORS,
    HAIR_COLORS,
    LOWER_COLORS,
    SHOE_COLORS,
    SKIN_COLORS,
    Look,
)
from datasets.plaza.mesh import Array, Indices, Mesh, MeshBuilder, box, ellipsoid, loft, tube, upright_rings

# Torso from the crotch to the neck: z, half width, half depth, forward shift; all in body heights.
_TORSO = np.array(
    [
        (0.455, 0.060, 0.045, -0.004),
        (0.480, 0.090, 0.064, -0.006),
        (0.520, 0.098, 0.070, -0.006),
        (0.570, 0.092, 0.064, 0.000),
        (0.630, 0.088, 0.062, 0.004),
        (0.700, 0.101, 0.070, 0.006),
        (0.755, 0.108, 0.070, 0.004),
        (0.785, 0.106, 0.064, 0.000),
        (0.806, 0.092, 0.054, -0.003),
        (0.824, 0.066, 0.044, -0.004),
        (0.836, 0.046, 0.039, -0.004),
        (0.846, 0.036, 0.036, -0.002),
    ]
)
_TORSO_SIDES, _LIMB_SIDES, _HEAD_SIDES = 28, 10, 20


def _front_angle(sides: int) -> Array:
    """Angle of each side face from straight ahead, degrees: 0 front, 180 back, negative on the person's left."""
    degrees = (np.arange(sides) + 0.5) * 360 / sides
    return np.where(degrees > 180, 360 - degrees, -degrees)


def _cloth(look: Look, angle: Array, level: Array) -> NDArray[np.float64]:
    """Colors (..., 3) of the upper garment at front angles (degrees) and levels (meters above the ground)."""
    angle, level = np.broadcast_arrays(angle, level)
    upper, second = np.array(CLOTH_COLORS[look.upper]), np.array(CLOTH_COLORS[look.second])
    hoop = np.floor(level / 0.055) % 2 == 0
    stripe = np.floor(np.abs(angle) / 12.857) % 2 == 0
    match look.pattern:
        case "hoops":
            other = hoop
        case "stripes":
            other = stripe
        case "checks":
            other = hoop ^ stripe
        case "print":
            other = (np.abs(angle) < 32) & (np.abs(level - 0.715 * look.height) < 0.075)
            other |= (np.abs(angle) > 160) & (np.abs(level - 0.75 * look.height) < 0.03)
        case "two-tone":
            other = level < 0.645 * look.height
        case "jacket":
            other = np.abs(angle) < 27
        case _:
            other = np.zeros(angle.shape, dtype=bool)
    colors = np.where(other[..., None], second, upper)
    if look.pattern == "checks":
        colors = np.where((hoop & stripe)[..., None], (upper + second) / 2, colors)
    return colors


def _profile(rows: Array, count: int) -> Array:
    """Resamples a profile (z first) to `count` rows."""
    z = np.linspace(rows[0, 0], rows[-1, 0], count)
    return np.column_stack([z, *(np.interp(z, rows[:, 0], rows[:, k]) for k in range(1, rows.shape[1]))])


def _add_torso(mesh: MeshBuilder, look: Look) -> None:
    height, build = look.height, look.build
    rows = _profile(_TORSO, 29)
    garment = 1.10 if look.pattern == "jacket" else 1.03
    wide = np.where(rows[:, 0] > 0.49, garment, 1.0) * build * height
    profile = np.column_stack(
        [np.zeros(len(rows)), rows[:, 3] * height, rows[:, 0] * height, rows[:, 1] * wide, rows[:, 2] * wide]
    )
    vertices, faces = loft(upright_rings(profile, _TORSO_SIDES, squareness=2.35))
    middle = ((rows[1:, 0] + rows[:-1, 0]) / 2 * height)[:, None]
    angle = _front_angle(_TORSO_SIDES)[None]
    colors = _cloth(look, angle, middle)
    if look.bag == "backpack":
        straps = (np.abs(np.abs(angle) - 38) < 8) & (middle > 0.68 * height)
        colors = np.where(straps[..., None], BAG_COLORS[look.bag_color], colors)
    if look.bag == "shoulder bag":
        across = np.sin(np.radians(angle)) * 0.10 * height
        line = middle - (0.68 * height - across * 1.35)
        strap = np.abs(line) < 0.022 * height
        colors = np.where(strap[..., None], BAG_COLORS[look.bag_color], colors)
    hem = 0.485 if look.pattern != "two-tone" else 0.50
    colors = np.where((middle < hem * height)[..., None], LOWER_COLORS[look.lower], colors)
    colors = np.where((middle > 0.838 * height)[..., None], SKIN_COLORS[look.skin], colors)
    flat = colors.reshape(-1, 3)
    caps = np.concatenate(
        [np.tile(flat[:1] * 0.6, (_TORSO_SIDES, 1)), np.tile(SKIN_COLORS[look.skin], (_TORSO_SIDES, 1))]
    )
    weights = np.clip((vertices[:, 2] / height - 0.54) / 0.10, 0, 1)
    mesh.add(vertices, faces, np.concatenate([flat, caps]), bones=(bones.PELVIS, bones.CHEST), weights=weights)


def _limb(rows: list[tuple[float, float, float]], x: float, height: float, count: int) -> tuple[Array, Indices, Array]:
    """A hanging limb: vertices and faces over rows (share of height, half width, half depth; bottom up), and levels."""
    fine = _profile(np.array(rows), count)
    profile = np.column_stack(
        [np.full(count, x), np.zeros(count), fine[:, 0] * height, fine[:, 1] * height, fine[:, 2] * height]
    )
    vertices, faces = loft(upright_rings(profile, _LIMB_SIDES))
    level = np.repeat((fine[1:, 0] + fine[:-1, 0]) / 2, _LIMB_SIDES)
    return vertices, faces, np.concatenate([level, np.full(_LIMB_SIDES, fine[0, 0]), np.full(_LIMB_SIDES, fine[-1, 0])])


def _add_arms(mesh: MeshBuilder, look: Look) -> None:
    height, build = look.height, look.build
    thick = build * (1.22 if look.pattern == "jacket" else 1.0)
    skin = np.array(SKIN_COLORS[look.skin])
    sleeve_end = 0.485 if look.long_sleeves or look.pattern == "jacket" else 0.685
    for side in (-1, 1):
        rows = [
            (0.472, 0.017 * build, 0.018 * build),
            (0.500, 0.020 * thick, 0.021 * thick),
            (0.600, 0.026 * thick, 0.027 * thick),
            (0.680, 0.029 * thick, 0.030 * thick),
            (0.765, 0.033 * thick, 0.037 * thick),
            (0.793, 0.028 * thick, 0.033 * thick),
            (0.812, 0.012 * thick, 0.018 * thick),
        ]
        vertices, faces, level = _limb(rows, side * bones.SHOULDER_SIDE * height * build, height, 20)
        around = np.tile(_front_angle(_LIMB_SIDES), len(level) // _LIMB_SIDES)
        plain = look.pattern in ("print", "jacket")
        sleeve = (
            np.broadcast_to(CLOTH_COLORS[look.upper], (len(level), 3))
            if plain
            else _cloth(look, around, level * height)
        )
        colors = np.where((level > sleeve_end)[:, None], sleeve, skin)
        weights = np.clip((0.655 - vertices[:, 2] / height) / 0.05, 0, 1)
        mesh.add(vertices, faces, colors, bones=(bones.ARM[side], bones.FOREARM[side]), weights=weights)
        hand = (side * bones.SHOULDER_SIDE * height * build, 0.006 * height, 0.440 * height)
        vertices, faces = ellipsoid(hand, (0.013 * height, 0.023 * height, 0.042 * height), rows=6, sides=8)
        mesh.add(vertices, faces, skin, bones=(bones.FOREARM[side], 0))


def _add_legs(mesh: MeshBuilder, look: Look) -> None:
    height, build = look.height, look.build
    lower, skin = np.array(LOWER_COLORS[look.lower]), np.array(SKIN_COLORS[look.skin])
    wide = build * (1.10 if look.lower_kind == "trousers" else 1.0)
    ankle = 0.034 if look.lower_kind == "trousers" else 0.022
    cloth_end = {"trousers": 0.0, "shorts": 0.30, "skirt": 0.47}[look.lower_kind]
    for side in (-1, 1):
        x = side * bones.HIP_SIDE * height * build
        rows = [
            (0.040, ankle * wide, (ankle + 0.004) * wide),
            (0.110, (ankle + 0.003) * wide, (ankle + 0.006) * wide),
            (0.205, 0.034 * wide, 0.037 * wide),
            (0.280, 0.035 * wide, 0.037 * wide),
            (0.400, 0.045 * wide, 0.048 * wide),
            (0.490, 0.050 * wide, 0.058 * wide),
            (0.520, 0.042 * wide, 0.052 * wide),
        ]
        vertices, faces, level = _limb(rows, x, height, 22)
        colors = np.where((level > cloth_end)[:, None], lower, skin)
        weights = np.clip((0.315 - vertices[:, 2] / height) / 0.07, 0, 1)
        mesh.add(vertices, faces, colors, bones=(bones.THIGH[side], bones.SHANK[side]), weights=weights)
        _add_shoe(mesh, look, side, x)
    if look.lower_kind == "skirt":
        fine = _profile(
            np.array([(0.30, 0.128, 0.105), (0.42, 0.112, 0.088), (0.52, 0.102, 0.075), (0.57, 0.09, 0.066)]), 12
        )
        zeros = np.zeros(len(fine))
        profile = np.column_stack([zeros, zeros, fine[:, 0] * height, fine[:, 1:] * height * build])
        vertices, faces = loft(upright_rings(profile, _TORSO_SIDES))
        pleats = 1.0 - 0.12 * (np.arange(len(faces)) % 2)
        fall = np.clip((0.52 - vertices[:, 2] / height) / 0.2, 0, 1)
        share = 0.72 * fall * np.clip(np.abs(vertices[:, 0]) / (0.06 * height), 0.25, 1)
        moved = np.where(vertices[:, 0] < 0, bones.THIGH[-1], bones.THIGH[1])
        pairs = np.column_stack([np.full(len(vertices), bones.PELVIS), moved])
        mesh.add(vertices, faces, lower * pleats[:, None], bones=pairs, weights=share)


def _add_shoe(mesh: MeshBuilder, look: Look, side: int, x: float) -> None:
    """A shoe from heel to toe, as rings across the foot."""
    height = look.height
    rows = np.array(
        [
            (-0.038, 0.014, 0.040),
            (-0.020, 0.022, 0.052),
            (0.030, 0.024, 0.050),
            (0.075, 0.027, 0.032),
            (0.105, 0.014, 0.020),
        ]
    )
    angle = np.arange(8) * (2 * np.pi / 8)
    rings = np.stack(
        [
            np.stack(
                [
                    x - wide * height * np.cos(angle),
                    np.full(8, forward * height),
                    top * height / 2 * (1 + np.sin(angle)),
                ],
                -1,
            )
            for forward, wide, top in rows
        ]
    )
    vertices, faces = loft(rings)
    mesh.add(vertices, faces, SHOE_COLORS[look.shoes], bones=(bones.FOOT[side], 0))


def _head_colors(look: Look, angle: Array, level: Array) -> Array:
    """Face colors (R, S, 3) of the head: skin with eyes, mouth and beard. level: 0 chin, 1 crown."""
    skin, hair = np.array(SKIN_COLORS[look.skin]), np.array(HAIR_COLORS[look.hair])
    aside = np.abs(angle) + 0 * level
    colors = np.broadcast_to(skin, (*aside.shape, 3)).copy()
    colors[(np.abs(level - 0.53) < 0.045) & (np.abs(aside - 27) < 10)] = skin * 0.35
    colors[(np.abs(level - 0.62) < 0.04) & (np.abs(aside - 27) < 12)] = skin * 0.4 + hair * 0.5
    colors[(np.abs(level - 0.22) < 0.04) & (aside < 20)] = skin * np.array([0.85, 0.55, 0.55])
    if look.beard:
        colors[(level < 0.34) & (aside < 100) & ~((np.abs(level - 0.22) < 0.04) & (aside < 20))] = hair * 0.9 + 0.03
    return colors


def _hair_cover(look: Look, angle: Array, level: Array) -> NDArray[np.bool_]:
    """Which faces (R, S) of the head's shell are hair or cap."""
    aside = np.abs(angle)
    match look.hair_style:
        case "bald":
            return (aside > 85) & (level > 0.38) & (level < 0.62)
        case "cap":
            return (level > 0.66) | ((aside > 95) & (level > 0.36))
        case "long":
            return (level > 0.78) | ((aside > 58) & (level > 0.55)) | (aside > 74)
        case _:
            return (level > 0.79) | ((aside > 70) & (level > 0.60)) | ((aside > 98) & (level > 0.24))


def _add_head(mesh: MeshBuilder, look: Look) -> None:
    height = look.height
    rows = np.linspace(0, 1, 14)
    swell = np.sqrt(np.clip(1 - (2 * np.clip(rows, 0.02, 0.985) - 1) ** 2, 0, 1)) ** 0.75
    jaw = 0.80 + 0.20 * np.clip(rows * 2, 0, 1)
    z = (0.868 + 0.132 * rows) * height
    angle = _front_angle(_HEAD_SIDES)[None]
    level = ((rows[1:] + rows[:-1]) / 2)[:, None]
    neck, faces = tube(
        (0, -0.004 * height, 0.82 * height), (0, 0.004 * height, 0.89 * height), 0.034 * height, 0.03 * height
    )
    mesh.add(neck, faces, np.array(SKIN_COLORS[look.skin]) * 0.93, bones=(bones.HEAD, 0))

    def shell(scale: float, lift: float) -> tuple[Array, Indices]:
        wide, deep = 0.045 * height * swell * jaw * scale, 0.056 * height * swell * jaw * scale
        profile = np.column_stack([np.zeros(14), np.full(14, 0.008 * height), z + lift * rows, wide, deep])
        return loft(upright_rings(profile, _HEAD_SIDES))

    vertices, faces = shell(1.0, 0.0)
    colors = _head_colors(look, angle, level).reshape(-1, 3)
    caps = np.tile(SKIN_COLORS[look.skin], (2 * _HEAD_SIDES, 1))
    mesh.add(vertices, faces, np.concatenate([colors, caps]), bones=(bones.HEAD, 0))
    nose, faces_of_nose = box(
        (0, 0.064 * height, 0.926 * height), (0.016 * height, 0.02 * height, 0.026 * height), taper=0.5
    )
    mesh.add(nose, faces_of_nose, np.array(SKIN_COLORS[look.skin]) * 1.02, bones=(bones.HEAD, 0))

    vertices, faces = shell(1.09, 0.008 * height)
    cover = _hair_cover(look, angle, level + 0 * angle)
    kept = np.concatenate(
        [cover.reshape(-1), np.zeros(_HEAD_SIDES, bool), np.full(_HEAD_SIDES, look.hair_style != "bald")]
    )
    hair = np.array(HAIR_COLORS[look.hair])
    shine = 1.0 + 0.10 * np.cos(np.arange(len(faces)) * 2.4)[:, None]
    colors = hair * shine
    if look.hair_style == "cap":
        upper_part = np.concatenate(
            [np.broadcast_to(level > 0.6, cover.shape).reshape(-1), np.ones(2 * _HEAD_SIDES, bool)]
        )
        colors = np.where(upper_part[:, None], CLOTH_COLORS[look.second], colors)
        brim, brim_faces = box((0, 0.078 * height, 0.957 * height), (0.075 * height, 0.05 * height, 0.006 * height))
        mesh.add(brim, brim_faces, np.array(CLOTH_COLORS[look.second]) * 0.8, bones=(bones.HEAD, 0))
    mesh.add(vertices, faces[kept], colors[kept], bones=(bones.HEAD, 0))
    if look.hair_style == "long":
        fall, fall_faces = ellipsoid(
            (0, -0.034 * height, 0.868 * height), (0.052 * height, 0.03 * height, 0.09 * height)
        )
        mesh.add(fall, fall_faces, hair * 0.95, bones=(bones.HEAD, 0))
    if look.hair_style == "ponytail":
        tail, tail_faces = ellipsoid(
            (0, -0.072 * height, 0.895 * height), (0.017 * height, 0.02 * height, 0.06 * height)
        )
        mesh.add(tail, tail_faces, hair * 0.95, bones=(bones.HEAD, 0))


def _add_bag(mesh: MeshBuilder, look: Look) -> None:
    height, build = look.height, look.build
    color = np.array(BAG_COLORS[look.bag_color])
    match look.bag:
        case "backpack":
            back = -0.075 * height * build - 0.06
            vertices, faces = ellipsoid((0, back, 0.695 * height), (0.15, 0.10, 0.26), rows=9, sides=12)
            mesh.add(vertices, faces, color, bones=(bones.CHEST, 0))
            vertices, faces = ellipsoid((0, back - 0.07, 0.645 * height), (0.10, 0.05, 0.11), rows=6, sides=10)
            mesh.add(vertices, faces, color * 0.8, bones=(bones.CHEST, 0))
        case "shoulder bag":
            vertices, faces = box((0.125 * height * build, -0.01, 0.50 * height), (0.10, 0.32, 0.25), taper=0.9)
            mesh.add(vertices, faces, color, bones=(bones.PELVIS, 0))
            vertices, faces = box((0.125 * height * build + 0.05, -0.01, 0.53 * height), (0.02, 0.28, 0.12))
            mesh.add(vertices, faces, color * 0.8, bones=(bones.PELVIS, 0))
        case "handbag":
            x = bones.SHOULDER_SIDE * height * build
            vertices, faces = box((x, 0.0, 0.32 * height), (0.11, 0.32, 0.24), taper=0.85)
            mesh.add(vertices, faces, color, bones=(bones.FOREARM[1], 0))
            for end in (-0.08, 0.08):
                vertices, faces = tube((x, end, 0.38 * height), (x, 0.0, 0.43 * height), 0.012, 0.012, 5)
                mesh.add(vertices, faces, color * 0.8, bones=(bones.FOREARM[1], 0))


def _add_bicycle(mesh: MeshBuilder, look: Look) -> None:
    """Two wheels, frame, fork, handlebar, saddle and chain wheel."""
    paint = np.array(BAG_COLORS[look.bag_color]) * 0.8 + 0.12
    black = np.array([0.07, 0.07, 0.08])
    radius = bones.WHEEL_RADIUS
    rear, front = (-0.50, radius), (0.58, radius)
    head, seat, crank = (0.44, 0.86), (-0.14, 0.80), bones.CRANK

    def bar(a: tuple[float, float], b: tuple[float, float], thick: float, color: Array, x: float = 0.0) -> None:
        vertices, faces = tube((x, *a), (x, *b), thick, thick, 6)
        mesh.add(vertices, faces, color, bones=(bones.BICYCLE, 0), gear=True)

    for hub in (rear, front):
        angle = np.arange(25) * (2 * np.pi / 24)
        rim = [(hub[0] + (radius - 0.02) * np.cos(a), hub[1] + (radius - 0.02) * np.sin(a)) for a in angle]
        for a, b in pairwise(rim):
            bar(a, b, 0.020, black)
        for spoke in range(0, 24, 3):
            bar(hub, rim[spoke], 0.003, black + 0.4)
    for a, b in ((rear, crank), (rear, seat), (crank, seat), (crank, head), (seat, head), (head, front)):
        bar(a, b, 0.019, paint)
    bar(seat, (bones.SADDLE[0], bones.SADDLE[1] - 0.04), 0.015, black + 0.3)
    bar(head, (0.42, bones.GRIP[1]), 0.015, black + 0.3)
    vertices, faces = box((0, bones.SADDLE[0], bones.SADDLE[1] - 0.03), (0.13, 0.26, 0.05))
    mesh.add(vertices, faces, black, bones=(bones.BICYCLE, 0), gear=True)
    vertices, faces = tube((-0.30, 0.42, bones.GRIP[1]), (0.30, 0.42, bones.GRIP[1]), 0.016, 0.016, 6)
    mesh.add(vertices, faces, black + 0.2, bones=(bones.BICYCLE, 0), gear=True)
    vertices, faces = tube((0.03, *crank), (0.05, *crank), 0.09, 0.09, 10)
    mesh.add(vertices, faces, black + 0.25, bones=(bones.BICYCLE, 0), gear=True)


@lru_cache(maxsize=1024)
def build_figure(look: Look) -> Mesh:
    """The mesh of a look at rest: standing at attention, looking along +y, feet on z = 0.

    A rider's bicycle is part of the mesh and marked as gear.
    """
    mesh = MeshBuilder()
    _add_torso(mesh, look)
    _add_arms(mesh, look)
    _add_legs(mesh, look)
    _add_head(mesh, look)
    _add_bag(mesh, look)
    if look.bicycle:
        _add_bicycle(mesh, look)
    return mesh.build()
