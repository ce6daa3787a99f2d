"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.cases.audit import AuditEntry, AuditLog, AuditReport
from search.cases.clip import Clip, write_clip
from search.cases.export import Export, export_case
from search.cases.folder import CaseFolder, NoCase
from search.cases.footage import NoFootage
from search.cases.values import Case, CaseSearch, CaseSighting, CaseSummary
from search.cases.verification import CaseReport, verify_case

__all__ = [
    "AuditEntry",
    "AuditLog",
    "AuditReport",
    "Case",
    "CaseFolder",
    "CaseReport",
    "CaseSearch",
    "CaseSighting",
    "CaseSummary",
    "Clip",
    "Export",
    "NoCase",
    "NoFootage",
    "export_case",
    "verify_case",
    "write_clip",
]
