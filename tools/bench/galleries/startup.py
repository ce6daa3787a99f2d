"""personsearch bench startup: seconds until the command line, the library, a search and a served search answer."""

import contextlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.bench.speed.machine import load_average
from tools.bench.speed.measured import Measured, Run
from tools.errors import ROOT
from tools.outcome import Outcome, table
from tools.progress import Progress

PROGRAM = ["-c", "import sys; from tools.main import main; sys.exit(main())"]
"""What `personsearch` runs, whichever way it was installed."""

SIDES = (96, 192)
"""Width and height in pixels of the picture that is searched with."""


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Args:
        label: What is done.
        baseline: The key of the line that it is compared with; "" where it is itself what others are compared with.
        asked: The most seconds that it may take; None where nothing is asked.
    """

    label: str
    baseline: str = ""
    asked: float | None = None


LINES = {
    "python": Line("bare Python: python -c pass"),
    "libraries": Line("the libraries of a search: import torch, torchvision, lancedb"),
    "help": Line("personsearch --help", "python", 0.3),
    "import": Line("import search", "python", 0.2),
    "find": Line("personsearch find, a process of its own", "libraries", 2.5),
    "served": Line("the same search through a running server", "find", 0.3),
}


@dataclass(frozen=True)
class Taken:
    """What the repeats of one line took.

    Args:
        seconds: Of each repeat, the first one at the front.
        processor_seconds: Of each repeat, all threads; empty where the work is done by a process that goes on.
    """

    seconds: tuple[float, ...]
    processor_seconds: tuple[float, ...] = ()


def startup(
    *,
    rows: int = 100_000,
    repeats: int = 5,
    only: list[str] | None = None,
    gallery: Path | None = None,
    compare: Path | None = None,
) -> Outcome:
    """Seconds until `personsearch` answers: its help, the library, a search, and a search through a running server.

    Each repeat is a process of its own. A search loads the shipped models, opens a gallery of made-up people, embeds a
    picture and compares it with everybody. The libraries that it needs, imported by bare Python, are what it is
    compared with: it can hardly take less. Through the server it is asked by HTTP, from the picture to the answer.
    "first" is the first of the repeats, when files may not be in memory yet.

    Args:
        rows: How many sightings the gallery has, 1 or more.
        repeats: How often each line is measured, 1 or more; the shortest time counts.
        only: Some of python, libraries, help, import, find and served; all by default.
        gallery: A gallery made by this command before, with --gallery FOLDER; if it does not exist, it is made there
            and stays. Without it a temporary one is made.
        compare: A file that --json of an earlier run wrote. What takes longer than then, beyond noise, is named, and
            the exit status is 1.
    """
    chosen = list(LINES) if only is None else only
    if not chosen or not set(chosen) <= set(LINES):
        raise ValueError(f"only is {','.join(chosen)}, expected some of {', '.join(LINES)}")
    if rows < 1 or repeats < 1:
        raise ValueError(f"rows is {rows}, repeats {repeats}, expected at least 1 of each")
    run = Run.of("bench startup", {"rows": rows}, compare)
    load = load_average()
    taken: dict[str, Taken] = {}
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(Progress("Measuring", unit="line"))
        place = None
        if {"find", "served"} & set(chosen):
            place = gallery or Path(stack.enter_context(_temporary())) / "gallery"
            make_gallery(place, rows)
        for done, name in enumerate(chosen):
            taken[name] = _measure(name, place, repeats)
            progress(done + 1, len(chosen))
    measured = [_measured(name, taken) for name in taken]
    figures: dict[str, Any] = {"rows": rows, "repeats": repeats, "lines": taken}
    libraries = ("torch", "torchvision", "lancedb", "numpy")
    return run.outcome(_text(taken, measured), figures, measured, libraries, load=load)


def make_gallery(place: Path, rows: int) -> None:
    """Fill a gallery with made-up people that pictures can be searched in: it says that the shipped models made it.

    Args:
        place: The gallery's folder. A gallery that is there already stays as it is.
        rows: How many sightings.

    Raises:
        ValueError: The gallery that is there has another number of sightings.
    """
    from search import Gallery, PersonSearch
    from search.models.shipped import shipped_models
    from tools.bench.galleries.filling import Crowd, fill

    if place.exists():
        with Gallery.open(place) as there:
            count = there.table.count_rows()
        if count != rows:
            raise ValueError(f"{place} has {count} sightings, expected {rows}; give --rows {count}, or another folder")
        return
    description = PersonSearch.from_files(shipped_models()).description
    with Progress("Filling", unit="sighting") as progress:
        fill(place, Crowd(rows, description.embedding_dim), progress, description)


def _measure(name: str, place: Path | None, repeats: int) -> Taken:
    words = {
        "python": ["-c", "pass"],
        "libraries": ["-c", "import torch, torchvision, lancedb"],
        "help": [*PROGRAM, "--help"],
        "import": ["-c", "import search"],
    }
    if name in words:
        return _processes(words[name], repeats)
    assert place is not None
    with _temporary() as folder:
        picture = _picture(Path(folder))
        if name == "find":
            return _processes([*PROGRAM, "find", str(place), "--crop", str(picture)], repeats)
        return _served(place, picture, repeats)


def _processes(words: list[str], repeats: int) -> Taken:
    """Run Python with these words again and again."""
    seconds, processor = [], []
    for _ in range(repeats):
        before, began = _children(), time.perf_counter()
        ended = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - began)
        processor.append(_children() - before)
        if ended.returncode:
            raise ChildProcessError(f"python {' '.join(words)} failed: {ended.stderr.strip()[-300:]}")
    return Taken(tuple(seconds), tuple(processor))


def _children() -> float:
    """Seconds of processor of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _served(place: Path, picture: Path, repeats: int) -> Taken:
    """Ask a running server again and again: a picture goes there, and the answer of the search comes back."""
    from search.server.client import Client

    seconds = []
    with _server(place) as address:
        client = Client(address)
        for _ in range(repeats):
            began = time.perf_counter()
            probe = client.upload(picture)
            client.search([{"probe": probe["probe"], "box": [0, 0, *SIDES]}])
            seconds.append(time.perf_counter() - began)
    return Taken(tuple(seconds))


@contextlib.contextmanager
def _server(place: Path) -> Iterator[str]:
    """A running server of a gallery, by its address; it ends afterwards."""
    with _temporary() as folder:
        words = [*PROGRAM, "serve", str(place), "--port", "0", "--cases", str(Path(folder) / "cases")]
        process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline().split()
            if not line:
                raise ChildProcessError(f"the server of {place} ended with status {process.wait()}")
            yield line[-1]
        finally:
            process.terminate()
            process.communicate()


def _temporary() -> contextlib.AbstractContextManager[str]:
    return tempfile.TemporaryDirectory(prefix="bench_startup_")


def _picture(folder: Path) -> Path:
    """A picture of noise in blocks, as a JPEG file."""
    import numpy as np

    from datasets.files import write_whole
    from datasets.images import encode_jpeg

    blocks = np.random.default_rng(0).integers(0, 255, (SIDES[1] // 12, SIDES[0] // 12, 3), dtype=np.uint8)
    file = folder / "person.jpg"
    write_whole(file, encode_jpeg(blocks.repeat(12, axis=0).repeat(12, axis=1), longest_side=max(SIDES)))
    return file


def _measured(name: str, taken: dict[str, Taken]) -> Measured:
    line = LINES[name]
    beside = taken.get(line.baseline)
    return Measured(
        line.label, min(taken[name].seconds), repeats=taken[name].seconds, asked=line.asked,
        baseline=LINES[line.baseline].label if beside else "", baseline_value=min(beside.seconds) if beside else None,
    )  # fmt: skip


def _text(taken: dict[str, Taken], measured: list[Measured]) -> str:
    rows = [
        [one.name, one.value, one.repeats[0], min(taken[name].processor_seconds, default=None), one.asked,
         one.baseline_value, None if one.ratio is None else 1 / one.ratio]
        for name, one in zip(taken, measured, strict=True)
    ]  # fmt: skip
    return table(["start-up", "seconds", "first", "of processors", "asked", "baseline", "times it"], rows)
