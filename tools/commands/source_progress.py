"""Progress of several sources at once: a line for each on a terminal, and plain lines every half minute elsewhere."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tools import progress
from tools.outcome import is_first_process
from tools.progress import duration

SECONDS_BETWEEN_DRAWINGS = 0.5


@dataclass(frozen=True)
class SourceLine:
    """How far one source is.

    Args:
        label: What people call it.
        done: How many frames are done, with those that were known before or could not be read.
        looked: How many frames were looked at in this run.
        total: About how many frames there are; None where nobody knows.
        people: How many people were found.
        state: What it is doing instead of giving frames, "done", or what broke it; empty while frames come.
        lag: How many seconds ago the newest frame was taken; None where the source is not live.
        missed: How many frames of a live stream were dropped because the models were busy.
        ended: Whether nothing more comes.
    """

    label: str
    done: int = 0
    looked: int = 0
    total: int | None = None
    people: int = 0
    state: str = ""
    lag: float | None = None
    missed: int = 0
    ended: bool = False

    def text(self, seconds: float) -> str:
        """The line, of a source that has been read for so many seconds.

        >>> SourceLine("gate", 30, 20, 120, 7).text(10.0)
        'gate: 30 of 120 frames, 2.0 frames/s, 7 people, 45 s left'
        """
        rate = self.looked / max(seconds, 1e-9)
        of = "" if self.total is None else f" of {self.total:,}"
        parts = [f"{self.done:,}{of} frames", f"{rate:.1f} frames/s", f"{self.people:,} people"]
        if self.total is not None and rate > 0 and not self.ended:
            parts.append(f"{duration(max(0, self.total - self.done) / rate)} left")
        if self.lag is not None and not self.ended:
            parts.append(f"{self.lag:.0f} s behind")
        parts += [f"{self.missed:,} frames missed"] if self.missed else []
        parts += [self.state] if self.state else []
        return f"{self.label}: {', '.join(parts)}"


class SourceProgress:
    """Shows how far each source is; use it in a `with` block and call it with the lines.

    Args:
        draw: Writes to the terminal; None writes to stderr.
    """

    def __init__(self, draw: Callable[[str], None] | None = None) -> None:
        when = progress.Progress.when
        self._shown = when != "never" and is_first_process()
        self._bars = self._shown and (when == "always" or sys.stderr.isatty())
        self._draw = draw or (lambda text: print(text, end="", file=sys.stderr, flush=True))
        self._lines: Sequence[SourceLine] = ()
        self._begun: dict[int, float] = {}
        self._took: dict[int, float] = {}
        self._drawn_at = 0.0
        self._height = 0
        self._closed = threading.Event()
        if self._shown and not self._bars:
            threading.Thread(target=self._speak, name="progress", daemon=True).start()

    def __call__(self, lines: Sequence[SourceLine]) -> None:
        """Note how far the sources are, always in the same order, and draw it where it is time."""
        now = time.monotonic()
        for number, line in enumerate(lines):
            if line.looked or line.ended:
                self._begun.setdefault(number, now)
            if line.ended:
                self._took.setdefault(number, now - self._begun[number])
        self._lines = lines
        if self._bars and now - self._drawn_at >= SECONDS_BETWEEN_DRAWINGS:
            self._redraw(now)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed.set()
        if self._bars and self._lines:
            self._redraw(time.monotonic())

    def texts(self, now: float) -> list[str]:
        """A line for each source, those that are being read first."""
        numbered = sorted(enumerate(self._lines), key=lambda one: one[1].ended)
        return [line.text(self._took.get(number, now - self._begun.get(number, now))) for number, line in numbered]

    def _redraw(self, now: float) -> None:
        """Write the lines over those of the last time."""
        self._drawn_at = now
        size = shutil.get_terminal_size()
        texts = self.texts(now)
        fit = max(1, size.lines - 2)
        if len(texts) > fit:
            texts = [*texts[: fit - 1], f"... and {len(texts) - fit + 1} more sources"]
        up = f"\x1b[{self._height}F" if self._height else ""
        self._draw(up + "".join(f"{text[: size.columns - 1]}\x1b[K\n" for text in texts) + "\x1b[J")
        self._height = len(texts)

    def _speak(self) -> None:
        while not self._closed.wait(progress.SECONDS_BETWEEN_LINES):
            self._draw("".join(f"{text}\n" for text in self.texts(time.monotonic())))
