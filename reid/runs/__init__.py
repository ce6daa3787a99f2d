"""Training of any model: the loop and what it asks of a task, its files, its processes, its optimizer."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reid.runs.files import DivergedError
    from reid.runs.interruption import TrainingInterrupted
    from reid.runs.processes import join_processes
    from reid.runs.run import TrainingRun
    from reid.runs.shared_work import work_through
    from reid.runs.task import LoopRecipe, RunSummary, StepLosses, Task
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


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

_HOMES = {
    "DivergedError": "reid.runs.files",
    "LoopRecipe": "reid.runs.task",
    "RunSummary": "reid.runs.task",
    "StepLosses": "reid.runs.task",
    "Task": "reid.runs.task",
    "TrainingInterrupted": "reid.runs.interruption",
    "TrainingRun": "reid.runs.run",
    "join_processes": "reid.runs.processes",
    "work_through": "reid.runs.shared_work",
}
