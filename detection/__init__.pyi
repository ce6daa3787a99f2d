"""The names that `__init__.py` imports when they are first used, for type checkers."""

from datasets.boxes import box_overlap
from detection.checkpoints import load_model, save_model
from detection.detections import Detections
from detection.joint import JointLosses, PersonSearchRCNN
from detection.metrics import coco_average_precision, recall_and_ap
from detection.model import PersonModel
from detection.settings import DetectorConfig, EmbeddingConfig

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
