"""The models that a search looks with, and how each of them sees a probe."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.models.detector_and_crops import CropPersonSearch
    from search.models.embedded_by import EmbeddedBy
    from search.models.mirrored import MirroredModel
    from search.models.model_files import ModelFiles
    from search.models.opening import SearchModels, open_models
    from search.models.second_look import embed_boxes, look_again_at
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "CropPersonSearch",
    "EmbeddedBy",
    "MirroredModel",
    "ModelFiles",
    "SearchModels",
    "embed_boxes",
    "look_again_at",
    "open_models",
]

_HOMES = {
    "CropPersonSearch": "search.models.detector_and_crops",
    "EmbeddedBy": "search.models.embedded_by",
    "MirroredModel": "search.models.mirrored",
    "ModelFiles": "search.models.model_files",
    "SearchModels": "search.models.opening",
    "embed_boxes": "search.models.second_look",
    "look_again_at": "search.models.second_look",
    "open_models": "search.models.opening",
}
