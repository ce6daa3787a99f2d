"""Processes of their own for tests, in a tenth of a second: they are forked from one that has loaded the libraries."""

import faulthandler
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_LIBRARIES = ("torch", "torchvision", "lightning_fabric", "albumentations", "scipy.optimize", "pyarrow.dataset", "av")
# What LanceDB takes longest to load. LanceDB itself is not loaded here: it starts threads, which no fork has.
_FORKS.set_forkserver_preload([*_LIBRARIES, "lance_namespace"])


def start(
    function: Callable[..., object],
    *arguments: object,
    said: Path,
    errors: Path | None = None,
    environment: Mapping[str, str] | None = None,
    has_own: bool = False,
) -> BaseProcess:
    """Call a function in a process of its own.

    Args:
        function: A function of a module that can be imported by name.
        arguments: What it takes.
        said: The file that takes what the process says.
        errors: The file that takes its errors; None takes `said` for them too.
        environment: Variables that the process has beside those of this one.
        has_own: Whether it starts processes of its own, which end with it, not with this one.
    """
    variables = os.environ | dict(environment or {})
    process = _FORKS.Process(
        target=_call, args=(function, arguments, said, errors or said, variables), daemon=not has_own
    )
    process.start()
    return process


def run_program(folder: Path, *words: str) -> None:
    """Do what `personsearch` does when these words are typed, with the packages of a folder; for `start`."""
    sys.path.insert(0, str(folder))
    from tools import main

    assert Path(main.__file__).is_relative_to(folder)
    # As in a pipe, what the program does not flush is not seen before its end.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    sys.exit(main.main(list(words)))


def start_two(function: Callable[..., object], *arguments: object, said: Path) -> list[BaseProcess]:
    """Call a function in two processes that know each other, with the variables that torchrun sets."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {
        "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
        "TORCHELASTIC_RUN_ID": "test",
    }  # fmt: skip
    return [
        start(
            function, *arguments, said=said.with_name(f"{said.name}{rank}"),
            environment=common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]  # fmt: skip


def finish(process: BaseProcess, said: Path, *, status: int = 0) -> str:
    """Wait for the end of a process, which must have this exit status, and give what it said."""
    process.join(280)
    text = said.read_text(encoding="utf-8")
    assert process.exitcode == status, f"exit status {process.exitcode}, expected {status}: {text[-3000:]}"
    return text


def _call(
    function: Callable[..., object],
    arguments: tuple[object, ...],
    said: Path,
    errors: Path,
    environment: dict[str, str],
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    # A process that is started in the background of a script inherits that interrupts are ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for standard, place, number in ((sys.stdout, said, 1), (sys.stderr, errors, 2)):
        standard.flush()
        # Appended to, so that one file can take both.
        with open(place, "a", encoding="utf-8") as file:
            os.dup2(file.fileno(), number)
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115 - as long as the process
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    faulthandler.enable(sys.stderr)
    function(*arguments)
