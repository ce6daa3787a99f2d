"""Sources side by side: fair turns, sources that break, live sources that nobody keeps up with, and what is planned."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets import turns as module
from datasets.footage.cameras import CameraDescription
from datasets.footage.cameras_file import CameraEntry
from datasets.footage.planning import planned
from datasets.footage.reading import Reading
from datasets.turns import Turns


def test_turns_are_fair_and_lose_nothing() -> None:
    served = list(Turns([lambda: iter(range(7)), lambda: iter("abc"), lambda: iter([])], size=2, depth=4))
    of = {number: [item for turn in served if turn.number == number for item in turn.items] for number in range(3)}
    assert of == {0: list(range(7)), 1: list("abc"), 2: []}
    assert sorted(turn.number for turn in served if turn.ended) == [0, 1, 2]
    assert all(len(turn.items) == 2 for turn in served if not turn.ended)
    side = Turns([lambda: iter(range(40)) for _ in range(4)], size=2, depth=4)
    had: dict[int, int] = dict.fromkeys(range(4), 0)
    for turn in side:
        had[turn.number] += len(turn.items)
        assert max(had.values()) - min(had.values()) <= 2  # nobody runs away
        while not all(one.ended or len(one.ready) >= 2 for one in side._readers):
            time.sleep(0.001)


def test_a_source_that_breaks_leaves_the_others_alone() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    def never() -> Iterator[int]:
        raise FileNotFoundError("no such file")

    served = list(Turns([broken, lambda: iter(range(6)), never], size=1, depth=1))
    errors = {turn.number: str(turn.error) for turn in served if turn.error is not None}
    assert errors == {0: "the disk is gone", 2: "no such file"}
    assert [item for turn in served if turn.number == 1 for item in turn.items] == list(range(6))
    assert [item for turn in served if turn.number == 0 for item in turn.items] == [1]


def test_a_slow_source_does_not_hold_up_the_others() -> None:
    go_on = threading.Event()

    def slow() -> Iterator[int]:
        go_on.wait(20)
        yield 1

    order = []
    for turn in Turns([slow, lambda: iter(range(4))], size=2, depth=2):
        order.append(turn.number)
        if turn.number == 1 and turn.ended:
            go_on.set()
    assert order[0] == 1
    assert 0 in order


def test_a_live_source_drops_what_is_old_and_counts_it() -> None:
    done = threading.Event()

    def live() -> Iterator[int]:
        yield from range(10)
        done.set()

    side = Turns([live], size=2, depth=3, live=lambda _: True, streams=[0])
    taken: list[int] = []
    for turn in side:
        assert done.wait(20)  # the models are busy meanwhile
        taken += turn.items
    assert taken[-3:] == [7, 8, 9]
    assert len(taken) + side.missed(0) == 10
    assert side.missed(0) >= 4


def test_a_live_source_need_not_fill_a_batch() -> None:
    go_on = threading.Event()

    def live() -> Iterator[int]:
        yield 1
        go_on.wait(20)

    side = Turns([live], size=4, depth=4, live=lambda _: True)
    turns = iter(side)
    first = next(turns)
    go_on.set()
    assert first.items == [1]
    side.close()


def test_no_more_files_than_allowed_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES_AT_ONCE", 2)
    lock, now, most = threading.Lock(), [0], [0]

    def source() -> Iterator[int]:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        yield 1
        with lock:
            now[0] -= 1

    assert sum(len(turn.items) for turn in Turns([source] * 7, size=1, depth=1)) == 7
    assert most[0] <= 3  # one may end while the next begins


def test_closing_ends_the_threads() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    iterator = iter(Turns([endless], size=1, depth=2))
    next(iterator)
    iterator.close()  # type: ignore[attr-defined]
    assert closed.wait(5)


@pytest.mark.parametrize(("size", "depth"), [(0, 1), (2, 1)])
def test_sizes_out_of_range_are_refused(size: int, depth: int) -> None:
    with pytest.raises(ValueError, match="expected 1 or more"):
        Turns([], size=size, depth=depth)


# What is planned


def test_files_of_one_camera_follow_one_another_and_others_stand_beside(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    words = ["b/part2.mp4", "b/part10.mp4", "b/part1.mp4", "b/gate.mp4", "c/part1.mp4", str(folder), "b/x.json"]
    sources, notes = planned([*words, "rtsp://u:secret@cam/live", "0"], Reading())
    found = [one.source for one in sources]
    assert found == [
        str(folder), "b/x.json", "rtsp://u:secret@cam/live", "webcam://0",
        (Path("b/part1.mp4"), Path("b/part2.mp4"), Path("b/part10.mp4")), (Path("b/gate.mp4"),), (Path("c/part1.mp4"),),
    ]  # fmt: skip
    assert notes == []
    labels = [one.label for one in sources]
    assert labels[1:] == ["b/x.json", "cam/live", "webcam 0", "b (3 files)", "b/gate.mp4", "c/part1.mp4"]
    assert [one.source for one in planned(words, Reading(camera="x"))[0]][-2] == tuple(
        Path("b") / name for name in ("gate.mp4", "part1.mp4", "part2.mp4", "part10.mp4")
    )


def test_what_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.mp4").touch()
    inside = str(tmp_path / "b" / "a.mp4")
    sources, notes = planned([inside, str(tmp_path / "b"), str(tmp_path / "b")], Reading())
    assert [one.source for one in sources] == [str(tmp_path / "b")]
    assert ["part of a folder" in note for note in notes] == [True, False]
    (tmp_path / "0").touch()
    assert planned([str(tmp_path / "0")], Reading())[0][0].source == str(tmp_path / "0")


def test_a_camera_of_the_file_says_more_than_the_settings_for_all() -> None:
    corner = (((0.0, 0.0), (9.0, 0.0), (0.0, 9.0)),)
    entry = CameraEntry(CameraDescription("7", "Yard"), "0", 1.7e9, 0.5, 90, corner)
    (whole, bare), _ = planned(
        [], Reading(2.0, start_time=1.6e9), [entry, CameraEntry(CameraDescription("x", "X"), "y")]
    )
    assert (whole.label, whole.source) == ("Yard", "webcam://0")
    assert whole.reading == Reading(0.5, 7, 1.7e9, rotation=90, leave_out=corner)
    assert bare.reading == Reading(2.0, "x", 1.6e9)
