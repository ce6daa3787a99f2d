"""Moments: seconds and dates are read, other units and other centuries refused."""

import pytest

from datasets.footage.reading import Reading
from datasets.layouts.custom_records import parse_timestamp
from datasets.moments import seconds_of

MAY = 1777624200.0  # 2026-05-01T08:30:00Z


@pytest.mark.parametrize(
    "value",
    [
        MAY, int(MAY), "1777624200", "2026-05-01T08:30:00Z", "2026-05-01 08:30", "2026-05-01T10:30:00+02:00",
        "20260501083000", 20260501083000, "202605010830", 202605010830, "20260501_083000", "20260501-083000",
        "20260501T083000Z", "20260501083000+0000", "20260501083000000", " 2026-05-01T08:30 ",
    ],
)  # fmt: skip
def test_one_moment_in_many_forms(value: float | str) -> None:
    assert seconds_of(value) == MAY
    assert parse_timestamp(value) == MAY


@pytest.mark.parametrize(
    ("value", "unit"),
    [(1777624200000, "milliseconds"), ("1777624200123", "milliseconds"), (1777624200000000, "microseconds"),
     (1777624200000000000, "nanoseconds"), (1.7776242e12, "milliseconds"), (-1777624200000, "milliseconds")],
)  # fmt: skip
def test_other_units_are_refused(value: float | str, unit: str) -> None:
    for function in (seconds_of, parse_timestamp):
        with pytest.raises(ValueError, match=f"looks like {unit} since the epoch, expected seconds; write"):
            function(value)  # type: ignore[operator]


@pytest.mark.parametrize("value", ["2999-01-01", 9e9, "9000000000", 1e300, "29991231235959", 20261345083000])
def test_nothing_lies_beyond_the_year_2200(value: float | str) -> None:
    with pytest.raises(ValueError, match=r"beyond the year 2200|milliseconds|no time"):
        seconds_of(value)


@pytest.mark.parametrize("value", ["noon", "", "nan", float("inf"), "20261345"])
def test_what_is_no_time(value: float | str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        seconds_of(value)


@pytest.mark.parametrize("value", [0, 1.5, -3, 86400, "12.25", 99999999])
def test_seconds_of_a_recording_stay(value: float | str) -> None:
    assert seconds_of(value) == float(value)


def test_footage_does_not_begin_in_milliseconds() -> None:
    with pytest.raises(ValueError, match="milliseconds"):
        Reading(start_time=1777624200000.0)
    for wrong in ({"every_seconds": -1.0}, {"max_pixels": 0}, {"reconnect_minutes": -1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Reading(**wrong)  # type: ignore[arg-type]
