"""The losses of trainings as curves that can be compared."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from reid.runs.files import METRICS_FILE
from search.pages.page import Curve

POINTS = 120


def loss_curve(runs: Mapping[str, Path], column: str) -> Curve:
    """A loss over the steps of several runs, in means of equal stretches, as shares of the first that is not zero.

    TOIM's first step is zero: its tables are still empty. A run that diverged before it wrote has no curve.

    Args:
        runs: The run directory of each label.
        column: The column of metrics.csv that is drawn.
    """
    return Curve(
        "Training loss, its first value as 1",
        {label: _shares(run, column) for label, run in runs.items() if (run / METRICS_FILE).is_file()},
        "step",
    )


def _shares(directory: Path, column: str) -> list[tuple[float, float]]:
    with (directory / METRICS_FILE).open(newline="", encoding="utf-8") as file:
        losses = np.array([float(row[column]) for row in csv.DictReader(file)])
    stretches = [part for part in np.array_split(losses, POINTS) if len(part)]
    means = np.array([part[part > 0].mean() if (part > 0).any() else 0.0 for part in stretches])
    first = means[means > 0][0] if (means > 0).any() else 1.0
    ends = np.cumsum([len(part) for part in stretches])
    return [(float(step), float(value)) for step, value in zip(ends, means / first)]
