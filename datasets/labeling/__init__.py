"""What labeling programs write: YOLO's text files, and CVAT's XML of pictures and of videos."""

from importlib import import_module

_HOMES = {
    "Identities": "datasets.labeling.identities",
    "YoloSet": "datasets.labeling.yolo_set",
    "read_yolo_set": "datasets.labeling.yolo_set",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
