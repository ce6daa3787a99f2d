"""Which way is the fastest, and what is kept of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reid.runtime import measuring
from reid.runtime.kept import keep_measurement, kept_folder, machine, read_measurement
from reid.runtime.measuring import Way, fastest, thread_counts
from reid.runtime.settings import Inference

pytestmark = pytest.mark.usefixtures("own_cache")


class Clock:
    """Time that passes only in the ways that are measured."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def way(self, name: str, seconds: list[float]) -> Callable[[], Way]:
        left = list(seconds)

        def call() -> None:
            self.calls.append(name)
            self.now += left.pop(0)

        return lambda: call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: made.now)
    return made


def test_the_best_round_counts_and_the_first_call_does_not(clock: Clock) -> None:
    ways = {"slow": clock.way("slow", [0.1, 3, 3, 2]), "fast": clock.way("fast", [9, 5, 1, 5])}
    assert fastest("walk", ways) == "fast"
    assert clock.calls == ["slow", "fast"] * 4  # in turns
    (file,) = kept_folder().iterdir()
    assert json.loads(file.read_text())["seconds"] == {"slow": 2.0, "fast": 1.0}
    assert machine() in file.name
    assert fastest("walk", ways) == "fast"
    assert len(clock.calls) == 8
    with pytest.raises(IndexError):  # another choice is measured anew
        fastest("walk", ways | {"third": clock.way("third", [1] * 4)})


def test_a_single_way_is_not_measured(clock: Clock) -> None:
    assert fastest("walk", {"only": clock.way("only", [])}) == "only"
    assert not clock.calls


def test_a_damaged_measurement_is_made_again(clock: Clock) -> None:
    ways = {"a": clock.way("a", [1] * 12), "b": clock.way("b", [2] * 12)}
    assert fastest("walk", ways) == "a"
    (file,) = kept_folder().iterdir()
    for damaged in ("[1", "[1]", '{"fastest": "c"}'):
        file.write_text(damaged)
        before = len(clock.calls)
        if damaged != '{"fastest": "c"}':
            assert fastest("walk", ways) == "a"
            assert len(clock.calls) == before + 8
    assert read_measurement("never") is None


def test_nothing_breaks_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    keep_measurement("walk", {"fastest": "a"})
    assert read_measurement("walk") is None


def test_threads_are_all_and_half(monkeypatch: pytest.MonkeyPatch) -> None:
    for most, expected in ((1, [1]), (2, [2, 1]), (8, [8, 4])):
        monkeypatch.setattr(measuring.torch, "get_num_threads", lambda most=most: most)
        assert thread_counts() == expected


def test_the_environment_says_what_auto_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONSEARCH_RUNTIME", "openvino")
    assert Inference().named_runtime() == "openvino"
    assert Inference("torch").named_runtime() == "torch"
    monkeypatch.setenv("PERSONSEARCH_RUNTIME", "abacus")
    with pytest.raises(
        ValueError, match="PERSONSEARCH_RUNTIME is 'abacus', expected one of auto, torch, compiled, openvino, onnx"
    ):
        Inference().named_runtime()
    with pytest.raises(ValueError, match="runtime 'abacus'"):
        Inference("abacus")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="precision 'half'"):
        Inference(precision="half")  # type: ignore[arg-type]
