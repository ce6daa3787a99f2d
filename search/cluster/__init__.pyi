"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.cluster.actors import Actors
from search.cluster.connection import connected, require_address, require_ray, workers_of
from search.cluster.indexing import index_on_cluster, require_files
from search.cluster.shards import searched_by
from search.cluster.worker import Looking

__all__ = [
    "Actors",
    "Looking",
    "connected",
    "index_on_cluster",
    "require_address",
    "require_files",
    "require_ray",
    "searched_by",
    "workers_of",
]
