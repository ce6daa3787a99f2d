"""How each data set lies on disk: a module for each data set, and what they share."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets.layouts.crop_folders import CropScan
    from datasets.layouts.custom import write_queries, write_split
    from datasets.layouts.custom_records import parse_timestamp, read_split
    from datasets.layouts.market1501 import load_query_groups
    from datasets.layouts.scan import BrokenFileError, DatasetNotFoundError, Problem, Scan
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


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

_HOMES = {
    "BrokenFileError": "datasets.layouts.scan",
    "CropScan": "datasets.layouts.crop_folders",
    "DatasetNotFoundError": "datasets.layouts.scan",
    "Problem": "datasets.layouts.scan",
    "Scan": "datasets.layouts.scan",
    "load_query_groups": "datasets.layouts.market1501",
    "parse_timestamp": "datasets.layouts.custom_records",
    "read_split": "datasets.layouts.custom_records",
    "write_queries": "datasets.layouts.custom",
    "write_split": "datasets.layouts.custom",
}
