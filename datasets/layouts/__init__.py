"""How each data set lies on disk: a module for each data set, and what they share."""

from importlib import import_module

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

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
