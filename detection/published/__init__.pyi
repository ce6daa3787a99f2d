"""The names that `__init__.py` imports when they are first used, for type checkers."""

from detection.published.coco_detector import CocoDetector
from detection.published.importing import Imported, import_published
from detection.published.loading import load_any_detector, load_person_model
from detection.published.seqnet import SeqNet
from detection.published.settings import Unsaid

__all__ = [
    "CocoDetector",
    "Imported",
    "SeqNet",
    "Unsaid",
    "import_published",
    "load_any_detector",
    "load_person_model",
]
