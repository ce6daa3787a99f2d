"""Numbers for the people of label files that name them by a number, by a text, or only by a track."""

import re

from datasets.label_values import whole_number
from datasets.samples import UNLABELLED

ATTRIBUTES = frozenset({"person id", "person", "identity", "identity id", "id", "pid", "reid", "reid id"})
"""Names of attributes that say who somebody is, in any case and with blanks, dashes or underscores."""

_NOBODY = frozenset({"", "-1", "?", "none", "unknown", "undefined", "__undefined__"})

Key = int | str | tuple[str, str] | None
"""Who somebody is in a label file: a number, a name, a file and the number of a track in it, or nobody knows."""


def says_who(attribute: str) -> bool:
    """Whether an attribute of this name says who somebody is.

    Args:
        attribute: The name, as the label file writes it.

    >>> says_who("Person_ID"), says_who("color")
    (True, False)
    """
    return " ".join(re.split(r"[\s_-]+", attribute.strip().casefold())) in ATTRIBUTES


def value_key(text: str) -> Key:
    """Who is meant by the value of an attribute.

    Args:
        text: The value. Empty, -1, "unknown" and their like mean that nobody knows.

    >>> value_key("7"), value_key(" Anna "), value_key("unknown")
    (7, 'Anna', None)
    """
    text = text.strip()
    if text.casefold() in _NOBODY:
        return None
    try:
        number = whole_number(text)
    except ValueError:
        return text
    return number if 0 <= number < 2**62 else text


class Identities:
    """One number for each person of a data set: numbers stay, names and tracks get the numbers after the largest.

    Example:
        >>> people = Identities()
        >>> for key in (7, "Anna", ("gate.xml", "0"), None):
        ...     people.add(key)
        >>> list(people.numbers().values())
        [-1, 7, 8, 9]
    """

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._names: set[str] = set()
        self._tracks: dict[tuple[str, str], None] = {}

    def add(self, key: Key) -> None:
        """Makes somebody known.

        Args:
            key: Who it is.
        """
        if isinstance(key, int):
            self._numbers.add(key)
        elif isinstance(key, str):
            self._names.add(key)
        elif key is not None:
            self._tracks[key] = None

    def numbers(self) -> dict[Key, int]:
        """The number of everybody who was added; names are sorted, tracks keep their order; None is UNLABELLED."""
        after = max(self._numbers, default=-1) + 1
        others: list[Key] = [*sorted(self._names), *self._tracks]
        known: dict[Key, int] = {None: UNLABELLED}
        known |= {number: number for number in sorted(self._numbers)}
        return known | {key: after + place for place, key in enumerate(others)}

    def notes(self) -> list[str]:
        """A line where names got numbers, which the files do not have."""
        names, numbers = sorted(self._names), self.numbers()
        if not names:
            return []
        known, end = ("1 person is known", "s") if len(names) == 1 else (f"{len(names)} people are known", "")
        told = ", ".join(f"{name} is {numbers[name]}" for name in names[:5])
        return [f"{known} by a name and get{end} a number: {told}{', ...' if names[5:] else ''}"]
