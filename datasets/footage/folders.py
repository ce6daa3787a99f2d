"""The pictures and videos in a tree of folders, in order; what is passed over is counted, and why."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datasets.footage.names import written
from datasets.footage.videos import VIDEO_SUFFIXES, Failures
from datasets.frame_numbers import natural_key
from datasets.images import IMAGE_SUFFIXES

_SYSTEM_FOLDERS = frozenset(
    {"#recycle", "#snapshot", "#snapshots", "#trash", "$recycle.bin", "recycler", "recycled", "recycle bin"}
    | {"~snapshot", "lost+found", "lost.dir", "system volume information", "__macosx", "network trash folder"}
    | {"temporary items", "thumbs", "thumb", "thumbnail", "thumbnails", "_thumbs", "_thumbnails", "trash", "trashes"}
    | {"found.000"}
)
"""Folders, in lower case, in which network disks and operating systems keep thumbnails and deleted files."""

_SYSTEM_FILE = re.compile(r"(SYNOPHOTO|SYNOFILE|SYNOINDEX)_THUMB", re.IGNORECASE)
_MOST_SUFFIXES = 6

KINDS = "images (such as .jpg, .png, .tif, .webp) or videos (such as .mp4, .avi, .mkv, .h264)"
"""What is read, for messages; the whole lists are IMAGE_SUFFIXES and VIDEO_SUFFIXES."""


class SourceError(ValueError):
    """A source gives no frame at all; one line with the source, what was met and what to do."""


@dataclass
class PassedOver:
    """What lies in a tree of folders and is not read.

    Args:
        suffixes: How many files of each other kind there are, by suffix in lower case.
        hidden: How many files and folders have a name that begins with a dot.
        system: The names of folders of thumbnails and deleted files, and how many there are of each.
        twice: How many files are reached a second time, through a link.
    """

    suffixes: Counter[str] = field(default_factory=Counter)
    hidden: int = 0
    system: Counter[str] = field(default_factory=Counter)
    twice: int = 0

    def lines(self) -> list[str]:
        """One line for each kind of thing that was passed over; none for hidden files alone."""
        lines = []
        if self.suffixes:
            lines.append(f"{self.others()} passed over")
        if self.system:
            listed = ", ".join(_counted(written(name), count) for name, count in sorted(self.system.items()))
            lines.append(f"folders of thumbnails or deleted files passed over: {listed}")
        if self.twice:
            lines.append(f"{_many(self.twice, 'link')} to files that are read already passed over")
        return lines

    def others(self) -> str:
        """The files of other kinds, by suffix."""
        total = sum(self.suffixes.values())
        common = sorted(self.suffixes.items(), key=lambda one: (-one[1], one[0]))[:_MOST_SUFFIXES]
        listed = ", ".join(_counted(written(suffix) or "no suffix", count) for suffix, count in common)
        more = ", ..." if len(self.suffixes) > _MOST_SUFFIXES else ""
        return f"{_many(total, 'file')} of other kinds ({listed}{more})"


def files_below(folder: Path, failures: Failures, passed_over: PassedOver) -> list[Path]:
    """List the pictures and videos of a tree of folders in natural order (2 before 10), following links once.

    Args:
        folder: The uppermost folder.
        failures: A list to which (name, reason) of what cannot be read is appended.
        passed_over: Counts what is not read.

    Raises:
        SourceError: There is no picture or video.
    """
    found: list[Path] = []
    links: list[Path] = []
    visited: set[str] = set()

    def unreadable(error: OSError) -> None:
        failures.append((written(str(error.filename)), f"the folder cannot be read ({error.strerror})"))

    for parent, folders, names in os.walk(folder, followlinks=True, onerror=unreadable):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = _worth_reading(folders, passed_over)
        for name in names:
            path = Path(parent, name)
            if not _is_wanted(name, passed_over):
                continue
            if not path.is_file():
                why = "the link leads to nothing" if path.is_symlink() else "is no file; remove it"
                failures.append((written(path.relative_to(folder).as_posix()), why))
                continue
            (links if path.is_symlink() else found).append(path)
    found += _new_links(links, found, passed_over)
    if not found and not failures:
        met = passed_over.others() if passed_over.suffixes else "nothing"
        raise SourceError(f"{written(str(folder))} holds {met}, expected {KINDS}")
    return sorted(found, key=lambda path: [natural_key(part) for part in path.relative_to(folder).parts])


def _worth_reading(folders: Sequence[str], passed_over: PassedOver) -> list[str]:
    """The folders that may hold footage."""
    kept = []
    for name in folders:
        if name.startswith("."):
            passed_over.hidden += 1
        elif name.lower() in _SYSTEM_FOLDERS or name.startswith("@"):  # @eaDir, @Recycle, @tmp, @__thumb
            passed_over.system[name] += 1
        else:
            kept.append(name)
    return kept


def _is_wanted(name: str, passed_over: PassedOver) -> bool:
    """Whether a file is a picture or a video by its name."""
    suffix = os.path.splitext(name)[1].lower()
    if name.startswith("."):
        passed_over.hidden += 1
    elif suffix not in IMAGE_SUFFIXES | VIDEO_SUFFIXES or _SYSTEM_FILE.match(name):
        passed_over.suffixes[suffix] += 1
    else:
        return True
    return False


def _new_links(links: Sequence[Path], found: Sequence[Path], passed_over: PassedOver) -> list[Path]:
    """The links that lead to files that are not in the tree by themselves, each file once."""
    if not links:
        return []
    known = {os.path.realpath(path) for path in found}
    kept = []
    for path in sorted(links):
        real = os.path.realpath(path)
        if real in known:
            passed_over.twice += 1
        else:
            known.add(real)
            kept.append(path)
    return kept


def _counted(name: str, count: int) -> str:
    return f"{name} ({count})"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
