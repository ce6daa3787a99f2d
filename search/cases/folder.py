"""A folder of cases on disk. Each change is written whole or not at all, and two writers do not lose each other's."""

import dataclasses
import fcntl
import hashlib
import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

from datasets.files import write_whole
from search.cases.values import (
    MARKS,
    Case,
    CaseSearch,
    CaseSighting,
    CaseSummary,
    Mark,
    MarkedSighting,
    Note,
    now,
)

FORMAT = 1
CASE_FILE = "case.json"
LOCK_FILE = ".lock"
_NAME = re.compile(r"[0-9a-f]{16}")
_PICTURE = re.compile(r"[0-9a-f]{32}\.jpg")

Value = TypeVar("Value")


class NoCase(ValueError):
    """There is no case of this name."""


@dataclass(frozen=True)
class _Kept:
    """What case.json holds: everything but the searches, which are files of their own.

    Args:
        format: The version of the format.
        case: The case without its searches.
    """

    format: int
    case: Case


_KEPT = TypeAdapter(_Kept)
_SEARCH = TypeAdapter(CaseSearch)


class CaseFolder:
    """Cases in a folder, one folder each: `case.json` with marks and notes, `searches/`, and pictures in `probes/`.

    Several threads and processes may read and write at once. A reader sees each file as it was before or after a
    change, never a half of it.

    >>> import tempfile
    >>> cases = CaseFolder(tempfile.mkdtemp())
    >>> case = cases.create("The red coat", by="anna")
    >>> _ = cases.note(case.case, "asked for by the museum", by="anna")
    >>> [(one.name, one.notes) for one in cases.list()]
    [('The red coat', 1)]

    Args:
        path: The folder; it is made with the first case.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def existing(cls, path: str | Path) -> Self:
        """A folder of cases that is there.

        Raises:
            FileNotFoundError: There is no such folder.
            NotADirectoryError: It is a file.
            ValueError: It has no case, but a folder `cases` in it is one of cases, as that of a gallery is.
        """
        found = cls(path)
        if found.path.exists() and not found.path.is_dir():
            raise NotADirectoryError(f"{path} is a file, expected a folder of cases, such as GALLERY/cases")
        if not found.path.is_dir():
            raise FileNotFoundError(f"there is no folder {path}, expected one of cases, such as GALLERY/cases")
        if not found.list() and (found.path / "cases").is_dir():
            raise ValueError(f"{path} holds no cases, but {found.path / 'cases'} is a folder of cases; give that one")
        return found

    def create(self, name: str, *, by: str = "") -> Case:
        """Make a case.

        Args:
            name: What people call it; names need not be unique.
            by: Who makes it.

        Raises:
            OSError: The folder cannot be written.
            ValueError: The name is empty or longer than 200 letters.
        """
        moment = now()
        case = Case(secrets.token_hex(8), " ".join(name.split()), moment, moment, by)
        folder = self.path / case.case
        (folder / "searches").mkdir(parents=True)
        self._write(folder, case)
        return case

    def list(self) -> tuple[CaseSummary, ...]:
        """All cases, those that changed last first. A damaged one is in the list with its problem."""
        found = []
        for folder in sorted(self.path.iterdir()) if self.path.is_dir() else ():
            if _NAME.fullmatch(folder.name) and (folder / CASE_FILE).exists():
                found.append(_summary(folder))
        return tuple(sorted(found, key=lambda one: one.changed, reverse=True))

    def open(self, case: str) -> Case:
        """Read a case with everything in it.

        Args:
            case: Its name in this folder; any text may be asked for, also one that somebody sent over the network.

        Raises:
            NoCase: There is no such case.
            ValueError: One of its files is damaged.
        """
        folder = self._folder(case)
        searches = [_read(file, _SEARCH) for file in _searches(folder)]
        return dataclasses.replace(_read(folder / CASE_FILE, _KEPT).case, searches=tuple(searches))

    def add_search(self, case: str, search: CaseSearch, probes: Sequence[bytes] = ()) -> Case:
        """Keep a search and its answer in a case.

        Args:
            case: The case's name.
            search: The search.
            probes: JPEG files that show the person who was looked for; equal pictures are kept once.

        Raises:
            NoCase: There is no such case.
            OSError: The folder cannot be written.
        """
        folder = self._folder(case)
        names = []
        for picture in probes:
            name = f"{hashlib.sha256(picture).hexdigest()[:32]}.jpg"
            names.append(name)
            if not (folder / "probes" / name).exists():
                write_whole(folder / "probes" / name, picture, durable=True)
        kept = dataclasses.replace(search, probes=(*search.probes, *names))
        with _alone_in(folder):
            place = len(_searches(folder)) + 1
            write_whole(folder / "searches" / f"{place:06}.json", _text(kept, _SEARCH), durable=True)
            self._write(folder, dataclasses.replace(_read(folder / CASE_FILE, _KEPT).case, changed=now()))
        return self.open(case)

    def mark(self, case: str, seen: CaseSighting, mark: Mark | None, *, by: str = "") -> Case:
        """Confirm or reject a sighting, or take its mark away.

        Args:
            case: The case's name.
            seen: The sighting.
            mark: "confirmed" where it shows the person, "rejected" where it shows somebody else, None for no mark.
            by: Who says so.

        Raises:
            NoCase: There is no such case.
            OSError: The folder cannot be written.
            ValueError: There is no such mark.
        """
        if mark is not None and mark not in MARKS:
            raise ValueError(f"mark {mark!r}, expected one of {', '.join(MARKS)}, or none")

        def change(old: Case) -> Case:
            others = tuple(one for one in old.marks if one.seen.key != seen.key)
            new = () if mark is None else (MarkedSighting(seen, mark, by, now()),)
            return dataclasses.replace(old, marks=(*others, *new))

        return self._changed(case, change)

    def note(self, case: str, text: str, *, by: str = "") -> Case:
        """Add a note.

        Raises:
            NoCase: There is no such case.
            OSError: The folder cannot be written.
            ValueError: The text is empty or longer than 20,000 letters.
        """
        note = Note(text, by, now())
        return self._changed(case, lambda old: dataclasses.replace(old, notes=(*old.notes, note)))

    def give_name(self, case: str, name: str) -> Case:
        """Give a case another name.

        Raises:
            NoCase: There is no such case.
            OSError: The folder cannot be written.
            ValueError: The name is empty or longer than 200 letters.
        """
        return self._changed(case, lambda old: dataclasses.replace(old, name=" ".join(name.split())))

    def remove(self, case: str) -> None:
        """Delete a case with everything in it.

        Raises:
            NoCase: There is no such case.
            OSError: The folder cannot be written.
        """
        folder = self._folder(case)
        with _alone_in(folder):
            (folder / CASE_FILE).unlink()  # first: without it the rest is no case, whatever happens in between
            shutil.rmtree(folder)

    def probe(self, case: str, name: str) -> bytes | None:
        """A picture of the person, as `CaseSearch.probes` names it; None where it is not there any more.

        Raises:
            NoCase: There is no such case.
        """
        file = self._folder(case) / "probes" / name
        return file.read_bytes() if _PICTURE.fullmatch(name) and file.is_file() else None

    def _folder(self, case: str) -> Path:
        """The folder of a case that is there."""
        folder = self.path / case if _NAME.fullmatch(case) else None
        if folder is None or not (folder / CASE_FILE).is_file():
            raise NoCase(f"there is no case {case[:40]!r} in {self.path}; `personsearch case list` names those there")
        return folder

    def _changed(self, case: str, change: Callable[[Case], Case]) -> Case:
        """Read, change and write a case while nobody else does."""
        folder = self._folder(case)
        with _alone_in(folder):
            new = dataclasses.replace(change(_read(folder / CASE_FILE, _KEPT).case), changed=now())
            self._write(folder, new)
        return self.open(case)

    @staticmethod
    def _write(folder: Path, case: Case) -> None:
        write_whole(folder / CASE_FILE, _text(_Kept(FORMAT, case), _KEPT), durable=True)


def _searches(folder: Path) -> list[Path]:
    """The files of a case's searches, oldest first; a file that somebody is just writing is hidden and none of them."""
    return sorted((folder / "searches").glob("[0-9]*.json"))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other thread or process changes a case."""
    with (folder / LOCK_FILE).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _summary(folder: Path) -> CaseSummary:
    """A case in a list; its searches are counted and not read."""
    try:
        case = _read(folder / CASE_FILE, _KEPT).case
    except ValueError as error:
        return CaseSummary(folder.name, folder.name, problem=str(error))
    counts = (len(_searches(folder)), len(case.confirmed), len(case.rejected), len(case.notes))
    return CaseSummary(case.case, case.name, case.created, case.changed, *counts)


def _text(value: Value, kind: TypeAdapter[Value]) -> str:
    """A value as JSON that can be read back.

    Raises:
        ValueError: It holds something that JSON does not know, half a letter for example.
    """
    try:
        plain: Any = kind.dump_python(value, mode="json")
        text = json.dumps(plain, indent=1, allow_nan=False) + "\n"
        kind.validate_json(text)
    except (ValueError, TypeError) as error:
        raise ValueError(f"this cannot be kept in a case: {str(error).splitlines()[0]}; write it otherwise") from None
    return text


def _read(file: Path, kind: TypeAdapter[Value]) -> Value:
    """A value from its JSON file, checked.

    Raises:
        ValueError: The file is damaged, or of a later version.
    """
    try:
        value = kind.validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}" if where else str(first["msg"])
        raise ValueError(f"{file} is damaged ({reason}); put it back from a copy") from None
    if getattr(value, "format", FORMAT) != FORMAT:
        raise ValueError(f"{file} has another format than {FORMAT}; use the version of personsearch that made it")
    return value
