"""Exact search in memory: 8-bit copies propose, the stored embeddings decide."""

from importlib import import_module

_HOMES = {
    "CodedRows": "search.nearest.coded",
    "ResidentRows": "search.nearest.resident",
    "keep_in_memory": "search.nearest.resident",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
