"""Pages for a person to read."""

from importlib import import_module

_HOMES = {
    "Picture": "search.pages.page",
    "Section": "search.pages.page",
    "Table": "search.pages.page",
    "report_page": "search.pages.page",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
