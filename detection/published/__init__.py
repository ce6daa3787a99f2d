"""Models that others have published: read, built exactly as they were, and written as files of this project."""

from importlib import import_module

_HOMES = {
    "CocoDetector": "detection.published.coco_detector",
    "Imported": "detection.published.imported",
    "Nae": "detection.published.nae",
    "Oim": "detection.published.oim",
    "SeqNet": "detection.published.seqnet",
    "Unsaid": "detection.published.settings",
    "import_published": "detection.published.importing",
    "load_any_detector": "detection.published.loading",
    "load_person_model": "detection.published.loading",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
