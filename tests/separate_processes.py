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
_FORKS.set_forkserver_preload(["torch", "torchvision", "lightning_fabric", "albumentations"])


def start(
    function: Callable[..., object], *arguments: object, said: Path, environment: Mapping[str, str] | None = None
) -> BaseProcess:
    """Call a function in a process of its own.

    Args:
        function: A function of a module that can be imported by name.
        arguments: What it takes.
        said: The file that takes what the process says.
        environment: Variables that the process has beside those of this one.
    """
    process = _FORKS.Process(
        target=_call, args=(function, arguments, str(said), os.environ | dict(environment or {})), daemon=True
    )
    process.start()
    return process


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
    function: Callable[..., object], arguments: tuple[object, ...], said: str, environment: dict[str, str]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    # A process that is started in the background of a script inherits that interrupts are ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(said, "w", encoding="utf-8", buffering=1) as file:
        for standard in (sys.stdout, sys.stderr):
            standard.flush()
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115 - as long as the process
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    faulthandler.enable(sys.stderr)
    function(*arguments)
