"""How a person holds the body: standing, walking, running, sitting, bending, pushing, cycling ..."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from datasets.figures.skeleton import (
    BONES,
    CHEST,
    FOOT,
    FOREARM,
    HAND,
    HEAD,
    LEFT,
    NECK,
    PELVIS,
    RIGHT,
    SHANK,
    SIDES,
    SPINE,
    THIGH,
    UPPER_ARM,
)

Array = NDArray[np.float64]
PoseKind = Literal[
    "standing", "walking", "running", "sitting", "bending", "squatting", "carrying", "pushing", "phoning", "cycling"
]
POSES: tuple[PoseKind, ...] = get_args(PoseKind)
_HABITS = 16


@dataclass(frozen=True)
class Pose:
    """One moment of one person's way to move. `dataclasses.replace(pose, phase=...)` gives another moment.

    Args:
        kind: What the person does.
        phase: Where in the step (or in the turn of the pedals) this moment lies, in [0, 1): the left heel touches
            the ground at 0, the right heel at 0.5.
        strength: How long and lively the steps are; 1 is an ordinary walk, 0 stands still.
        habits: Numbers about -1 .. 1 that tell one person's way to stand and move from another's.
        seed: Decides how the clothes fold.

    Raises:
        ValueError: The kind is unknown, or there are not 16 habits.
    """

    kind: PoseKind
    phase: float
    strength: float
    habits: tuple[float, ...]
    seed: int

    def __post_init__(self) -> None:
        if self.kind not in POSES:
            raise ValueError(f"pose kind is {self.kind!r}; give one of {', '.join(POSES)}")
        if len(self.habits) != _HABITS:
            raise ValueError(f"a pose has {len(self.habits)} habits; give {_HABITS} numbers")


def draw_pose(rng: np.random.Generator, kind: PoseKind = "walking") -> Pose:
    """A random moment of a random way to do `kind`. Those who phone, carry or push stand or walk."""
    still = kind in ("carrying", "pushing", "phoning") and rng.random() < 0.35
    strength = 0.0 if still else float(np.clip(rng.normal(1.0, 0.18), 0.55, 1.5))
    habits = tuple(float(value) for value in np.round(np.clip(rng.normal(0, 0.6, _HABITS), -1.2, 1.2), 3))
    return Pose(kind, float(rng.random()), strength, habits, int(rng.integers(2**31)))


def _bump(phase: float, middle: float, width: float) -> float:
    """A smooth hill of height 1 over the circle of phases."""
    apart = (phase - middle + 0.5) % 1 - 0.5
    return float(np.exp(-((apart / width) ** 2)))


class _Limbs:
    """Angles in degrees, set joint by joint in the words of anatomy; `radians` gives what the skeleton takes."""

    def __init__(self) -> None:
        self.angles = np.zeros((BONES, 3))

    def torso(self, lean: float = 0.0, turn: float = 0.0, tilt: float = 0.0) -> None:
        """Leans forward, turns to the left, tilts to the right by so many degrees, shared by spine and chest."""
        for bone, share in ((SPINE, 0.55), (CHEST, 0.45)):
            self.angles[bone] += np.array([tilt, lean, turn]) * share

    def head(self, down: float = 0.0, turn: float = 0.0, tilt: float = 0.0) -> None:
        """Lowers, turns to the left and tilts the head."""
        for bone, share in ((NECK, 0.4), (HEAD, 0.6)):
            self.angles[bone] += np.array([tilt, down, turn]) * share

    def arm(self, side: int, forward: float, outward: float, bend: float, twist: float = 0.0) -> None:
        """Lifts the arm forward and outward, bends the elbow, twists the upper arm inward."""
        self.angles[UPPER_ARM[side]] = (SIDES[side] * outward, -forward, -SIDES[side] * twist)
        self.angles[FOREARM[side]] = (0, -bend, 0)
        self.angles[HAND[side]] = (0, -6, 0)

    def leg(self, side: int, forward: float, bend: float, toes_up: float, outward: float = 0.0) -> None:
        """Lifts the thigh forward and outward, bends the knee, lifts the toes."""
        self.angles[THIGH[side]] = (SIDES[side] * outward, -forward, SIDES[side] * (outward * 0.5 + 4))
        self.angles[SHANK[side]] = (0, bend, 0)
        self.angles[FOOT[side]] = (0, -toes_up, SIDES[side] * 3)

    def radians(self) -> Array:
        """(BONES, 3) the same angles in radians."""
        return np.radians(self.angles)


def _gait(limbs: _Limbs, phase: float, strength: float, h: tuple[float, ...]) -> None:
    """Legs, pelvis and swinging arms of a walk. The curves follow the angles that gait laboratories publish."""
    for side, start in ((LEFT, 0.0), (RIGHT, 0.5)):
        p = (phase + start) % 1
        swing = np.cos(2 * np.pi * p)
        hip = 9 + 21 * swing * strength + 3 * strength * _bump(p, 0.85, 0.12)
        knee = 5 + (13 * _bump(p, 0.14, 0.08) + 57 * _bump(p, 0.73, 0.115)) * strength
        ankle = 3 + (7 * _bump(p, 0.42, 0.12) - 22 * _bump(p, 0.63, 0.07) + 4 * _bump(p, 0.95, 0.1)) * strength
        limbs.leg(side, hip, knee, ankle + (hip - knee) * 0.04, 0.5 + 1.2 * h[0])
        back = -np.cos(2 * np.pi * p - 0.25)
        forward = 2 + (17 + 6 * h[1]) * back * strength
        limbs.arm(side, forward, 3.5 + 2.5 * h[2], 16 + 7 * h[3] + 10 * strength * max(0.0, back), 8)
    turn = 5 * strength * np.cos(2 * np.pi * phase)
    limbs.angles[PELVIS] = (2.2 * strength * np.sin(2 * np.pi * phase), 0, -turn)
    limbs.torso(3 + 2.5 * h[4] + 2 * strength, 1.8 * turn, -2.2 * strength * np.sin(2 * np.pi * phase))
    limbs.head(2 + 7 * h[5], -0.8 * turn + 14 * h[6], 3 * h[7])


def _stance(limbs: _Limbs, h: tuple[float, ...]) -> None:
    """Standing, with the weight on both legs or on one."""
    eased = h[8] * 7
    for side in (LEFT, RIGHT):
        loose = max(0.0, SIDES[side] * eased)
        limbs.leg(side, 1 + loose * 1.6, 2 + loose * 2.4, 1 + loose * 0.8, 2.5 + 2.5 * abs(h[0]))
        limbs.arm(side, 2 + 6 * h[1], 3.5 + 2.5 * h[2], 12 + 8 * h[3], 12)
    limbs.angles[PELVIS] = (0.35 * eased, -1, 0)
    limbs.torso(1 + 2.5 * h[4], 4 * h[9], -0.6 * eased)
    limbs.head(4 + 10 * h[5], 25 * h[6], 4 * h[7])


def _standing(limbs: _Limbs, pose: Pose) -> None:
    h = pose.habits
    _stance(limbs, h)
    choice = h[10]
    if choice > 0.75:  # arms crossed
        limbs.arm(LEFT, 20, 6, 86, 76)
        limbs.arm(RIGHT, 15, 6, 92, 76)
    elif choice > 0.45:  # hands in the pockets
        for side in (LEFT, RIGHT):
            limbs.arm(side, -10, 12, 42, 22)
    elif choice > 0.25:  # reading a telephone
        side = LEFT if h[11] > 0 else RIGHT
        limbs.arm(side, 28, 3, 98 + 10 * h[12], 30)
        limbs.head(24, 0, 0)
    elif choice < -0.95:  # hands on the hips
        for side in (LEFT, RIGHT):
            limbs.arm(side, -14, 42, 82, 60)
    elif choice < -0.75:  # pointing or waving
        side = LEFT if h[11] > 0 else RIGHT
        limbs.arm(side, 70 + 40 * h[12], 25, 30 + 25 * h[13], 10)


def _walking(limbs: _Limbs, pose: Pose) -> None:
    h = pose.habits
    _gait(limbs, pose.phase, pose.strength, h)
    if h[10] > 0.8:  # hands in the pockets
        for side in (LEFT, RIGHT):
            limbs.arm(side, -8, 11, 40, 22)
    elif h[10] > 0.6:  # reading a telephone
        limbs.arm(LEFT if h[11] > 0 else RIGHT, 30, 3, 95, 30)
        limbs.head(20, 0, 0)


def _running(limbs: _Limbs, pose: Pose) -> None:
    h, strength = pose.habits, pose.strength
    for side, start in ((LEFT, 0.0), (RIGHT, 0.5)):
        p = (pose.phase + start) % 1
        swing = np.cos(2 * np.pi * p)
        knee = 18 + (18 * _bump(p, 0.1, 0.09) + 88 * _bump(p, 0.67, 0.15)) * min(strength, 1.15)
        limbs.leg(side, 14 + 33 * swing * strength, knee, 4 - 30 * _bump(p, 0.45, 0.1), 0)
        limbs.arm(side, 4 - 38 * swing * strength, 9, 92 + 10 * h[3], 12)
    turn = 8 * np.cos(2 * np.pi * pose.phase)
    limbs.angles[PELVIS] = (0, 5, -turn)
    limbs.torso(7 + 3 * h[4], 1.9 * turn)
    limbs.head(-6 + 5 * h[5], -turn + 8 * h[6])


def _sitting(limbs: _Limbs, pose: Pose) -> None:
    h = pose.habits
    for side in (LEFT, RIGHT):
        reach = 8 * h[8] + 6 * SIDES[side] * h[9]
        limbs.leg(side, 84, 84 + reach, 2 + reach * 0.5, 6 + 5 * abs(h[0]))
        limbs.arm(side, 24 + 8 * h[1], 8 + 3 * h[2], 52 + 14 * h[3], 22)
    limbs.torso(-2 + 9 * h[4], 6 * h[12], 3 * h[13])
    limbs.head(6 + 16 * h[5], 26 * h[6], 4 * h[7])
    if h[10] > 0.3:  # leaning on the knees
        limbs.torso(24)
        limbs.head(-12)
        for side in (LEFT, RIGHT):
            limbs.arm(side, 22, 8, 70, 28)
    elif h[10] < -0.3:  # holding a telephone or a book
        for side in (LEFT, RIGHT):
            limbs.arm(side, 24, 4, 88, 34)
        limbs.head(18)


def _bending(limbs: _Limbs, pose: Pose) -> None:
    h = pose.habits
    depth = 50 + 28 * h[4]
    limbs.angles[PELVIS] = (0, 0.5 * depth, 6 * h[9])
    limbs.torso(0.6 * depth, 8 * h[9])
    limbs.head(-8 + 12 * h[5], 12 * h[6])
    for side in (LEFT, RIGHT):
        bend = 14 + 10 * abs(h[8])
        limbs.leg(side, 0.5 * depth + 4 + 8 * SIDES[side] * h[12], bend, bend * 0.4, 4)
        limbs.arm(side, 60 + 22 * h[1], 8, 18 + 14 * h[3], 8)


def _squatting(limbs: _Limbs, pose: Pose) -> None:
    h = pose.habits
    limbs.angles[PELVIS] = (0, 18, 0)
    limbs.torso(22 + 8 * h[4], 8 * h[9])
    limbs.head(2 + 16 * h[5], 20 * h[6])
    for side in (LEFT, RIGHT):
        limbs.leg(side, 118 + 5 * SIDES[side] * h[12], 128, 24, 12)
        limbs.arm(side, 58 + 12 * h[1], 10, 40 + 20 * h[3], 20)


def _carrying(limbs: _Limbs, pose: Pose) -> None:
    h = pose.habits
    _gait(limbs, pose.phase, pose.strength, h)
    if h[10] > 0.0:  # both arms hold something in front
        for side in (LEFT, RIGHT):
            limbs.arm(side, 14, 6, 82 + 8 * h[3], 26)
    else:  # a bent arm holds a bag's strap
        limbs.arm(LEFT if h[11] > 0 else RIGHT, -4, 16, 104, 30)


def _pushing(limbs: _Limbs, pose: Pose) -> None:
    h = pose.habits
    _gait(limbs, pose.phase, 0.8 * pose.strength, h)
    limbs.torso(6 + 4 * abs(h[4]))
    limbs.head(-4)
    for side in (LEFT, RIGHT):
        limbs.arm(side, 28, 6, 48, 12)


def _phoning(limbs: _Limbs, pose: Pose) -> None:
    h = pose.habits
    if pose.strength > 0:
        _gait(limbs, pose.phase, pose.strength, h)
    else:
        _stance(limbs, h)
    side = LEFT if h[11] > 0 else RIGHT
    limbs.arm(side, 34 + 8 * h[12], 22, 142, 16)
    limbs.head(4, 6 * h[6], SIDES[side] * 8)


def _cycling(limbs: _Limbs, pose: Pose) -> None:
    h = pose.habits
    limbs.angles[PELVIS] = (0, 14, 0)
    limbs.torso(16 + 8 * h[4])
    limbs.head(-18 + 5 * h[5], 14 * h[6])
    for side, start in ((LEFT, 0.0), (RIGHT, 0.5)):
        turn = 2 * np.pi * (pose.phase + start)
        limbs.leg(side, 62 + 24 * np.cos(turn), 72 + 34 * np.cos(turn - 0.6), 4 + 8 * np.sin(turn), 1)
        limbs.arm(side, 66 + 4 * h[1], 4, 22, 6)


_KINDS: dict[PoseKind, Callable[[_Limbs, Pose], None]] = {
    "standing": _standing,
    "walking": _walking,
    "running": _running,
    "sitting": _sitting,
    "bending": _bending,
    "squatting": _squatting,
    "carrying": _carrying,
    "pushing": _pushing,
    "phoning": _phoning,
    "cycling": _cycling,
}


def telephone_side(pose: Pose) -> int | None:
    """In which hand a telephone is seen, None where in none."""
    reads = pose.kind in ("standing", "walking") and (
        0.25 < pose.habits[10] <= 0.45 if pose.kind == "standing" else 0.6 < pose.habits[10] <= 0.8
    )
    return (LEFT if pose.habits[11] > 0 else RIGHT) if reads or pose.kind == "phoning" else None


def angles_of(pose: Pose, stoop: float = 0.0, holds: str = "", side: int = LEFT) -> Array:
    """The angles of all bones, (BONES, 3) radians of roll, pitch and yaw.

    Args:
        pose: What to do.
        stoop: How bent the back is, 0 upright .. 1 very old.
        holds: "umbrella" or "suitcase" where one hand of somebody who stands or walks holds that.
        side: Which hand.
    """
    limbs = _Limbs()
    _KINDS[pose.kind](limbs, pose)
    if holds == "umbrella":
        limbs.arm(side, 22, 4, 112, 18)
    if holds == "suitcase":
        limbs.arm(side, -24, 9, 6, 0)
    if stoop:
        limbs.torso(22 * stoop)
        limbs.head(-4 * stoop)
    return limbs.radians()
