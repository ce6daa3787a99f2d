"""What the world looks like: frames, the people in them, queries, and where all of it is read from."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets.catalog.check import check_dataset
    from datasets.catalog.loading import load_crops, load_frames, load_queries, read_crops, read_frames
    from datasets.catalog.table import LAYOUTS
    from datasets.crops import read_crop, read_frame
    from datasets.footage.sources import frames_from_source
    from datasets.images import ImageError, read_image
    from datasets.layouts.scan import DatasetNotFoundError
    from datasets.samples import BACKGROUND, UNLABELLED, CropSample, Frame, FrameSample, Query
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "BACKGROUND",
    "LAYOUTS",
    "UNLABELLED",
    "CropSample",
    "DatasetNotFoundError",
    "Frame",
    "FrameSample",
    "ImageError",
    "Query",
    "check_dataset",
    "frames_from_source",
    "load_crops",
    "load_frames",
    "load_queries",
    "read_crop",
    "read_crops",
    "read_frame",
    "read_frames",
    "read_image",
]

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
