"""Pages for a person to read."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.pages.page import Picture, Section, Table, report_page
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "Picture",
    "Section",
    "Table",
    "report_page",
]

_HOMES = {
    "Picture": "search.pages.page",
    "Section": "search.pages.page",
    "Table": "search.pages.page",
    "report_page": "search.pages.page",
}
