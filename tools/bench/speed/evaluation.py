"""personsearch bench evaluation: how long evaluating and re-ranking crops takes on this machine."""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.bench.speed.limits import seconds_of_bytes, seconds_of_operations
from tools.bench.speed.machine import load_average, peak_megabytes
from tools.bench.speed.measured import Measured, Run
from tools.outcome import Outcome, table
from tools.progress import Progress

DISTRACTORS = 0.176
"""Share of Market-1501's usable gallery that shows nobody who is asked for."""

LATENT_DIMENSIONS = 48
"""In how many dimensions people differ: trained embeddings fill few of theirs."""


@dataclass(frozen=True)
class RandomSearch:
    """A crop search made of random numbers: people as clusters, each camera with a shift of its own.

    Args:
        queries: The number of query images.
        gallery: The number of gallery images.
        dimension: The length of an embedding; 1024 is SphereReID's.
        identities: The number of people who are asked for.
        cameras: The number of cameras.
        seed: The seed of the random numbers, 0 or more.
    """

    queries: int = 3368
    gallery: int = 15913
    dimension: int = 1024
    identities: int = 750
    cameras: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("queries", "gallery", "dimension", "identities", "cameras"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")

    def sides(self) -> "Sides":
        """The search's embeddings, identities and cameras, always the same for the same arguments."""
        random = np.random.default_rng(self.seed)
        latent = min(LATENT_DIMENSIONS, self.dimension)
        people = random.standard_normal((self.identities + 1, latent), dtype=np.float32)
        shifts = 0.5 * random.standard_normal((self.cameras, latent), dtype=np.float32)
        spread = random.standard_normal((latent, self.dimension), dtype=np.float32)
        rows, ids, cameras = [], [], []
        for count, strangers in ((self.queries, 0.0), (self.gallery, DISTRACTORS)):
            who = random.integers(1, self.identities + 1, count)
            who[random.random(count) < strangers] = 0
            where = random.integers(0, self.cameras, count)
            views = random.standard_normal((count, latent), dtype=np.float32)
            views = views * np.where(who == 0, 1.4, 0.9).astype(np.float32)[:, None] + shifts[where]
            views += np.where(who == 0, 0, 1).astype(np.float32)[:, None] * people[who]
            embeddings = views @ spread
            embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
            rows.append(embeddings)
            ids.append(who)
            cameras.append(where)
        return Sides(rows[0], rows[1], ids[0], ids[1], cameras[0], cameras[1])


class Sides(NamedTuple):
    """Both sides of a crop search: embeddings, and who they are through which camera; distances (Q, G) or None."""

    query: NDArray[np.float32]
    gallery: NDArray[np.float32]
    query_ids: NDArray[np.int64]
    gallery_ids: NDArray[np.int64]
    query_cameras: NDArray[np.int64]
    gallery_cameras: NDArray[np.int64]
    distance: NDArray[np.float32] | None = None


def evaluation(
    *,
    problem: RandomSearch = RandomSearch(),
    repeats: int = 3,
    compared_queries: int = 200,
    only: list[str] | None = None,
    compare: Path | None = None,
) -> Outcome:
    """Seconds and peak memory of evaluating and re-ranking a crop search, by default of Market-1501's size.

    The embeddings are random clusters, so the accuracy says only that two evaluators agree. Each line is measured in a
    process of its own; the matrix product between the embeddings is part of the time but where distances are given.
    OMP_NUM_THREADS sets how many threads compute. Times depend on the machine and on its other load, so the processors'
    own time is given too (with one thread, load hardly changes it). The last lines are what others do: a compiled
    evaluator as fast-reid and torchreid have it, and a plain NumPy evaluator that sorts the gallery of one query after
    another; the plain one is timed on a few queries and multiplied.

    Args:
        problem: The crop search that is made of random numbers.
        repeats: How often each line is timed, 1 or more; the shortest time counts. Re-ranking is timed once.
        compared_queries: The number of queries that the plain evaluator is timed on.
        only: Some of market1501, allshots, cuhk03, expansion, rerank, ranked, compiled and plain; all by default.
        compare: A file that --json of an earlier run wrote. What takes longer than then, beyond noise, is named, and
            the exit status is 1.
    """
    chosen = list(WORK) if only is None else only
    if not chosen or not set(chosen) <= set(WORK):
        raise ValueError(f"only is {','.join(chosen)}, expected some of {', '.join(WORK)}")
    if repeats < 1 or compared_queries < 1:
        raise ValueError(f"repeats is {repeats}, compared_queries {compared_queries}, expected at least 1 of each")
    compared = min(compared_queries, problem.queries)
    run = Run.of("bench evaluation", {**asdict(problem), "compared_queries": compared}, compare)
    load = load_average()
    records, failures = [], []
    with Progress("Measuring", unit="line") as progress:
        for done, name in enumerate(chosen):
            try:
                records.append(_in_own_process(name, problem, repeats, compared))
            except BrokenProcessPool:
                failures.append(f"{name}: its process died, most likely for want of memory; try a smaller --gallery")
            progress(done + 1, len(chosen))
    figures = {
        "problem": problem, "rows": records, "repeats": repeats, "compared_queries": compared,
        "plain_over_ours": _ratio(records),
    }  # fmt: skip
    measured = [_measured(record, records, problem) for record in records]
    return run.outcome(_text(figures), figures, measured, ("numpy", "scipy", "torch"), failures, load=load)


def _measured(record: dict[str, Any], records: list[dict[str, Any]], problem: RandomSearch) -> Measured:
    name = record["name"]
    seconds = {one["name"]: one["seconds"] for one in records}
    beside = {"market1501": "plain", "ranked": "compiled"}.get(name, "")
    value = seconds.get(beside)
    times = tuple(record["multiplied_by"] * one for one in record["times"])
    return Measured(
        WORK[name].label, record["seconds"], repeats=times, asked=WORK[name].asked,
        baseline=WORK[beside].label if value else "", baseline_value=value,
        asked_ratio=4.0 if name == "ranked" else None, processor=record["processor_seconds"],
        limit=_limit(name, problem),
    )  # fmt: skip


def _limit(name: str, problem: RandomSearch) -> float:
    """The least seconds: the products of embeddings, or reading the distances that are given."""
    if name in ("ranked", "compiled"):
        return seconds_of_bytes(4.0 * problem.queries * problem.gallery)
    both = problem.queries + problem.gallery
    pairs = both**2 if name == "rerank" else problem.queries * problem.gallery
    return seconds_of_operations(2.0 * pairs * problem.dimension)


def _text(figures: dict[str, Any]) -> str:
    problem = figures["problem"]
    columns = ("seconds", "processor_seconds", "peak_mb", "data_mb", "mean_ap")
    rows = [[WORK[record["name"]].label, *(record[key] for key in columns)] for record in figures["rows"]]
    lines = [
        table(["work", "seconds", "of processors", "peak MB", "of it before", "mAP"], rows),
        "",
        f"{problem.queries} queries, {problem.gallery} gallery images, {problem.dimension} dimensions",
    ]
    if figures["plain_over_ours"] is not None:
        compared = figures["compared_queries"]
        lines.append(
            f"the plain evaluator takes {figures['plain_over_ours']:.1f} times as long as market1501's "
            f"(timed on {compared} queries, times {problem.queries / compared:.4g})"
        )
    return "\n".join(lines)


def _ratio(records: list[dict[str, Any]]) -> float | None:
    """How many times as long the plain evaluator takes, where both were measured."""
    seconds = {record["name"]: record["seconds"] for record in records}
    return seconds["plain"] / seconds["market1501"] if {"plain", "market1501"} <= set(seconds) else None


def plain_mean_ap(distance: NDArray[np.floating], sides: Sides) -> float:
    """Market-1501's mAP as plain code computes it: sort the whole gallery of one query after another.

    What the measurement compares with, and therefore a loop.

    Args:
        distance: The distances of the first Q queries to the gallery, (Q, G).
        sides: The identities and cameras of queries and gallery.
    """
    found = []
    for row, person, camera in zip(distance, sides.query_ids, sides.query_cameras):
        order = np.argsort(row)
        ids, cameras = sides.gallery_ids[order], sides.gallery_cameras[order]
        kept = ~((ids == person) & (cameras == camera)) & (ids != -1)
        matches = ids[kept] == person
        if matches.any():
            precision = matches.cumsum() / np.arange(1, len(matches) + 1)
            found.append((precision * matches).sum() / matches.sum())
    return float(np.mean(found))


def _protocol(name: str) -> Callable[[Sides, int], float]:
    def work(sides: Sides, compared: int) -> float:
        from reid.ranking.metrics import rank_embeddings
        from reid.ranking.sides import RankingSides

        return rank_embeddings(*sides[:2], RankingSides.of(*sides[2:6]), protocol=name).mean_ap  # type: ignore[arg-type]

    return work


def _rerank(sides: Sides, compared: int) -> float:
    from reid.ranking.metrics import rank_metrics
    from reid.ranking.rerank import k_reciprocal

    return rank_metrics(k_reciprocal(sides.query, sides.gallery), *sides[2:6]).mean_ap


def _expand(sides: Sides, compared: int) -> float:
    from reid.ranking.expansion import expand_queries
    from reid.ranking.metrics import rank_embeddings
    from reid.ranking.sides import RankingSides

    expanded = expand_queries(sides.query, sides.gallery)
    return rank_embeddings(expanded, sides.gallery, RankingSides.of(*sides[2:6])).mean_ap


def _plain(sides: Sides, compared: int) -> float:
    return plain_mean_ap(1 - sides.query[:compared] @ sides.gallery.T, sides)


def _ranked(sides: Sides, compared: int) -> float:
    from reid.ranking.metrics import rank_metrics

    assert sides.distance is not None
    return rank_metrics(sides.distance, *sides[2:6]).mean_ap


def _compiled(sides: Sides, compared: int) -> float:
    from tools.bench.speed.crop_loops import compiled_mean_ap

    assert sides.distance is not None
    return compiled_mean_ap(sides.distance, *sides[2:6])


class Work(NamedTuple):
    """A line of the table and what it does, called with the sides and the plain evaluator's queries; seconds asked."""

    label: str
    run: Callable[[Sides, int], float]
    asked: float | None = None


WORK = {
    "market1501": Work("evaluate, market1501", _protocol("market1501")),
    "allshots": Work("evaluate, allshots", _protocol("allshots")),
    "cuhk03": Work("evaluate, cuhk03 exact", _protocol("cuhk03")),
    "expansion": Work("expand queries, evaluate", _expand),
    "rerank": Work("re-rank, evaluate", _rerank, asked=6.0),
    "ranked": Work("rank, distances given", _ranked),
    "compiled": Work("compiled evaluator, distances given", _compiled),
    "plain": Work("plain evaluator, extrapolated", _plain),
}


def _in_own_process(name: str, problem: RandomSearch, repeats: int, compared: int) -> dict[str, Any]:
    # A fresh interpreter: a forked one would begin with this process's peak memory.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, name, problem, repeats, compared).result()


def measure(name: str, problem: RandomSearch, repeats: int, compared: int) -> dict[str, Any]:
    """Time one line of the table in this process.

    Args:
        name: The line, a key of WORK.
        problem: The search.
        repeats: How often it is timed; the shortest time counts.
        compared: The number of queries that the plain evaluator gets.

    Returns:
        name; seconds and processor_seconds (the sum over threads), the shortest each; times of all repeats;
        multiplied_by; peak_mb of the process, and data_mb of it before the work; mean_ap.
    """
    import reid.ranking.expansion
    import reid.ranking.metrics
    import reid.ranking.rerank  # noqa: F401 - importing is no part of the time

    sides = problem.sides()
    if name == "compiled":  # compiling is none either
        one, none = np.ones(1, np.int64), np.zeros(1, np.int64)
        WORK[name].run(Sides(sides.query, sides.query, one, one, one, none, np.zeros((1, 1), np.float32)), compared)
    if name in ("ranked", "compiled"):
        sides = sides._replace(distance=1 - sides.query @ sides.gallery.T)
    before = peak_megabytes()
    times, processor_times = [], []
    for _ in range(1 if name == "rerank" else repeats):
        start, processor_start = time.perf_counter(), time.process_time()
        mean_ap = WORK[name].run(sides, compared)
        times.append(time.perf_counter() - start)
        processor_times.append(time.process_time() - processor_start)
    factor = problem.queries / compared if name == "plain" else 1
    return {
        "name": name, "seconds": factor * min(times), "processor_seconds": factor * min(processor_times),
        "times": times, "multiplied_by": factor, "mean_ap": mean_ap,
        "peak_mb": round(peak_megabytes()), "data_mb": round(before),
    }  # fmt: skip
