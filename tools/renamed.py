"""Words of earlier command lines that have another spelling today: the one table of them, and what reads it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.errors import UsageError

RENAMED: dict[str, str] = {
    "find --minimum-score": "--minimum-similarity",
    "index --detection-threshold": "--minimum-confidence",
    "calibrate --detection-threshold": "--minimum-confidence",
    "evaluate detection --score-threshold": "--minimum-confidence",
    "evaluate search --score-threshold": "--minimum-confidence",
    "evaluate tracking --score-threshold": "--minimum-confidence",
    "data plaza --recordings": "--make",
    "data plaza --recordings none": "--make dataset",
    "train crop --losses.metric-on pooled": "--losses.metric-on features",
    "train joint --losses.metric-on pooled": "--losses.metric-on features",
    "bench joint --losses.metric-on pooled": "--losses.metric-on features",
    "bench training --losses.metric-on pooled": "--losses.metric-on features",
}
"""Command and old word -> new word, both as they are typed. An old word may hold the option's value."""


def refuse_renamed(command: str, words: Sequence[str]) -> None:
    """Refuse an old spelling with the new one, so that nobody has to look for it.

    Args:
        command: The command's name, as "train joint".
        words: The words that were typed behind the command.

    Raises:
        UsageError: A word, or an option together with its value, stands in RENAMED.
    """
    for position, word in enumerate(words):
        if not word.startswith("--"):
            continue
        name, sign, value = word.partition("=")
        value = value if sign else " ".join(words[position + 1 : position + 2])
        for old in _spellings(name, value):
            new = RENAMED.get(f"{command} {old}")
            if new is not None:
                raise UsageError(f"{command}: {old} is an old spelling, expected {new}")


def with_new_names(command: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings of a `--config` file by the names of today: a file written for an older version keeps working.

    Args:
        command: The command's name.
        settings: What the file says, nested where an option's name has a dot.
    """
    result: dict[str, Any] = {}
    for path, value in _leaves(settings):
        new = next(
            (RENAMED[f"{command} {old}"] for old in _spellings(path, value) if f"{command} {old}" in RENAMED), path
        )
        name, sign, new_value = new.partition(" ")
        inner = result
        *groups, last = name.removeprefix("--").replace("-", "_").split(".")
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[last] = new_value if sign else value
    return result


def _spellings(name: str, value: Any) -> tuple[str, str]:
    """An option with its value, then the option alone: what is said of a value counts more."""
    option = f"--{name.removeprefix('--').replace('_', '-')}"
    return f"{option} {value}", option


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
