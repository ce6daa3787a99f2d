"""The bones of a figure and how they lie when a person stands, walks or cycles.

Body coordinates are meters: x to the person's right, y forward, z up, origin on the ground under the hips.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PELVIS, CHEST, HEAD, BICYCLE = 0, 1, 2, 13
ARM = {-1: 3, 1: 5}
FOREARM = {-1: 4, 1: 6}
THIGH = {-1: 7, 1: 10}
SHANK = {-1: 8, 1: 11}
FOOT = {-1: 9, 1: 12}
BONES = 14

# Share of the height where a joint lies, standing upright.
HIP, KNEE, ANKLE, WAIST, SHOULDER, ELBOW, WRIST, NECK = 0.515, 0.280, 0.045, 0.565, 0.800, 0.630, 0.475, 0.845
HIP_SIDE, SHOULDER_SIDE = 0.050, 0.113
STRIDE = 0.82
"""Way of one full cycle of two steps, in body heights."""

WHEEL_RADIUS, CRANK, SADDLE = 0.34, (0.06, 0.30), (-0.16, 0.96)
GRIP = (0.44, 1.04)
CRANK_RADIUS = 0.165


@dataclass(frozen=True, eq=False)
class Pose:
    """Where the bones are: a vertex v of bone b goes to rotations[b] @ (v - joints[b]) + positions[b].

    Args:
        rotations: (14, 3, 3).
        positions: (14, 3) meters.
        joints: (14, 3) the joints at rest, meters.
    """

    rotations: Array
    positions: Array
    joints: Array

    def apply(self, vertices: Array, bones: NDArray[np.int64], weights: Array) -> Array:
        """Vertices (V, 3) at rest moved by two bones each: the share `weights` by bones[:, 1]."""
        moved = [
            np.einsum("vij,vj->vi", self.rotations[bone], vertices - self.joints[bone]) + self.positions[bone]
            for bone in (bones[:, 0], bones[:, 1])
        ]
        return moved[0] * (1 - weights[:, None]) + moved[1] * weights[:, None]


def rest_joints(height: float, build: float) -> Array:
    """(14, 3) joints of a person who stands at attention."""
    joints = np.zeros((BONES, 3))
    joints[PELVIS, 2] = HIP * height
    joints[CHEST, 2] = WAIST * height
    joints[HEAD, 2] = NECK * height
    for side in (-1, 1):
        shoulder, hip = side * SHOULDER_SIDE * height * build, side * HIP_SIDE * height * build
        for bones, share, x in (
            (ARM, SHOULDER, shoulder),
            (FOREARM, ELBOW, shoulder),
            (THIGH, HIP, hip),
            (SHANK, KNEE, hip),
            (FOOT, ANKLE, hip),
        ):
            joints[bones[side]] = x, 0.0, share * height
    return joints


def _swing(angle: float) -> Array:
    """Turns a hanging limb forward by `angle` (and an upright trunk backward)."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def _spread(angle: float) -> Array:
    """Turns a hanging limb to the person's right by `angle`."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])


def _twist(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


class _Poser:
    """Puts bones one after the other: a child's joint follows its parent."""

    def __init__(self, height: float, build: float) -> None:
        self.joints = rest_joints(height, build)
        self.rotations = np.broadcast_to(np.eye(3), (BONES, 3, 3)).copy()
        self.positions = self.joints.copy()

    def set(self, bone: int, rotation: Array, parent: int | None = None) -> None:
        """Turn a bone (3, 3), and hang it on its parent, whose turn stands already."""
        self.rotations[bone] = rotation
        if parent is not None:
            offset = self.joints[bone] - self.joints[parent]
            self.positions[bone] = self.rotations[parent] @ offset + self.positions[parent]

    def pose(self, lift: float = 0.0) -> Pose:
        """The body as it stands now, `lift` meters higher, the bicycle left on the ground."""
        self.positions[:BICYCLE, 2] += lift
        return Pose(self.rotations, self.positions, self.joints)


def walking_pose(height: float, build: float, way: float, *, vigour: float = 1.0) -> Pose:
    """The pose after a way of `way` meters.

    Args:
        height: The person's height in meters.
        build: A factor on the person's widths; 1 is average.
        way: The meters walked so far; the legs repeat every STRIDE * height.
        vigour: 1 walks, 0 stands.
    """
    phase = 2 * np.pi * way / (STRIDE * height)
    body = _Poser(height, build)
    body.set(PELVIS, _twist(0.09 * vigour * np.sin(phase)))
    body.set(CHEST, _twist(-0.10 * vigour * np.sin(phase)) @ _swing(-0.05 * vigour - 0.01), PELVIS)
    body.set(HEAD, _swing(-0.03), CHEST)
    for side in (-1, 1):
        own = phase + (0.0 if side > 0 else np.pi)
        thigh = vigour * (0.40 * np.sin(own) + 0.07)
        flexion = 0.05 + vigour * (0.10 + 0.75 * max(0.0, np.cos(own + 0.25)) ** 1.5)
        shank = thigh - flexion
        # The heel lifts behind the body and the toes lift before the foot lands.
        foot = vigour * (0.30 * np.sin(own) - 0.25 * max(0.0, -np.sin(own)) - 0.35 * max(0.0, np.cos(own)))
        body.set(THIGH[side], _spread(0.02 * side) @ _swing(thigh), PELVIS)
        body.set(SHANK[side], _swing(shank), THIGH[side])
        body.set(FOOT[side], _swing(foot) @ _twist(-0.12 * side), SHANK[side])
        arm = vigour * -0.38 * np.sin(own) + 0.02
        elbow = 0.12 + vigour * (0.22 + 0.15 * np.sin(own + np.pi))
        body.set(ARM[side], _spread(0.11 * side) @ _swing(arm), CHEST)
        body.set(FOREARM[side], _spread(0.06 * side) @ _swing(arm + elbow), ARM[side])
    # The lower foot stands on the ground: the lowest of heel and toe of both feet.
    soles = [
        body.rotations[FOOT[side]] @ (np.array([0.0, end * height, -ANKLE * height])) + body.positions[FOOT[side]]
        for side in (-1, 1)
        for end in (-0.035, 0.10)
    ]
    return body.pose(lift=-min(float(sole[2]) for sole in soles))


def _bend(reach: tuple[float, float], upper: float, lower: float, bend: int) -> tuple[float, float]:
    """Swing angles of a two-part limb whose end lies `reach` = (forward, up) from its root; bend +1 knee, -1 elbow."""
    distance = float(np.clip(np.hypot(*reach), abs(upper - lower) + 1e-3, upper + lower - 1e-3))
    direct = float(np.arctan2(reach[0], -reach[1]))
    inner = np.arccos(np.clip((upper**2 + distance**2 - lower**2) / (2 * upper * distance), -1, 1))
    outer = np.arccos(np.clip((lower**2 + distance**2 - upper**2) / (2 * lower * distance), -1, 1))
    return direct + bend * float(inner), direct - bend * float(outer)


def cycling_pose(height: float, build: float, way: float) -> Pose:
    """The pose of a cyclist after `way` meters; the bicycle stands at the origin and looks forward."""
    body = _Poser(height, build)
    body.positions[BICYCLE] = 0.0
    body.joints[BICYCLE] = 0.0
    body.positions[PELVIS] = 0.0, SADDLE[0], SADDLE[1] + 0.02 * height
    body.set(CHEST, _swing(-0.42), PELVIS)
    body.set(HEAD, _swing(-0.05), CHEST)
    crank = way / (WHEEL_RADIUS * 2.2)
    for side in (-1, 1):
        turn = crank + (0.0 if side > 0 else np.pi)
        body.set(THIGH[side], np.eye(3), PELVIS)
        pedal = CRANK[0] + CRANK_RADIUS * np.sin(turn), CRANK[1] + CRANK_RADIUS * np.cos(turn) + ANKLE * height
        root = body.positions[THIGH[side]]
        thigh, shank = _bend(
            (pedal[0] - 0.03 * height - root[1], pedal[1] - root[2]), (HIP - KNEE) * height, (KNEE - ANKLE) * height, 1
        )
        body.set(THIGH[side], _swing(thigh), PELVIS)
        body.set(SHANK[side], _swing(shank), THIGH[side])
        body.set(FOOT[side], _swing(-0.1 + 0.15 * np.sin(turn)), SHANK[side])
        body.set(ARM[side], np.eye(3), CHEST)
        root = body.positions[ARM[side]]
        arm, forearm = _bend(
            (GRIP[0] - root[1], GRIP[1] - root[2]), (SHOULDER - ELBOW) * height, (ELBOW - WRIST + 0.03) * height, -1
        )
        body.set(ARM[side], _spread(0.08 * side) @ _swing(arm), CHEST)
        body.set(FOREARM[side], _swing(forearm), ARM[side])
    return body.pose()
