"""Work that is done ahead: in order, in bounds, and over when nobody wants it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets.ahead import batches, mapped_ahead, pictures_ahead, prefetched
from datasets.images import ImageError


@pytest.mark.parametrize("workers", [0, 1, 4])
@pytest.mark.parametrize("ahead", [0, 3, 100])
def test_results_come_in_the_order_of_the_items(workers: int, ahead: int) -> None:
    def slow(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return -number

    assert list(mapped_ahead(slow, range(20), workers=workers, ahead=ahead)) == [-number for number in range(20)]


def test_no_more_results_wait_than_asked_for() -> None:
    begun: list[int] = []
    results = mapped_ahead(lambda number: begun.append(number) or number, range(50), workers=2, ahead=4)
    assert next(results) == 0
    time.sleep(0.05)
    assert sorted(begun) == list(range(len(begun)))
    assert len(begun) <= 6
    results.close()  # type: ignore[attr-defined]
    assert len(begun) <= 7


def test_an_error_of_the_function_comes_at_its_place() -> None:
    results = mapped_ahead(lambda number: 1 // (2 - number), range(5), workers=2, ahead=5)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_picture_that_cannot_be_read_comes_with_its_reason_and_the_others_go_on() -> None:
    def read(name: str) -> str:
        if name == "b":
            raise ImageError(Path(name), "is broken")
        return name.upper()

    found = list(pictures_ahead(read, ["a", "b", "c"], ahead=1))
    assert [name for name, _ in found] == ["a", "b", "c"]
    assert (found[0][1], found[2][1]) == ("A", "C")
    assert isinstance(found[1][1], ImageError)
    with pytest.raises(KeyError):
        list(pictures_ahead({}.__getitem__, ["a"]))


@pytest.mark.parametrize(("items", "size"), [(0, 3), (6, 3), (7, 3), (2, 5), (4, 1)])
def test_batches_hold_every_item_once_in_order(items: int, size: int) -> None:
    found = list(batches(iter(range(items)), size))
    assert [item for batch in found for item in batch] == list(range(items))
    assert all(len(batch) == size for batch in found[:-1])
    assert all(found)


def test_a_batch_is_made_before_more_items_are_taken() -> None:
    taken: list[int] = []
    items = batches((taken.append(number) or number for number in range(10)), 3)
    assert next(items) == [0, 1, 2]
    assert taken == [0, 1, 2]


def test_a_batch_size_of_nothing_is_named_at_once() -> None:
    with pytest.raises(ValueError, match="batch size 0, expected at least 1"):
        batches([1, 2], 0)


def test_prefetching_keeps_order_and_works_ahead() -> None:
    started = threading.Event()
    produced: list[int] = []

    def slow() -> Iterator[int]:
        for index in range(20):
            produced.append(index)
            if index == 4:
                started.set()
            yield index

    items = prefetched(slow(), depth=3)
    assert next(items) == 0
    assert started.wait(5)  # 4 is being made while only 0 was taken
    time.sleep(0.05)
    assert len(produced) <= 5
    assert list(items) == list(range(1, 20))


def test_an_exception_arrives_where_its_item_would_have() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise RuntimeError("the third")

    items = prefetched(failing())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(RuntimeError, match="the third"):
        next(items)


def test_closing_stops_the_thread_and_closes_the_iterator() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    items = prefetched(endless(), depth=2)
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "frame-prefetch"]
    with pytest.raises(ValueError, match="depth is 0"):
        prefetched([1], depth=0)
