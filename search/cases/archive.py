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

MOST_BYTES = 4_000_000_000
"""A ZIP of so many bytes and more would need the extensions for large ones, which not every program reads."""

MOST_FILES = 60_000

_DATE = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16
_CHUNK = 1 << 20
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
        problems: One line for each thing that is wrong with the ZIP itself.
    """

    files: dict[str, tuple[str, int]]
    kept: dict[str, bytes]
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
        with zipfile.ZipFile(path) as source, path.open("rb") as raw:
            reader = _Reader(source, raw, keep, most_kept)
            for entry in source.infolist():
                reader.read(entry)
            return Contents(reader.files, reader.kept, tuple(reader.all_problems()))
    except (zipfile.BadZipFile, NotImplementedError, struct.error, EOFError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} is no ZIP file of an export, or is damaged ({reason}); ask for it again") from None


class _Reader:
    """Reads the files of a ZIP in their order, each of which must lie right behind the one before.

    Args:
        source: The ZIP.
        raw: The same file, which stands at its beginning.
        keep: Tells of a name whether the content is wanted.
        most_kept: The largest content in bytes that is kept.
    """

    def __init__(self, source: zipfile.ZipFile, raw: IO[bytes], keep: Callable[[str], bool], most_kept: int) -> None:
        self.files: dict[str, tuple[str, int]] = {}
        self.kept: dict[str, bytes] = {}
        self._source, self._raw = source, raw
        self._keep, self._most_kept = keep, most_kept
        self._problems: list[str] = []
        self._changed_headers: list[str] = []
        self._is_foreign = False

    def read(self, entry: zipfile.ZipInfo) -> None:
        """Read the next file."""
        name = entry.filename
        reason = bad_name(name) or ("a file of this name is there already" if name in self.files else "")
        if reason:
            self._problems.append(f"{_shown(name)} must not be there: {reason}")
        stored = entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size
        if self._is_foreign or not stored or entry.header_offset != self._raw.tell():
            self._is_foreign = True
            self._read_foreign(entry)
            return
        header = _header(entry)
        if self._raw.read(len(header)) != header:
            self._changed_headers.append(name)
        self._take(entry, self._raw)

    def all_problems(self) -> list[str]:
        """What is wrong, once every file was read."""
        anew = "the ZIP was packed anew by another program, so it is not the file that was exported"
        if self._is_foreign or len(self._changed_headers) > 2:
            return [anew, *self._problems]
        headers = [f"{_shown(name)}: the bytes before it were changed" for name in self._changed_headers]
        end = self._raw.tell()
        if self._raw.read() != _list_of_files(self._source.infolist(), end):
            headers.append("the list of files at the end of the ZIP was changed, or bytes were added")
        return [*self._problems, *headers]

    def _read_foreign(self, entry: zipfile.ZipInfo) -> None:
        """Read a file that another program packed; only whether its content is right can be told."""
        try:
            with self._source.open(entry) as file:
                self._take(entry, file)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError) as error:
            self._problems.append(f"{_shown(entry.filename)} cannot be unpacked ({error})")

    def _take(self, entry: zipfile.ZipInfo, file: IO[bytes]) -> None:
        """Hash a content of the size that the ZIP states, and keep it where it is wanted."""
        name, left = entry.filename, entry.file_size
        digest, parts = hashlib.sha256(), []
        wanted = self._keep(name) and left <= self._most_kept
        while left > 0 and (chunk := file.read(min(left, _CHUNK))):
            digest.update(chunk)
            left -= len(chunk)
            if wanted:
                parts.append(chunk)
        if left:
            self._problems.append(f"{_shown(name)} is cut short")
        self.files.setdefault(name, (digest.hexdigest(), entry.file_size))
        if wanted:
            self.kept.setdefault(name, b"".join(parts))


def _header(entry: zipfile.ZipInfo) -> bytes:
    """What stands before the content of a file that `Archive.add` wrote."""
    name = entry.filename.encode()
    fields = (20, 0, 0, 0, 0x21, entry.CRC, entry.compress_size, entry.file_size, len(name), 0)
    return b"PK\x03\x04" + struct.pack("<5H3L2H", *fields) + name


def _list_of_files(entries: list[zipfile.ZipInfo], start: int) -> bytes:
    """What stands behind the last content: the ZIP's own list of its files, as `Archive` writes it."""
    lines = []
    for entry in entries:
        name = entry.filename.encode()
        sizes = (entry.CRC, entry.compress_size, entry.file_size, len(name))
        fields = (20, 3, 20, 0, 0, 0, 0, 0x21, *sizes, 0, 0, 0, 0, _READABLE, entry.header_offset)
        lines.append(b"PK\x01\x02" + struct.pack("<4B4H3L5H2L", *fields) + name)
    listed = b"".join(lines)
    count = len(entries)
    return listed + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, count, count, len(listed), start, 0)


def _shown(name: str) -> str:
    """A name from a foreign ZIP, safe to print."""
    return repr(name[:120])
