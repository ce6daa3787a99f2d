"""What a command hands back: a text for people, figures for programs, and what could not be done."""

import dataclasses
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from datasets.files import write_whole


@dataclass(frozen=True)
class Outcome:
    """The result of a command.

    Args:
        text: What a person reads. It is printed on stdout; an empty text prints nothing.
        figures: The same for programs, which `--json` writes. NumPy values, paths and dataclasses are converted, and a
            number that is not finite becomes null.
        failures: One line for each item that could not be done while the rest was. The lines are printed on stderr, and
            any of them makes the exit status 1.
        failed: Whether the exit status is 1 although `failures` is empty: the answer itself is bad news.
    """

    text: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    failures: Sequence[str] = ()
    failed: bool = False

    def report(self, command: str, json_file: Path | None) -> int:
        """Print the text and the failures, write the figures, and give the exit status."""
        if not is_first_process():
            return 1 if self.failures or self.failed else 0
        if json_file is not None:
            write_json(json_file, {"command": command, **self.figures, "failures": list(self.failures)})
        if self.text:
            print(self.text)
        for failure in self.failures:
            print(f"personsearch: {failure}", file=sys.stderr)
        return 1 if self.failures or self.failed else 0


def is_first_process() -> bool:
    """Whether this is the process that writes files and prints, of those that torchrun started together."""
    return os.environ.get("RANK", "0") == "0"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as aligned columns under a header: words to the left, numbers to the right, floats with four digits.

    None and NaN, figures that nobody could count, are "-".
    """
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    numeric = [
        bool(rows) and all(isinstance(row[column], int | float | np.number | None) for row in rows)
        for column in range(len(header))
    ]
    lines = []
    for row in cells:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 fault", "2,000 faults".

    >>> counted(1, "entry", "entries"), counted(2000, "fault"), counted(0, "fault")
    ('1 entry', '2,000 faults', '0 faults')

    Args:
        number: How many.
        noun: Of one.
        plural: Of several, where it is not the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def write_json(file: Path, figures: Mapping[str, Any]) -> None:
    """Write figures whole or not at all, so that a reader never meets half a file."""
    write_whole(file, json.dumps(_plain(figures), indent=2, allow_nan=False) + "\n")


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "-"
    if isinstance(value, float | np.floating):
        return f"{value:.4f}"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
