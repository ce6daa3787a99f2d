"""Many processes and machines: footage indexed by workers and one writer, galleries searched in parts."""

from importlib import import_module

_HOMES = {
    "Actors": "search.cluster.actors",
    "Looking": "search.cluster.worker",
    "connected": "search.cluster.connection",
    "index_on_cluster": "search.cluster.indexing",
    "require_address": "search.cluster.connection",
    "require_files": "search.cluster.indexing",
    "require_ray": "search.cluster.connection",
    "searched_by": "search.cluster.shards",
    "workers_of": "search.cluster.connection",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
