"""How fast a gallery answers, and how much memory that takes: from its tables, from memory, and by plain NumPy."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.bench.galleries.filling import PEOPLE_IN_A_FRAME, Crowd
from tools.bench.speed.machine import peak_megabytes

LIMIT = 20
SPARE = 64
PROBES_AT_ONCE = 100

Keys = list[list[tuple[str, int]]]


@dataclass(frozen=True)
class Times:
    """The milliseconds that some searches took.

    Args:
        p50: Half of them took at most this.
        p95: Nineteen of twenty took at most this.
        searches: How many there were.
    """

    p50: float
    p95: float
    searches: int

    @classmethod
    def of(cls, search: Callable[[NDArray[np.float32]], object], probes: NDArray[np.float32]) -> "Times":
        """Time a search with each probe; the first one is done before, to warm up."""
        search(probes[0])
        taken = []
        for probe in probes:
            began = time.perf_counter()
            search(probe)
            taken.append(1000 * (time.perf_counter() - began))
        return cls(float(np.percentile(taken, 50)), float(np.percentile(taken, 95)), len(taken))


@dataclass(frozen=True)
class Measured:
    """What one process measured that searched a gallery.

    Args:
        open_seconds: To open the gallery.
        load_seconds: To read all embeddings into memory.
        base_mb: The memory of the process before that, in megabytes, with the pages that it uses of its libraries.
        resident_mb: The memory of the process after the searches in memory.
        peak_mb: The most memory that the process had until then.
        times: By name, of each kind of search.
        answers: The sightings that were found with each probe that is compared.
    """

    open_seconds: float
    load_seconds: float
    base_mb: float
    resident_mb: float
    peak_mb: float
    times: dict[str, Times]
    answers: Keys


def measure(path: Path, crowd: Crowd, searches: int, compared: int) -> Measured:
    """Search a gallery in a process that does nothing else.

    Args:
        path: The gallery's folder.
        crowd: What it was filled with.
        searches: How many searches of each kind are timed.
        compared: How many answers are given back.
    """
    from search.gallery.filters import Filters
    from search.gallery.gallery import Gallery
    from search.nearest.resident import keep_in_memory
    from search.query.rank import EmbeddedProbe, rank_sightings

    probes = crowd.embeddings(0, max(searches, compared), salt=1)
    began = time.perf_counter()
    gallery = Gallery.open(path)
    opened = time.perf_counter() - began
    camera, after, before = chosen_part(crowd)
    everything, part = Filters(limit=LIMIT), Filters(cameras=camera, after=after, before=before, limit=LIMIT)
    times = {}

    def ask(filters: Filters) -> Callable[[NDArray[np.float32]], object]:
        return lambda probe: rank_sightings(gallery, EmbeddedProbe(probe), filters)

    base = resident_mb()
    began = time.perf_counter()
    keep_in_memory(gallery).follow()
    loaded = time.perf_counter() - began
    times["memory, everything"] = Times.of(ask(everything), probes[:searches])
    times["memory, one camera and hour"] = Times.of(ask(part), probes[:searches])
    answers = [
        [(one.frame, one.index) for one in rank_sightings(gallery, EmbeddedProbe(probe), everything)]
        for probe in probes[:compared]
    ]
    after_all, peak = resident_mb(), peak_megabytes() * 2**20 / 1e6
    gallery.in_memory = None
    few = probes[: max(2, searches // 5)]
    times["tables, everything"] = Times.of(ask(everything), few)
    times["tables, one camera and hour"] = Times.of(ask(part), few)
    return Measured(opened, loaded, base, after_all, peak, times, answers)


def plain(crowd: Crowd, rows: NDArray[np.float32], searches: int, compared: int) -> tuple[dict[str, Times], Keys]:
    """The same searches by a product of matrices and a partial sort, and the true answers.

    Args:
        crowd: What the gallery was filled with.
        rows: (N, D) all embeddings.
        searches: How many searches of each kind are timed.
        compared: For how many probes the true answer is found.
    """
    probes = crowd.embeddings(0, max(searches, compared), salt=1)
    camera, after, before = chosen_part(crowd)
    frames = np.arange(len(rows)) // PEOPLE_IN_A_FRAME
    cameras, seconds = frames % crowd.cameras, 1.7e9 + crowd.hours * 3600 * frames / crowd.frames
    number = next(one for one in range(crowd.cameras) if crowd.camera(one) == camera)

    def everything(probe: NDArray[np.float32]) -> NDArray[np.int64]:
        return _best(rows @ probe)

    def part(probe: NDArray[np.float32]) -> NDArray[np.int64]:
        own = np.flatnonzero((cameras == number) & (seconds >= after) & (seconds < before))
        return own[_best(rows[own] @ probe)]

    times = {
        "plain NumPy, everything": Times.of(everything, probes[:searches]),
        "plain NumPy, one camera and hour": Times.of(part, probes[:searches]),
    }
    answers = [
        answer
        for start in range(0, compared, PROBES_AT_ONCE)
        for answer in _true(rows, probes[start : min(start + PROBES_AT_ONCE, compared)])
    ]
    return times, answers


def chosen_part(crowd: Crowd) -> tuple[str, float, float]:
    """One camera, and one hour in the middle (or the middle half of fewer hours)."""
    middle, width = 1.7e9 + crowd.hours * 1800, min(3600.0, crowd.hours * 1800)
    return crowd.camera(crowd.cameras // 2), middle, middle + width


def resident_mb() -> float:
    """The memory of this process in megabytes, with the pages that it uses of its libraries."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (own,) = (line.split()[1] for line in lines if line.startswith("VmRSS:"))
    return int(own) * 1024 / 1e6


def _best(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """The rows of the best scores, in falling order."""
    count = min(LIMIT, len(scores))
    top = np.argpartition(-scores, count - 1)[:count] if count else np.zeros(0, np.int64)
    return top[np.argsort(-scores[top])]


def _true(rows: NDArray[np.float32], probes: NDArray[np.float32]) -> Keys:
    """The true answers of some probes: rough scores of all rows, double precision for the best of them."""
    rough = np.concatenate([rows[start : start + 50_000] @ probes.T for start in range(0, len(rows), 50_000)])
    answers = []
    for column, probe in zip(rough.T, probes, strict=True):
        count = min(LIMIT + SPARE, len(rows))
        top = np.sort(np.argpartition(-column, count - 1)[:count])
        scores = (rows[top].astype(np.float64) * probe.astype(np.float64)).sum(axis=1)
        best = top[np.argsort(-np.clip(scores, -1, 1), kind="stable")[:LIMIT]]
        answers.append([(f"{row // PEOPLE_IN_A_FRAME:07d}.jpg", int(row % PEOPLE_IN_A_FRAME)) for row in best])
    return answers
