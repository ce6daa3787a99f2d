"""personsearch bench gallery: filling, disk, memory and answers of a gallery of many made-up sightings."""

import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from tools.bench.speed.limits import seconds_of_bytes
from tools.bench.speed.machine import load_average
from tools.bench.speed.measured import Measured, Run
from tools.outcome import Outcome, table
from tools.progress import Progress

PLAIN = "plain NumPy"


def gallery(
    *,
    rows: int = 100_000,
    dim: int = 256,
    searches: int = 50,
    compared: int = 100,
    folder: Path | None = None,
    seed: int = 0,
    compare: Path | None = None,
) -> Outcome:
    """Fill a gallery with made-up sightings, search it, and compare with plain NumPy over the same numbers.

    Every search asks for the best 20. They are timed from the tables, from memory as long-running programs search, and
    by a product of matrices in NumPy; each over everything, and over one camera in one hour. The exit status is 1 where
    an answer is not that of the full comparison.

    Args:
        rows: How many sightings.
        dim: How many numbers an embedding has.
        searches: How many searches of each kind are timed, 1 or more; from the tables a fifth of them.
        compared: For how many probes the answer is compared with the true one.
        folder: Where the gallery is made and stays; it must not exist. Without it a temporary folder is used.
        seed: The seed of the random numbers.
        compare: A file that --json of an earlier run wrote. What takes longer than then, beyond noise, is named, and
            the exit status is 1.
    """
    from search.care.compacting import Room
    from tools.bench.galleries.filling import Crowd, fill
    from tools.bench.galleries.searching import measure, plain

    if searches < 1 or compared < 1:
        raise ValueError(f"searches is {searches}, compared {compared}, expected at least 1 of each")
    if folder is not None and folder.exists():
        raise FileExistsError(f"{folder} exists; name a folder that does not, the gallery is made there")
    run = Run.of("bench gallery", {"rows": rows, "dim": dim, "seed": seed}, compare)
    crowd = Crowd(rows, dim, seed=seed)
    place = folder or Path(tempfile.mkdtemp(prefix="bench_gallery_")) / "gallery"
    load = load_average()
    try:
        with Progress("Filling", unit="sighting") as progress:
            seconds = fill(place, crowd, progress)
        room = Room.of(place)
        # A process of its own: its memory is that of searching alone.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            measured = pool.submit(measure, place, crowd, searches, compared).result()
        everything = np.concatenate([embeddings for _, embeddings in crowd.chunks()])
        times, true = plain(crowd, everything, searches, compared)
    finally:
        if folder is None:
            shutil.rmtree(place.parent, ignore_errors=True)
    wrong = sum(own != expected for own, expected in zip(measured.answers, true, strict=True))
    figures: dict[str, Any] = {
        "rows": rows, "dim": dim, "ingest_seconds": seconds,
        "disk": room, "open_seconds": measured.open_seconds, "load_seconds": measured.load_seconds,
        "base_mb": measured.base_mb, "resident_mb": measured.resident_mb, "peak_mb": measured.peak_mb,
        "times": {**measured.times, **times}, "compared": compared, "wrong": wrong,
    }  # fmt: skip
    failures = [f"{wrong} of {compared} answers are not those of the full comparison"] if wrong else []
    libraries = ("lancedb", "numpy", "simsimd", "torch")
    return run.outcome(_text(figures), figures, _measured(figures), libraries, failures, load=load)


def _measured(figures: dict[str, Any]) -> list[Measured]:
    """The median of each kind of search beside plain NumPy's, and filling."""
    filling = figures["rows"] / figures["ingest_seconds"]
    measured = [Measured("filling", filling, "sightings/s", more_is_better=True)]
    for name, times in figures["times"].items():
        where, _, part = name.partition(", ")
        plain = None if where == PLAIN else figures["times"][f"{PLAIN}, {part}"].p50
        measured.append(
            Measured(f"{part}, from {where}", times.p50, "ms", baseline=(plain and PLAIN) or "", baseline_value=plain,
                     limit=_limit(figures, where) if part == "everything" else None)
        )  # fmt: skip
    return measured


def _limit(figures: dict[str, Any], where: str) -> float:
    """The least milliseconds in which all embeddings are read: one byte a number from memory, else four."""
    return 1000 * seconds_of_bytes(figures["rows"] * figures["dim"] * (1 if where == "memory" else 4))


def _text(figures: dict[str, Any]) -> str:
    room, rows = figures["disk"], figures["rows"]
    facts: list[list[object]] = [
        ["sightings a second while filling", round(rows / figures["ingest_seconds"])],
        ["tables on disk, MB", round(room.tables / 1e6)],
        ["pictures on disk, MB", round(room.pictures / 1e6)],
        ["opening, seconds", round(figures["open_seconds"], 3)],
        ["reading into memory, seconds", round(figures["load_seconds"], 2)],
        ["memory of the process before that, MB", round(figures["base_mb"])],
        ["memory of the process that searches, MB", round(figures["resident_mb"])],
        ["the most it had, MB", round(figures["peak_mb"])],
    ]
    times = [[name, one.p50, one.p95, one.searches] for name, one in figures["times"].items()]
    same = figures["compared"] - figures["wrong"]
    return "\n".join(
        [
            table([f"gallery of {rows}", ""], facts),
            "",
            table(["search from", "p50 ms", "p95 ms", "searches"], times),
            "",
            f"{same} of {figures['compared']} answers are those of the full comparison",
        ]
    )
