"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.server.app import make_app
from search.server.settings import ServerSettings

__all__ = ["ServerSettings", "make_app"]
