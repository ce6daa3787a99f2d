"""A place in a bucket, which the rest of the project takes for a path: s3://BUCKET/NAME."""

import fnmatch
import os
import zlib
from collections.abc import Iterator
from pathlib import Path, PosixPath
from typing import IO, Any, NoReturn

from datasets.storage.connection import file_system, said_plainly

SCHEME = "s3:"


class ObjectPath(PosixPath):
    """A file or folder on object storage, read and written as a `Path` is.

    A file is written whole, and everybody sees it at once. What object storage has not, such as links, permissions and
    appending, is refused in one line; so is handing the place to a library that would look for it on this machine.

    >>> people = place("s3://footage/people")
    >>> str(people / "gallery.json"), (people / "tables").name
    ('s3://footage/people/gallery.json', 'tables')
    """

    def __str__(self) -> str:
        return "s3://" + "/".join(self.parts[1:])

    def __repr__(self) -> str:
        return f"ObjectPath({str(self)!r})"

    def __fspath__(self) -> str:
        self._refuse()

    def as_posix(self) -> str:
        """The address."""
        return str(self)

    @property
    def _key(self) -> str:
        """Bucket and name, as the server's files are called."""
        return "/".join(self.parts[1:])

    def resolve(self, strict: bool = False) -> "ObjectPath":
        """Itself: there are no links."""
        return self

    def absolute(self) -> "ObjectPath":
        """Itself."""
        return self

    def expanduser(self) -> "ObjectPath":
        """Itself: a bucket has no home folders."""
        return self

    def exists(self, **_: Any) -> bool:
        """Whether there is a file, or a folder with something in it."""
        return self._info().type.name != "NotFound"

    def is_file(self, **_: Any) -> bool:
        """Whether there is a file."""
        return bool(self._info().is_file)

    def is_dir(self, **_: Any) -> bool:
        """Whether there is something below this place."""
        return self._info().type.name == "Directory"

    def stat(self, **_: Any) -> os.stat_result:
        """Size and time of change; the number of the file is one for each content that it had.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: The server cannot be reached, or refuses.
        """
        with said_plainly(self, "read"), file_system().open_input_file(self._key) as file:
            size, tag = file.size(), file.metadata().get("ETag", b"")
        changed = self._info().mtime_ns or 0
        number = zlib.crc32(tag)
        times = {"st_mtime": changed / 1e9, "st_mtime_ns": changed}
        return os.stat_result((0o100644, number, 0, 1, 0, 0, size, 0, changed // 10**9, 0), times)

    def open(self, mode: str = "r", *_: Any, **__: Any) -> IO[Any]:  # type: ignore[override]
        """Open for reading bytes; only what is asked for is fetched.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: The server cannot be reached, or it is not opened for reading bytes ("rb").
        """
        if mode != "rb":
            self._refuse()
        with said_plainly(self, "read"):
            opened: IO[Any] = file_system().open_input_file(self._key)
            return opened

    def read_bytes(self) -> bytes:
        """The whole file; errors as of `open`."""
        with said_plainly(self, "read"), file_system().open_input_stream(self._key) as file:
            return bytes(file.read())

    def read_text(self, encoding: str | None = None, *_: Any, **__: Any) -> str:
        """The whole file as text; errors as of `open`."""
        return self.read_bytes().decode(encoding or "utf-8")

    def write_bytes(self, data: Any) -> int:
        """Write the file whole: others see the old one or all of the new one, and on return it is durable.

        Raises:
            OSError: The server cannot be reached, or refuses.
        """
        with said_plainly(self, "written"), file_system().open_output_stream(self._key) as file:
            file.write(data)
        return len(data)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file.

        Raises:
            FileNotFoundError: There is no such file, and it is not `missing_ok`.
            OSError: The server cannot be reached, or refuses.
        """
        try:
            with said_plainly(self, "removed"):
                file_system().delete_file(self._key)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def mkdir(self, *_: Any, **__: Any) -> None:
        """Nothing is made, for folders are parts of names; the bucket must be there.

        Raises:
            OSError: There is no such bucket.
        """
        bucket = ObjectPath(*self.parts[:2])
        if len(self.parts) < 2 or not bucket.exists():
            raise FileNotFoundError(f"{self}: there is no bucket {bucket}, expected one; make it first")

    def iterdir(self) -> Iterator["ObjectPath"]:  # type: ignore[override]
        """What lies directly below, in the order of the names."""
        yield from (ObjectPath(SCHEME, one.path) for one in self._listed(recursive=False))

    def glob(self, pattern: str, **_: Any) -> Iterator["ObjectPath"]:  # type: ignore[override]
        """What lies directly below and has a name of a pattern such as *.json."""
        yield from (one for one in self.iterdir() if fnmatch.fnmatchcase(one.name, pattern))

    def sizes_below(self) -> list[int]:
        """The bytes of every file below this place."""
        return [one.size for one in self._listed(recursive=True) if one.is_file]

    def times(self) -> dict[str, float]:
        """When each file directly below was written last, by its name, in seconds by the server's clock."""
        return {one.base_name: one.mtime_ns / 1e9 for one in self._listed(recursive=False) if one.is_file}

    def _info(self) -> Any:
        with said_plainly(self, "read"):
            return file_system().get_file_info(self._key)

    def _listed(self, *, recursive: bool) -> list[Any]:
        """What the server says of the files and folders below, in the order of their names."""
        from pyarrow.fs import FileSelector

        with said_plainly(self, "listed"):
            found = file_system().get_file_info(FileSelector(self._key, allow_not_found=True, recursive=recursive))
        return sorted(found, key=lambda one: str(one.path))

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise OSError(f"{self} is on object storage, expected a file or folder of this machine here; name one of those")

    touch = rename = replace = chmod = lchmod = lstat = rmdir = _refuse
    symlink_to = hardlink_to = readlink = rglob = walk = samefile = _refuse
    owner = group = is_mount = is_symlink = is_junction = _refuse


def place(path: str | Path) -> Path:
    """The place that a text or path names: on object storage where it begins with s3://, else on this machine.

    >>> place("people").is_absolute(), str(place(Path("s3://footage/people")))
    (False, 's3://footage/people')

    Args:
        path: What the user named. A `Path` that was made of an address, and lost one of its slashes, is understood.
    """
    plain = Path(path)
    return ObjectPath(*plain.parts) if len(plain.parts) > 1 and plain.parts[0] == SCHEME else plain


def sizes_below(folder: Path) -> list[int]:
    """The bytes of each file below a folder, on this machine or on object storage; what vanishes is left out."""
    if isinstance(folder, ObjectPath):
        return folder.sizes_below()
    sizes = []
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                sizes.append(os.stat(os.path.join(parent, name)).st_size)
            except FileNotFoundError:
                continue
    return sizes
