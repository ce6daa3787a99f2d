"""personsearch bench joint: identity losses and parts of the joint model at equal budget, over seeds."""

import dataclasses
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.files import write_whole
from tools.bench.claims import mean_and_spread, no_claim_because
from tools.experiments.train import told_how_to_go_on
from tools.outcome import Outcome, table
from tools.progress import Progress
from tools.recipe_files import JointModelOptions

if TYPE_CHECKING:
    from search.pages.page import Section, Table
    from tools.bench.joint_recipes import JointRecipe, JointTable
    from tools.bench.joint_runs import JointResult

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Square:
    """The synthetic square that is rendered where no data set is given.

    Args:
        seed: The number that decides which world it is, 0 or more.
        persons: The number of people with an identity who walk there, half of them in the test half.
        minutes: How long each of five cameras watches in each of three lights, at one frame a second.
        frame_width: The width of the four large cameras' frames in pixels.
    """

    seed: int = 1
    persons: int = 60
    minutes: float = 2.0
    frame_width: int = 640


@dataclass(frozen=True)
class BenchData:
    """What is trained and measured on.

    Args:
        root: The data set's folder; without it the synthetic square is rendered.
        format: The layout of the data set.
        square: The synthetic square.
    """

    root: Path | None = None
    format: str = "custom"
    square: Square = Square()


@dataclass(frozen=True)
class BenchStart:
    """What every training starts from.

    Args:
        weights: The starting weights: none, imagenet, coco or a file of torchvision's structure. Several starts, as
            none,imagenet, are trained one after the other and stand beside each other.
        detector_epochs: The epochs of a detector that is trained once, from these weights and on the boxes alone; every
            line begins on it, under an embedding head of its own. 0 trains none.
        teacher: A crop model, the folder of a `train crop` run or the model.safetensors in it. The table losses then
            has lines that learn from it.
    """

    weights: tuple[str, ...] = ("none",)
    detector_epochs: int = 0
    teacher: Path | None = None

    def __post_init__(self) -> None:
        if self.detector_epochs < 0:
            raise ValueError(f"--detector-epochs {self.detector_epochs}, expected 0 or more")


def joint(
    *,
    output: Path,
    data: BenchData = BenchData(),
    tables: list[str] | None = None,
    seeds: list[int] | None = None,
    start: BenchStart = BenchStart(),
    recipe: JointModelOptions = JointModelOptions(),  # noqa: B008
) -> Outcome:
    """Train and measure tables of joint models: each line has the same budget and is trained with every seed.

    losses: OIM, TOIM, OIM + TOIM, Softmax and Triplet on the boxes of full frames. toim: what the TOIM paper leaves
    open there. parts: refined boxes, norm-aware embedding, class-weighted similarity, and what else an argument of
    `train joint` or `evaluate search` switches on. backbones: other trunks, with weights none or imagenet. Finished
    trainings in the output folder are not done again, so a run that was cut short goes on, and more tables or seeds can
    be added later. `--config plaza_tables` is a scale for machines without a GPU.

    Args:
        output: The folder for the square, trainings, figures and the page index.html, which grows while the command
            runs.
        data: What is trained and measured on.
        tables: The tables to run: losses, toim, parts, backbones; all by default.
        seeds: The seeds; every training is done with each. 0, 1 and 2 by default; one seed allows no gain to be told.
        start: What every training starts from.
        recipe: The recipe of every line, but for what a line changes; the losses are those of the table parts.
    """
    from datasets import load_frames, load_queries
    from reid.runs.processes import require_one_process
    from tools.bench.joint_runs import JointTables
    from tools.bench.runs import TableRun
    from tools.bench.starts import start_names

    require_one_process("bench joint")
    starts = start_names(start.weights)
    bases = {name: _base(recipe, start, weights) for weights, name in starts.items()}
    chosen = _chosen(bases, tables)
    root = data.root or _rendered(output / "square", data.square)
    train, gallery = (load_frames(data.format, root, split) for split in ("train", "gallery"))
    queries = load_queries(data.format, root)
    sizes = {"training frames": len(train), "gallery frames": len(gallery), "queries": len(queries)}
    run = TableRun(JointTables(train, gallery, queries), output, seeds=seeds or SEEDS)
    page = output / "index.html"

    def write(results: "Sequence[Sequence[JointResult]]") -> None:
        _write_page(page, chosen, results, bases, [[name, str(size)] for name, size in sizes.items()], run.seeds)

    with told_how_to_go_on("the same command goes on from there"), Progress("Tables", unit="step") as progress:
        results = run.run(
            [one.rows for one in chosen], lambda done, total, what: progress(done, total, now=what), write
        )
    write(results)
    parts = [_text(one, rows, len(run.seeds)) for one, rows in zip(chosen, results)]
    parts += [f"{one.title}\n{table(one.columns, one.rows)}" for one in _beside(chosen, results, bases)]
    text = "\n\n".join(parts)
    figures = {
        "seeds": list(run.seeds),
        "weights": list(starts),
        "recipe": dataclasses.asdict(next(iter(bases.values()))),
        "tables": {one.key: [_row_figures(row) for row in rows] for one, rows in zip(chosen, results)},
        "page": page,
    }
    return Outcome(f"{text}\n\npage: {page}", figures, [*dict.fromkeys(run.diverged.values())])


def _base(recipe: JointModelOptions, start: BenchStart, weights: str) -> "JointRecipe":
    """The recipe that every table changes something of."""
    from detection.checkpoints import FORMAT
    from reid.crops.sphere_reid import SphereReID
    from reid.crops.teacher import require_dimension
    from reid.runs.weight_files import is_model_file
    from tools.bench.joint_recipes import JointRecipe, on_common_detector

    if is_model_file(weights, FORMAT):
        raise ValueError(f"--weights {weights} is a joint model, whose structure and losses every line would inherit")
    parts = {part.name: getattr(recipe, part.name) for part in dataclasses.fields(recipe)}
    base = JointRecipe(**parts, weights=weights, teacher=str(start.teacher or ""))
    if start.teacher is not None:
        require_dimension(SphereReID.from_checkpoint(start.teacher, device="cpu"), recipe.embedding.dimension)
    if start.detector_epochs:
        base = on_common_detector(base, start.detector_epochs)
    if recipe.training.initialize_tables:
        raise ValueError("--training.initialize-tables true is a line of the table toim, expected false")
    return base


def _rendered(root: Path, square: Square) -> Path:
    """The synthetic square, rendered once for all processes that work in a folder."""
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


def _chosen(bases: "Mapping[str, JointRecipe]", keys: list[str] | None) -> "list[JointTable]":
    """The tables asked for, each from every start in turn; several starts are named in the title and the key."""
    from tools.bench.joint_recipes import joint_tables

    known = {name: joint_tables(base) for name, base in bases.items()}
    common = [key for key in next(iter(known.values())) if all(key in one for one in known.values())]
    for key in keys or ():
        if key not in common:
            raise ValueError(f"--tables {key} is not known, expected some of {', '.join(common)}")
    chosen = []
    for key in keys or common:
        for name, base in bases.items():
            one, end = known[name][key](base), f", {name}" if len(bases) > 1 else ""
            chosen.append(dataclasses.replace(one, key=one.key + end, title=one.title + end))
    return chosen


def _beside(
    chosen: "Sequence[JointTable]", results: "Sequence[Sequence[JointResult]]", bases: "Mapping[str, JointRecipe]"
) -> "list[Table]":
    """For each table that was trained from several starts its lines beside each other."""
    from tools.bench.joint_runs import JOINT_FIGURES
    from tools.bench.starts import beside_each_other

    def figures(row: "JointResult") -> dict[str, list[float]]:
        return {shown: [one.figures[name] for one in row.by_seed.values()] for name, shown in JOINT_FIGURES.items()}

    return beside_each_other([one.key.partition(",")[0] for one in chosen], results, list(bases), figures)


def _gain(result: "JointResult", first: "JointResult", wanted_seeds: int) -> tuple[list[float], str]:
    """By how many points of mAP a line is ahead of the first with each seed, or why none is told."""
    both = [seed for seed in result.by_seed if seed in first.by_seed]
    pairs = [(result.by_seed[seed].figures["mean_ap"], first.by_seed[seed].figures["mean_ap"]) for seed in both]
    why = no_claim_because(min(result.steps, first.steps), len(both), wanted_seeds)
    if not why and all(own == other == 0 for own, other in pairs):
        why = "nobody is found yet"
    return ([], why) if why else ([own - other for own, other in pairs], "")


def _lines(results: "Sequence[JointResult]", wanted_seeds: int) -> tuple[list[str], list[list[str]], str]:
    """A header, a line for each result with its gain in search mAP over the first line, and why no gain is told."""
    from tools.bench.joint_runs import JOINT_FIGURES

    header = ["", *JOINT_FIGURES.values(), "mAP gain", "minutes"]
    lines, reasons = [], []
    for result in results:
        gains, why = _gain(result, results[0], wanted_seeds)
        shown = "" if result is results[0] else "-" if why else mean_and_spread(gains, sign="+")
        reasons += [why] if why and result is not results[0] else []
        lines.append([
            result.label,
            *(mean_and_spread([one.figures[name] for one in result.by_seed.values()]) for name in JOINT_FIGURES),
            shown,
            mean_and_spread([seconds / 60 for seconds in result.seconds]).partition(" ")[0],
        ])  # fmt: skip
    told = "; ".join(dict.fromkeys(reasons))
    return header, lines, f"No gain is told: {told}." if told else ""


def _text(one: "JointTable", rows: "Sequence[JointResult]", wanted_seeds: int) -> str:
    header, lines, why = _lines(rows, wanted_seeds)
    return f"{one.title} [{one.key}]\n{table(header, lines)}\n{why}".rstrip()


def _row_figures(row: "JointResult") -> dict[str, Any]:
    """A line for programs."""
    return {
        "label": row.label,
        "figures": [one.figures for one in row.by_seed.values()],
        "seconds": row.seconds,
        "steps": row.steps,
        "directory": row.directory,
    }


def _write_page(
    page: Path,
    chosen: "Sequence[JointTable]",
    results: "Sequence[Sequence[JointResult]]",
    bases: "Mapping[str, JointRecipe]",
    facts: list[list[str]],
    seeds: Sequence[int],
) -> None:
    from reid.runs.files import departures
    from search.pages.page import Section, Table, report_page
    from tools.bench.page import how_it_was_made, still_running

    sections = [_section(one, rows, len(seeds)) for one, rows in zip(chosen, results)]
    sections += [Section(one.title, tables=[one]) for one in _beside(chosen, results, bases)]
    base = next(iter(bases.values()))
    settings = departures(dataclasses.replace(base, start=None))
    assert isinstance(settings, dict)
    if base.start is not None:
        settings["start"] = f"a detector, {base.start.training.epochs} epochs on the boxes alone"
    recipe = [
        [f"{part}.{name}".rstrip("."), str(value)]
        for part, values in settings.items()
        for name, value in (values.items() if isinstance(values, dict) else [("", values)])
    ]
    sections.append(how_it_was_made(Table("Recipe, where it is not the default", ["", ""], recipe), seeds, facts))
    done = sum(len(row.by_seed) for rows in results for row in rows)
    text = report_page(
        title="Joint models compared",
        introduction=still_running(done, len(seeds) * sum(map(len, results)))
        + "Each line was trained with the same budget and measured on people and minutes that no training saw. A "
        "difference within the seeds' spread says nothing.",
        sections=sections,
    )
    write_whole(Path(page), text)


def _section(one: "JointTable", rows: "Sequence[JointResult]", wanted_seeds: int) -> "Section":
    """A table of a page, with the figures of each seed and the losses."""
    from search.pages.page import Section, Table
    from tools.bench.joint_runs import JOINT_FIGURES
    from tools.bench.loss_curves import loss_curve

    header, lines, why = _lines(rows, wanted_seeds)
    note = (
        "AP@0.5 of detection, mAP and top-1 of search, in percent: means over the seeds with half their range. Gains "
        f"are against the first line, means of the gains of each seed. {why}"
    )
    by_seed = [
        [row.label, str(seed), *(mean_and_spread([done.figures[name]]) for name in JOINT_FIGURES)]
        for row in rows
        for seed, done in row.by_seed.items()
    ]
    columns = ["", "seed", *JOINT_FIGURES.values()]
    each_seed = [Table("Each seed", columns, by_seed)] if wanted_seeds > 1 else []
    # Lines that differ in the search alone share a training, which is one curve.
    trainings = {row.directory: row.label for row in reversed(rows)}
    runs = {label: directory for directory, label in reversed(trainings.items())}
    curves = [loss_curve(runs, "loss_identity")]
    return Section(one.title, tables=[Table(one.title, header, lines, note.rstrip()), *each_seed], curves=curves)
