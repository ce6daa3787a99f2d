"""The server behind `personsearch serve`: a gallery over HTTP, safe by default, and the page in front of it."""

from importlib import import_module

_HOMES = {
    "ServerSettings": "search.server.settings",
    "make_app": "search.server.app",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
