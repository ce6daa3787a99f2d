"""Ctrl-C during a training: the step that runs is finished and kept before the process ends."""

import logging
import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

_log = logging.getLogger(__name__)
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class TrainingInterrupted(KeyboardInterrupt):
    """A training was stopped by a signal, after its resume point had been written.

    Args:
        run_directory: The folder whose resume.pt holds everything up to the last step.
        step: The steps that are done.
        total_steps: The steps that the whole training has.
    """

    def __init__(self, run_directory: Path, step: int, total_steps: int) -> None:
        self.run_directory = run_directory
        self.step = step
        self.total_steps = total_steps
        super().__init__(f"interrupted after step {step} of {total_steps}, which {run_directory} keeps")


class StopRequest:
    """Notes that a signal asked the training to stop; the second signal stops it at once, as without this class.

    `with StopRequest() as stop:` catches SIGINT and SIGTERM until the block ends, but for a signal that the process
    ignores. A thread that is not the main one cannot catch signals: there nothing changes.

    Attributes:
        asked: Whether a signal was caught.
        at_once: While this is True, a signal raises KeyboardInterrupt where it finds the program. Set it around work
            that may be given up, such as an evaluation.
    """

    def __init__(self) -> None:
        self.asked = False
        self.at_once = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            # What is ignored stays so: a process in the background of a script is not to be stopped by Ctrl-C.
            caught = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._caught) or signal.SIG_DFL for number in caught}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._let_go()

    def _let_go(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._let_go()
        if self.at_once:
            raise KeyboardInterrupt
        _log.warning(
            "interrupted: the training ends after this step and keeps it; interrupt once more to end it without that"
        )
