"""Progress bars for `on_progress(done, total)` callbacks: on stderr, with the time left, where somebody watches."""

import sys
from types import TracebackType
from typing import ClassVar, Literal, Self

from tqdm import tqdm

from tools.outcome import is_first_process

When = Literal["auto", "always", "never"]


class Progress:
    """A bar that is a callback: `with Progress("Indexing") as progress: index(..., on_progress=progress)`.

    Args:
        label: what is being done, before the bar.
        unit: what is counted, in the rate.
    """

    when: ClassVar[When] = "auto"
    """"auto" shows bars where stderr is a terminal; set once by `--progress`."""

    def __init__(self, label: str, unit: str = "frame") -> None:
        shown = self.when == "always" or (self.when == "auto" and sys.stderr.isatty())
        shown = shown and is_first_process()
        self._bar: tqdm[None] = tqdm(
            desc=label, unit=f" {unit}", disable=not shown, file=sys.stderr, dynamic_ncols=True, leave=True
        )

    def __call__(self, done: int, total: int | None = None, **figures: object) -> None:
        """Show that `done` of `total` are done (None: nobody knows), and figures such as loss=0.123 behind the bar."""
        if self._bar.disable:
            return
        if self._bar.total != total:
            self._bar.total = total
        if figures:
            self._bar.set_postfix({name: _short(value) for name, value in figures.items()}, refresh=False)
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.close()


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
