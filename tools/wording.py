"""Types of options in words: what stands behind an option in its help, and what an error line says was expected."""

import dataclasses
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

FOLDERS = {"root", "gallery", "output", "report", "also", "cross"}
"""Options of type Path that name a folder; the others name a file."""
PLACES = {
    "box": "X1,Y1,X2,Y2",
    "after": "TIME",
    "before": "TIME",
    "start_time": "TIME",
    "camera": "CAMERA",
    "detector": "NAME",
    "format": "LAYOUT",
    "config": "NAME",
    "time_zone": "ZONE",
}
"""What stands behind options whose type alone would not say it."""
COUNTS = ("no", "one", "two", "three", "four", "five", "six")
SHORT = 24
"""Choices up to so many characters stand behind the option, longer ones in the text."""


def members(hint: Any) -> tuple[Any, ...]:
    """The types of a union, without None; a type that is no union alone."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return tuple(part for part in parts if part is not NoneType)


def is_flag(hint: Any) -> bool:
    """Whether the option is typed alone: yes or no, and nothing third."""
    return members(hint) == (bool,)


def is_list(hint: Any) -> bool:
    """Whether several values are typed, separated by commas."""
    return any(get_origin(member) in (list, tuple, set, frozenset) for member in members(hint))


def place(name: str, hint: Any) -> str:
    """What stands behind an option in its help: NUMBER, FILE, X1,Y1,X2,Y2; "" for a flag."""
    last = name.rpartition(".")[2]
    if last in PLACES and not (choices(hint) and last != "format"):
        word = PLACES[last]
        return f"{word},..." if is_list(hint) and "," not in word else word
    member = members(hint)[0]
    if member is bool:
        return ""
    if get_origin(member) is tuple and ... not in get_args(member):
        return ",".join(place(last, part) for part in get_args(member))
    if is_list(hint):
        inner = get_args(member)[0]
        return f"[[{place(last, get_args(inner)[0])},...],...]" if is_list(inner) else f"{place(last, inner)},..."
    if get_origin(member) is Literal:
        short = "|".join(map(str, get_args(member)))
        return short if len(short) <= SHORT else "NAME"
    if member is Path:
        return "FOLDER" if last in FOLDERS else "FILE"
    return "NUMBER" if member in (int, float) else "TEXT"


def choices(hint: Any) -> tuple[Any, ...]:
    """The values of a Literal; none for other types."""
    return tuple(value for member in members(hint) if get_origin(member) is Literal for value in get_args(member))


def expectation(name: str, hint: Any) -> str:
    """What an error line says was expected: "a whole number", "four numbers x1,y1,x2,y2"."""
    last = name.rpartition(".")[2]
    words = [_expected(last, member) for member in members(hint)]
    return " or ".join(dict.fromkeys(words))


def display(value: Any) -> str:
    """A default as it would be typed."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        if any(isinstance(item, list | tuple) for item in value):
            return f"[{','.join(f'[{display(item)}]' for item in value)}]"
        return ",".join(map(display, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _expected(name: str, hint: Any) -> str:
    origin = get_origin(hint)
    if origin is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    if origin is tuple and ... not in get_args(hint):
        parts = get_args(hint)
        count = COUNTS[len(parts)] if len(parts) < len(COUNTS) else str(len(parts))
        shape = f" {PLACES[name].lower()}" if name in PLACES else " separated by commas"
        return f"{count} {_expected(name, parts[0]).removeprefix('a ')}s{shape}"
    if origin in (list, tuple, set, frozenset) and is_list(get_args(hint)[0]):
        return "lists of numbers such as [[24,32],[45,64]]"
    if origin in (list, tuple, set, frozenset):
        return f"{_expected(name, get_args(hint)[0]).removeprefix('a ')}s separated by commas"
    if hint is Path:
        return "a folder" if name in FOLDERS else "a file"
    if dataclasses.is_dataclass(hint):
        return "its options, each with a dot"
    if PLACES.get(name) == "TIME":
        return "a time such as 2026-05-01T08:00 or a number of seconds"
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(hint, "a text")
