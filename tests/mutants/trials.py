"""Runs the tests of a faulty file, each time in a fork of one process that has the libraries loaded already."""

import importlib
import os
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("datasets", "reid", "detection", "search", "tools")
# What the product and its tests import; loading these takes longer than most tests.
LIBRARIES = (
    "albumentations", "cv2", "defusedxml.ElementTree", "h5py", "jinja2", "jsonargparse", "lancedb", "lightning_fabric",
    "matplotlib.pyplot", "motmetrics", "numpy", "pyarrow.compute", "pycocotools.coco", "scipy.optimize",
    "scipy.spatial", "torch", "torch.utils.tensorboard", "torchvision.models.detection", "trackers.eval",
    "xml.etree.ElementTree", "yaml",
)  # fmt: skip
COPIED = (*PACKAGES, "tests", "docs", "pyproject.toml", "Makefile", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")
NOTICED, SURVIVED, TOO_LONG, NO_TESTS = "noticed", "survived", "too long", "no tests"


class Trial(NamedTuple):
    """A file's text with a fault, or None to try the tests as they are.

    Args:
        file: The source file, from the repository's root.
        source: Its text with the fault, None for the file as it is.
        tests: The tests to run.
        seconds: After this time a trial is ended.
    """

    file: str
    source: str | None
    tests: tuple[str, ...]
    seconds: float


class Result(NamedTuple):
    """What came of a trial: NOTICED, SURVIVED, TOO_LONG or NO_TESTS, its time, and the end of what pytest printed."""

    outcome: str
    seconds: float
    output: str


def prepare(folder: Path, workers: int) -> list[Path]:
    """Copies of the repository, one for each worker, and the libraries in this process.

    Args:
        folder: An empty folder for the copies.
        workers: The number of copies, 1 or more.
    """
    os.environ |= {"OMP_NUM_THREADS": "1", "NO_ALBUMENTATIONS_UPDATE": "1", "MPLBACKEND": "Agg"}
    # A file changed twice within a second may have the same time and size, which is all that Python's cache looks at.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    copies = []
    for worker in range(workers):
        copy = folder / str(worker) / REPOSITORY.name
        copy.mkdir(parents=True)
        for name in COPIED:
            if (REPOSITORY / name).is_dir():
                shutil.copytree(REPOSITORY / name, copy / name, symlinks=True)
            elif (REPOSITORY / name).is_file():
                shutil.copy(REPOSITORY / name, copy / name)
        shared = REPOSITORY.parent / "shared"
        if shared.is_dir():
            (copy.parent / "shared").symlink_to(shared.resolve())
        copies.append(copy)
    for name in LIBRARIES:
        importlib.import_module(name)
    mixed = sorted(set(PACKAGES) & set(sys.modules))
    assert not mixed, f"{mixed} are loaded already, so that no fault in them could be tried"
    return copies


def run(trials: Iterable[Trial], copies: list[Path]) -> Iterator[tuple[int, Result]]:
    """Try each, as many at once as there are copies; gives the number of a trial and its result as they come in."""
    waiting = list(enumerate(trials))[::-1]
    free = list(copies)
    running: dict[int, tuple[int, Trial, Path, float]] = {}
    while waiting or running:
        while waiting and free:
            number, trial = waiting.pop()
            copy = free.pop()
            running[_start(trial, copy)] = (number, trial, copy, time.monotonic())
        for process, (number, trial, copy, began) in list(running.items()):
            ended, status = os.waitpid(process, os.WNOHANG)
            seconds = time.monotonic() - began
            late = not ended and seconds > trial.seconds
            if late:
                os.killpg(process, signal.SIGKILL)
                os.waitpid(process, 0)
            if late or ended:
                del running[process]
                free.append(copy)
                yield number, _finish(trial, copy, None if late else os.waitstatus_to_exitcode(status), seconds)
        time.sleep(0.02)


def _start(trial: Trial, copy: Path) -> int:
    if trial.source is not None:
        (copy / trial.file).write_text(trial.source, encoding="utf-8")
        for stale in (copy / trial.file).parent.glob(f"__pycache__/{Path(trial.file).stem}.*"):
            stale.unlink()
    with warnings.catch_warnings():
        # LanceDB warns of forks while it works; nothing of it has been used in this process.
        warnings.simplefilter("ignore", RuntimeWarning)
        process = os.fork()
    if process:
        # Set by both, so that the group is there whoever comes first.
        with suppress(ProcessLookupError, PermissionError):
            os.setpgid(process, process)
        return process
    status = 70
    try:
        os.setpgid(0, 0)
        output = os.open(copy.parent / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(copy)
        os.environ["PYTHONPATH"] = str(copy)
        places = {str(REPOSITORY), str(REPOSITORY / "tests"), ""}
        sys.path[:] = [str(copy), *(place for place in sys.path if place not in places)]
        words = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist", "--basetemp"]
        status = int(pytest.main([*words, str(copy.parent / "temporary"), *trial.tests]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _finish(trial: Trial, copy: Path, status: int | None, seconds: float) -> Result:
    if trial.source is not None:
        shutil.copy(REPOSITORY / trial.file, copy / trial.file)
    output = (copy.parent / "output.txt").read_text(encoding="utf-8", errors="replace")[-3000:]
    if status is None:
        return Result(TOO_LONG, seconds, output)
    if status in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
        return Result(NO_TESTS, seconds, output)
    return Result(SURVIVED if status == pytest.ExitCode.OK else NOTICED, seconds, output)
