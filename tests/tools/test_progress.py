"""Progress: a bar where somebody watches, a line every half minute in a file, nothing where nobody wants it."""

import pytest

from tools import progress as module
from tools.progress import Progress


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def work(progress: Progress, clock: Clock, steps: range, seconds: float, total: int | None) -> None:
    for done in steps:
        clock.now += seconds
        progress(done, total)


def test_a_file_gets_a_line_every_half_minute_with_count_rate_and_time_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress("Indexing") as progress:
        progress(0, 1200)
        work(progress, clock, range(1, 101), 1.0, 1200)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Indexing: 30 of 1,200 frames, 1.0 a second, 20 min left",
        "Indexing: 60 of 1,200 frames, 1.0 a second, 19 min left",
        "Indexing: 90 of 1,200 frames, 1.0 a second, 18 min left",
        "Indexing: 100 frames in 2 min",
    ]


def test_work_that_ends_within_half_a_minute_prints_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("Indexing") as progress:
        work(progress, clock, range(1, 29), 1.0, 28)
    assert capsys.readouterr().err == ""


def test_the_rate_of_a_resumed_training_leaves_out_what_was_done_before(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress("Training", unit="step") as progress:
        progress(5000, 5060, loss=0.5)
        clock.now += 40
        progress(5010, 5060, loss=0.25)
    line = capsys.readouterr().err.splitlines()[0]
    assert line == "Training: 5,010 of 5,060 steps, 15.0 a minute, 3 min left, loss 0.25"


def test_without_a_total_no_time_is_promised(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("Watching") as progress:
        progress(0)
        work(progress, clock, range(1, 41), 1.0, None)
    assert capsys.readouterr().err.splitlines()[0] == "Watching: 30 frames, 1.0 a second"


def test_never_says_nothing_and_always_draws_a_bar(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "when", "never")
    with Progress("Indexing") as progress:
        work(progress, clock, range(1, 100), 1.0, 100)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(Progress, "when", "always")
    with Progress("Indexing") as progress:
        progress(1, 2, loss=0.25)
        progress(2, 2)
    shown = capsys.readouterr().err
    assert "Indexing: 100%" in shown
    assert "2/2" in shown
    assert "loss=0.25" in shown


def test_only_the_first_of_several_processes_speaks(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    with Progress("Training") as progress:
        work(progress, clock, range(1, 100), 1.0, 100)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "said"), [(4.4, "4 s"), (59, "59 s"), (61, "1 min"), (3599, "1 h 0 min"), (12000, "3 h 20 min")]
)
def test_durations_are_told_as_people_say_them(seconds: float, said: str) -> None:
    assert module._duration(seconds) == said
