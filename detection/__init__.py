"""What finds people: torchvision's Faster R-CNN, the joint model, its training and its figures."""

from importlib import import_module

_HOMES = {
    "Detections": "detection.detections",
    "DetectorConfig": "detection.settings",
    "EmbeddingConfig": "detection.settings",
    "JointLosses": "detection.joint",
    "PersonModel": "detection.model",
    "PersonSearchRCNN": "detection.joint",
    "box_overlap": "detection.metrics",
    "coco_average_precision": "detection.metrics",
    "load_model": "detection.checkpoints",
    "recall_and_ap": "detection.metrics",
    "save_model": "detection.checkpoints",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
