"""A folder of trainings that several processes share."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reid.runs.files import DivergedError
from reid.runs.shared_work import claimed, require_same_data, work_through


def test_a_folder_is_claimed_once_and_let_go(tmp_path: Path) -> None:
    with claimed(tmp_path / "run") as mine:
        assert mine
        with claimed(tmp_path / "run") as other:
            assert not other
        with claimed(tmp_path / "another") as free:
            assert free
    with claimed(tmp_path / "run") as again:
        assert again


def test_processes_that_begin_together_note_the_same_data(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda row: require_same_data(tmp_path, {f"set {row}": "a"}), range(40)))
    for row in range(40):
        with pytest.raises(ValueError, match="other data"):
            require_same_data(tmp_path, {f"set {row}": "b"})


def test_work_is_done_in_an_order_that_starts_allow(tmp_path: Path) -> None:
    done: list[str] = []
    starts = {"late": "early", "early": None, "alone": None}
    work_through(
        {name: name for name in starts},
        directory=lambda name: tmp_path / name,
        do=lambda key, _: done.append(key),
        first=lambda name: starts[name],
    )
    assert done == ["early", "alone", "late"]


def test_one_that_diverges_leaves_the_others_to_be_done(tmp_path: Path) -> None:
    done: list[str] = []

    def do(key: str, _: str) -> None:
        if key == "bad":
            raise DivergedError("the loss is nan")
        done.append(key)

    first = {"bad": None, "after bad": "bad", "after that": "after bad", "good": None}
    diverged = work_through(
        {name: name for name in first},
        directory=lambda name: tmp_path / name,
        do=do,
        first=lambda name: first[name],
    )
    assert done == ["good"]
    assert diverged == dict.fromkeys(("bad", "after bad", "after that"), f"{tmp_path / 'bad'}: the loss is nan")


def test_other_data_is_refused_and_more_data_is_not(tmp_path: Path) -> None:
    require_same_data(tmp_path, {"train": "a", "market1501": "b"})
    require_same_data(tmp_path, {"train": "a", "dukemtmc": "c"})
    with pytest.raises(ValueError, match=r"of other data \(market1501\)"):
        require_same_data(tmp_path, {"train": "a", "market1501": "z"})
    require_same_data(tmp_path, {"train": "a", "market1501": "b", "dukemtmc": "c"})
