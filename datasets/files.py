"""Writing a file whole or not at all: the one place for it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datasets.storage.places import ObjectPath


@contextmanager
def whole_file(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Give a name to write to, which becomes `path` when the block ends without an error.

    Another program sees the old file or the whole new one, never a half of it. The unfinished file lies in the same
    folder, is hidden (`.NAME.<process>-<thread>.unfinished.SUFFIX`), keeps the suffix for libraries that look at it,
    and is removed when the block fails. The finished file has the permissions that the user's umask asks for, whatever
    the library that wrote it thinks.

    Args:
        path: The file to write. Its folder must exist.
        durable: True waits until the content and the name lie on the disk, so that the file survives a power cut. This
            costs a few milliseconds and more on slow disks.

    Yields:
        The name of the unfinished file, which exists and is empty. Write to it and close it within the block.

    Raises:
        OSError: The folder does not exist, the file cannot be written, or `path` is a folder.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with whole_file(folder / "notes.txt") as unfinished:
    ...     _ = unfinished.write_text("all of it")
    >>> [file.name for file in folder.iterdir()]
    ['notes.txt']
    """
    writer = f"{os.getpid()}-{threading.get_ident()}"
    unfinished = path.with_name(f".{path.stem}.{writer}.unfinished{path.suffix}")
    try:
        unfinished.touch()
        mode = unfinished.stat().st_mode & 0o777
        yield unfinished
        # Some libraries put a file of their own there, which only its owner may read.
        unfinished.chmod(mode)
        if durable:
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
        unfinished.replace(path)
        if durable:
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    finally:
        unfinished.unlink(missing_ok=True)


def require_empty(folder: Path) -> None:
    """Refuses a folder that holds something, or a file in its place.

    Args:
        folder: The folder; it may be missing.

    Raises:
        FileExistsError: Something is there.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists and is not an empty folder: choose another folder, or delete it first")


def write_whole(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Write a file whole or not at all, and make its folder where there is none.

    Args:
        path: The file to write, which may be on object storage. What it held before is replaced.
        content: Text, which is written in UTF-8 with its line ends as they are, or bytes.
        durable: True waits until the content lies on the disk, see `whole_file`.

    Raises:
        OSError: The file cannot be written; what was there before is still there.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "new" / "figures.json"
    >>> write_whole(file, "[1, 2]")
    >>> file.read_text()
    '[1, 2]'
    """
    if isinstance(path, ObjectPath):  # which knows no unfinished files
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, durable=durable) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
