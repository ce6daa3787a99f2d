"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.cases.audit import AuditEntry, AuditLog, AuditReport
from search.cases.clip import Clip, write_clip
from search.cases.footage import NoFootage

__all__ = [
    "AuditEntry",
    "AuditLog",
    "AuditReport",
    "Clip",
    "NoFootage",
    "write_clip",
]
