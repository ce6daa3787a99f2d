"""personsearch data: check a data set, convert one to the custom layout, render the synthetic square."""

from pathlib import Path
from typing import Literal

from tools.outcome import Outcome
from tools.progress import Progress

FrameFormat = Literal["custom", "cuhk-sysu", "prw", "uestc-pr", "mot"]


def check(root: Path, *, format: FrameFormat = "custom") -> Outcome:  # noqa: A002 - the option is called --format
    """List every broken record of a data set: one line each with its remedy.

    The exit status is 1 when there is any.

    Args:
        root: the data set's folder.
        format: its layout.
    """
    from datasets.check import check_dataset

    with Progress("Checking", unit="record") as progress:
        problems = check_dataset(format, root, on_progress=progress)
    lines = [f"{problem.where}: {problem.what}; {problem.remedy}" for problem in problems]
    count = len(problems)
    lines.append(f"{root} ({format}): {count or 'no'} broken record{'' if count == 1 else 's'}")
    records = [{"where": problem.where, "what": problem.what, "remedy": problem.remedy} for problem in problems]
    figures = {"root": root, "format": format, "broken_records": count, "problems": records}
    return Outcome("\n".join(lines), figures, failed=count > 0)
