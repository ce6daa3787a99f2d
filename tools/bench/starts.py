"""Tables that are trained from several starts: what a start is called, and how its lines stand beside another's."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from search.pages.page import Table
from tools.bench.claims import mean_and_spread
from tools.bench.runs import RowResult

Figures = TypeVar("Figures")

NAMES = {"none": "from nothing", "imagenet": "from ImageNet", "coco": "from COCO"}


def start_names(starts: Sequence[str]) -> dict[str, str]:
    """What each start is called in tables, by the weights that were asked for.

    Args:
        starts: The starting weights: none, imagenet, coco or files. A file is called as it is named, without its
            folder.

    Raises:
        ValueError: Two starts would have one name.

    Example:
        >>> start_names(["none", "weights/trunk.pth"])
        {'none': 'from nothing', 'weights/trunk.pth': 'from trunk'}
    """
    names = {weights: NAMES.get(weights) or f"from {Path(weights).stem}" for weights in starts}
    if not starts or len(set(names.values())) < len(starts):
        raise ValueError(
            f"--weights {','.join(starts)}, expected one start or more, each once and files of different names"
        )
    return names


def beside_each_other(
    sources: Sequence[str],
    results: Sequence[Sequence[RowResult[Figures]]],
    starts: Sequence[str],
    figures: Callable[[RowResult[Figures]], Mapping[str, Sequence[float]]],
) -> list[Table]:
    """Lines that were trained from several starts, one start's figures beside the other's.

    Args:
        sources: What each table is of. A table from one start is followed by the same table from the next start.
        results: The lines of each table.
        starts: The names of the starts in their order; one alone has nothing beside it.
        figures: The values of all seeds of a line by the name of the figure.
    """
    if len(starts) < 2:
        return []
    found = []
    for first in range(0, len(sources), len(starts)):
        cells = [[figures(row) for row in one] for one in results[first : first + len(starts)]]
        names = list(cells[0][0])
        header = ["", *(f"{name} {start}" for start in starts for name in names)]
        lines = [
            [row.label, *(mean_and_spread(lines[place][name]) for lines in cells for name in names)]
            for place, row in enumerate(results[first])
        ]
        found.append(Table(f"{sources[first]}: the starts beside each other", header, lines))
    return found
