"""Progress for callbacks, on stderr: a bar or a line for each source on a terminal, else lines every half minute."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Literal, Self

from tools.outcome import counted, is_first_process

When = Literal["auto", "always", "never"]
SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_DRAWINGS = 0.5


def say(line: str) -> None:
    """Print one line on stderr before long work, of what was chosen for it; `--progress never` keeps it quiet."""
    if Progress.when != "never" and is_first_process():
        print(line, file=sys.stderr, flush=True)


class Progress:
    """Progress that is a callback: `with Progress("Indexing") as progress: index(..., on_progress=progress)`.

    Args:
        label: What is being done, as the line begins.
        unit: One of what is counted, in the singular.
    """

    when: ClassVar[When] = "auto"
    """What `--progress` says: "auto" shows a bar on a terminal and lines elsewhere, "always" a bar, "never" nothing."""

    def __init__(self, label: str, unit: str = "frame") -> None:
        shown = self.when != "never" and is_first_process()
        self._display: _Bar | _Lines | None = None
        if shown:
            bar = self.when == "always" or sys.stderr.isatty()
            self._display = _Bar(label, unit) if bar else _Lines(label, unit)

    def __call__(self, done: int, total: int | None = None, **figures: object) -> None:
        """Show that `done` of `total` are done (None: nobody knows), and figures such as loss=0.123 beside it."""
        if self._display is not None:
            self._display.update(done, total, {name: _short(value) for name, value in figures.items()})

    def say(self, line: str) -> None:
        """Print a line above the bar, or among the lines."""
        if self._display is not None:
            self._display.say(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._display is not None:
            self._display.close()


class _Bar:
    """tqdm's bar, with the rate and the time left."""

    def __init__(self, label: str, unit: str) -> None:
        from tqdm import tqdm

        self._bar: tqdm[None] = tqdm(desc=label, unit=f" {unit}", file=sys.stderr, dynamic_ncols=True, leave=True)

    def update(self, done: int, total: int | None, figures: dict[str, str]) -> None:
        """Draw the bar again, if the last time is long enough ago."""
        if self._bar.total != total:
            self._bar.total = total
        if figures:
            self._bar.set_postfix(figures, refresh=False)
        self._bar.update(done - self._bar.n)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._bar.write(line, file=sys.stderr)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


class _Lines:
    """A line every half minute, for a file that somebody may look into; work that is done before prints none.

    A thread prints them, so that a step of many minutes, which calls nobody meanwhile, does not look like a standstill.
    """

    def __init__(self, label: str, unit: str) -> None:
        self._label, self._unit = label, unit
        self._started = time.monotonic()
        self._first: int | None = None
        self._done = 0
        self._total: int | None = None
        self._figures: dict[str, str] = {}
        self._printed = False
        self._closed = threading.Event()
        threading.Thread(target=self._speak, name="progress", daemon=True).start()

    def update(self, done: int, total: int | None, figures: dict[str, str]) -> None:
        """Note how far the work is."""
        if self._first is None or done < self._done:  # a resumed training begins in the middle, a new phase at nothing
            self._first, self._started = done, time.monotonic()
        self._done, self._total, self._figures = done, total, figures

    def say(self, line: str) -> None:
        """Print a line of another kind."""
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Say what was done in the end, where lines have said what was being done."""
        self._closed.set()
        if self._printed:
            self._print(f"{counted(self._done, self._unit)} in {duration(time.monotonic() - self._started)}")

    def speak(self) -> None:
        """Print how far the work is."""
        self._printed = True
        seconds = time.monotonic() - self._started
        if self._first is None:
            self._print(f"begun {duration(seconds)} ago")
            return
        rate = (self._done - self._first) / max(seconds, 1e-9)
        of = "" if self._total is None else f" of {self._total:,}"
        parts = [f"{self._done:,}{of} {self._unit}s"]
        if rate > 0:
            parts.append(f"{rate:.1f} a second" if rate >= 1 else f"{rate * 60:.1f} a minute")
        if self._total is not None and rate > 0:
            parts.append(f"{duration(max(0, self._total - self._done) / rate)} left")
        self._print(", ".join(parts + [f"{name} {value}" for name, value in self._figures.items()]))

    def _speak(self) -> None:
        while not self._closed.wait(SECONDS_BETWEEN_LINES):
            self.speak()

    def _print(self, text: str) -> None:
        print(f"{self._label}: {text}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Seconds as people say them: 45 s, 12 min, 3 h 20 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


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
        'gate: 30 of 120 frames, 2.0 frames/s, 7 sightings, 45 s left'
        """
        rate = self.looked / max(seconds, 1e-9)
        of = "" if self.total is None else f" of {self.total:,}"
        frames = "frame" if self.done == 1 and not of else "frames"
        sightings = "sighting" if self.people == 1 else "sightings"
        parts = [f"{self.done:,}{of} {frames}", f"{rate:.1f} frames/s", f"{self.people:,} {sightings}"]
        if self.total is not None and rate > 0 and not self.ended:
            parts.append(f"{duration(max(0, self.total - self.done) / rate)} left")
        if self.lag is not None and not self.ended:
            parts.append(f"{self.lag:.0f} s behind")
        parts += [f"{self.missed:,} frames missed"] if self.missed else []
        parts += [self.state] if self.state else []
        return f"{self.label}: {', '.join(parts)}"


class SourceProgress:
    """Shows how far each of several sources is, and a single one as `Progress` does; call it with their lines.

    Args:
        label: What is being done, as the line of a single source begins.
        sources: How many sources there are.
        draw: Writes to the terminal; None writes to stderr.
    """

    def __init__(self, label: str, sources: int, draw: Callable[[str], None] | None = None) -> None:
        self._single = Progress(label) if sources == 1 else None
        when = Progress.when if sources > 1 else "never"
        self._shown = when != "never" and is_first_process()
        self._bars = self._shown and (when == "always" or sys.stderr.isatty())
        self._draw = draw or (lambda text: print(text, end="", file=sys.stderr, flush=True))
        self._lines: Sequence[SourceLine] = ()
        self._begun: dict[int, float] = {}
        self._took: dict[int, float] = {}
        self._called = time.monotonic()
        self._drawn_at = 0.0
        self._height = 0
        self._closed = threading.Event()
        if self._shown and not self._bars:
            threading.Thread(target=self._speak, name="progress", daemon=True).start()

    def __call__(self, lines: Sequence[SourceLine]) -> None:
        """Note how far the sources are, always in the same order, and draw it where it is time."""
        if self._single is not None and lines[0].looked:
            self._single(lines[0].done, lines[0].total, sightings=lines[0].people)
        now = time.monotonic()
        for number, line in enumerate(lines):
            if line.looked or line.ended:
                self._begun.setdefault(number, self._called)  # its first frames took as long as it is since
            if line.ended:
                self._took.setdefault(number, now - self._begun[number])
        self._lines, self._called = lines, now
        if self._bars and now - self._drawn_at >= SECONDS_BETWEEN_DRAWINGS:
            self._redraw(now)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed.set()
        if self._single is not None:
            self._single.__exit__(kind, error, traceback)
        if self._bars and self._lines:
            self._redraw(time.monotonic())

    def say(self, line: str) -> None:
        """Print a line above those of the sources, or among them."""
        if self._single is not None:
            self._single.say(line)
        elif self._shown:
            up = f"\x1b[{self._height}F" if self._height else ""
            self._draw(f"{up}{line}\x1b[K\n\x1b[J" if self._bars else f"{line}\n")
            self._height = 0

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
        while not self._closed.wait(SECONDS_BETWEEN_LINES):
            self._draw("".join(f"{text}\n" for text in self.texts(time.monotonic())))
