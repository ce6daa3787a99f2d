"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.pages.page import Picture, Section, Table, report_page

__all__ = [
    "Picture",
    "Section",
    "Table",
    "report_page",
]
