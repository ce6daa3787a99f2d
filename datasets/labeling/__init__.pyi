"""The names that `__init__.py` imports when they are first used, for type checkers."""

from datasets.labeling.identities import Identities
from datasets.labeling.yolo_set import YoloSet, read_yolo_set

__all__ = [
    "Identities",
    "YoloSet",
    "read_yolo_set",
]
