"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.desk.desk import Desk, DeskSettings
from search.desk.examples import Example
from search.desk.probes import UploadLimits
from search.desk.refusals import Refusal
from search.desk.searches import Question

__all__ = ["Desk", "DeskSettings", "Example", "Question", "Refusal", "UploadLimits"]
