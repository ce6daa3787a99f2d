"""personsearch bench all and bench page: every figure of BENCHMARKS.md measured anew, and its tables written."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from datasets.files import write_whole
from tools.bench.speed.machine import told
from tools.bench.speed.measured import Measured
from tools.errors import ROOT
from tools.outcome import Outcome, table
from tools.progress import Progress

BENCHES = {
    "startup": "bench startup",
    "inference": "bench inference",
    "index": "bench index",
    "still": "bench still",
    "memory": "bench memory",
    "annotations": "bench annotations",
    "search_evaluation": "bench search-evaluation",
    "evaluation": "bench evaluation",
    "coco": "bench coco",
    "gallery": "bench gallery --rows 1000000 --searches 200 --compared 1000",
    "rendering": "bench rendering",
    "training": "bench training --config people --steps 20",
    "crop-training": "bench crop-training --config crop_mobile --network.frozen-early false --steps 10",
}
"""Each table of BENCHMARKS.md, by the name that its place on the page has, and the command that measures it."""


class Block(NamedTuple):
    """The place of one table on the page: the lines between which it stands.

    Args:
        begin: The line before it.
        end: The line after it.
    """

    begin: str
    end: str

    @classmethod
    def of(cls, name: str) -> "Block":
        """The place of a bench's table."""
        return cls(f"<!-- {name}: written by `personsearch bench page` -->\n", f"<!-- end of {name} -->")


def measure_all(output: Path, *, only: list[str] | None = None) -> Outcome:
    """Measure every figure of BENCHMARKS.md anew, one bench after another, each in a process of its own.

    It takes half an hour or more. What OMP_NUM_THREADS says holds for all of them. Nothing else should run meanwhile.
    `personsearch bench page` then writes the tables.

    Args:
        output: The folder for the figures, a file NAME.json for each bench.
        only: Some of the benches, by the names of their files; all by default.
    """
    chosen = list(BENCHES) if only is None else only
    if not chosen or not set(chosen) <= set(BENCHES):
        raise ValueError(f"only is {','.join(chosen)}, expected some of {', '.join(BENCHES)}")
    output.mkdir(parents=True, exist_ok=True)
    failures = []
    with Progress("Measuring", unit="command") as progress:
        for done, name in enumerate(chosen):
            status = _run(BENCHES[name].split(), output / f"{name}.json")
            if status:
                failures.append(f"`personsearch {BENCHES[name]}` ended with status {status}")
            progress(done + 1, len(chosen))
    files = {name: output / f"{name}.json" for name in chosen if (output / f"{name}.json").is_file()}
    text = table(["bench", "figures"], [[BENCHES[name], str(file)] for name, file in files.items()])
    return Outcome(text, {"files": files}, failures)


def page(folder: Path, *, page: Path = Path("BENCHMARKS.md")) -> Outcome:
    """Write the tables of BENCHMARKS.md from the figures of `bench all`, each into its place on the page.

    A place is what stands between two comments with the name of the bench. What stands elsewhere on the page stays as
    it is, and so does a table whose figures are not in the folder.

    Args:
        folder: The folder that `bench all` wrote.
        page: The page.
    """
    text = page.read_text(encoding="utf-8")
    written, missing = [], []
    for name in BENCHES:
        file = folder / f"{name}.json"
        if file.is_file():
            text = _placed(text, Block.of(name), told_of(_read(file)), page)
            written.append(name)
        else:
            missing.append(name)
    if not written:
        raise FileNotFoundError(f"{folder} holds no figures, expected files that `personsearch bench all` wrote")
    write_whole(page, text)
    lines = [f"{page} has new tables: {', '.join(written)}"]
    lines += [f"tables that stayed as they were: {', '.join(missing)}"] if missing else []
    return Outcome("\n".join(lines), {"written": written, "missing": missing})


def told_of(figures: Mapping[str, Any]) -> str:
    """The table of one bench in Markdown, under a line that says how it was made.

    Args:
        figures: What the bench's `--json` wrote.
    """
    machine = dict(figures["machine"])
    measured = [Measured.from_dict(one) for one in figures["measured"]]
    rows = [
        [one.name, _number(one.value, one.unit), one.baseline, _number(one.baseline_value, one.unit),
         _number(one.ratio), _asked(one), _number(one.processor, "s"), _number(one.limit, one.unit),
         _share(one.reached)]
        for one in measured
    ]  # fmt: skip
    header = ["", "figure", "compared with", "its figure", "times better", "asked", "processor", "limit", "reached"]
    kept = [at for at in range(len(header)) if at < 2 or any(row[at] for row in rows)]
    lines = ["| " + " | ".join(row[at] for at in kept) + " |" for row in [header, ["---"] * len(header), *rows]]
    made = told(machine, figures["load_average"]).replace("\n", "; ")
    how = f"`{figures['made_by']}`, commit {machine['commit']}, {figures['date']}; {made}."
    return "\n".join([how, "", *lines])


def _run(words: list[str], file: Path) -> int:
    program = "import sys; from tools.main import main; sys.exit(main())"
    words = [sys.executable, "-c", program, *words, "--json", str(file.resolve())]
    return subprocess.run(words, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {name: content[name] for name in ("measured", "machine", "load_average", "made_by", "date")}
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{file} holds no figures, expected a file that `personsearch bench all` wrote") from None


def _placed(text: str, block: Block, content: str, page: Path) -> str:
    pattern = re.compile(re.escape(block.begin) + ".*?" + re.escape(block.end), re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"{page} has no place for the table, expected the lines {block.begin.strip()} and {block.end}")
    return pattern.sub(lambda _: f"{block.begin}{content}\n{block.end}", text)


def _number(value: float | None, unit: str = "") -> str:
    if value is None:
        return ""
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _asked(one: Measured) -> str:
    """What was asked of a figure, and whether it is so."""
    if one.asked is not None:
        reached = one.value >= one.asked if one.more_is_better else one.value <= one.asked
        bound = f"{'at least' if one.more_is_better else 'at most'} {_number(one.asked, one.unit)}"
    elif one.asked_ratio is not None and one.ratio is not None:
        reached, bound = one.ratio >= one.asked_ratio, f"at least {_number(one.asked_ratio)} times"
    else:
        return ""
    return bound if reached else f"**{bound}: not reached**"
