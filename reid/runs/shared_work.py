"""Work that several processes share through a folder: each item is done once, and finished items are kept."""

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from datasets.files import write_whole
from reid.runs.files import DivergedError

LOCK_FILE = ".lock"
DATA_FILE = "data.json"
WAIT_SECONDS = 1.0

Item = TypeVar("Item")


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Wait until no other process is here; what is done within takes no time."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"{DATA_FILE}{LOCK_FILE}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def claimed(directory: Path) -> Iterator[bool]:
    """Whether no other process works on a folder; until the block ends no other can claim it.

    Args:
        directory: The folder, which is made where it is missing. A process that is killed lets go of it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def work_through(
    work: Mapping[str, Item],
    *,
    directory: Callable[[Item], Path],
    do: Callable[[str, Item], None],
    first: Callable[[Item], str | None] = lambda item: None,
) -> dict[str, str]:
    """Do every item, each while its folder is claimed; what another process works on is waited for.

    Args:
        work: The items by their keys, in the order to do them.
        directory: Gives the folder of an item.
        do: Does an item; called with its key and itself. It must return at once where the folder says that the item is
            done.
        first: Gives the key of the item that has to be done before this one, or None.

    Returns:
        Why an item was not done, by its key: its training did not converge, or it begins on one that did not. All
        others are done.
    """
    pending = dict(work)
    diverged: dict[str, str] = {}
    while pending:
        before = len(pending)
        for key, item in list(pending.items()):
            if first(item) in pending:
                continue
            with claimed(directory(item)) as mine:
                if not mine:
                    continue
                before_it = first(item)
                if before_it in diverged:
                    diverged[key] = diverged[before_it]
                else:
                    try:
                        do(key, item)
                    except DivergedError as error:
                        diverged[key] = f"{directory(item)}: {error}"
                del pending[key]
        if len(pending) == before:
            time.sleep(WAIT_SECONDS)
    return diverged


def require_same_data(output: Path, digests: Mapping[str, str]) -> None:
    """Refuse a folder of trainings and figures of other data, and note the data of this one.

    Args:
        output: The folder.
        digests: What tells each data set or split apart, by its name; names may be added later.

    Raises:
        ValueError: The folder knows a name with another digest.
    """
    path = output / DATA_FILE
    with _alone_in(output):
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        for name, digest in digests.items():
            if known.get(name, digest) != digest:
                raise ValueError(f"{output} holds trainings or figures of other data ({name}); choose another --output")
        write_figures(path, known | dict(digests))


def write_figures(path: Path, content: Any) -> None:
    """Write JSON whole or not at all, so that another process never reads half a file.

    Args:
        path: The file.
        content: What it shall hold, as JSON takes it.
    """
    write_whole(path, json.dumps(content) + "\n")
