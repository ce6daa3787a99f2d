"""The names that `__init__.py` imports when they are first used, for type checkers."""

from detection.published.coco_detector import CocoDetector
from detection.published.imported import Imported
from detection.published.importing import import_published
from detection.published.loading import load_any_detector, load_person_model
from detection.published.nae import Nae
from detection.published.oim import Oim
from detection.published.seqnet import SeqNet
from detection.published.settings import Unsaid

__all__ = [
    "CocoDetector",
    "Imported",
    "Nae",
    "Oim",
    "SeqNet",
    "Unsaid",
    "import_published",
    "load_any_detector",
    "load_person_model",
]
