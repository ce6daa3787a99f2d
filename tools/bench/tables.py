"""personsearch bench tables: the papers' tables, trained and measured again at a chosen scale."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.catalog.table import CropFormat
from datasets.files import write_whole
from tools.bench.claims import ClaimAnswer, answer_claim, mean_and_spread
from tools.bench.recipes import FIGURES, Figure, PaperTable, Scale, SplitSize
from tools.experiments.train import told_how_to_go_on
from tools.options import CropOptions
from tools.outcome import Outcome, table
from tools.progress import Progress

if TYPE_CHECKING:
    from search.pages.page import Section, Table
    from tools.bench.crop_runs import CropResult, TestSet

_SHORT: tuple[Figure, ...] = ("rank1", "mean_ap")


@dataclass(frozen=True)
class AskedTables:
    """Which tables are trained, and how often.

    Args:
        tables: The tables to run: sphere-1 to sphere-5, toim-3 to toim-5, toim-7a, toim-7c, toim-eq1; all by default.
        seeds: The seeds; every training is done with each. One seed allows no claim: two or more show by how much
            figures differ by chance.
        weights: What every training starts from, instead of the scale's weights: none, imagenet, or a file of a trunk.
            Several starts, as none,imagenet, are trained one after the other and stand beside each other.
    """

    tables: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    weights: tuple[str, ...] = ()


def tables(
    root: Path,
    *,
    output: Path,
    format: CropFormat = "market1501",  # noqa: A002 - the option is called --format
    asked: AskedTables = AskedTables(),
    scale: Scale = Scale(),  # noqa: B008 - frozen
    data: CropOptions = CropOptions(),  # noqa: B008
    cross: list[str] | None = None,
) -> Outcome:
    """Train and measure the tables of SphereReID and TOIM again; a page shows our figures beside the papers'.

    Every row of a table has the same budget. Finished trainings in the output folder are not done again, so a run that
    was cut short goes on, and more tables or seeds can be added later. `--config tables_small` is a scale for machines
    without a GPU: from nothing, small crops; its figures are to be compared with each other and not with the papers'.
    `--config tables_mobile` is one from ImageNet's MobileNetV2, the papers' kind of start.

    Args:
        root: The data set's folder.
        output: The folder for trainings, figures and the page index.html, which grows while the command runs.
        format: The layout of the data set.
        asked: Which tables are trained, and how often.
        scale: How large the trainings are; the papers' by default.
        data: Which part of the data set is read.
        cross: Other data sets that the models are measured on too, as dukemtmc=/data/DukeMTMC-reID.
    """
    from datasets import read_crops
    from reid.runs.processes import require_one_process
    from tools.bench.crop_runs import CropTables, first_persons
    from tools.bench.runs import TableRun
    from tools.bench.starts import start_names

    require_one_process("bench tables")
    train, problems = read_crops(format, root, "train", **data.of(format))
    train = first_persons(train, scale.persons)
    size = SplitSize(len(train), len({sample.person_id for sample in train}))
    starts = start_names(asked.weights or (scale.weights,))
    chosen = _chosen(scale, size, asked.tables, starts)
    tests, left_out = _test_sets(root, format, data, cross or [], scale.test_persons)
    names = [test.name for test in tests]
    run = TableRun(CropTables(train, tests), output, seeds=asked.seeds)
    page = output / "index.html"

    def write(results: "Sequence[Sequence[CropResult]]") -> None:
        _write_page(page, chosen, results, names, scale, run.seeds, starts)

    with told_how_to_go_on("the same command goes on from there"), Progress("Tables", unit="step") as progress:
        results = run.run(
            [paper_table.rows for paper_table in chosen],
            lambda done, total, what: progress(done, total, now=what),
            write,
        )
    write(results)
    parts = [_text(one, rows, names[0], len(run.seeds)) for one, rows in zip(chosen, results)]
    for one in _beside(chosen, results, names[0], starts):
        parts.append(f"{one.title}\n{table(one.columns, one.rows)}")
    text = "\n\n".join(parts)
    figures = {
        "scale": dataclasses.asdict(scale),
        "seeds": list(run.seeds),
        "weights": list(starts),
        "tables": {
            one.key: {
                "rows": [_row_figures(row, names) for row in rows],
                "claims": [dataclasses.asdict(answer) for answer in answers(one, rows, names[0], len(run.seeds))],
            }
            for one, rows in zip(chosen, results)
        },
        "page": page,
    }
    failures = [*problems, *left_out, *dict.fromkeys(run.diverged.values())]
    return Outcome(f"{text}\n\npage: {page}", figures, failures)


def answers(paper_table: PaperTable, rows: "Sequence[CropResult]", test: str, wanted_seeds: int) -> list[ClaimAnswer]:
    """Our figures against the paper's claims, by the figure that decides the table.

    Args:
        paper_table: The table with its claims.
        rows: What its lines came to.
        test: The test set that decides.
        wanted_seeds: The seeds that were asked for.
    """
    values = {row.label: _values(row, test, paper_table.decided_by) for row in rows}
    steps = {row.label: row.steps for row in rows}
    return [
        answer_claim(
            f"{better} > {worse}",
            values[better],
            values[worse],
            steps=min(steps[better], steps[worse]),
            wanted_seeds=wanted_seeds,
        )
        for better, worse in paper_table.claims
    ]


def _test_sets(
    root: Path, layout: CropFormat, data: CropOptions, cross: Sequence[str], persons: int
) -> tuple[list["TestSet"], list[str]]:
    """The test sets, the training's own first, and what could not be read of them."""
    from datasets import read_crops
    from tools.bench.crop_runs import TestSet, first_persons

    tests, problems = [], []
    for name, folder in [(layout, root), *map(_other, cross)]:
        options = data.of(name) if name == layout else {}
        (query, first), (gallery, second) = (read_crops(name, folder, part, **options) for part in ("query", "gallery"))
        query = first_persons(query, persons)
        searched = {sample.person_id for sample in query}
        gallery = [sample for sample in gallery if not persons or sample.person_id in searched]
        tests.append(TestSet(name, query, gallery))
        problems += [*first, *second]
    return tests, problems


def _chosen(scale: Scale, size: SplitSize, keys: Sequence[str], starts: Mapping[str, str]) -> list[PaperTable]:
    """The tables asked for, each from every start in turn; several starts are named in the title and the key."""
    from tools.bench.sphere_tables import sphere_tables
    from tools.bench.toim_tables import toim_tables

    known: dict[str, list[PaperTable]] = {}
    for weights, name in starts.items():
        scaled = dataclasses.replace(scale, weights=weights)
        for one in (*sphere_tables(scaled, size), *toim_tables(scaled, size)):
            end = f", {name}" if len(starts) > 1 else ""
            named = dataclasses.replace(one, key=one.key + end, title=one.title + end)
            known.setdefault(one.key, []).append(named)
    for key in keys:
        if key not in known:
            raise ValueError(f"--tables {key} is not known, expected some of {', '.join(known)}")
    return [one for key in keys or known for one in known[key]]


def _beside(
    chosen: Sequence[PaperTable], results: "Sequence[Sequence[CropResult]]", test: str, starts: Mapping[str, str]
) -> "list[Table]":
    """For each table that was trained from several starts its lines beside each other."""
    from tools.bench.starts import beside_each_other

    def figures(row: "CropResult") -> dict[str, list[float]]:
        return {FIGURES[figure]: _values(row, test, figure) for figure in _SHORT}

    return beside_each_other([one.source for one in chosen], results, list(starts.values()), figures)


def _other(entry: str) -> tuple[str, Path]:
    name, sign, folder = entry.partition("=")
    if not sign:
        raise ValueError(f"--cross {entry} names no folder, expected LAYOUT=FOLDER, dukemtmc=/data/DukeMTMC-reID say")
    return name, Path(folder)


def _values(row: "CropResult", test: str, figure: Figure) -> list[float]:
    """A figure of each seed that is done."""
    return [one.figures[test][figure] for one in row.by_seed.values()]


def _row_figures(row: "CropResult", tests: Sequence[str]) -> dict[str, Any]:
    """A line for programs."""
    done = list(row.by_seed.values())
    return {
        "label": row.label,
        "figures": {test: [one.figures[test] for one in done] for test in tests},
        "seconds": row.seconds,
        "loss": [one.loss for one in done],
        "steps": row.steps,
        "directory": row.directory,
    }


def _columns(paper_table: PaperTable, test: str) -> tuple[list[Figure], list[Figure]]:
    """The figures to show, and those of them that the paper prints for this data set."""
    printed = {figure for row in paper_table.rows for figure in row.published.get(test, {})}
    shown: list[Figure] = [name for name in FIGURES if name in printed | {"rank1", "mean_ap"}]
    return shown, [name for name in shown if name in printed]


def _rows(paper_table: PaperTable, results: "Sequence[CropResult]", test: str) -> tuple[list[str], list[list[str]]]:
    shown, printed = _columns(paper_table, test)
    header = ["", *(FIGURES[name] for name in shown), *(f"paper: {FIGURES[name]}" for name in printed), "minutes"]
    lines = []
    for row, result in zip(paper_table.rows, results):
        published = row.published.get(test, {})
        minutes = [seconds / 60 for seconds in result.seconds]
        lines.append([
            row.label,
            *(mean_and_spread(_values(result, test, name)) for name in shown),
            *(f"{published[name]:.1f}" if name in published else "-" for name in printed),
            mean_and_spread(minutes).partition(" ")[0],
        ])  # fmt: skip
    return header, lines


def _told(answer: ClaimAnswer) -> tuple[str, str]:
    """The points of a claim, which are told only where it could be decided, and the answer with its reason."""
    points = "-" if answer.answer == "no claim" else f"{answer.difference:+.1f}"
    return points, f"{answer.answer}: {answer.why}" if answer.why else answer.answer


def _text(paper_table: PaperTable, results: "Sequence[CropResult]", test: str, wanted_seeds: int) -> str:
    lines = [
        f"{paper_table.source}: {paper_table.title} [{paper_table.key}]",
        table(*_rows(paper_table, results, test)),
    ]
    for answer in answers(paper_table, results, test, wanted_seeds):
        points, words = _told(answer)
        lines.append(f"  {answer.claim}: {words}" + (f" ({points})" if points != "-" else ""))
    return "\n".join(lines)


def _write_page(
    page: Path,
    chosen: Sequence[PaperTable],
    results: "Sequence[Sequence[CropResult]]",
    tests: Sequence[str],
    scale: Scale,
    seeds: Sequence[int],
    starts: Mapping[str, str],
) -> None:
    from search.pages.page import Headline, Section, Table, report_page
    from tools.bench.page import how_it_was_made, still_running

    found = [answers(one, rows, tests[0], len(seeds)) for one, rows in zip(chosen, results)]
    sections = [_section(*parts, tests) for parts in zip(chosen, results, found)]
    sections += [Section(one.title, tables=[one]) for one in _beside(chosen, results, tests[0], starts)]
    scale_rows = [[name, str(value)] for name, value in dataclasses.asdict(scale).items() if name != "weights"]
    scale_rows.append(["weights", ", ".join(starts)])
    sections.append(how_it_was_made(Table("Scale", ["", ""], scale_rows), seeds))
    labels = {
        "holds": "claims hold here",
        "does not hold": "do not hold here",
        "undecided": "undecided here",
        "no claim": "allow no claim",
    }
    counted = {answer: sum(one.answer == answer for part in found for one in part) for answer in labels}
    done = sum(len(row.by_seed) for rows in results for row in rows)
    text = report_page(
        title="The papers' tables, trained again",
        introduction=still_running(done, len(seeds) * sum(map(len, results)))
        + "Our figures beside those printed in the papers. All rows of a table have the same budget at the scale "
        "below; figures at another scale, or from nothing, are to be compared with each other.",
        headlines=[Headline(str(counted[answer]), label) for answer, label in labels.items()],
        sections=sections,
    )
    write_whole(Path(page), text)


def _section(
    paper_table: PaperTable, rows: "Sequence[CropResult]", found: Sequence[ClaimAnswer], tests: Sequence[str]
) -> "Section":
    """A table with our figures, the papers' claims and the losses."""
    from search.pages.page import Section, Table
    from tools.bench.loss_curves import loss_curve

    parts = []
    for test in tests:
        title = test if test == tests[0] else f"{test}, trained on {tests[0]}"
        parts.append(Table(title, *_rows(paper_table, rows, test)))
    if found:
        claims = [[one.claim, *_told(one)] for one in found]
        note = (
            f"Decided by {FIGURES[paper_table.decided_by]}. A difference within the seeds' spread decides nothing; "
            "short trainings and single seeds allow no claim."
        )
        parts.append(Table("The paper's claims", ["claim", "points", "our figures"], claims, note))
    curve = loss_curve({row.label: row.directory for row in rows}, "loss")
    return Section(f"{paper_table.source}: {paper_table.title}", tables=parts, curves=[curve])
