"""The elements of a MATLAB 5 file one after another, unpacked as they come, so that the whole never is in memory."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

MATRIX, COMPRESSED = 14, 15
STRUCT_CLASS = 2
READ_AT_ONCE = 2**20


class UnusualFileError(Exception):
    """A MATLAB file is written in a way that only SciPy reads."""


class Element(NamedTuple):
    """The tag of an element, and where its content is in the bytes that hold it.

    Args:
        kind: The number of its type.
        start: Where the content begins.
        size: Bytes of the content.
        end: Where the next element begins.
    """

    kind: int
    start: int
    size: int
    end: int

    @classmethod
    def at(cls, content: bytes, place: int) -> "Element":
        """The element that begins at a place."""
        (first,) = struct.unpack_from("<I", content, place)
        if first >> 16:  # four bytes at most stand in the tag itself
            return cls(first & 0xFFFF, place + 4, first >> 16, place + 8)
        (size,) = struct.unpack_from("<I", content, place + 4)
        return cls(first, place + 8, size, place + 8 + (size + 7) // 8 * 8)


class StructHeader(NamedTuple):
    """What stands before the fields of an array of structs.

    Args:
        name: The variable's name; empty inside of other structs.
        length: How many structs there are.
        fields: The names of their fields.
        end: Where the first field begins.
    """

    name: str
    length: int
    fields: tuple[str, ...]
    end: int

    @classmethod
    def of(cls, content: bytes) -> "StructHeader":
        """The header at the beginning of a matrix's content.

        Raises:
            UnusualFileError: It is no array of structs.
        """
        flags = Element.at(content, 0)
        if content[flags.start] != STRUCT_CLASS:
            raise UnusualFileError("no struct")
        shape = Element.at(content, flags.end)
        name = Element.at(content, shape.end)
        width = Element.at(content, name.end)
        names = Element.at(content, width.end)
        count = 1
        for length in struct.unpack_from(f"<{shape.size // 4}i", content, shape.start):
            count *= length
        (step,) = struct.unpack_from("<i", content, width.start)
        stored = content[names.start : names.start + names.size]
        fields = tuple(_text(stored[at : at + step].split(b"\0")[0]) for at in range(0, len(stored), step))
        return cls(_text(content[name.start : name.start + name.size]), count, fields, names.end)


def records(path: Path, variable: str, fields: Sequence[str]) -> Iterator[tuple[bytes, ...]]:
    """The records of an array of structs, one after another.

    Args:
        path: A MATLAB 5 file.
        variable: The array's name, which must be the first variable of the file.
        fields: The fields that are wanted, each a matrix.

    Yields:
        The content of each wanted field, without its tag.

    Raises:
        UnusualFileError: The file is written otherwise; SciPy may read it.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        stream = _Unpacked(file)
        header = StructHeader.of(stream.peek(4096))
        if header.name != variable or not set(fields) <= set(header.fields):
            raise UnusualFileError(f"it holds {header.name} with {', '.join(header.fields)}")
        stream.take(header.end)
        for _ in range(header.length):
            kept = {}
            for field in header.fields:
                kind, size = struct.unpack("<II", stream.take(8))
                if kind != MATRIX:
                    raise UnusualFileError(f"a field of type {kind}")
                content = stream.take(size)
                if field in fields:
                    kept[field] = content
            yield tuple(kept[field] for field in fields)
        stream.require_whole()


class _Unpacked:
    """The content of a file's first matrix, unpacked where it is compressed."""

    def __init__(self, file: IO[bytes]) -> None:
        header = file.read(136)
        if len(header) < 136 or header[126:128] != b"IM":
            raise UnusualFileError("no MATLAB 5 file of this byte order")
        (kind,) = struct.unpack_from("<I", header, 128)
        self._file, self._buffer, self._start = file, bytearray(), 0
        self._packed = zlib.decompressobj() if kind == COMPRESSED else None
        if kind == COMPRESSED:
            (kind, _) = struct.unpack("<II", self.take(8))
        if kind != MATRIX:
            raise UnusualFileError(f"an element of type {kind}")

    def peek(self, most: int) -> bytes:
        """The next bytes, fewer where the content ends; they come again."""
        while len(self._buffer) - self._start < most and self._more():
            pass
        return bytes(self._buffer[self._start : self._start + most])

    def take(self, size: int) -> bytes:
        """The next bytes.

        Raises:
            UnusualFileError: The content ends before.
        """
        content = self.peek(size)
        if len(content) < size:
            raise UnusualFileError("the file ends too early")
        self._start += size
        if self._start > READ_AT_ONCE:
            del self._buffer[: self._start]
            self._start = 0
        return content

    def require_whole(self) -> None:
        """Unpack the rest, whose last bytes say whether all of it is as it was written.

        Raises:
            UnusualFileError: It is not.
        """
        while self._packed is not None and not self._packed.eof:
            if not self._more():
                raise UnusualFileError("the file ends too early")
            del self._buffer[:]

    def _more(self) -> bool:
        part = self._file.read(READ_AT_ONCE // 16 if self._packed else READ_AT_ONCE)
        try:
            unpacked = part if self._packed is None else self._packed.decompress(part)
        except zlib.error as error:
            raise UnusualFileError(str(error)) from error
        self._buffer += unpacked
        return bool(part)


def _text(content: bytes) -> str:
    try:
        return content.decode("ascii")
    except UnicodeDecodeError as error:
        raise UnusualFileError("a name that is not ASCII") from error
