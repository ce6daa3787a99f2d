"""What an investigator's desk does with one gallery, for several readers at once; it knows nothing of the network."""

from importlib import import_module

_HOMES = {
    "Desk": "search.desk.desk",
    "DeskSettings": "search.desk.desk",
    "Example": "search.desk.examples",
    "Question": "search.desk.searches",
    "Refusal": "search.desk.refusals",
    "UploadLimits": "search.desk.probes",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
