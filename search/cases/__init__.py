"""Cases: searches, marks and notes that belong together, their export as one file, and the log of who did what."""

from importlib import import_module

_HOMES = {
    "AuditEntry": "search.cases.audit",
    "AuditLog": "search.cases.audit",
    "AuditReport": "search.cases.audit",
    "Case": "search.cases.values",
    "CaseFolder": "search.cases.folder",
    "CaseReport": "search.cases.verification",
    "CaseSearch": "search.cases.values",
    "CaseSighting": "search.cases.values",
    "CaseSummary": "search.cases.values",
    "Clip": "search.cases.clip",
    "Export": "search.cases.export",
    "NoCase": "search.cases.folder",
    "NoFootage": "search.cases.footage",
    "export_case": "search.cases.export",
    "verify_case": "search.cases.verification",
    "write_clip": "search.cases.clip",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
