"""The names that `__init__.py` imports when they are first used, for type checkers."""

from datasets.catalog.check import check_dataset
from datasets.catalog.loading import load_crops, load_frames, load_queries, read_crops, read_frames
from datasets.catalog.table import LAYOUTS
from datasets.crops import read_crop, read_frame
from datasets.footage.sources import frames_from_source
from datasets.images import ImageError, read_image
from datasets.layouts.scan import DatasetNotFoundError
from datasets.samples import BACKGROUND, UNLABELLED, CropSample, Frame, FrameSample, Query

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
