"""Names and boxes out of arrays of structs, thousands of structs at once."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.matlab.stream import MATRIX, Element, StructHeader, UnusualFileError

NAME_FIELD, BOX_FIELD = "imname", "idlocate"
BYTES_OF = {1: 1, 2: 1, 16: 1, 4: 2, 17: 2}
"""Bytes of a letter, by the number of the type that it is stored in."""
NUMBERS = {1: "<i1", 2: "<u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
TWO_DIMENSIONS = np.array([6, 8, 5, 8], dtype=np.uint32)
"""Type and size of what a matrix begins with: its flags, and its shape of two dimensions."""


class Located(NamedTuple):
    """The structs of an array.

    Args:
        rows: (N,) int64, which of the known names each struct has.
        boxes_xywh: (N, 4) float32; zeros where there is none.
        has_box: (N,) bool.
    """

    rows: NDArray[np.int64]
    boxes_xywh: NDArray[np.float32]
    has_box: NDArray[np.bool_]


class NamesAndBoxes:
    """Reads arrays of structs with the fields imname and idlocate, whose names are among known ones.

    Args:
        names: The known names, none twice, at least one.

    Raises:
        UnusualFileError: A name is not ASCII, or two cannot be told apart quickly.
    """

    def __init__(self, names: Sequence[str]) -> None:
        if not names or not all(name.isascii() for name in names):
            raise UnusualFileError("a name that is not ASCII")
        self._words = -(-max(map(len, names)) // 8)
        padded = b"".join(name.encode().ljust(8 * self._words, b"\0") for name in names)
        letters = np.frombuffer(padded, "<u8").reshape(len(names), self._words)
        keys = self._keys(letters)
        self._order = np.argsort(keys)
        self._sorted, self._letters = keys[self._order], letters[self._order]
        if (np.diff(self._sorted) == 0).any():
            raise UnusualFileError("names that cannot be told apart quickly")

    def __call__(self, content: bytes) -> Located:
        """The structs of an array.

        Args:
            content: The array's bytes, without its tag.

        Raises:
            UnusualFileError: A name is not known, a box is none of whole numbers, or something is written otherwise.
        """
        header = StructHeader.of(content)
        if not {NAME_FIELD, BOX_FIELD} <= set(header.fields):
            raise UnusualFileError(f"structs with {', '.join(header.fields)}")
        starts = _starts(content, header)  # [N, fields]
        words = np.frombuffer(content, "<u4", count=len(content) // 4)
        names = starts[:, header.fields.index(NAME_FIELD)]
        boxes = starts[:, header.fields.index(BOX_FIELD)]
        has_box = words[boxes // 4 + 1] > 0
        where = boxes[has_box] // 4 + 8  # the shape of those that are written out
        if (words[where[:, None] - [6, 5, 2, 1]] != TWO_DIMENSIONS).any():
            raise UnusualFileError("a box that is written otherwise")
        has_box[has_box] = words[where].astype(np.int64) * words[where + 1] > 0
        located = np.zeros((header.length, 4), dtype=np.float32)
        for number in np.flatnonzero(has_box):
            located[number] = _box(content, int(boxes[number]))
        return Located(self._rows(content, words, names), located, has_box)

    def _rows(self, content: bytes, words: NDArray[np.uint32], starts: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N,) which of the known names stand in the matrices that begin there."""
        at = starts // 4
        if not (words[at[:, None] + [2, 3, 6, 7]] == TWO_DIMENSIONS).all() or (words[at + 11] != 0).any():
            raise UnusualFileError("a name that is written otherwise")
        tag = words[at + 12]
        small = tag >> 16 > 0
        kind, size = np.where(small, tag & 0xFFFF, tag), np.where(small, tag >> 16, words[at + 13])
        (step,) = {BYTES_OF.get(int(one), 0) for one in np.unique(kind)} or {0}
        most = 8 * self._words
        if not step or (size > most * step).any():
            raise UnusualFileError("a name that is not among the known ones")
        first = (starts + np.where(small, 52, 56)) // step
        stored = np.frombuffer(content, f"<u{step}", count=len(content) // step)
        letters = stored.take(first[:, None] + np.arange(most), mode="clip")  # [N, most]
        letters[np.arange(most) >= size[:, None] // step] = 0
        if letters.max(initial=0) > 127:
            raise UnusualFileError("a name that is not ASCII")
        given = letters.astype(np.uint8).view("<u8")  # [N, words]
        found = np.minimum(np.searchsorted(self._sorted, self._keys(given)), len(self._sorted) - 1)
        if (self._letters[found] != given).any():
            raise UnusualFileError("a name that is not among the known ones")
        return np.asarray(self._order[found], dtype=np.int64)

    def _keys(self, letters: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """(N,) a number for each name, whose letters are (N, words); names that differ rarely share it."""
        factors = 2 * np.arange(self._words, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        mixed: NDArray[np.uint64] = (letters * factors).sum(axis=1, dtype=np.uint64)
        return mixed


def _starts(content: bytes, header: StructHeader) -> NDArray[np.int64]:
    """(N, fields) where each field of each struct begins: a matrix with its tag.

    What looks like the tag of a matrix mostly is one. Where these do not follow one another without a gap, the fields
    are walked along one by one.
    """
    wanted = header.length * len(header.fields)
    if not 0 <= 8 * wanted <= len(content):
        raise UnusualFileError("structs that end too early")
    words = np.frombuffer(content, "<u4", count=len(content) // 4)
    if header.end % 8 == 0:
        places = 8 * np.flatnonzero(words[0::2] == MATRIX)
        places = places[places >= header.end]
        ends = places + 8 + words[places // 4 + 1].astype(np.int64)
        if len(places) == wanted and np.array_equal(places, np.append(header.end, ends[:-1])):
            return np.asarray(places, dtype=np.int64).reshape(header.length, -1)
    walked, place = np.empty(wanted, dtype=np.int64), header.end
    for number in range(wanted):
        if place + 8 > len(content) or place % 8:
            raise UnusualFileError("a struct that ends too early")
        kind, size = struct.unpack_from("<II", content, place)
        if kind != MATRIX:
            raise UnusualFileError(f"a field of type {kind}")
        walked[number] = place
        place += 8 + size
    return walked.reshape(header.length, -1)


def _box(content: bytes, start: int) -> NDArray[np.float32]:
    """(4,) the numbers of a matrix of four whole numbers."""
    flags = Element.at(content, start + 8)
    name = Element.at(content, Element.at(content, flags.end).end)
    values = Element.at(content, name.end)
    if values.kind not in NUMBERS:
        raise UnusualFileError(f"a box of type {values.kind}")
    numbers = np.frombuffer(content[values.start : values.start + values.size], NUMBERS[values.kind])
    if len(numbers) != 4 or (numbers != np.round(numbers)).any():
        raise UnusualFileError("a box that is not four whole numbers")
    return numbers.astype(np.float32)
