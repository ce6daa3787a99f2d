"""What every reader of a data set on disk needs: finding its root, reading its MATLAB files, naming what is broken."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.samples import FrameSample

_log = logging.getLogger(__name__)


class DatasetNotFoundError(FileNotFoundError):
    """The given root is not the data set it should be: says where we looked, what is missing and what to do."""


@dataclass(frozen=True)
class Problem:
    """One broken record of a data set.

    Args:
        where: The file and the record in it.
        what: The value met and what was expected.
        remedy: What the user can do about it.
        fatal: True where loading refuses the data set; False where loading goes on.
        kept: True where the record is only doubtful and is read all the same; otherwise loading goes on without it.
    """

    where: str
    what: str
    remedy: str
    fatal: bool = True
    kept: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}"


class BrokenFileError(ValueError):
    """A file of the data set cannot be read at all.

    Args:
        problem: The file, what is wrong with it and the remedy.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True)
class Scan:
    """What reading one split gave: the good records and the broken ones.

    Args:
        samples: The frames that could be read.
        problems: The records that could not be read, or that are doubtful.
        notes: A line for each thing that is no fault but that a reader should know, such as boxes of other categories,
            which are not read.
    """

    samples: list[FrameSample]
    problems: list[Problem]
    notes: tuple[str, ...] = ()


MOST_LINES = 20
"""Broken records that are named one by one; of more only the number is told."""


def accepted(problems: Sequence[Problem], root: Path, format_name: str) -> None:
    """Refuse a data set with fatal problems, log the others in one warning, a line for each.

    Args:
        problems: What was found wrong.
        root: The data set's folder.
        format_name: The data set's name.

    Raises:
        ValueError: Some problem is fatal; the one line names the first three.
    """
    refuse_fatal(problems, root, format_name)
    if problems:
        lines = "\n".join(problem_lines(problems, root, format_name))
        which = "1 record is" if len(problems) == 1 else f"{len(problems)} records are"
        _log.warning("%s: %s left out or doubtful:\n%s", root, which, lines)


def refuse_fatal(problems: Sequence[Problem], root: Path, format_name: str) -> None:
    """Refuse a data set with fatal problems.

    Args:
        problems: What was found wrong.
        root: The data set's folder.
        format_name: The data set's name.

    Raises:
        ValueError: There are some; the one line names the first three.
    """
    fatal = [problem for problem in problems if problem.fatal]
    if fatal:
        first = "; ".join(f"{problem.where}: {problem.what}" for problem in fatal[:3])
        command = _check_command(root, format_name)
        raise ValueError(f"{root} has {len(fatal)} broken records, for example {first}; {command} lists all")


def problem_lines(problems: Sequence[Problem], root: Path, format_name: str) -> list[str]:
    """A line for each problem; of many the first MOST_LINES, and how many more there are.

    Args:
        problems: What was found wrong.
        root: The data set's folder.
        format_name: The data set's name.
    """
    lines = [str(problem) for problem in problems[:MOST_LINES]]
    if len(problems) > MOST_LINES:
        more = len(problems) - MOST_LINES
        records = "1 more broken record" if more == 1 else f"{more} more broken records"
        lines.append(f"{root}: {records}; {_check_command(root, format_name)} lists all")
    return lines


def _check_command(root: Path, format_name: str) -> str:
    return f"`personsearch data check {root} --format {format_name}`"


def find_root(
    root: Path, format_name: str, wanted: Sequence[str], subfolders: Sequence[str] = (), remedy: str = ""
) -> Path:
    """The folder that holds all of `wanted`: `root` itself or one of its usual sub-folders.

    Args:
        root: The folder that the user gave.
        format_name: The data set's name, for the error.
        wanted: Relative paths (files or folders) that make the layout.
        subfolders: Folders below `root` that archives unpack to.
        remedy: What the user should do, appended to the error.

    Raises:
        DatasetNotFoundError: None of the folders holds everything.
    """
    if not root.is_dir():
        state = "is a file, not a folder" if root.exists() else "does not exist"
        raise DatasetNotFoundError(
            f"{format_name} data set: {root} {state}; expected a folder with {', '.join(wanted)}. {remedy}".strip()
        )
    candidates = [root, *(root / name for name in subfolders if (root / name).is_dir())]
    missing = {folder: [name for name in wanted if not (folder / name).exists()] for folder in candidates}
    best = min(candidates, key=lambda folder: len(missing[folder]))
    if missing[best]:
        looked = ", ".join(str(folder) for folder in candidates)
        raise DatasetNotFoundError(
            f"{format_name} data set: {best} lacks {', '.join(missing[best])} (looked in {looked}); expected a folder "
            f"with {', '.join(wanted)}. {remedy}".strip()
        )
    return best


def read_variable(path: Path, names: Sequence[str]) -> NDArray[Any]:
    """The first of `names` in a MATLAB file (version 5, what SciPy reads).

    Args:
        path: The file.
        names: The names that the variable has in one release or another, the likeliest first.

    Raises:
        BrokenFileError: The file is missing, is no MATLAB file, or has none of the variables.
    """
    from scipy.io import loadmat  # 0.2 s that only the two MATLAB layouts should pay

    if not path.is_file():
        raise BrokenFileError(Problem(str(path), "the file does not exist", "unpack the data set's archive again"))
    try:
        content = loadmat(str(path), appendmat=False, variable_names=list(names))
    except Exception as error:  # SciPy answers damaged files with a dozen exception types, zlib.error among them
        what = f"is no readable MATLAB 5 file ({str(error).splitlines()[0] if str(error) else type(error).__name__})"
        raise BrokenFileError(Problem(str(path), what, "copy it again from the data set's archive")) from error
    for name in names:
        if name in content:
            return np.asarray(content[name])
    what = f"has no variable {' or '.join(names)}"
    raise BrokenFileError(Problem(str(path), what, "take the file of this name from the data set's archive"))


def contiguous_ids(samples: Sequence[FrameSample]) -> list[FrameSample]:
    """The same frames with identities 0 .. P-1 without gaps, in the order of the original numbers.

    The original numbers stay in `original_ids`; unlabelled people stay unlabelled.

    Args:
        samples: The frames of one split.
    """
    labelled = [sample.person_ids[sample.person_ids >= 0] for sample in samples]
    identities = np.unique(np.concatenate(labelled)) if labelled else np.zeros(0, dtype=np.int64)
    return [
        replace(
            sample,
            person_ids=np.where(
                sample.person_ids >= 0, np.searchsorted(identities, sample.person_ids), sample.person_ids
            ),
        )
        for sample in samples
    ]
