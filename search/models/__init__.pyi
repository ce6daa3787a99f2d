"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.models.detector_and_crops import CropPersonSearch
from search.models.embedded_by import EmbeddedBy
from search.models.mirrored import MirroredModel
from search.models.model_files import ModelFiles
from search.models.opening import SearchModels, open_models
from search.models.second_look import embed_boxes, look_again_at
from search.models.shipped import shipped_models

__all__ = [
    "CropPersonSearch",
    "EmbeddedBy",
    "MirroredModel",
    "ModelFiles",
    "SearchModels",
    "embed_boxes",
    "look_again_at",
    "open_models",
    "shipped_models",
]
