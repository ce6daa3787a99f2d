"""Pages for a person to read."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.pages.calibration_page import calibration_page
    from search.pages.crop_page import crop_page
    from search.pages.demo_page import demo_page
    from search.pages.find_page import find_page
    from search.pages.page import report_page
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "calibration_page",
    "crop_page",
    "demo_page",
    "find_page",
    "report_page",
]

_HOMES = {
    "calibration_page": "search.pages.calibration_page",
    "crop_page": "search.pages.crop_page",
    "demo_page": "search.pages.demo_page",
    "find_page": "search.pages.find_page",
    "report_page": "search.pages.page",
}
