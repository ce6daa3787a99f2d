"""The names that `__init__.py` imports when they are first used, for type checkers."""

from reid.runs.files import DivergedError
from reid.runs.interruption import TrainingInterrupted
from reid.runs.processes import join_processes
from reid.runs.run import TrainingRun
from reid.runs.shared_work import work_through
from reid.runs.task import LoopRecipe, RunSummary, StepLosses, Task

__all__ = [
    "DivergedError",
    "LoopRecipe",
    "RunSummary",
    "StepLosses",
    "Task",
    "TrainingInterrupted",
    "TrainingRun",
    "join_processes",
    "work_through",
]
