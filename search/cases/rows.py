"""Sightings as rows for a spreadsheet: CSV that opens with a double click and never runs as a formula."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from search.cases.values import CaseSighting
from search.gallery.sightings import ClockZones
from search.query.results import RankedSightings

SIGHTING_COLUMNS = (
    "rank", "similarity", "score", "verdict", "camera", "time", "seconds", "frame", "x1", "y1", "x2", "y2",
    "confidence", "source", "file", "sighting",
)  # fmt: skip
"""What a row tells of a sighting; `seconds` is its time as a number, `sighting` its key in the gallery."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def sighting_row(seen: CaseSighting, zones: ClockZones) -> dict[str, Any]:
    """A sighting as a row with SIGHTING_COLUMNS; the zones are those in which its time is written."""
    one = seen.sighting
    x1, y1, x2, y2 = (round(value, 1) for value in one.box)
    return {
        "rank": seen.rank,
        "similarity": one.similarity,
        "score": one.score,
        "verdict": seen.level,
        "camera": one.camera,
        "time": None if one.timestamp is None else zones.display(one.timestamp, one.camera),
        "seconds": one.timestamp,
        "frame": one.frame,
        "x1": x1, "y1": y1, "x2": x2, "y2": y2,
        "confidence": round(one.detection_score, 4),
        "source": one.source,
        "file": one.location,
        "sighting": seen.key,
    }  # fmt: skip


def answer_csv(answer: RankedSightings) -> str:
    """The ranked sightings of a search as CSV, best first."""
    seen = (CaseSighting(one, rank, answer.level_of(one)) for rank, one in enumerate(answer, start=1))
    return csv_text(SIGHTING_COLUMNS, (sighting_row(one, answer.zones) for one in seen))


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header. A mark at the begin tells spreadsheets that the text is UTF-8.

    >>> csv_text(["camera", "rank"], [{"camera": "=1+1", "rank": 1}]).splitlines()[1]
    "'=1+1,1"

    Args:
        columns: The names of the columns, in their order.
        rows: One mapping for each row; None becomes an empty cell. A text that a spreadsheet would take for a formula
            gets an apostrophe before it.
    """
    target = io.StringIO()
    writer = csv.DictWriter(target, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(row[name]) for name in columns})
    return "\ufeff" + target.getvalue()


def _cell(value: Any) -> Any:
    """A value as a cell; only texts can be formulas."""
    if value is None or value == "":
        return ""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not isinstance(value, int | float) else value
