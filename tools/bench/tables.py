"""personsearch bench tables: the papers' tables, trained and measured again at a chosen scale."""

import dataclasses
import math
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.bench.recipes import FIGURES, Figure, PaperTable, Scale
from tools.bench.runs import RowResult
from tools.options import CropFormat, CropOptions
from tools.outcome import Outcome, table
from tools.progress import Progress


def tables(
    root: Path,
    *,
    output: Path,
    format: CropFormat = "market1501",  # noqa: A002 - the option is called --format
    tables: list[str] | None = None,
    seeds: list[int] | None = None,
    scale: Scale = Scale(),  # noqa: B008 - frozen
    data: CropOptions = CropOptions(),  # noqa: B008
    cross: list[str] | None = None,
) -> Outcome:
    """Train and measure the tables of SphereReID and TOIM again; a page shows our figures beside the papers'.

    Every row of a table has the same budget. Finished trainings in the output folder are not done again, so a run that
    was cut short goes on, and more tables or seeds can be added later. `--config tables_small` is a scale for machines
    without a GPU: from nothing, small crops; its figures are to be compared with each other and not with the papers'.

    Args:
        root: the data set's folder.
        output: trainings, figures and index.html are written there.
        format: the data set's layout.
        tables: which: sphere-1 to sphere-5, toim-3 to toim-5, toim-7a, toim-7c, toim-eq1; all by default.
        seeds: every training is done with each; 0 by default. Differences within the spread of seeds say nothing.
        scale: how large the trainings are; the papers' by default.
        data: which part of the data set.
        cross: other data sets that the models are measured on too: dukemtmc=/data/DukeMTMC-reID
    """
    from datasets import read_crops
    from reid.runs.processes import require_one_process
    from tools.bench.recipes import SplitSize
    from tools.bench.runs import Benchmark, TableRun
    from tools.bench.sphere_tables import sphere_tables
    from tools.bench.toim_tables import toim_tables

    require_one_process("bench tables")
    train, left_out = read_crops(format, root, "train", **data.of(format))
    size = SplitSize(len(train), len({sample.person_id for sample in train}))
    chosen = _chosen([*sphere_tables(scale, size), *toim_tables(scale, size)], tables)
    tests, problems = [], list(left_out)
    for name, folder in [(format, root), *map(_other, cross or [])]:
        options = data.of(name) if name == format else {}
        (query, first), (gallery, second) = (read_crops(name, folder, part, **options) for part in ("query", "gallery"))
        tests.append(Benchmark(name, query, gallery))
        problems += first + second
    run = TableRun(output, train, tests, seeds=seeds or [0])
    with Progress("Tables", unit="step") as progress:
        results = run.run(chosen, lambda done, total, what: progress(done, total, now=what))
    page = output / "index.html"
    _write_page(page, chosen, results, [test.name for test in tests], scale, seeds or [0])
    text = "\n\n".join(_text(paper_table, rows, tests[0].name) for paper_table, rows in zip(chosen, results))
    figures = {
        "scale": dataclasses.asdict(scale),
        "seeds": seeds or [0],
        "tables": {
            paper_table.key: {
                "rows": [dataclasses.asdict(row) for row in rows],
                "claims": [dataclasses.asdict(verdict) for verdict in verdicts(paper_table, rows, tests[0].name)],
            }
            for paper_table, rows in zip(chosen, results)
        },
        "page": page,
    }
    return Outcome(f"{text}\n\npage: {page}", figures, [*problems, *dict.fromkeys(run.diverged.values())])


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What our figures say of a claim.

    Args:
        claim: in words.
        difference: of the means, in points; positive where the claim holds.
        spread: half the range over the seeds of the two rows, summed; 0 with one seed.
        answer: "holds", "does not hold", or "undecided" where the difference lies within the spread, or with one seed
            within a point, or where a training did not converge.
    """

    claim: str
    difference: float
    spread: float
    answer: str


def verdicts(paper_table: PaperTable, rows: Sequence[RowResult], test: str) -> list[Verdict]:
    """Our figures against the paper's claims, by the figure that decides the table."""
    values = {row.label: [figures[paper_table.decided_by] for figures in row.figures[test]] for row in rows}
    answers = []
    for better, worse in paper_table.claims:
        difference = _mean(values[better]) - _mean(values[worse])
        spread = sum((max(values[label]) - min(values[label])) / 2 for label in (better, worse))
        undecided = math.isnan(difference) or abs(difference) <= (spread or 1.0)
        answer = "undecided" if undecided else "holds" if difference > 0 else "does not hold"
        answers.append(Verdict(f"{better} > {worse}", difference, spread, answer))
    return answers


def _chosen(known: list[PaperTable], keys: list[str] | None) -> list[PaperTable]:
    by_key = {paper_table.key: paper_table for paper_table in known}
    for key in keys or ():
        if key not in by_key:
            raise ValueError(f"--tables {key} is not known, expected some of {', '.join(by_key)}")
    return [by_key[key] for key in keys or by_key]


def _other(entry: str) -> tuple[str, Path]:
    name, sign, folder = entry.partition("=")
    if not sign:
        raise ValueError(f"--cross {entry} names no folder, expected LAYOUT=FOLDER, dukemtmc=/data/DukeMTMC-reID say")
    return name, Path(folder)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _measured(row: RowResult, test: str, figure: Figure) -> str:
    values = [figures[figure] for figures in row.figures[test]]
    if math.isnan(_mean(values)):
        return "-"
    spread = f" ± {(max(values) - min(values)) / 2:.1f}" if len(values) > 1 else ""
    return f"{_mean(values):.1f}{spread}"


def _columns(paper_table: PaperTable, test: str) -> tuple[list[Figure], list[Figure]]:
    """The figures to show, and those of them that the paper prints for this data set."""
    printed = {figure for row in paper_table.rows for figure in row.published.get(test, {})}
    shown: list[Figure] = [name for name in FIGURES if name in printed | {"rank1", "mean_ap"}]
    return shown, [name for name in shown if name in printed]


def _rows(paper_table: PaperTable, results: Sequence[RowResult], test: str) -> tuple[list[str], list[list[str]]]:
    shown, printed = _columns(paper_table, test)
    header = ["", *(FIGURES[name] for name in shown), *(f"paper: {FIGURES[name]}" for name in printed), "minutes"]
    lines = []
    for row, result in zip(paper_table.rows, results):
        published = row.published.get(test, {})
        lines.append([
            row.label,
            *(_measured(result, test, name) for name in shown),
            *(f"{published[name]:.1f}" if name in published else "-" for name in printed),
            "-" if math.isnan(_mean(result.seconds)) else f"{_mean(result.seconds) / 60:.1f}",
        ])  # fmt: skip
    return header, lines


def _text(paper_table: PaperTable, results: Sequence[RowResult], test: str) -> str:
    header, lines = _rows(paper_table, results, test)
    answers = "\n".join(
        f"  {verdict.claim}: {verdict.answer} ({verdict.difference:+.1f})"
        for verdict in verdicts(paper_table, results, test)
    )
    return f"{paper_table.source}: {paper_table.title} [{paper_table.key}]\n{table(header, lines)}\n{answers}".rstrip()


def _write_page(
    page: Path,
    chosen: Sequence[PaperTable],
    results: Sequence[Sequence[RowResult]],
    tests: Sequence[str],
    scale: Scale,
    seeds: Sequence[int],
) -> None:
    from importlib.metadata import version

    from search.pages.page import Headline, Section, Table, write_demo_page
    from tools.bench.loss_curves import loss_curve

    sections = []
    answers = []
    for paper_table, rows in zip(chosen, results):
        found = verdicts(paper_table, rows, tests[0])
        answers += found
        parts = []
        for test in tests:
            header, lines = _rows(paper_table, rows, test)
            title = f"{test}" + ("" if test == tests[0] else f", trained on {tests[0]}")
            parts.append(Table(title, header, lines))
        if found:
            claims = [[one.claim, f"{one.difference:+.1f}", one.answer] for one in found]
            note = f"Decided by {FIGURES[paper_table.decided_by]}; a difference within the seeds' spread, or within a "
            note += "point with one seed, decides nothing."
            parts.append(Table("The paper's claims", ["claim", "points", "our figures"], claims, note))
        curve = loss_curve({row.label: row.directory for row in rows}, "loss")
        sections.append(Section(f"{paper_table.source}: {paper_table.title}", tables=parts, curves=[curve]))
    scale_rows = [[name, str(value)] for name, value in dataclasses.asdict(scale).items()]
    machine = [
        ["processor", f"{os.cpu_count()} x {platform.processor() or platform.machine()}"],
        ["Python", platform.python_version()],
        *([name, version(name)] for name in ("torch", "torchvision", "numpy", "albumentations", "personsearch")),
        ["seeds", ", ".join(map(str, seeds))],
    ]
    command = shlex.join(["personsearch", *sys.argv[1:]])
    tables_below = [Table("Scale", ["", ""], scale_rows), Table("Machine and versions", ["", ""], machine)]
    sections.append(Section("How this was made", tables=tables_below, commands=[command]))
    counted = [sum(one.answer == answer for one in answers) for answer in ("holds", "does not hold", "undecided")]
    labels = ("claims hold here", "do not hold here", "undecided here")
    write_demo_page(
        page,
        title="The papers' tables, trained again",
        introduction="Our figures beside those printed in the papers. All rows of a table have the same budget at the "
        "scale below; figures at another scale, or from nothing, are to be compared with each other.",
        headlines=[Headline(str(count), label) for count, label in zip(counted, labels)],
        sections=sections,
    )
