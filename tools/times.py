"""Times as people type them."""

from datetime import UTC, datetime


def parse_time(text: str, option: str) -> float:
    """Seconds since the epoch of an ISO 8601 text (UTC where no zone is given), or the number itself.

    Args:
        text: "2024-05-01T08:30", "2024-05-01 08:30:00+02:00", "1714552200", or seconds from the start of a recording.
        option: its name, for the error.

    Raises:
        ValueError: neither a number nor a date.
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{option} {text!r} is no time, expected ISO 8601 such as 2024-05-01T08:30:00 or seconds"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
