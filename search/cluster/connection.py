"""The way to a cluster of Ray: its address, its token, and its actors."""

import importlib.util
import os
import re
import secrets
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from search.cluster.actors import Actors, Answer, Died, Handle

LOCAL = "local"
AUTO = "auto"
CLIENT = "ray://"

_OWN_TOKEN = secrets.token_hex(32)
"""Of the clusters that this process begins, so that nothing need be written for it; the engine reads it only once."""

STORE_BYTES = 256 * 2**20
"""What workers hand over is small: rows and cut-out pictures, never frames."""

_ANSWER_SECONDS = 5.0
_SETTINGS = {
    # Of a worker that died the engine prints a paragraph, where this project says a line.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    # With an address in figures the engine sends its token only where this says so.
    "RAY_AUTH_MODE": "token",
    # Its makers are told nothing.
    "RAY_USAGE_STATS_ENABLED": "0",
    # On a busy machine a process takes long to begin.
    "RAY_worker_register_timeout_seconds": "600",
}
"""What the engine reads from the environment, where nobody has set it."""


def require_ray() -> None:
    """Say in one line what is to be installed where the engine is missing.

    Raises:
        ValueError: It is missing.
    """
    if importlib.util.find_spec("ray") is None:
        raise ValueError(
            "a cluster needs ray, which is not installed; `pip install 'personsearch[cluster]'` installs it"
        )


def require_address(address: str) -> None:
    """Refuse what is no address, and an address at which nobody answers: the engine would wait for minutes.

    Args:
        address: What the user typed.

    Raises:
        ValueError: It is no address.
        ConnectionError: Nobody answers.
    """
    if address in (LOCAL, AUTO):
        return
    match = re.fullmatch(r"(?:ray://)?(?P<host>[^\s:/]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})", address)
    if match is None or int(match["port"]) > 65_535:
        raise ValueError(
            f"--cluster {address} is no address, expected local, auto, HOST:PORT or ray://HOST:PORT, such as "
            "ray://10.0.0.2:10001"
        )
    try:
        socket.create_connection((match["host"].strip("[]"), int(match["port"])), _ANSWER_SECONDS).close()
    except OSError as error:
        reason = error.strerror or "no answer"
        raise ConnectionError(
            f"--cluster {address}: no cluster answers there ({reason}); start it with `ray start --head`, check the "
            "address and the network, or use --cluster local"
        ) from None


@contextmanager
def connected(address: str, workers: int | None = None) -> Iterator["RayActors"]:
    """Go to a cluster, and leave it at the end.

    Args:
        address: "local" begins one on this machine; "auto" takes the one of which this machine is a part, "host:port"
            the one with that address, likewise; "ray://host:port" takes one that is elsewhere.
        workers: How many processes will work at once on a cluster that is begun here; None leaves a processor free.

    Raises:
        ValueError: The engine is not installed, or the address is none.
        ConnectionError: Nobody answers, or the cluster does not take this machine.
    """
    require_ray()
    require_address(address)
    known = {name: os.environ.get(name) for name in _SETTINGS}
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray

        try:
            _begin(ray, address, workers)
        except (OSError, RuntimeError, ValueError, SystemExit, ray.exceptions.RayError) as error:
            raise ConnectionError(_why_not(address, error)) from None
        try:
            yield RayActors(ray)
        finally:
            ray.shutdown()
    finally:
        for name, before in known.items():
            if before is None:
                os.environ.pop(name, None)


def _begin(ray: ModuleType, address: str, workers: int | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL"}
    if address != LOCAL:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the one line says it
            ray.init(address=address, **quiet)
        return
    token = "RAY_AUTH_TOKEN"
    own = token not in os.environ and "RAY_AUTH_TOKEN_PATH" not in os.environ
    if own:
        os.environ[token] = _OWN_TOKEN
    try:
        # A processor is left for what the user sees; the writer waits for the disk and needs none of its own.
        count = (workers or max(1, (os.cpu_count() or 2) - 1)) + 1
        with warnings.catch_warnings():
            # The store of the galleries warns of forks; these only begin another program.
            warnings.simplefilter("ignore", RuntimeWarning)
            ray.init(address=LOCAL, num_cpus=count, include_dashboard=False, object_store_memory=STORE_BYTES, **quiet)
    finally:
        if own:
            del os.environ[token]


def workers_of(actors: Actors, asked: int | None) -> int:
    """How many processes work on a cluster: as many as asked, else one for each GPU, else for each processor but one.

    Args:
        actors: The cluster.
        asked: How many somebody asked for, 1 or more.
    """
    return asked or actors.gpus or max(1, actors.processors - 1)


def _why_not(address: str, error: BaseException) -> str:
    """Why a cluster could not be reached, in one line."""
    text = " ".join(str(error).split())
    if address == AUTO and "Could not find any running Ray instance" in text:
        return (
            "--cluster auto: no cluster of Ray runs on this machine; start one with `ray start --head`, give its "
            "address, or use --cluster local"
        )
    if address == LOCAL:
        return f"--cluster local: the processes could not be started ({text[:200]}); check memory and disk space"
    return (
        f"--cluster {address}: the cluster does not take this machine ({text[:200]}); its token must be in "
        "RAY_AUTH_TOKEN, and Ray and Python must be of the same versions there and here"
    )


class RayActors:
    """The actors of a cluster that Ray runs, see `search.cluster.actors.Actors`.

    Args:
        ray: The module.
    """

    def __init__(self, ray: ModuleType) -> None:
        self._ray = ray

    def start(self, role: type, *values: Any, processors: int = 1, gpu: float = 0.0) -> Handle:
        """Begin to make an object in a process of its own."""
        # Who died is started anew by who knows what it was doing, not by the engine.
        options = {"num_cpus": processors, "num_gpus": gpu, "max_restarts": 0, "max_task_retries": 0}
        return self._ray.remote(**options, scheduling_strategy="SPREAD")(role).remote(*values)

    def ask(self, actor: Handle, method: str, *values: Any) -> Answer:
        """Call a method of an object."""
        return getattr(actor, method).remote(*values)

    def ready(self, answers: Sequence[Answer], seconds: float) -> list[Answer]:
        """The answers that are there."""
        if not answers:
            return []
        some, _ = self._ray.wait(list(answers), num_returns=1, timeout=seconds)
        more, _ = self._ray.wait(list(answers), num_returns=len(answers), timeout=0)
        return list({one: None for one in [*some, *more]})

    def result(self, answer: Answer) -> Any:
        """An answer."""
        exceptions = self._ray.exceptions
        try:
            return self._ray.get(answer)
        except exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, OSError | ValueError):
                raise cause from None
            raise
        except exceptions.RayError as error:
            raise Died(_reason(str(error))) from None

    def end(self, actor: Handle) -> None:
        """End the process of an object."""
        self._ray.kill(actor, no_restart=True)

    @property
    def gpus(self) -> int:
        """How many GPUs the cluster has."""
        return int(self._ray.cluster_resources().get("GPU", 0))

    @property
    def processors(self) -> int:
        """How many processors the cluster has."""
        return int(self._ray.cluster_resources().get("CPU", 0))


def _reason(text: str) -> str:
    """Why an actor ended, in a few words."""
    known = {
        "node is dead": "its machine left the cluster",
        "node died": "its machine left the cluster",
        "out of memory": "its machine had no memory left",
        "OutOfMemory": "its machine had no memory left",
    }
    # The engine lists what often happens, so that its list is no reason.
    told = text.partition("Some common causes")[0]
    return next((words for mark, words in known.items() if mark in told), "its process was ended")
