"""The figures that all speed benches give in one form, and how they compare with those of an earlier run."""

import dataclasses
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tools.bench.speed.machine import described, load_average, told
from tools.outcome import Outcome, table

LEAST_CHANGE = 0.1
"""A figure that is worse by less than this share is not called slower, however little its repeats differ."""


@dataclass(frozen=True)
class Measured:
    """One figure of a bench, and what it is compared with.

    >>> Measured("start", 0.5, repeats=(0.5, 0.6), baseline="the old way", baseline_value=2.0).ratio
    4.0

    Args:
        name: What was done, in the same words in every run.
        value: The figure, that of the best repeat.
        unit: What the figure counts.
        repeats: The figures of all repeats; empty where there was one.
        baseline: What else was measured in the same run, in words; "" where nothing was.
        baseline_value: The baseline's figure, in the same unit.
        asked: The most that the figure may be (the least, where more is better); None where nothing was asked.
        asked_ratio: The least that the ratio may be; None where nothing was asked.
        more_is_better: Whether a larger figure is the better one.
        processor: Seconds of processor that the work took, all threads together; None where nobody measured it.
        limit: What the figure would be if the machine did nothing but the work's operations, or move its bytes, as
            fast as it can (`tools.bench.speed.limits`); None where nobody knows it.
    """

    name: str
    value: float
    unit: str = "s"
    repeats: tuple[float, ...] = ()
    baseline: str = ""
    baseline_value: float | None = None
    asked: float | None = None
    asked_ratio: float | None = None
    more_is_better: bool = False
    processor: float | None = None
    limit: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better than the baseline the figure is."""
        if self.baseline_value is None or not self.value:
            return None
        return self.value / self.baseline_value if self.more_is_better else self.baseline_value / self.value

    @property
    def reached(self) -> float | None:
        """The share of the machine's limit that is reached, in [0, 1] but for noise.

        >>> Measured("product", 0.5, limit=0.2).reached
        0.4
        """
        if self.limit is None or not self.value or not self.limit:
            return None
        return self.value / self.limit if self.more_is_better else self.limit / self.value

    @property
    def spread(self) -> float:
        """By which share the worst repeat is worse than the best."""
        if len(self.repeats) < 2 or min(self.repeats) <= 0:
            return 0.0
        return max(self.repeats) / min(self.repeats) - 1

    def change(self, earlier: "Measured") -> float:
        """By which share this figure is worse than the earlier one; below 0 where it is better."""
        worse, better = (earlier, self) if self.more_is_better else (self, earlier)
        return worse.value / better.value - 1 if better.value else 0.0

    def is_worse(self, earlier: "Measured") -> bool:
        """Whether the figure is worse than an earlier one by more than the repeats of either differ, and by a tenth."""
        return self.change(earlier) > max(LEAST_CHANGE, self.spread, earlier.spread)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The value that a JSON file holds.

        Raises:
            TypeError, ValueError: A field is missing or unknown.
        """
        return cls(**{**content, "repeats": tuple(content.get("repeats", ()))})


@dataclass(frozen=True)
class Run:
    """A run of one bench: which one, with which settings, and the earlier run that it is compared with.

    Args:
        command: The command, such as "bench startup".
        settings: What the figures depend on besides the machine, as JSON knows it.
        earlier: The figures of the earlier run by name; None where none was given.
        earlier_machine: What the earlier run said about its machine.
    """

    command: str
    settings: Mapping[str, Any]
    earlier: Mapping[str, Measured] | None = None
    earlier_machine: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, command: str, settings: Mapping[str, Any], compare: Path | None) -> Self:
        """A run that begins; the file of the earlier one is read first, before minutes are measured for nothing.

        Args:
            command: The command.
            settings: The settings of this run.
            compare: The file that `--json` of the earlier run wrote, or None.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is of another bench or of other settings, or holds no figures.
        """
        settings = json.loads(json.dumps(settings))
        if compare is None:
            return cls(command, settings)
        try:
            content = json.loads(compare.read_text(encoding="utf-8"))
            earlier = {one["name"]: Measured.from_dict(one) for one in content["measured"]}
            of, before, machine = content["command"], content["settings"], dict(content["machine"])
        except (KeyError, TypeError, ValueError):
            raise ValueError(
                f"{compare} holds no figures to compare with, expected a file that `{command} --json` wrote"
            ) from None
        if of != command:
            raise ValueError(f"{compare} is of `{of}`, expected one that `{command} --json` wrote")
        others = [name for name in {**settings, **before} if settings.get(name) != before.get(name)]
        if others:
            raise ValueError(
                f"{compare} was measured with another {others[0]} ({before.get(others[0])}, now "
                f"{settings.get(others[0])}), expected the same; give the options of that run"
            )
        return cls(command, settings, earlier, machine)

    def outcome(
        self,
        text: str,
        figures: Mapping[str, Any],
        measured: Sequence[Measured],
        libraries: Sequence[str] = ("numpy", "torch"),
        failures: Sequence[str] = (),
        *,
        load: float | None = None,
        failed: bool = False,
    ) -> Outcome:
        """What the command gives back: its own text and figures, the machine, and what became slower.

        Args:
            text: What the bench says to people.
            figures: Its own figures for programs.
            measured: The figures that every bench gives in this form.
            libraries: The distributions whose versions matter.
            failures: What could not be measured.
            load: The load average before the work; None takes today's.
            failed: Whether the bench itself found bad news.
        """
        machine = described(*libraries)
        load = load_average() if load is None else load
        lines, slower = self._compared(measured, machine)
        whole: dict[str, Any] = {
            **figures, "measured": measured, "settings": self.settings, "machine": machine, "load_average": load,
            "made_by": _typed(), "date": datetime.now(UTC).date().isoformat(), "slower": slower,
        }  # fmt: skip
        said = [text, *_limits(measured), told(machine, load), *lines]
        return Outcome("\n".join(said), whole, failures, failed=failed or bool(slower))

    def _compared(self, measured: Sequence[Measured], machine: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """Lines for people on what changed, and the names of the figures that became worse beyond noise."""
        if self.earlier is None:
            return [], []
        both = [(one, self.earlier[one.name]) for one in measured if one.name in self.earlier]
        slower = [one.name for one, before in both if one.is_worse(before)]
        rows = [
            [one.name, before.value, one.value, one.unit, f"{one.change(before):+.1%}", _verdict(one, before)]
            for one, before in both
        ]
        lines = ["", table(["compared", "before", "now", "unit", "worse by", ""], rows)]
        missing = [name for name in self.earlier if name not in {one.name for one in measured}]
        lines += [f"not measured this time: {', '.join(missing)}"] if missing else []
        if any(self.earlier_machine.get(name) != machine[name] for name in ("processor", "threads")):
            was, threads = self.earlier_machine.get("processor"), self.earlier_machine.get("threads")
            lines.append(f"the earlier figures are of another machine: {was}, {threads} threads")
        return lines, slower


def _limits(measured: Sequence[Measured]) -> list[str]:
    """How near the figures come to what the machine can do at most, where that is known."""
    rows = [
        [one.name, one.value, one.limit, one.unit, f"{one.reached:.0%}"] for one in measured if one.reached is not None
    ]
    return ["", table(["of what the machine can do", "figure", "limit", "unit", "reached"], rows)] if rows else []


def _typed() -> str:
    """The command as it was typed, without the files that belong to the one run."""
    words = iter(sys.argv[1:])
    kept = []
    for word in words:
        name, equals, _ = word.partition("=")
        if name not in ("--json", "--compare", "--progress"):
            kept.append(word)
        elif not equals:
            next(words, None)
    return shlex.join(["personsearch", *kept])


def _verdict(now: Measured, before: Measured) -> str:
    if now.is_worse(before):
        return "WORSE"
    return "better" if before.is_worse(now) else "within noise"
