"""Pictures and rows belong together by number, however the names of the pictures are written."""

import random
from pathlib import Path

import pytest

from datasets.frame_numbers import frame_numbers, in_order, own_numbers


def paths(pattern: str, numbers: range) -> list[Path]:
    return [Path(pattern.format(number)) for number in numbers]


@pytest.mark.parametrize("pattern", ["{}.jpg", "{:06d}.jpg", "frame_{}.jpg", "cam 2 - {:03d}.png", "c1-{}.jpg"])
def test_every_picture_keeps_its_own_number_in_any_spelling(pattern: str) -> None:
    pictures = paths(pattern, range(1, 121))
    shuffled = random.Random(0).sample(pictures, len(pictures))
    assert in_order(shuffled) == pictures
    assert frame_numbers(in_order(shuffled), set(range(1, 121))) == list(range(1, 121))
    assert frame_numbers(pictures, {3, 50}) == list(range(1, 121))


def test_gaps_in_the_names_are_gaps_in_the_frames() -> None:
    pictures = [Path(f"f_{number}.jpg") for number in (1, 2, 5, 9)]
    assert frame_numbers(pictures, {1, 5}) == [1, 2, 5, 9]


def test_names_without_a_common_beginning_are_counted() -> None:
    pictures = [Path("a7.jpg"), Path("b3.jpg"), Path("c.jpg")]
    assert own_numbers(pictures) is None
    assert frame_numbers(pictures, {1, 3}) == [1, 2, 3]


@pytest.mark.parametrize("first", [0, 5, 1000])
def test_rows_from_1_to_the_last_picture_are_of_the_nth_picture(first: int) -> None:
    pictures = paths("{:06d}.jpg", range(first, first + 10))
    assert frame_numbers(pictures, {1, 4, 10}) == list(range(1, 11))


@pytest.mark.parametrize("first", [0, 5, 1000])
def test_rows_with_the_numbers_of_the_names_are_taken_by_name(first: int) -> None:
    pictures = paths("{:06d}.jpg", range(first, first + 10))
    assert frame_numbers(pictures, {first, first + 3}) == list(range(first, first + 10))


@pytest.mark.parametrize(
    ("numbers", "rows"),
    [
        (range(10), {1, 2, 9}),  # from 0 or from 1: the last picture may be empty, or the first one
        (range(1, 11), {0, 3, 9}),
        (range(5, 15), {2, 3}),
        (range(1, 4), {10, 11}),
        (range(0, 20, 2), {1, 10}),
    ],
)
def test_what_could_be_meant_in_two_ways_is_refused(numbers: range, rows: set[int]) -> None:
    with pytest.raises(ValueError, match="nobody can say which row belongs to which picture; number both from 1"):
        frame_numbers(paths("{}.jpg", numbers), rows)


def test_two_pictures_of_one_number_are_named() -> None:
    with pytest.raises(ValueError, match=r"1\.jpg and 01\.jpg are both frame 1"):
        frame_numbers([Path("1.jpg"), Path("01.jpg")], {1})


def test_nothing_has_no_numbers() -> None:
    assert frame_numbers([], {1}) == []
    assert frame_numbers(paths("{}.jpg", range(3)), set()) == [0, 1, 2]
