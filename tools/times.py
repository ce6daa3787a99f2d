"""Times as people type them."""

import math
import re
from datetime import UTC, datetime


def parse_time(text: str, option: str) -> float:
    """Seconds since the epoch of an ISO 8601 text (UTC where no zone is given), or the number itself.

    Eight digits are a date, 20260501. Four digits from 1900 to 2199 may be a year or a moment in a recording and are
    refused; 2026.0 is the number.

    Args:
        text: "2024-05-01T08:30", "2024-05-01 08:30:00+02:00", "20240501", "1714552200", or seconds from the start of a
            recording.
        option: its name, for the error.

    Raises:
        ValueError: neither a finite number nor a date, or either.
    """
    typed = text.strip()
    if re.fullmatch(r"(19|2[01])\d\d", typed, re.ASCII):
        raise ValueError(f"{option} {text!r} may be a year or seconds, expected one; write {typed}-01-01 or {typed}.0")
    if not re.fullmatch(r"\d{8}", typed, re.ASCII):
        try:
            seconds = float(typed)
        except ValueError:
            pass
        else:
            if math.isfinite(seconds):
                return seconds
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        raise ValueError(
            f"{option} {text!r} is no time, expected ISO 8601 such as 2024-05-01T08:30:00 or seconds"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
