"""ZIP files of which every byte is accounted for: nothing compressed, fixed dates, a manifest of hashes at the end.

Pictures and films do not get smaller anyway. Without compression equal contents give equal bytes on every machine, and
a reader can tell for each byte outside of the contents what it must be.
"""

import hashlib
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from datasets.files import whole_file

MANIFEST = "manifest.json"
MANIFEST_FORMAT = 1
CASE_FORMAT = 1
"""The version of case.json in an export."""

MOST_BYTES = 4_000_000_000
"""A ZIP of so many bytes and more would need the extensions for large ones, which not every program reads."""

MOST_FILES = 60_000

_DATE = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16
_CHUNK = 1 << 20
_HEADER = struct.Struct("<4s5H3L2H")
_LINE = struct.Struct("<4s4B4H3L5H2L")
_LONGEST_NAME = 1 << 12
_DAMAGED_LIST = "the list of files at the end of the ZIP is damaged, or bytes were added to it"
_DRIVE = re.compile(r"[A-Za-z]:")


class Archive:
    """A ZIP that is being written; made by `archive`.

    Args:
        target: The ZIP, opened for writing.
    """

    def __init__(self, target: zipfile.ZipFile) -> None:
        self._target = target
        self._bytes = 0
        self.files: dict[str, dict[str, Any]] = {}
        """Name -> {"sha256": ..., "bytes": ...} of what was written."""

    def add(self, name: str, content: str | bytes) -> None:
        """Write a file; text is written in UTF-8.

        Args:
            name: Its name in the ZIP, with slashes between folders; ASCII.
            content: What it holds.

        Raises:
            ValueError: The ZIP would get too large, or the name is not fit or there already.
        """
        data = content.encode() if isinstance(content, str) else content
        self._bytes += len(data)
        if self._bytes > MOST_BYTES or len(self.files) >= MOST_FILES:
            raise ValueError(
                f"the export has more than {MOST_BYTES // 10**9} GB or {MOST_FILES:,} files; leave the clips out, or "
                "export fewer searches in a case of their own"
            )
        if name in self.files or bad_name(name):
            raise ValueError(f"{name!r} is no name for a new file in a ZIP; choose another one")
        entry = zipfile.ZipInfo(name, _DATE)
        entry.external_attr, entry.create_system = _READABLE, 3
        self._target.writestr(entry, data)
        self.files[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


@contextmanager
def archive(path: Path, about: Mapping[str, Any]) -> Iterator[Archive]:
    """Write a ZIP whole or not at all; at the end it gets a manifest with the hash of every file.

    Args:
        path: The file. Its folder must exist.
        about: Further fields of the manifest.

    Yields:
        The ZIP, for `Archive.add`.

    Raises:
        OSError: The file cannot be written.
    """
    with whole_file(path, durable=True) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as target:
        written = Archive(target)
        yield written
        files = dict(sorted(written.files.items()))
        manifest = {"format": MANIFEST_FORMAT, **about, "files": files}
        written.add(MANIFEST, json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits.

    Raises:
        OSError: The file cannot be read.
    """
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def bad_name(name: str) -> str:
    """Why a file of this name must not be unpacked, in a few words; empty where it may."""
    if not name or not name.isascii() or not name.isprintable() or "\\" in name:
        return "its name has letters that no name in an export has"
    if name.startswith("/") or _DRIVE.match(name):
        return "its name leads out of the folder that it is unpacked into"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "its name leads out of the folder that it is unpacked into"
    return ""


@dataclass(frozen=True)
class Contents:
    """What a ZIP holds, read through once.

    Args:
        files: Name -> (SHA-256, bytes) of every file whose content could be read.
        kept: Name -> content of those files that were asked for.
        torn: The files whose content has another check sum than the ZIP states: it was changed after it was packed.
        problems: One line for each thing that is wrong with the ZIP itself.
    """

    files: dict[str, tuple[str, int]]
    kept: dict[str, bytes]
    torn: frozenset[str]
    problems: tuple[str, ...]


def read_through(path: Path, keep: Callable[[str], bool], *, most_kept: int) -> Contents:
    """Read a ZIP once from its first byte to its last, without unpacking anything.

    Args:
        path: The ZIP.
        keep: Tells of a name whether the content is wanted.
        most_kept: The largest content in bytes that is kept.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no ZIP, or its list of files is damaged.
    """
    try:
        with path.open("rb") as raw:
            found, end = _without_list(raw)
            if found and _is_list_damaged(path, raw, found, end):
                reader = _Reader(None, raw, keep, most_kept)
                reader.problems.append(_DAMAGED_LIST)
                return reader.read_all(found)
            with zipfile.ZipFile(raw) as source:
                reader = _Reader(source, raw, keep, most_kept)
                return reader.read_all(source.infolist())
    except (zipfile.BadZipFile, NotImplementedError, struct.error, EOFError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} is no ZIP file of an export, or is damaged ({reason}); ask for it again") from None


class _Reader:
    """Reads the files of a ZIP in their order, each of which must lie right behind the one before.

    Args:
        source: The ZIP; None where its list of files is damaged, and they are known without it.
        raw: Its file.
        keep: Tells of a name whether the content is wanted.
        most_kept: The largest content in bytes that is kept.
    """

    def __init__(
        self, source: zipfile.ZipFile | None, raw: IO[bytes], keep: Callable[[str], bool], most_kept: int
    ) -> None:
        self.files: dict[str, tuple[str, int]] = {}
        self.kept: dict[str, bytes] = {}
        self.torn: set[str] = set()
        self.problems: list[str] = []
        self._source, self._raw = source, raw
        self._keep, self._most_kept = keep, most_kept
        self._changed_headers: list[str] = []
        self._is_foreign = False

    def read_all(self, entries: list[zipfile.ZipInfo]) -> Contents:
        """Read the files from the beginning of the ZIP on."""
        self._raw.seek(0)
        for entry in entries:
            self._read(entry)
        problems = self.problems if self._source is None else self._all_problems(entries)
        return Contents(self.files, self.kept, frozenset(self.torn), tuple(problems))

    def _read(self, entry: zipfile.ZipInfo) -> None:
        """Read the next file."""
        name = entry.filename
        reason = bad_name(name) or ("a file of this name is there already" if name in self.files else "")
        if reason:
            self.problems.append(f"{_shown(name)} must not be there: {reason}")
        stored = entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size
        if self._is_foreign or not stored or entry.header_offset != self._raw.tell():
            self._is_foreign = True
            self._read_foreign(entry)
            return
        header = _header(entry)
        if self._raw.read(len(header)) != header:
            self._changed_headers.append(name)
        self._take(entry, self._raw)

    def _all_problems(self, entries: list[zipfile.ZipInfo]) -> list[str]:
        """What is wrong, once every file was read."""
        anew = "the ZIP was packed anew by another program, so it is not the file that was exported"
        if self._is_foreign or len(self._changed_headers) > 2:
            return [anew, *self.problems]
        headers = [
            f"{_shown(name)}: the bytes before it do not fit the list of files at the end of the ZIP; one was changed"
            for name in self._changed_headers
        ]
        end = self._raw.tell()
        if not _ends_with(self._raw, _list_of_files(entries, end), end):
            headers.append(_DAMAGED_LIST)
        return [*self.problems, *headers]

    def _read_foreign(self, entry: zipfile.ZipInfo) -> None:
        """Read a file that another program packed; only whether its content is right can be told."""
        assert self._source is not None, "files that are known without the list lie one behind the other"
        try:
            with self._source.open(entry) as file:
                self._take(entry, file)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError) as error:
            self.problems.append(f"{_shown(entry.filename)} cannot be unpacked ({error})")

    def _take(self, entry: zipfile.ZipInfo, file: IO[bytes]) -> None:
        """Hash a content of the size that the ZIP states, and keep it where it is wanted."""
        name, left = entry.filename, entry.file_size
        digest, check_sum, parts = hashlib.sha256(), 0, []
        wanted = self._keep(name) and left <= self._most_kept
        while left > 0 and (chunk := file.read(min(left, _CHUNK))):
            digest.update(chunk)
            check_sum = zlib.crc32(chunk, check_sum)
            left -= len(chunk)
            if wanted:
                parts.append(chunk)
        if left:
            self.problems.append(f"{_shown(name)} is cut short")
        elif check_sum != entry.CRC and name not in self._changed_headers:
            self.torn.add(name)
        self.files.setdefault(name, (digest.hexdigest(), entry.file_size))
        if wanted:
            self.kept.setdefault(name, b"".join(parts))


def _without_list(raw: IO[bytes]) -> tuple[list[zipfile.ZipInfo], int]:
    """The files of a ZIP that `Archive` wrote as they lie one behind the other, found without the list at its end.

    Args:
        raw: The ZIP.

    Returns:
        The files, and the place behind the last one; none and 0 where another program packed the ZIP, or something
        between the contents is damaged.
    """
    found, start = [], 0
    while (header := raw.read(_HEADER.size + _LONGEST_NAME)).startswith(b"PK\x03\x04"):
        try:
            *_, check_sum, packed, size, length, _ = _HEADER.unpack(header[: _HEADER.size])
            name = header[_HEADER.size : _HEADER.size + length].decode("ascii")
        except (struct.error, UnicodeDecodeError):
            break
        entry = zipfile.ZipInfo(name, _DATE)
        entry.CRC, entry.compress_size, entry.file_size, entry.header_offset = check_sum, packed, size, start
        if not header.startswith(_header(entry)) or packed != size:
            break
        found.append(entry)
        start += len(_header(entry)) + size
        raw.seek(start)
    raw.seek(start)
    # The first letters of the list's lines, and of its end: one of them may be damaged, not both.
    listed = raw.read(_LINE.size + len(found[0].filename) + 4) if found else b""
    return (found, start) if listed.startswith(b"PK\x01\x02") or listed.endswith(b"PK\x01\x02") else ([], 0)


def _is_list_damaged(path: Path, raw: IO[bytes], found: list[zipfile.ZipInfo], start: int) -> bool:
    """Whether the list of files from a place of a ZIP on is not the one of the files that lie before it.

    A list that is whole and has other names or check sums is not taken for damaged: the names before the files may be.
    """
    right = _list_of_files(found, start)
    if _ends_with(raw, right, start) or path.stat().st_size < start + len(right):
        return False
    try:
        with zipfile.ZipFile(path) as source:
            listed = source.infolist()
    except (zipfile.BadZipFile, NotImplementedError, struct.error, EOFError, ValueError, OSError):
        return True
    places, others = (
        [(one.header_offset, one.compress_size, one.file_size) for one in entries] for entries in (found, listed)
    )
    return places != others or not _ends_with(raw, _list_of_files(listed, start), start)


def _ends_with(raw: IO[bytes], end: bytes, start: int) -> bool:
    """Whether a file has these bytes, and no more, from a place on."""
    raw.seek(start)
    return raw.read(len(end) + 1) == end


def _header(entry: zipfile.ZipInfo) -> bytes:
    """What stands before the content of a file that `Archive.add` wrote."""
    name = entry.filename.encode()
    fields = (20, 0, 0, 0, 0x21, entry.CRC, entry.compress_size, entry.file_size, len(name), 0)
    return _HEADER.pack(b"PK\x03\x04", *fields) + name


def _list_of_files(entries: list[zipfile.ZipInfo], start: int) -> bytes:
    """What stands behind the last content: the ZIP's own list of its files, as `Archive` writes it.

    Empty where the entries have values that no such list can hold.
    """
    try:
        return _packed_list(entries, start)
    except struct.error:
        return b""


def _packed_list(entries: list[zipfile.ZipInfo], start: int) -> bytes:
    lines = []
    for entry in entries:
        name = entry.filename.encode()
        sizes = (entry.CRC, entry.compress_size, entry.file_size, len(name))
        fields = (20, 3, 20, 0, 0, 0, 0, 0x21, *sizes, 0, 0, 0, 0, _READABLE, entry.header_offset)
        lines.append(_LINE.pack(b"PK\x01\x02", *fields) + name)
    listed = b"".join(lines)
    count = len(entries)
    return listed + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, count, count, len(listed), start, 0)


def _shown(name: str) -> str:
    """A name from a foreign ZIP, safe to print."""
    return repr(name[:120])
