"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.cases.audit import AuditEntry, AuditLog, AuditReport
from search.cases.clip import Clip, write_clip
from search.cases.folder import CaseFolder, NoCase
from search.cases.footage import NoFootage
from search.cases.values import Case, CaseSearch, CaseSighting, CaseSummary

__all__ = [
    "AuditEntry",
    "AuditLog",
    "AuditReport",
    "Case",
    "CaseFolder",
    "CaseSearch",
    "CaseSighting",
    "CaseSummary",
    "Clip",
    "NoCase",
    "NoFootage",
    "write_clip",
]
