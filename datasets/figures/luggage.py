"""Bicycles, prams, suitcases, trolleys and umbrellas: what people take along that is no part of them."""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from datasets.figures.colors import Color
from datasets.figures.figure import placed
from datasets.figures.lofts import Part, around, closed_ends, ovals, pillow, solid, surface_of, tube
from datasets.figures.looks import Look
from datasets.figures.poses import Pose
from datasets.figures.skeleton import FOOT, HAND, HANGING, LEFT, PELVIS, RIGHT
from datasets.rendering import Material, Surface, plain

Array = NDArray[np.float64]


def _rod(start: ArrayLike, end: ArrayLike, radius: float, material: Material) -> Part:
    return solid(closed_ends(tube(np.stack([np.asarray(start, float), np.asarray(end, float)]), radius, 6)), material)


def _wheel(center: ArrayLike, radius: float, thick: float, material: Material) -> Part:
    turn = np.linspace(0, 2 * np.pi, 23)
    path = np.asarray(center, float) + radius * np.stack([np.cos(turn), 0 * turn, np.sin(turn)], -1)
    return solid(tube(path, thick, 6), material)


def _bicycle(color: Color, hands: Array, feet: Array, hips: Array) -> list[Part]:
    frame, rubber, metal = plain(color, gloss=0.4), plain((24, 24, 25)), plain((150, 152, 156), gloss=0.6)
    crank = np.array([feet[:, 0].mean(), 0, max(0.27, feet[:, 2].mean() + 0.02)])
    saddle = np.array([hips[0] - 0.06, 0, hips[2] - 0.10])
    bar = np.array([hands[:, 0].mean(), 0, hands[:, 2].mean() - 0.03])
    rear, front = np.array([crank[0] - 0.46, 0, 0.34]), np.array([max(bar[0], crank[0] + 0.45) + 0.12, 0, 0.34])
    head, low = bar + np.array([0.0, 0, -0.10]), bar + np.array([0.03, 0, -0.22])
    middle = saddle + np.array([0.03, 0, -0.14])
    parts = [_wheel(rear, 0.325, 0.02, rubber), _wheel(front, 0.325, 0.02, rubber)]
    for hub in (rear, front):
        for turn in np.arange(6) * (np.pi / 6):
            reach = 0.31 * np.array([np.cos(turn), 0, np.sin(turn)])
            parts.append(_rod(hub - reach, hub + reach, 0.0025, metal))
    lines = (
        (middle, crank),
        (middle, head),
        (crank, low),
        (rear, crank),
        (rear, middle),
        (low, front),
        (saddle, middle),
    )
    parts += [_rod(start, end, 0.017, frame) for start, end in lines]
    parts += [_rod(bar, low, 0.016, frame), _rod(bar - [0, 0.27, 0], bar + np.array([0, 0.27, 0]), 0.014, metal)]
    parts.append(solid(pillow(saddle, (0.13, 0.075, 0.035), sides=10, rows=6), rubber))
    for foot, sign in zip(feet, (-1.0, 1.0), strict=True):
        pedal = np.array([foot[0] + 0.06, sign * 0.10, foot[2] - 0.05])
        parts += [
            _rod(crank + np.array([0, sign * 0.07, 0]), pedal, 0.011, metal),
            _rod(pedal, pedal + np.array([0, sign * 0.09, 0]), 0.016, rubber),
        ]
    return parts


def _stroller(color: Color, hands: Array, variant: int) -> list[Part]:
    cloth, metal, rubber = plain(color), plain((90, 92, 96), gloss=0.5), plain((26, 26, 27))
    handle = hands.mean(0) * [1, 0, 1] + np.array([0.03, 0, -0.02])
    base = np.array([handle[0] + 0.42, 0, 0.52])
    parts = [_rod(handle - [0, 0.22, 0], handle + np.array([0, 0.22, 0]), 0.016, rubber)]
    wide, wheel = 0.24, 0.09 + 0.05 * (variant % 2)
    for sign in (-1.0, 1.0):
        side = np.array([0, sign * wide, 0])
        near, far = base + np.array([-0.30, sign * wide, 0]), base + np.array([0.32, sign * wide, 0])
        near[2] = far[2] = wheel
        parts += [
            _rod(handle + side * 0.9, far, 0.012, metal),
            _rod(base + side + np.array([0.1, 0, 0.05]), near, 0.012, metal),
        ]
        parts += [_wheel(near, wheel - 0.02, 0.02, rubber), _wheel(far, wheel - 0.02, 0.02, rubber)]
    parts.append(solid(pillow(base + np.array([0, 0, 0.03]), (0.36, 0.21, 0.14), squareness=3.2), cloth))
    hood = base + np.array([-0.06 if variant % 3 else 0.08, 0, 0.20])
    angle = np.linspace(-0.2, np.pi + 0.2, 13)
    rows = np.linspace(-0.1, 1.7, 8)
    dome = np.stack(
        [
            np.stack(
                [
                    hood[0] - 0.27 * np.sin(row) + 0 * angle,
                    0.215 * np.cos(angle),
                    hood[2] - 0.06 + 0.30 * np.cos(row) * np.sin(angle),
                ],
                -1,
            )
            for row in rows
        ]
    )
    parts.append(solid(dome, cloth, closed=False))
    parts.append(solid(pillow([base[0], 0, 0.24], (0.24, 0.17, 0.06), squareness=3.5), plain((34, 34, 36))))
    return parts


def _trolley(color: Color, hands: Array) -> list[Part]:
    """A shopping trolley of wire."""
    metal, rubber = plain((158, 160, 164), gloss=0.5), plain((30, 30, 32))
    handle = hands.mean(0) * [1, 0, 1] + np.array([0.03, 0, -0.02])
    x, low, high = handle[0] + 0.06, 0.45, handle[2] - 0.06
    parts = [_rod(handle - [0, 0.26, 0], handle + np.array([0, 0.26, 0]), 0.016, plain(color))]
    for level in np.linspace(low, high, 6):
        reach = 0.72 + 0.14 * (level - low) / (high - low)
        corners = np.array(
            [
                [x, -0.25, level],
                [x + reach, -0.20, level],
                [x + reach, 0.20, level],
                [x, 0.25, level],
                [x, -0.25, level],
            ]
        )
        parts += [_rod(a, b, 0.006, metal) for a, b in pairwise(corners)]
    for share in np.linspace(0, 1, 9):
        for sign in (-1.0, 1.0):
            parts.append(
                _rod(
                    [x + 0.72 * share, sign * (0.25 - 0.05 * share), low],
                    [x + 0.86 * share, sign * (0.25 - 0.05 * share), high],
                    0.004,
                    metal,
                )
            )
    for along, sign in ((0.05, -1), (0.05, 1), (0.75, -1), (0.75, 1)):
        parts += [
            _wheel([x + along, sign * 0.22, 0.06], 0.045, 0.018, rubber),
            _rod([x + along, sign * 0.22, 0.06], [x + along, sign * 0.22, low], 0.012, metal),
        ]
    return parts


def _suitcase(color: Color, grip: Array, variant: int) -> list[Part]:
    """A suitcase on wheels that leans towards the hand which pulls it."""
    shell, metal = plain(color, gloss=0.25), plain((120, 122, 126), gloss=0.5)
    tall = 0.5 + 0.22 * (variant % 7) / 7
    case = pillow(
        (0, 0, tall / 2), (0.12, 0.20 + 0.05 * (variant % 3) / 3, tall / 2), squareness=4.5, rows=10, sides=18
    )
    case[..., 0] += 0.004 * np.sin(case[..., 1] * 120)
    lean = np.arctan2(0.45, grip[2] - 0.05)
    cos, sin = np.cos(lean), np.sin(lean)
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    foot = np.array([grip[0] - (grip[2] - 0.05) * np.tan(lean), grip[1], 0.06])
    parts = [solid(case @ turn.T + foot, shell)]
    for sign in (-1.0, 1.0):
        start = np.array([0, sign * 0.10, tall]) @ turn.T + foot
        parts += [
            _rod(start, grip + np.array([0, sign * 0.05, 0]), 0.009, metal),
            _wheel(foot + np.array([0, sign * 0.16, -0.03]), 0.02, 0.012, plain((24, 24, 25))),
        ]
    parts.append(_rod(grip - [0, 0.06, 0], grip + np.array([0, 0.06, 0]), 0.014, plain((28, 28, 30))))
    return parts


def _umbrella(color: Color, grip: Array, crown: float, variant: int) -> list[Part]:
    second = np.array(color) * (0.7 if variant % 4 == 0 else 1.0)
    texture = np.stack([np.array(color), second]).astype(np.uint8)[None]
    cloth = Material(np.tile(texture, (2, 4, 1)))
    radius = 0.46 + 0.12 * (variant % 5) / 5
    top = np.array([grip[0] - 0.05, grip[1] * 0.55, max(crown, grip[2]) + 0.36])
    share = np.linspace(1, 0.01, 7)
    ribs = 1 - 0.05 * np.cos(8 * around(16))[None] * share[:, None] ** 2
    level = top[2] - 0.30 * radius / 0.46 * share**2
    half = radius * share
    rings = ovals((top[0] + 0 * share, top[1] + 0 * share, level), (half, half, half), around(16))
    rings = (rings - top) * [[1, 1, 1]] * np.stack([ribs, ribs, 1 + 0 * ribs], -1) + top
    return [solid(rings, cloth), _rod(grip - [0, 0, 0.08], top + np.array([0, 0, 0.05]), 0.008, plain((40, 40, 42)))]


def _parcel(hands: Array, variant: int) -> list[Part]:
    """A parcel on both forearms."""
    middle = hands.mean(0) * [1, 0, 1]
    half = np.array([0.12, 0.16, 0.09]) * (0.8 + 0.7 * (variant % 13) / 13)
    brown = (np.array([164, 128, 90]) * (0.7 + 0.4 * (variant % 11) / 11)).astype(np.uint8)
    tape = np.broadcast_to(brown, (9, 9, 3)).copy()
    tape[4] = np.minimum(brown * 1.2, 255).astype(np.uint8)
    box = pillow(middle + np.array([-0.03, 0, half[2] + 0.02]), half, squareness=9, rows=8, sides=16)
    return [solid(box, Material(tape))]


def gear(look: Look, pose: Pose) -> Surface | None:
    """The large thing that a person in this pose has along, in the place that belongs to `person(look, pose)`.

    Those who cycle sit on a bicycle, those who push have a pram or a trolley, and people whose look has a suitcase or
    an umbrella hold it while they stand or walk; who carries with both arms has a parcel. It is no part of the person:
    a box around the person leaves it out.

    Args:
        look: Who it is; `gear` and `gear_color` decide.
        pose: What the person does.

    Returns:
        The surface, or None where nothing is taken along.
    """
    holds = look.gear in ("suitcase", "umbrella") and pose.kind in ("standing", "walking", "phoning")
    loaded = pose.kind == "carrying" and pose.habits[10] > 0
    if not (holds or loaded or pose.kind in ("cycling", "pushing")):
        return None
    figure, points, bones = placed(look, pose, 0)

    def joint(bone: int) -> Array:
        return np.asarray(bones[bone, :, :3] @ figure.joints[bone] + bones[bone, :, 3])

    hands, feet = np.stack([joint(bone) for bone in HANGING]), np.stack([joint(bone) for bone in FOOT])
    side = LEFT if look.left_handed else RIGHT
    match pose.kind:
        case "cycling":
            parts = _bicycle(look.gear_color, hands, feet, joint(PELVIS))
        case "pushing":
            trolley = look.gear == "trolley"
            parts = _trolley(look.gear_color, hands) if trolley else _stroller(look.gear_color, hands, look.seed)
        case "carrying":
            parts = _parcel(hands, look.seed)
        case _:
            crown = float(points[:, 2].max())
            grip = joint(HAND[side]) if look.gear == "umbrella" else hands[side]
            umbrella = look.gear == "umbrella"
            parts = (
                _umbrella(look.gear_color, grip, crown, look.seed)
                if umbrella
                else _suitcase(look.gear_color, grip, look.seed)
            )
    return surface_of(parts)
