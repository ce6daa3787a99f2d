"""What times depend on: the processor, the libraries, the load, and the memory that the work took."""

import contextlib
import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools.errors import ROOT


def described(*libraries: str) -> dict[str, Any]:
    """The machine, looked up without loading the libraries.

    Args:
        libraries: The distributions whose versions matter.

    Returns:
        processor, system, cores, threads, versions by name, and the commit of this project, None outside a checkout.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(), "system": platform.platform(), "cores": cores,
        "threads": int(os.environ.get("OMP_NUM_THREADS") or cores or 1),
        "versions": {"Python": platform.python_version()} | {name: version(name) for name in libraries},
        "commit": commit(),
    }  # fmt: skip


def commit() -> str | None:
    """The commit of the code that runs, with "+" behind it where files differ from it; None outside a checkout."""
    answers = []
    for words in (
        ["rev-parse", "--show-toplevel"],
        ["rev-parse", "--short=10", "HEAD"],
        ["status", "--porcelain", "--untracked-files=no"],
    ):
        try:
            ended = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        answers.append(ended.stdout.strip())
    top, head, changed = answers
    if Path(top).resolve() != ROOT:
        return None  # installed inside of somebody else's checkout
    return head + ("+" if changed else "")


def told(machine: dict[str, Any], load: float | None) -> str:
    """Two lines for people about a machine and its load average, None where nobody knows it."""
    known = "unknown" if load is None else round(load, 2)
    threads = "1 thread" if machine["threads"] == 1 else f"{machine['threads']} threads"
    cores = f"{threads} of {machine['cores']} cores, load average at the start {known}"
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return f"{machine['processor']}, {cores}\n{versions}"


def load_average() -> float | None:
    """How many processes wanted to run in the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def peak_megabytes() -> float:
    """The most memory that this process has had, in units of 2**20 bytes."""
    # The system's other counter begins with the peak of the process that began this one.
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
