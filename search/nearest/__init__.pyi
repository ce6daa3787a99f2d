"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.nearest.coded import CodedRows
from search.nearest.resident import ResidentRows, keep_in_memory

__all__ = ["CodedRows", "ResidentRows", "keep_in_memory"]
