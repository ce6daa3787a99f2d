"""Progress: a bar where somebody watches, a line every half minute in a file, nothing where nobody wants it."""

import time

import pytest

from tools import progress as module
from tools.progress import Progress


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines come a hundred times as often."""
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.3)


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_file_gets_lines_though_the_work_reports_nothing(quick: None, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("Calibrating") as progress:
        time.sleep(0.8)
        progress(3, 12)
    lines = lines_of(capsys)
    assert len(lines) >= 2, "one or more while it works, and one at the end"
    assert lines[0].startswith("Calibrating: begun ")
    assert lines[-1].startswith("Calibrating: 3 frames in ")


def test_work_that_ends_before_the_first_line_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("Indexing") as progress:
        for done in range(29):
            progress(done, 28)
    assert lines_of(capsys) == []


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ([(0, 0, 1200), (60, 60, 1200)], "60 of 1,200 frames, 1.0 a second, 19 min left"),
        ([(0, 5000, 5060), (40, 5010, 5060)], "5,010 of 5,060 frames, 15.0 a minute, 3 min left"),
        ([(0, 0, None), (30, 60, None)], "60 frames, 2.0 a second"),
        ([(0, 0, 10), (50, 10, 10), (50, 0, 20), (60, 5, 20)], "5 of 20 frames, 30.0 a minute, 30 s left"),
        ([(0, 7, 10)], "7 of 10 frames"),
    ],
    ids=["from nothing", "resumed", "without a total", "a second phase", "no step yet"],
)
def test_a_line_has_count_rate_and_time_left(
    calls: list[tuple[float, int, int | None]],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    lines = module._Lines("Indexing", "frame")
    for after, done, total in calls:
        now = 1000.0 + after
        lines.update(done, total, {})
    lines.speak()
    lines.close()
    assert lines_of(capsys)[0] == f"Indexing: {said}"


def test_figures_stand_at_the_end_of_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = module._Lines("Training", "step")
    lines.update(3, 9, {"loss": "0.25"})
    lines.speak()
    lines.close()
    assert lines_of(capsys)[0].endswith(", loss 0.25")


def test_never_says_nothing_and_always_draws_a_bar(
    quick: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "when", "never")
    with Progress("Indexing") as progress:
        time.sleep(0.5)
        progress(1, 2)
    assert lines_of(capsys) == []
    monkeypatch.setattr(Progress, "when", "always")
    with Progress("Indexing") as progress:
        progress(1, 2, loss=0.25)
        progress(2, 2)
    shown = capsys.readouterr().err
    assert "Indexing: 100%" in shown
    assert "2/2" in shown
    assert "loss=0.25" in shown


def test_only_the_first_of_several_processes_speaks(
    quick: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    with Progress("Training"):
        time.sleep(0.5)
    assert lines_of(capsys) == []


@pytest.mark.parametrize(
    ("seconds", "said"), [(4.4, "4 s"), (59, "59 s"), (61, "1 min"), (3599, "1 h 0 min"), (12000, "3 h 20 min")]
)
def test_durations_are_told_as_people_say_them(seconds: float, said: str) -> None:
    assert module.duration(seconds) == said
