"""personsearch bench joint: identity losses and parts of the joint model at equal budget, over seeds."""

import dataclasses
import math
import os
import platform
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from datasets.transforms import FrameAugmentation
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig
from detection.settings import JOINT_LOSSES, JointTrainingConfig
from reid.losses.criterion import LossConfig
from tools.bench.joint_recipes import JointRecipe, JointTable, joint_tables, on_common_detector
from tools.bench.joint_tables import JOINT_FIGURES, JointRowResult, JointTableRun
from tools.outcome import Outcome, table
from tools.progress import Progress

SEEDS = (0, 1, 2)


@dataclasses.dataclass(frozen=True)
class Square:
    """The synthetic square that is rendered where no data set is given.

    Args:
        seed: which world.
        persons: how many people with an identity walk there, half of them in the test half.
        minutes: how long each of five cameras watches in each of three lights, at one frame a second.
        frame_width: width of the four large cameras' frames in pixels.
    """

    seed: int = 1
    persons: int = 60
    minutes: float = 2.0
    frame_width: int = 640


def joint(
    *,
    output: Path,
    root: Path | None = None,
    format: str = "custom",  # noqa: A002 - the option is called --format
    tables: list[str] | None = None,
    seeds: list[int] | None = None,
    square: Square = Square(),
    detector: DetectorConfig = DetectorConfig(),  # noqa: B008
    embedding: EmbeddingConfig = EmbeddingConfig(),  # noqa: B008
    losses: LossConfig = JOINT_LOSSES,
    training: JointTrainingConfig = JointTrainingConfig(),  # noqa: B008
    augmentation: FrameAugmentation = FrameAugmentation(),  # noqa: B008
    weights: str = "none",
    detector_epochs: int = 0,
) -> Outcome:
    """Train and measure tables of joint models: each line has the same budget and is trained with every seed.

    losses: OIM, TOIM, OIM + TOIM, Softmax and Triplet on the boxes of full frames. toim: what the TOIM paper leaves
    open there. parts: refined boxes, norm-aware embedding, class-weighted similarity, and what else an argument of
    `train joint` or `evaluate search` switches on. backbones: other trunks, with weights none or imagenet. Finished
    trainings in the output folder are not done again, so a run that was cut short goes on, and more tables or seeds can
    be added later. `--config plaza_tables` is a scale for machines without a GPU.

    Args:
        output: the square, trainings, figures and index.html are written there.
        root: the data set's folder; without it the synthetic square is rendered.
        format: the data set's layout.
        tables: which: losses, toim, parts, backbones; all by default.
        seeds: every training is done with each; 0, 1 and 2 by default.
        square: the synthetic square.
        detector: structure of the detector of every line, but for what a line changes; so are the following.
        embedding: structure of the embedding head.
        losses: the identity losses of the table parts.
        training: the recipe.
        augmentation: how far training frames depart from the recorded ones.
        weights: what every training starts from: none, imagenet, coco or a file of torchvision's structure.
        detector_epochs: first train a detector on the boxes alone for so many epochs, once, from these weights; every
            line begins on it, under an embedding head of its own. 0 does not.
    """
    from datasets import load_frames, load_queries
    from detection.checkpoints import FORMAT
    from reid.runs.processes import require_one_process
    from reid.runs.weight_files import is_model_file

    require_one_process("bench joint")
    if is_model_file(weights, FORMAT):
        raise ValueError(f"--weights {weights} is a joint model, whose structure and losses every line would inherit")
    if detector_epochs < 0:
        raise ValueError(f"--detector-epochs {detector_epochs}, expected 0 or more")
    base = JointRecipe(detector, embedding, losses, training, augmentation, weights)
    if detector_epochs:
        base = on_common_detector(base, detector_epochs)
    if training.initialize_tables:
        raise ValueError("--training.initialize-tables true is a line of the table toim, expected false")
    chosen = _chosen(base, tables)
    data = root or _rendered(output / "square", square)
    train, gallery = (load_frames(format, data, split) for split in ("train", "gallery"))
    queries = load_queries(format, data)
    run = JointTableRun(output, train, gallery, queries, seeds=seeds or SEEDS)
    with Progress("Tables", unit="step") as progress:
        results = run.run(chosen, lambda done, total, what: progress(done, total, now=what))
    page = output / "index.html"
    facts = [
        ["training frames", str(len(train))],
        ["gallery frames", str(len(gallery))],
        ["queries", str(len(queries))],
    ]
    _write_page(page, chosen, results, base, facts, run.seeds)
    text = "\n\n".join(f"{one.title} [{one.key}]\n{table(*_lines(rows))}" for one, rows in zip(chosen, results))
    figures = {
        "seeds": list(run.seeds),
        "recipe": dataclasses.asdict(base),
        "tables": {one.key: [dataclasses.asdict(row) for row in rows] for one, rows in zip(chosen, results)},
        "page": page,
    }
    return Outcome(f"{text}\n\npage: {page}", figures, [*dict.fromkeys(run.diverged.values())])


def _rendered(root: Path, square: Square) -> Path:
    from datasets.plaza import write_plaza
    from reid.runs.shared_work import WAIT_SECONDS, claimed, require_same_data

    claim = root.with_name(f"{root.name}.made")
    while True:
        with claimed(claim) as mine:
            if mine:
                require_same_data(claim, {"square": str(square)})
                if not (root / "queries.json").is_file():
                    with Progress("Rendering") as progress:
                        workers = len(os.sched_getaffinity(0))
                        write_plaza(root, **dataclasses.asdict(square), on_progress=progress, workers=workers)
                return root
        time.sleep(WAIT_SECONDS)  # another process renders it


def _chosen(base: JointRecipe, keys: list[str] | None) -> list[JointTable]:
    known = joint_tables(base)
    for key in keys or ():
        if key not in known:
            raise ValueError(f"--tables {key} is not known, expected some of {', '.join(known)}")
    return [known[key](base) for key in keys or known]


def _lines(results: Sequence[JointRowResult]) -> tuple[list[str], list[list[str]]]:
    """A line for each result: means with half the range over seeds, differences of search mAP to the first line."""
    header = ["", *JOINT_FIGURES.values(), "mAP gain", "minutes"]
    lines = []
    for result in results:
        gains = [
            own["mean_ap"] - first["mean_ap"] for own, first in zip(result.figures, results[0].figures, strict=True)
        ]
        lines.append([
            result.label,
            *(_spread([figures[name] for figures in result.figures]) for name in JOINT_FIGURES),
            "" if result is results[0] else _spread(gains, sign="+"),
            _spread([sum(result.seconds) / len(result.seconds) / 60]),
        ])  # fmt: skip
    return header, lines


def _spread(values: Sequence[float], sign: str = "") -> str:
    if any(math.isnan(value) for value in values):
        return "-"  # a training that did not converge
    mean = f"{sum(values) / len(values):{sign}.1f}"
    return mean if len(values) == 1 else f"{mean} ± {(max(values) - min(values)) / 2:.1f}"


def _write_page(
    page: Path,
    chosen: Sequence[JointTable],
    results: Sequence[Sequence[JointRowResult]],
    base: JointRecipe,
    facts: list[list[str]],
    seeds: Sequence[int],
) -> None:
    from importlib.metadata import version

    from reid.runs.files import departures
    from search.pages.page import Section, Table, write_demo_page
    from tools.bench.loss_curves import loss_curve

    sections = []
    for one, rows in zip(chosen, results):
        header, lines = _lines(rows)
        note = (
            "AP@0.5 of detection, mAP and top-1 of search, in percent: means over the seeds with half their range. "
            "Gains are against the first line, means of the gains of each seed."
        )
        by_seed = [
            [row.label, str(seed), *(_spread([figures[name]]) for name in JOINT_FIGURES)]
            for row in rows
            for seed, figures in zip(seeds, row.figures, strict=True)
        ]
        columns = ["", "seed", *JOINT_FIGURES.values()]
        each_seed = [Table("Each seed", columns, by_seed)] if len(seeds) > 1 else []
        # Lines that differ in the search alone share a training, which is one curve.
        trainings = {row.directory: row.label for row in reversed(rows)}
        runs = {label: directory for directory, label in reversed(trainings.items())}
        sections.append(
            Section(
                one.title,
                tables=[Table(one.title, header, lines, note), *each_seed],
                curves=[loss_curve(runs, "loss_identity")],
            )
        )
    settings = departures(dataclasses.replace(base, start=None))
    assert isinstance(settings, dict)
    if base.start is not None:
        settings["start"] = f"a detector, {base.start.training.epochs} epochs on the boxes alone"
    recipe = [
        [f"{part}.{name}".rstrip("."), str(value)]
        for part, values in settings.items()
        for name, value in (values.items() if isinstance(values, dict) else [("", values)])
    ]
    machine = [
        ["processor", f"{os.cpu_count()} x {platform.processor() or platform.machine()}"],
        ["Python", platform.python_version()],
        *([name, version(name)] for name in ("torch", "torchvision", "numpy", "albumentations", "personsearch")),
        ["seeds", ", ".join(map(str, seeds))],
        *facts,
    ]
    command = shlex.join(["personsearch", *sys.argv[1:]])
    below = [Table("Recipe, where it is not the default", ["", ""], recipe), Table("Machine", ["", ""], machine)]
    sections.append(Section("How this was made", tables=below, commands=[command]))
    write_demo_page(
        page,
        title="Joint models compared",
        introduction="Each line was trained with the same budget and measured on people and minutes that no training "
        "saw. A difference within the seeds' spread says nothing.",
        sections=sections,
    )
