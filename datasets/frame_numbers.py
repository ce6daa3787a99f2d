"""Which picture of a folder is which frame: pictures in the order of their numbers, rows matched to them."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

_LAST_NUMBER = re.compile(r"(.*?)(\d+)", re.ASCII | re.DOTALL)


def natural_key(text: str) -> tuple[list[int | str], str]:
    """A key for sorting in which numbers count as numbers, so that frame_2 comes before frame_10.

    Args:
        text: A name. Names that differ only in leading zeros or in case are told apart by their text.

    >>> sorted(["f10.jpg", "f2.jpg", "F1.jpg"], key=natural_key)
    ['F1.jpg', 'f2.jpg', 'f10.jpg']
    """
    parts = re.split(r"(\d+)", text)
    return [int(part) if index % 2 else part.casefold() for index, part in enumerate(parts)], text


def in_order(pictures: Collection[Path]) -> list[Path]:
    """Pictures of one folder in the order of the numbers in their names.

    Args:
        pictures: Files of one folder.
    """
    return sorted(pictures, key=lambda path: natural_key(path.name))


def own_numbers(pictures: Sequence[Path]) -> list[int] | None:
    """The frame numbers that the names of pictures end with, such as 12 of 000012.jpg and of frame_12.jpg.

    Args:
        pictures: Files of one folder.

    Returns:
        A number for each picture; None where a name ends with no number, or the names differ in more than the number.

    Raises:
        ValueError: Two pictures have the same number.
    """
    found = [_LAST_NUMBER.fullmatch(path.stem) for path in pictures]
    beginnings = {match[1] if match else None for match in found}
    if len(beginnings) != 1 or None in beginnings:
        return None
    numbers = [int(match[2]) for match in found if match]
    first_with: dict[int, Path] = {}
    for number, path in zip(numbers, pictures, strict=True):
        if first_with.setdefault(number, path) != path:
            raise ValueError(
                f"{first_with[number].name} and {path.name} are both frame {number}, expected one picture for each "
                "frame; remove one"
            )
    return numbers


def frame_numbers(pictures: Sequence[Path], rows: Collection[int]) -> list[int]:
    """The number by which the rows of a label file know each picture.

    Pictures whose names end with numbers have these numbers, others are counted from 1. Label files count frames from
    1, while programs often write the first picture as 0: rows that cannot be meant by name belong to the n-th picture
    where their last number says so, and are refused where it does not.

    Args:
        pictures: The pictures of one folder in order.
        rows: The frame numbers for which the label file has rows.

    Returns:
        A number for each picture.

    Raises:
        ValueError: Two pictures have the same number, or rows and pictures are numbered in different ways.

    >>> frame_numbers([Path("000000.jpg"), Path("000001.jpg"), Path("000002.jpg")], [1, 2, 3])
    [1, 2, 3]
    """
    counted = list(range(1, len(pictures) + 1))
    numbers = own_numbers(pictures) or counted
    if not rows or not numbers:
        return numbers
    low, high, first, last = min(rows), max(rows), min(numbers), max(numbers)
    if low >= first and (first > 0 or low == 0) and not set(rows).isdisjoint(numbers):
        return numbers
    unbroken = last - first + 1 == len(numbers)
    if unbroken and low >= 1 and high == len(numbers):
        return counted
    raise ValueError(
        f"its rows are of frames {low} to {high}, the pictures are numbered {first} to {last}, so that nobody can say "
        "which row belongs to which picture; number both from 1, as in 000001.jpg"
    )
