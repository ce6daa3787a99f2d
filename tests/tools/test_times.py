"""Times as people type them: never a number where a date was meant."""

import pytest

from tools.times import parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-05-01T08:30", 1714552200.0),
        ("2024-05-01 10:30:00+02:00", 1714552200.0),
        ("2024-05-01", 1714521600.0),
        ("20240501", 1714521600.0),
        ("1714552200", 1714552200.0),
        ("2026.0", 2026.0),
        ("1899", 1899.0),
        ("2200", 2200.0),
        ("90.5", 90.5),
        ("0", 0.0),
        ("-3", -3.0),
        ("12345", 12345.0),
    ],
)
def test_dates_and_seconds(text: str, seconds: float) -> None:
    assert parse_time(text, "--after") == seconds


@pytest.mark.parametrize("text", ["yesterday", "", "99999999", "20261345", "nan", "inf", "2024-13-01", "2024-05"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"--after {text!r} is no time, expected ISO 8601"):
        parse_time(text, "--after")


@pytest.mark.parametrize("text", ["1900", "2026", "2199", " 2026 "])
def test_a_year_alone_may_be_seconds(text: str) -> None:
    with pytest.raises(ValueError, match=f"may be a year or seconds.* write {text.strip()}-01-01 or {text.strip()}.0"):
        parse_time(text, "--start-time")
