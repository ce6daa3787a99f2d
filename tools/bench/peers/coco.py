"""personsearch bench coco: COCO's detection figures by pycocotools, which the project uses, and by faster-coco-eval."""

import contextlib
import importlib.util
import io
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.bench.speed.machine import load_average
from tools.bench.speed.measured import Measured, Run
from tools.outcome import Outcome, table

SAME = 1e-12
"""How far figures of both may lie apart: their sums round otherwise."""


@dataclass(frozen=True)
class Frames:
    """Frames made of random numbers, with true boxes and with what a detector might find there.

    Args:
        frames: The number of frames.
        people: How many people a frame shows, at most; at least two.
        wrong: How many boxes in each frame show nobody.
        seed: The seed of the random numbers, 0 or more.
    """

    frames: int = 2000
    people: int = 9
    wrong: int = 14
    seed: int = 0

    def __post_init__(self) -> None:
        if self.frames < 1 or self.people < 2 or self.wrong < 0:
            raise ValueError(
                f"{self.frames} frames of {self.people} people and {self.wrong} wrong boxes, expected at least "
                "1 frame, 2 people and 0 wrong boxes"
            )


def coco(*, frames: Frames = Frames(), repeats: int = 3, compare: Path | None = None) -> Outcome:
    """Seconds of COCO's detection figures by pycocotools, which `evaluate detection` uses, and by faster-coco-eval.

    Matching boxes and collecting the figures is timed, of the same boxes and in turns. The exit status is 1 where the
    two find other figures.

    Args:
        frames: The boxes, made of random numbers.
        repeats: How often each is timed, 1 or more; the shortest time counts.
        compare: A file that --json of an earlier run wrote. What takes longer than then, beyond noise, is named, and
            the exit status is 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}, expected at least 1")
    if importlib.util.find_spec("faster_coco_eval") is None:
        raise ValueError(
            "faster-coco-eval is not installed; `pip install 'personsearch[dev]'` installs all that the benches need"
        )
    import faster_coco_eval
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    run = Run.of("bench coco", asdict(frames), compare)
    load = load_average()
    truths, found = made(frames)
    engines = {
        "pycocotools": (COCO, COCOeval),
        "faster-coco-eval": (faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster),
    }
    times: dict[str, list[float]] = {name: [] for name in engines}
    precisions: dict[str, NDArray[np.float64]] = {}
    for _ in range(repeats):
        for name, engine in engines.items():
            seconds, precisions[name] = timed(engine, truths, found, frames.frames)
            times[name].append(seconds)
    plain, faster = (min(one) for one in times.values())
    apart = float(np.abs(precisions["pycocotools"] - precisions["faster-coco-eval"]).max())
    measured = [
        Measured("pycocotools", plain, repeats=tuple(times["pycocotools"])),
        Measured("faster-coco-eval", faster, repeats=tuple(times["faster-coco-eval"]), baseline="pycocotools",
                 baseline_value=plain),
    ]  # fmt: skip
    text = "\n".join(
        [
            table(["", "seconds", "times faster"], [[one.name, one.value, one.ratio] for one in measured]),
            "",
            f"{frames.frames} frames, {len(truths)} true boxes, {len(found)} found; precisions differ by at most "
            f"{apart:.2g}",
        ]
    )
    failures = [f"the precisions differ by {apart:.2g}"] if apart > SAME else []
    libraries = ("numpy", "pycocotools", "faster-coco-eval")
    return run.outcome(text, {"times": times, "apart": apart}, measured, libraries, failures, load=load)


def made(frames: Frames) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The true boxes and the found ones, as COCO's files have them."""
    random = np.random.default_rng(frames.seed)
    truths: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for image in range(frames.frames):
        people = int(random.integers(2, frames.people + 1))
        boxes = _boxes(random, people)
        near = boxes + random.normal(0, 8, boxes.shape)
        for side, rows in ((truths, boxes), (found, np.concatenate([near, _boxes(random, frames.wrong)]))):
            for row in rows.tolist():
                side.append({"image_id": image, "category_id": 1, "bbox": row, "area": row[2] * row[3], "iscrowd": 0})
    for row, score in zip(found, random.random(len(found)).tolist(), strict=True):
        row["score"] = score
    return truths, found


def timed(
    engine: tuple[Any, Any], truths: list[dict[str, Any]], found: list[dict[str, Any]], frames: int
) -> tuple[float, NDArray[np.float64]]:
    """Seconds that an engine takes to match the boxes and collect the figures, and its table of precisions.

    Args:
        engine: The two classes, of annotations and of the evaluation.
        truths: The true boxes.
        found: The found boxes.
        frames: The number of frames.
    """
    annotations, evaluation = engine
    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        for rows in (truths, found):
            side = annotations()
            side.dataset = {
                "images": [{"id": image} for image in range(frames)],
                "categories": [{"id": 1, "name": "person"}],
                "annotations": [row | {"id": number} for number, row in enumerate(rows, start=1)],
            }
            side.createIndex()
            sides.append(side)
        began = time.perf_counter()
        evaluated = evaluation(*sides, iouType="bbox")
        evaluated.evaluate()
        evaluated.accumulate()
        seconds = time.perf_counter() - began
    return seconds, np.asarray(evaluated.eval["precision"], dtype=np.float64).ravel()


def _boxes(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """(count, 4) x, y, width, height."""
    return np.concatenate(
        [random.uniform(0, 1200, (count, 2)), random.uniform((30, 80), (150, 400), (count, 2))], axis=1
    )
