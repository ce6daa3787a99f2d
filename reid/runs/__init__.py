"""Training of any model: the loop and what it asks of a task, its files, its processes, its optimizer."""

from importlib import import_module

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

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
