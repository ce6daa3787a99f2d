"""The models that a search looks with, and how each of them sees a probe."""

from importlib import import_module

_HOMES = {
    "CropPersonSearch": "search.models.detector_and_crops",
    "EmbeddedBy": "search.models.embedded_by",
    "MirroredModel": "search.models.mirrored",
    "ModelFiles": "search.models.model_files",
    "SearchModels": "search.models.opening",
    "embed_boxes": "search.models.second_look",
    "look_again_at": "search.models.second_look",
    "open_models": "search.models.opening",
    "shipped_models": "search.models.shipped",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
