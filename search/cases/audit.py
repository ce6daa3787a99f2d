"""The audit log: who did what and when, one line an entry, each entry holding the hash of the one before.

Whoever changes, removes, inserts or moves a line breaks the chain there, and `verify` names the entry. Cutting off the
last lines leaves a chain that is whole; that is seen where the last hash is known from elsewhere: from the file beside
the log that `append` keeps, from the user, or from an exported case.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self

from datasets.files import write_whole

NOTHING_BEFORE = "0" * 64
"""What the first entry holds in place of the hash of an entry before it."""

TORN_LINE = "audit torn line removed"
"""The action of the entry that tells of an unfinished last line, which a power cut left and which nobody had been told
was written."""

EXPORTED = "case exported"
"""The action of the entry that tells of a case's export, with the SHA-256 of the ZIP."""

LOG_FILE = "audit.jsonl"
"""The name of the log in a folder of cases, and of its part in an export."""

_CHUNK = 1 << 16


@dataclass(frozen=True)
class AuditEntry:
    """One line of an audit log.

    Args:
        number: The entry's place in the log, 1 for the first.
        time: When it was written, ISO 8601 in UTC with milliseconds.
        who: Who did it, as the caller knows them.
        action: What was done, in a word or a few, such as "search".
        what: The details, as JSON knows them.
        before: The hash of the entry before, NOTHING_BEFORE in the first one.
        hash: The SHA-256 of all the other fields, in hexadecimal digits.
    """

    number: int
    time: str
    who: str
    action: str
    what: Mapping[str, Any]
    before: str
    hash: str

    @classmethod
    def made(cls, number: int, who: str, action: str, what: Mapping[str, Any], before: str) -> Self:
        """An entry of this moment, with its hash.

        Raises:
            TypeError: The details hold something that JSON does not know.
            ValueError: The details hold a number that is not finite.
        """
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        # As it will be read back: keys become texts, tuples become lists.
        fields = {"number": number, "time": time, "who": who, "action": action, "what": dict(what), "before": before}
        return cls(**json.loads(_canonical(fields)), hash=_hash_of(fields))

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        """The entry of a line. Its hash is not compared, see `is_unchanged`.

        Raises:
            ValueError: The line is no whole entry.
        """
        try:
            entry = cls(**json.loads(line))
            entry.to_line()  # refuses what JSON does not know: numbers that are not finite, endless brackets
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"is no whole entry ({type(error).__name__})") from None
        texts = (entry.time, entry.who, entry.action, entry.before, entry.hash)
        typed = all(isinstance(text, str) for text in texts) and isinstance(entry.what, dict)
        if not typed or type(entry.number) is not int or entry.number < 1:
            raise ValueError("is no whole entry (a field has another type)")
        return entry

    def is_unchanged(self) -> bool:
        """Whether the hash is the one of the other fields."""
        return _hash_of({name: value for name, value in vars(self).items() if name != "hash"}) == self.hash

    def to_line(self) -> bytes:
        """The entry as its line in the log, with the line's end."""
        return (_canonical(vars(self)) + "\n").encode()


@dataclass(frozen=True)
class AuditReport:
    """What `verify` found.

    Args:
        entries: How many whole entries the log has.
        head: The hash of the last entry, None for an empty log. Kept elsewhere, it tells later whether lines were cut
            off or the whole log was written anew.
        problems: One line for each thing that is wrong, with the number of the entry; empty where the log is whole.
        first: The time of the first entry, None for an empty log.
        last: The time of the last entry, None for an empty log.
    """

    entries: int
    head: str | None
    problems: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, object]:
        """The fields as JSON knows them."""
        return {**asdict(self), "problems": list(self.problems), "whole": self.is_whole}


class AuditLog:
    """A log that several threads and processes may append to at once.

    Beside the log lies a file of the same name and ".head" that holds the number and the hash of the last entry.

    >>> import tempfile
    >>> log = AuditLog(Path(tempfile.mkdtemp()) / "audit.jsonl")
    >>> log.append("search", "anna", {"sightings": 12}).number
    1
    >>> verify(log.path).is_whole
    True

    Args:
        path: The log's file; it is made, with its folder, when the first entry is written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def kept_in(cls, cases: Path) -> "AuditLog | None":
        """The log that a server keeps in its folder of cases; None where there is none yet.

        Args:
            cases: The folder of cases.
        """
        return cls(cases / LOG_FILE) if (cases / LOG_FILE).is_file() else None

    def append(self, action: str, who: str, what: Mapping[str, Any]) -> AuditEntry:
        """Write an entry. When the call returns, the entry lies on the disk and survives a power cut.

        Args:
            action: What was done, in a word or a few, such as "search".
            who: Who did it.
            what: The details, as JSON knows them.

        Raises:
            OSError: The log cannot be written. It then holds what it held before.
            TypeError: The details hold something that JSON does not know.
            ValueError: The details hold a number that is not finite, or the log's last line is no entry.
        """
        AuditEntry.made(1, who, action, what, NOTHING_BEFORE)  # refuses bad details before anything is touched
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        with _opened_alone(self.path) as file:
            last, torn = _last_entry(file, self.path)
            lines = []
            if torn:
                removed = {"bytes": len(torn), "sha256": hashlib.sha256(torn).hexdigest()}
                last = _following(last, "personsearch", TORN_LINE, removed)
                lines.append(last.to_line())
            entry = _following(last, who, action, what)
            _write_end(file, len(torn), b"".join([*lines, entry.to_line()]))
            head = json.dumps({"number": entry.number, "hash": entry.hash}) + "\n"
            # Not durable: after a power cut it may lag behind the log, which is no fault of the log.
            write_whole(head_file(self.path), head)
        if is_new:
            sync_folder(self.path.parent)
        return entry

    def entries(self) -> Iterator[AuditEntry]:
        """The entries in their order; an unfinished last line is left out.

        Raises:
            ValueError: A line is no entry; `verify` tells more.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for place, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    try:
                        yield AuditEntry.from_line(line)
                    except ValueError as error:
                        raise ValueError(f"audit log {self.path}: line {place} {error}; verify the log") from None


def verify(path: str | Path, *, head: str | None = None) -> AuditReport:
    """Read a log through and tell whether its chain is whole.

    A changed, removed, inserted or moved line is found by the chain itself. Lines that were cut off at the end are
    found by a hash that must still be there: the one in the file beside the log, and `head`.

    Args:
        path: The log.
        head: The hash of an entry that was the last one at some time, as an earlier report or an exported case tells
            it. Where the log lost that entry, it was cut or written anew.

    Raises:
        OSError: The log cannot be read.
    """
    path = Path(path)
    entries, problems = _read_through(path)
    problems += _chain_problems(entries)
    by_number = {entry.number: entry.hash for _, entry in entries}
    if head is not None and head not in by_number.values():
        problems.append(f"no entry has the hash {head[:16]}...: lines were cut off, or the log was written anew")
    problems += _head_problems(path, by_number)
    last = max((entry for _, entry in entries), key=lambda entry: entry.number, default=None)
    if last is None:
        return AuditReport(0, None, tuple(problems))
    return AuditReport(len(entries), last.hash, tuple(problems), entries[0][1].time, last.time)


def head_file(path: Path) -> Path:
    """The file beside a log that holds the number and the hash of its last entry."""
    return path.with_name(path.name + ".head")


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder lie on the disk, so that a new file is found there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_through(path: Path) -> tuple[list[tuple[int, AuditEntry]], list[str]]:
    """The entries with the numbers of their lines, and what is wrong with single lines."""
    entries: list[tuple[int, AuditEntry]] = []
    problems: list[str] = []
    with path.open("rb") as file:
        for place, line in enumerate(file, start=1):
            try:
                entry = AuditEntry.from_line(line)
            except ValueError as error:
                problems.append(f"line {place} {error}: it was changed, inserted or left unfinished")
                continue
            if not entry.is_unchanged():
                problems.append(f"entry {entry.number} (line {place}) was changed: its hash is another one")
            elif line != entry.to_line():
                problems.append(f"entry {entry.number} (line {place}) was written anew: its bytes are others")
            entries.append((place, entry))
    return entries, problems


def _chain_problems(entries: list[tuple[int, AuditEntry]]) -> list[str]:
    """What is wrong with the order of entries: missing, doubled and moved ones, and neighbors that do not fit."""
    problems = []
    known: dict[int, AuditEntry] = {}
    highest = 0
    for place, entry in entries:
        if entry.number in known:
            problems.append(f"entry {entry.number} is there twice, again in line {place}: one of them was inserted")
            continue
        if entry.number < highest:
            problems.append(f"entry {entry.number} (line {place}) stands behind entry {highest}: lines were moved")
        known[entry.number] = entry
        highest = max(highest, entry.number)
    # Only between entries that are there: one with a huge number would make a list of billions.
    numbers = sorted(known)
    for before, number in zip([0, *numbers], numbers, strict=False):
        if number > before + 1:
            missing = f"entry {number - 1} is" if number == before + 2 else f"entries {before + 1} to {number - 1} are"
            problems.append(f"{missing} missing: removed")
        elif known[number].before != (known[before].hash if before else NOTHING_BEFORE):
            what = f"entry {before} or {number} was replaced" if before else "entry 1 was replaced"
            problems.append(f"entry {number} does not hold the hash of the entry before it: {what}")
    return problems


def _head_problems(path: Path, by_number: Mapping[int, str]) -> list[str]:
    """What the file beside the log says against the log; nothing where there is no such file."""
    file = head_file(path)
    if not file.exists() or not file.stat().st_size:  # a power cut may leave it empty
        return []
    try:
        content = json.loads(file.read_bytes())
        number, known = int(content["number"]), str(content["hash"])
    except (ValueError, KeyError, TypeError):
        return [f"{file.name} cannot be read; it tells whether lines were cut off"]
    highest = max(by_number, default=0)
    if highest < number:
        return [f"entries {highest + 1} to {number} are missing at the end: lines were cut off"]
    if by_number.get(number) not in (known, None):
        return [f"entry {number} has another hash than {file.name} says: the log was written anew"]
    return []


@contextmanager
def _opened_alone(path: Path) -> Iterator[IO[bytes]]:
    """The log opened for reading and writing, while no other thread or process has it."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _last_entry(file: IO[bytes], path: Path) -> tuple[AuditEntry | None, bytes]:
    """The last whole entry, None in an empty log, and the bytes of an unfinished line behind it."""
    end = file.seek(0, os.SEEK_END)
    tail = b""
    while end and tail.count(b"\n") < 2:
        start = max(0, end - _CHUNK)
        file.seek(start)
        tail = file.read(end - start) + tail
        end = start
    whole, line_end, torn = tail.rpartition(b"\n")
    if not line_end:
        return None, torn
    line = whole.rpartition(b"\n")[2]
    try:
        return AuditEntry.from_line(line), torn
    except ValueError as error:
        raise ValueError(f"audit log {path}: the last line {error}; verify the log, and begin a new one") from None


def _following(last: AuditEntry | None, who: str, action: str, what: Mapping[str, Any]) -> AuditEntry:
    number, before = (1, NOTHING_BEFORE) if last is None else (last.number + 1, last.hash)
    return AuditEntry.made(number, who, action, what, before)


def _write_end(file: IO[bytes], torn: int, content: bytes) -> None:
    """Write at the end, over an unfinished line; where that fails, the file ends as it did before without that line."""
    end = file.seek(0, os.SEEK_END) - torn
    file.truncate(end)
    file.seek(end)
    try:
        written = 0
        while written < len(content):
            written += file.write(content[written:])
        os.fsync(file.fileno())
    except OSError:
        file.truncate(end)
        raise


def _canonical(fields: Mapping[str, Any]) -> str:
    """JSON text that is the same for the same values: keys in order, no blanks, ASCII."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _hash_of(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(fields).encode()).hexdigest()
