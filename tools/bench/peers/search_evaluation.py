"""personsearch bench search-evaluation: full-frame evaluation of CUHK-SYSU's size, beside the loops of public code."""

import importlib.util
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.bench.speed.limits import seconds_of_operations
from tools.bench.speed.machine import load_average, peak_megabytes
from tools.bench.speed.measured import Measured, Run
from tools.outcome import Outcome, table
from tools.progress import Progress

if TYPE_CHECKING:
    from datasets.samples import Query
    from detection.detections import Detections

ASKED = {100: 15.0, 4000: 30.0}
"""How many times faster than the loop was asked for, by the size of the galleries."""

MOST_MEGABYTES = 2048
"""The most memory that an evaluation may take."""

FRAME = (1500, 900)
"""Width and height of a frame in pixels."""


@dataclass(frozen=True)
class FrameSearch:
    """A search of full frames made of random numbers, by default of CUHK-SYSU's size.

    Args:
        queries: The number of queries, each of another person.
        frames: The number of frames that galleries are chosen from.
        people: The number of people that are found in them.
        dimension: The length of an embedding.
        seen: In how many frames the person of a query is, at most.
        seed: The seed of the random numbers, 0 or more.
    """

    queries: int = 2900
    frames: int = 6978
    people: int = 40871
    dimension: int = 256
    seen: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("queries", "frames", "people", "dimension", "seen"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.seen > self.frames:
            raise ValueError(f"seen is {self.seen}, expected at most the {self.frames} frames")


@dataclass(frozen=True)
class Problem:
    """What an evaluation is given: the detections of each frame, the queries, and their embeddings (Q, D)."""

    detections: "dict[str, Detections]"
    queries: "list[Query]"
    embeddings: np.ndarray


def search_evaluation(
    *,
    problem: FrameSearch = FrameSearch(),
    gallery_sizes: list[int] | None = None,
    repeats: int = 3,
    compared_queries: int = 10,
    compare: Path | None = None,
) -> Outcome:
    """Seconds and memory of evaluating a search of full frames, beside the loops over frames that public code has.

    Each line is measured in a process of its own. The loop is that of SeqNet's evaluator: it compares a query with one
    frame of its gallery after another, and sorts all that it has found. It is timed on a few queries and multiplied.
    The exit status is 1 where it finds other average precisions for them than ours, or where ours takes over 2 GB.

    Args:
        problem: The search that is made of random numbers.
        gallery_sizes: How many frames each query's gallery has; 100 and 4000 by default.
        repeats: How often each line is timed, 1 or more; the shortest time counts.
        compared_queries: The number of queries that the loop is timed on.
        compare: A file that --json of an earlier run wrote. What takes longer than then, beyond noise, is named, and
            the exit status is 1.
    """
    sizes = [100, 4000] if gallery_sizes is None else gallery_sizes
    if not sizes or min(sizes) < problem.seen or max(sizes) > problem.frames:
        raise ValueError(
            f"gallery_sizes is {','.join(map(str, sizes))}, expected numbers from {problem.seen}, in which the person "
            f"is seen, to {problem.frames}, the frames that there are"
        )
    if repeats < 1 or compared_queries < 1:
        raise ValueError(f"repeats is {repeats}, compared_queries {compared_queries}, expected at least 1 of each")
    compared = min(compared_queries, problem.queries)
    if importlib.util.find_spec("sklearn") is None:
        raise ValueError(
            "the loop of public code needs scikit-learn, which is not installed; `pip install 'personsearch[dev]'` "
            "installs all that the benches need"
        )
    run = Run.of("bench search-evaluation", {**asdict(problem), "compared_queries": compared}, compare)
    load = load_average()
    rows: list[dict[str, Any]] = []
    measured: list[Measured] = []
    failures = []
    with Progress("Measuring", unit="line") as progress:
        for size in sizes:
            # Fresh interpreters: a forked one would begin with this process's peak memory.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                ours = pool.submit(measure, problem, size, repeats, compared, "ours").result()
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                loop = pool.submit(measure, problem, size, repeats, compared, "loop").result()
            rows.append({"gallery": size, "ours": ours, "loop": loop})
            progress(len(rows), len(sizes))
            failures += _wrong(size, ours, loop)
            seconds = loop["seconds"] * problem.queries / compared
            label = f"galleries of {size} frames"
            measured += [
                Measured(label, ours["seconds"], repeats=ours["times"], baseline="the loop, extrapolated",
                         baseline_value=seconds, asked_ratio=ASKED.get(size), processor=ours["processor_seconds"],
                         limit=_limit(problem, size)),
                Measured(f"{label}, memory at most", ours["peak_mb"], "MB", asked=MOST_MEGABYTES),
            ]  # fmt: skip
    figures = {"problem": problem, "repeats": repeats, "compared_queries": compared, "rows": rows}
    libraries = ("numpy", "scikit-learn", "torch")
    return run.outcome(_text(problem, compared, rows, measured), figures, measured, libraries, failures, load=load)


def made(problem: FrameSearch, gallery_size: int) -> Problem:
    """The detections, queries and embeddings of a search, always the same for the same arguments.

    Args:
        problem: The search.
        gallery_size: How many frames each query's gallery has.
    """
    import torch

    from datasets.samples import Query, QueryGallery
    from detection.detections import Detections

    random = np.random.default_rng([problem.seed, gallery_size])
    names = tuple(f"s{row + 1}.jpg" for row in range(problem.frames))
    frame_of = np.sort(random.integers(0, problem.frames, problem.people))
    offsets = np.searchsorted(frame_of, np.arange(problem.frames + 1))
    sizes = random.uniform((30, 80), (150, 400), (problem.people, 2))
    corners = random.uniform(0, 1, (problem.people, 2)) * (np.array(FRAME) - sizes)
    boxes = np.concatenate([corners, corners + sizes], axis=1).astype(np.float32)  # [P, 4] xyxy
    rows = random.standard_normal((problem.people, problem.dimension), dtype=np.float32)
    asked = random.standard_normal((problem.queries, problem.dimension), dtype=np.float32)
    is_filled = np.diff(offsets) > 0
    queries = []
    for number in range(problem.queries):
        members = random.choice(problem.frames, gallery_size, replace=False)
        places = random.permutation(np.flatnonzero(is_filled[members]))[: random.integers(1, problem.seen + 1)]
        seen = members[places]
        people = offsets[seen] + random.integers(0, np.diff(offsets)[seen])
        rows[people] = asked[number] + 0.6 * random.standard_normal((len(people), problem.dimension), dtype=np.float32)
        shifted = boxes[people] + random.uniform(-12, 12, (len(people), 4)).astype(np.float32)
        true_boxes = dict(zip(places.tolist(), shifted, strict=True))
        gallery = QueryGallery(names, members, true_boxes)
        queries.append(Query(number, gallery, frame=names[int(members[0])], box=np.array([0, 0, 50, 100])))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    detections = {}
    for row, name in enumerate(names):
        part = slice(offsets[row], offsets[row + 1])
        found, scores = torch.from_numpy(boxes[part]), torch.full((len(boxes[part]),), 0.9)
        detections[name] = Detections(found, scores, torch.from_numpy(rows[part]))
    return Problem(detections, queries, asked)


def measure(problem: FrameSearch, gallery_size: int, repeats: int, compared: int, which: str) -> dict[str, Any]:
    """Time one line in this process.

    Args:
        problem: The search.
        gallery_size: How many frames each query's gallery has.
        repeats: How often it is timed; the shortest time counts.
        compared: The number of queries that the loop gets.
        which: "ours" or "loop".

    Returns:
        seconds and processor_seconds, the shortest each; times of all repeats; mean_ap and the average_precisions of
        the compared queries; peak_mb of the process, and data_mb of it before the work.
    """
    from search.evaluation.protocols import evaluate_search
    from tools.bench.peers.search_loops import loop_average_precisions, protocol_records

    given = made(problem, gallery_size)
    if which == "loop":
        galleries = [protocol_records(query) for query in given.queries[:compared]]
        arrays = {
            name: (found.boxes.numpy(), found.embeddings.numpy())
            for name, found in given.detections.items()
            if found.embeddings is not None and len(found)
        }
    before = peak_megabytes()
    times, processor_times = [], []
    for _ in range(repeats):
        start, processor_start = time.perf_counter(), time.process_time()
        if which == "ours":
            precisions = evaluate_search(given.detections, given.queries, given.embeddings).average_precisions
        else:
            precisions = loop_average_precisions(arrays, galleries, given.embeddings)
        times.append(time.perf_counter() - start)
        processor_times.append(time.process_time() - processor_start)
    return {
        "seconds": min(times), "processor_seconds": min(processor_times), "times": tuple(times),
        "mean_ap": float(np.nanmean(precisions)), "average_precisions": precisions[:compared],
        "peak_mb": round(peak_megabytes()), "data_mb": round(before),
    }  # fmt: skip


def _limit(problem: FrameSearch, size: int) -> float:
    """The least seconds: the products of each query with the people of its gallery."""
    people = problem.people * size / problem.frames
    return seconds_of_operations(2.0 * problem.queries * people * problem.dimension)


def _wrong(size: int, ours: dict[str, Any], loop: dict[str, Any]) -> list[str]:
    """What is wrong about a line: other figures than the loop's, or too much memory."""
    failures = []
    if not np.allclose(ours["average_precisions"], loop["average_precisions"], atol=1e-6, equal_nan=True):
        failures.append(f"galleries of {size}: the loop finds other average precisions for the same queries")
    if ours["peak_mb"] > MOST_MEGABYTES:
        failures.append(f"galleries of {size}: {ours['peak_mb']} MB are more than {MOST_MEGABYTES}")
    return failures


def _text(problem: FrameSearch, compared: int, rows: list[dict[str, Any]], measured: list[Measured]) -> str:
    lines = [
        [row["gallery"], row["ours"]["seconds"], row["ours"]["processor_seconds"], one.baseline_value, one.ratio,
         one.asked_ratio, row["ours"]["peak_mb"], row["ours"]["data_mb"], row["ours"]["mean_ap"]]
        for row, one in zip(rows, measured[::2], strict=True)
    ]  # fmt: skip
    header = ["gallery", "seconds", "of processors", "loop", "times faster", "asked", "peak MB", "of it before", "mAP"]
    return "\n".join(
        [
            table(header, lines),
            "",
            f"{problem.queries} queries, {problem.frames} frames, {problem.people} people, {problem.dimension} "
            f"dimensions; the loop was timed on {compared} queries, times {problem.queries / compared:.4g}",
        ]
    )
