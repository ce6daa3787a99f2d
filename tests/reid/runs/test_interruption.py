"""Ctrl-C and SIGTERM in real processes: the step is finished and kept, and the training goes on from there."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from separate_processes import finish, start
from toy_task import LONG, ToyTask, train

from reid.runs.interruption import StopRequest
from reid.runs.run import TrainingRun


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_training_after_its_step_and_resume_goes_on_from_there(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Long before the first resume point that the recipe asks for."""
    said = tmp_path / "said"
    process = start(train, tmp_path / "cut", 0.2, said=said)
    while not (said.is_file() and "3\n" in said.read_text()):
        assert process.is_alive()
        time.sleep(0.01)
    os.kill(process.pid or 0, number)
    output = finish(process, said, status=130)
    assert "this step" in output
    kept = torch.load(tmp_path / "cut" / "resume.pt", weights_only=True)["step"]
    assert 3 <= kept < 8
    assert f"interrupted after step {kept} of 80, which {tmp_path / 'cut'} keeps" in output
    whole, again = (TrainingRun(ToyTask(LONG), tmp_path / name) for name in ("whole", "cut"))
    whole.run()
    again.resume()
    assert again.step == kept
    again.run()
    ends = [torch.load(tmp_path / name / "resume.pt", weights_only=True) for name in ("whole", "cut")]
    for part in ("model", "averaged", "criterion"):
        for name, value in ends[0][part].items():
            assert torch.equal(value, ends[1][part][name]), f"{part}.{name}"


@pytest.fixture(autouse=True)
def usual_signals() -> Iterator[None]:
    """The handlers of a process in the foreground: a shell's background jobs begin with SIGINT ignored."""
    before = [signal.signal(signal.SIGINT, signal.default_int_handler), signal.signal(signal.SIGTERM, signal.SIG_DFL)]
    yield
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before):
        signal.signal(number, handler)


def test_the_first_signal_is_noted_and_the_second_is_as_without() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with StopRequest() as stop:
        assert not stop.asked
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_work_that_may_be_given_up_ends_at_once() -> None:
    with StopRequest() as stop:
        stop.at_once = True
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        assert stop.asked


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            signal.raise_signal(signal.SIGINT)
            assert not stop.asked
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_catches_nothing_and_trains_all_the_same() -> None:
    asked: list[bool] = []

    def work() -> None:
        with StopRequest() as stop:
            asked.append(stop.asked)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [False]
