"""The bones of a figure: where its joints lie at rest, and where a pose moves them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PELVIS, SPINE, CHEST, NECK, HEAD = range(5)
RIGHT, LEFT = 0, 1
UPPER_ARM, FOREARM, HAND = (5, 8), (6, 9), (7, 10)
THIGH, SHANK, FOOT = (11, 14), (12, 15), (13, 16)
HANGING = (17, 18)  # what hangs from a hand: it stays upright
BONES = 19
SIDES = (-1.0, 1.0)  # the sign of y on the right and on the left

PARENTS = (-1, 0, 1, 2, 3, 2, 5, 6, 2, 8, 9, 0, 11, 12, 0, 14, 15, 7, 10)

# Joints of the middle and of the left side: x, y, z as shares of the stature.
_MIDDLE = ((0, 0, 0.53), (-0.01, 0, 0.60), (-0.012, 0, 0.70), (-0.012, 0, 0.845), (-0.004, 0, 0.88))
_LEFT_ARM = ((-0.006, 0.098, 0.806), (-0.006, 0.119, 0.632), (-0.003, 0.124, 0.484))
_LEFT_LEG = ((0, 0.052, 0.522), (0, 0.050, 0.285), (-0.008, 0.048, 0.045))


@dataclass(frozen=True)
class Frame:
    """The measures of one person's skeleton.

    Args:
        stature: What shares of a grown person's height are multiplied by, meters.
        head: How much larger than a grown person's the head is.
        shoulders: Factor on the breadth of the shoulders.
    """

    stature: float
    head: float = 1.0
    shoulders: float = 1.0

    def joints(self) -> Array:
        """The joint at which each bone begins, (BONES, 3) meters at rest."""
        arm = np.array(_LEFT_ARM) + np.array([0, 0.098 * (self.shoulders - 1), 0])
        leg = np.array(_LEFT_LEG)
        mirror = np.array([1.0, -1.0, 1.0])
        grip = arm[2:] + np.array([0.004, 0, -0.06])
        return np.concatenate([_MIDDLE, arm * mirror, arm, leg * mirror, leg, grip * mirror, grip]) * self.stature


def frame(height: float, head: float, shoulders: float) -> Frame:
    """The skeleton that is `height` meters tall with a head `head` times as large as a grown person's."""
    return Frame(height / (0.868 + 0.132 * head), head, shoulders)


def _turns(angles: Array) -> Array:
    """Rotation matrices (N, 3, 3): roll about x, then pitch about y, then yaw about z; angles (N, 3) in radians."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(angles).T, np.sin(angles).T
    rows = [
        [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
        [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
        [-sp, cp * sr, cp * cr],
    ]
    return np.array(rows).transpose(2, 0, 1)


def moved(joints: Array, angles: Array) -> Array:
    """Where a pose moves every bone.

    Args:
        joints: (BONES, 3) joints at rest, meters.
        angles: (BONES, 3) roll (about x), pitch (about y, positive leans forward) and yaw (about z) of each bone
            against its parent, in radians.

    Returns:
        (BONES, 3, 4) rotations and translations: a point p at rest moves to matrix[:, :3] @ p + matrix[:, 3].
    """
    turns = _turns(angles)
    world = np.empty((BONES, 3, 4))
    for bone, parent in enumerate(PARENTS):
        turn = turns[bone] if parent < 0 or bone in HANGING else world[parent, :, :3] @ turns[bone]
        place = joints[bone] if parent < 0 else world[parent, :, :3] @ joints[bone] + world[parent, :, 3]
        world[bone, :, :3] = turn
        world[bone, :, 3] = place - turn @ joints[bone]
    return world
