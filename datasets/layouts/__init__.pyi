"""The names that `__init__.py` imports when they are first used, for type checkers."""

from datasets.layouts.crop_folders import CropScan
from datasets.layouts.custom import write_queries, write_split
from datasets.layouts.custom_records import parse_timestamp, read_split
from datasets.layouts.market1501 import load_query_groups
from datasets.layouts.scan import BrokenFileError, DatasetNotFoundError, Problem, Scan

__all__ = [
    "BrokenFileError",
    "CropScan",
    "DatasetNotFoundError",
    "Problem",
    "Scan",
    "load_query_groups",
    "parse_timestamp",
    "read_split",
    "write_queries",
    "write_split",
]
