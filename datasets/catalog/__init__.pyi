"""The names that `__init__.py` imports when they are first used, for type checkers."""

from datasets.catalog.check import check_dataset
from datasets.catalog.joined import join_training_frames
from datasets.catalog.loading import load_crops, load_frames, load_queries, read_crops, read_everything, read_frames
from datasets.catalog.statistics import FrameStatistics, height_histogram, measure_frames
from datasets.catalog.table import (
    CROP_DATASETS,
    CROP_ONLY_DATASETS,
    CROP_SPLITS,
    FRAME_DATASETS,
    FRAME_SPLITS,
    LAYOUTS,
    SEARCH_DATASETS,
    CheckFormat,
    CropFormat,
    FrameFormat,
    Layout,
    SearchFormat,
)

__all__ = [
    "CROP_DATASETS",
    "CROP_ONLY_DATASETS",
    "CROP_SPLITS",
    "FRAME_DATASETS",
    "FRAME_SPLITS",
    "LAYOUTS",
    "SEARCH_DATASETS",
    "CheckFormat",
    "CropFormat",
    "FrameFormat",
    "FrameStatistics",
    "Layout",
    "SearchFormat",
    "check_dataset",
    "height_histogram",
    "join_training_frames",
    "load_crops",
    "load_frames",
    "load_queries",
    "measure_frames",
    "read_crops",
    "read_everything",
    "read_frames",
]
