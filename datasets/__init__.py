"""What the world looks like: frames, the people in them, queries, and where all of it is read from."""

from importlib import import_module

_HOMES = {
    "BACKGROUND": "datasets.samples",
    "LAYOUTS": "datasets.catalog.table",
    "UNLABELLED": "datasets.samples",
    "CropSample": "datasets.samples",
    "DatasetNotFoundError": "datasets.layouts.scan",
    "Frame": "datasets.samples",
    "FrameSample": "datasets.samples",
    "ImageError": "datasets.images",
    "Query": "datasets.samples",
    "check_dataset": "datasets.catalog.check",
    "frames_from_source": "datasets.footage.sources",
    "load_crops": "datasets.catalog.loading",
    "load_frames": "datasets.catalog.loading",
    "load_queries": "datasets.catalog.loading",
    "read_crop": "datasets.crops",
    "read_crops": "datasets.catalog.loading",
    "read_frame": "datasets.crops",
    "read_frames": "datasets.catalog.loading",
    "read_image": "datasets.images",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
