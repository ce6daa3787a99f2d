"""What a training starts from, where the model that comes with the packages may be asked for."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHIPPED = "shipped"
"""In place of a file: the model that comes with the packages."""


@dataclass(frozen=True)
class ChosenStart:
    """What a training starts from, once it is decided.

    Args:
        weights: "none", the name of published weights, or a file.
        said: Why, in one line for whoever waits for the training; "" where somebody named the weights.
    """

    weights: str
    said: str = ""

    @classmethod
    def on_shipped(cls, shipped: Path, seen: str) -> "ChosenStart":
        """A start on the shipped model.

        Args:
            shipped: The file of the shipped model.
            seen: What the model is, for people: its trunk and the size of what it sees.
        """
        return cls(str(shipped), f"start: {shipped.stem}, which comes with personsearch ({seen})")

    @classmethod
    def at_random(cls, shipped: Path, other: list[str]) -> "ChosenStart":
        """A start from nothing, because the shipped model has another structure than was asked for.

        Args:
            shipped: The file of the shipped model.
            other: The settings in which the shipped model is another one, in words; the first two are said.
        """
        few = ", ".join(other[:2]) + (f" and {len(other) - 2} more" if len(other) > 2 else "")
        return cls(
            "none",
            f"start: random weights, because {shipped.stem}, which comes with personsearch, has {few}; see --weights",
        )


def settings_asked(part: str, config: object, given: Collection[str] | None) -> dict[str, Any]:
    """The settings of a part of a model that are asked for.

    Args:
        part: How the names of its options begin: "detector", "embedding" or "network".
        config: The settings; their class must have a default for each of them.
        given: The names of the options that were given, such as "detector.min_size"; None takes the settings that are
            not at their default.
    """
    default = type(config)()
    return {
        name: value
        for name, value in vars(config).items()
        if (value != getattr(default, name) if given is None else f"{part}.{name}" in given)
    }
