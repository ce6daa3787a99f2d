"""Every data set by name: the one table of them, loading, checking and counting."""

from importlib import import_module

_HOMES = {
    "CROP_DATASETS": "datasets.catalog.table",
    "CROP_ONLY_DATASETS": "datasets.catalog.table",
    "CROP_SPLITS": "datasets.catalog.table",
    "CheckFormat": "datasets.catalog.table",
    "CropFormat": "datasets.catalog.table",
    "FRAME_DATASETS": "datasets.catalog.table",
    "FRAME_SPLITS": "datasets.catalog.table",
    "FrameFormat": "datasets.catalog.table",
    "FrameStatistics": "datasets.catalog.statistics",
    "LAYOUTS": "datasets.catalog.table",
    "Layout": "datasets.catalog.table",
    "SEARCH_DATASETS": "datasets.catalog.table",
    "SearchFormat": "datasets.catalog.table",
    "check_dataset": "datasets.catalog.check",
    "height_histogram": "datasets.catalog.statistics",
    "join_training_frames": "datasets.catalog.joined",
    "load_crops": "datasets.catalog.loading",
    "load_frames": "datasets.catalog.loading",
    "load_queries": "datasets.catalog.loading",
    "measure_frames": "datasets.catalog.statistics",
    "read_crops": "datasets.catalog.loading",
    "read_everything": "datasets.catalog.loading",
    "read_frames": "datasets.catalog.loading",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
