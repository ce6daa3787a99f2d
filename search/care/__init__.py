"""Care of galleries: checking, repairing, deleting, merging, and what they take on the disk."""

from importlib import import_module

_HOMES = {
    "Inspection": "search.care.inspection",
    "Removal": "search.care.removal",
    "Repair": "search.care.repairing",
    "add_second_stage": "search.care.second_look",
    "compact": "search.care.compacting",
    "delete_sightings": "search.care.removal",
    "inspect": "search.care.inspection",
    "merge": "search.care.merging",
    "repair": "search.care.repairing",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
