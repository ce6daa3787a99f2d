"""personsearch bench gallery: filling, disk, memory and answers of a gallery of many made-up sightings."""

import os
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from tools.outcome import Outcome, table
from tools.progress import Progress


def gallery(
    *,
    rows: int = 100_000,
    dim: int = 256,
    searches: int = 50,
    compared: int = 100,
    folder: Path | None = None,
    seed: int = 0,
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
    """
    from search.care.compacting import Room
    from tools.bench.galleries.filling import Crowd, fill
    from tools.bench.galleries.searching import measure, plain

    if searches < 1 or compared < 1:
        raise ValueError(f"searches is {searches}, compared {compared}, expected at least 1 of each")
    if folder is not None and folder.exists():
        raise FileExistsError(f"{folder} exists; name a folder that does not, the gallery is made there")
    crowd = Crowd(rows, dim, seed=seed)
    place = folder or Path(tempfile.mkdtemp(prefix="bench_gallery_")) / "gallery"
    load = os.getloadavg()[0]
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
        "rows": rows, "dim": dim, "load_average": [load, os.getloadavg()[0]], "ingest_seconds": seconds,
        "disk": room, "open_seconds": measured.open_seconds, "load_seconds": measured.load_seconds,
        "base_mb": measured.base_mb, "resident_mb": measured.resident_mb, "peak_mb": measured.peak_mb,
        "times": {**measured.times, **times}, "compared": compared, "wrong": wrong,
    }  # fmt: skip
    failures = [f"{wrong} of {compared} answers are not those of the full comparison"] if wrong else []
    return Outcome(_text(figures), figures, failures)


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
    before, after = figures["load_average"]
    same = figures["compared"] - figures["wrong"]
    return "\n".join(
        [
            table([f"gallery of {rows}", ""], facts),
            "",
            table(["search from", "p50 ms", "p95 ms", "searches"], times),
            "",
            f"{same} of {figures['compared']} answers are those of the full comparison; "
            f"load of the machine {before:.1f} before, {after:.1f} after",
        ]
    )
