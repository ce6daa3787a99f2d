"""The names that `__init__.py` imports when they are first used, for type checkers."""

from datasets.figures.decoys import DECOYS, DecoyKind, decoy
from datasets.figures.figure import person, seat_height
from datasets.figures.looks import Look, draw_look, near_double
from datasets.figures.luggage import gear
from datasets.figures.poses import POSES, Pose, PoseKind, draw_pose

__all__ = [
    "DECOYS",
    "POSES",
    "DecoyKind",
    "Look",
    "Pose",
    "PoseKind",
    "decoy",
    "draw_look",
    "draw_pose",
    "gear",
    "near_double",
    "person",
    "seat_height",
]
