"""What finds people: torchvision's Faster R-CNN, the joint model, its training and its figures."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets.boxes import box_overlap
    from detection.checkpoints import load_model, save_model
    from detection.detections import Detections
    from detection.joint import JointLosses, PersonSearchRCNN
    from detection.metrics import coco_average_precision, recall_and_ap
    from detection.model import PersonModel
    from detection.settings import DetectorConfig, EmbeddingConfig
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "Detections",
    "DetectorConfig",
    "EmbeddingConfig",
    "JointLosses",
    "PersonModel",
    "PersonSearchRCNN",
    "box_overlap",
    "coco_average_precision",
    "load_model",
    "recall_and_ap",
    "save_model",
]

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
