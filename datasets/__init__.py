"""What the world looks like: frames, people in them, queries, and where all of it is read from.

`load_frames` and `load_queries` read every supported data set by name; `datasets.sources.frames_from_source` reads
footage; `datasets.check.check_dataset` lists broken records.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datasets import cuhk_sysu, custom, mot, prw, uestc_pr
from datasets.layout import DatasetNotFoundError, Scan, accepted, contiguous_ids, problem_lines, refuse_fatal
from datasets.samples import FrameSample, Query

__all__ = ["DATASETS", "SPLITS", "DatasetNotFoundError", "load_frames", "load_queries", "read_frames"]

SPLITS = ("train", "gallery")

_FRAMES: dict[str, Callable[[Path, str], Scan]] = {
    "cuhk-sysu": cuhk_sysu.scan_frames,
    "prw": prw.scan_frames,
    "uestc-pr": uestc_pr.scan_frames,
    "custom": custom.scan_frames,
    "mot": mot.scan_frames,
}
_QUERIES: dict[str, Callable[..., list[Query]]] = {
    "cuhk-sysu": cuhk_sysu.load_queries,
    "prw": prw.load_queries,
    "uestc-pr": uestc_pr.load_queries,
    "custom": custom.load_queries,
}

DATASETS = tuple(_FRAMES)
"""The names that `load_frames` knows."""


def load_frames(name: str, root: Path | str, split: str) -> Sequence[FrameSample]:
    """The annotated frames of one split of a data set.

    Args:
        name: "cuhk-sysu", "prw", "uestc-pr", "custom" or "mot".
        root: the data set's folder; for "custom" and "uestc-pr" also a JSON file.
        split: "train" (identities 0 .. P-1 without gaps) or "gallery" (the data set's own identities).

    Raises:
        DatasetNotFoundError: `root` is not what it should be.
        ValueError: an unknown name or split, or records that cannot be understood.
    """
    scan = _scan(name, Path(root), split)
    accepted(scan.problems, Path(root), name)
    return _numbered(scan.samples, split)


def read_frames(name: str, root: Path | str, split: str) -> tuple[Sequence[FrameSample], list[str]]:
    """`load_frames` for who tells by himself what was left out; nothing of that is logged then.

    Returns:
        The frames, and a line for each record that was left out, with its remedy; of many the first 20 and their
        number. Records that are only doubtful are read, and logged.

    Raises as `load_frames`.
    """
    root = Path(root)
    scan = _scan(name, root, split)
    refuse_fatal(scan.problems, root, name)
    accepted([problem for problem in scan.problems if problem.kept], root, name)
    left_out = problem_lines([problem for problem in scan.problems if not problem.kept], root, name)
    return _numbered(scan.samples, split), left_out


def _scan(name: str, root: Path, split: str) -> Scan:
    if name not in _FRAMES:
        raise ValueError(f"data set {name!r} is not known; expected one of {', '.join(_FRAMES)}")
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
    return _FRAMES[name](root, split)


def _numbered(samples: list[FrameSample], split: str) -> list[FrameSample]:
    return contiguous_ids(samples) if split == "train" else samples


def load_queries(name: str, root: Path | str, **options: Any) -> list[Query]:
    """The queries of a data set, each with its gallery in protocol order.

    Args:
        name: "cuhk-sysu", "prw", "uestc-pr" or "custom".
        root: as for `load_frames`.
        options: the protocol: "cuhk-sysu" takes gallery_size=100; "prw" same_camera=True; "uestc-pr" same_camera=False;
            "custom" same_camera=False and the paths queries and gallery.

    Raises:
        DatasetNotFoundError: `root` is not what it should be, or has no query file.
        ValueError: an unknown name or option, or records that cannot be understood.
    """
    if name not in _QUERIES:
        known = ", ".join(_QUERIES)
        raise ValueError(f"data set {name!r} has no search protocol; expected one of {known}")
    try:
        return _QUERIES[name](Path(root), **options)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise ValueError(
            f"data set {name!r}: {str(error).split(' ', 1)[1]}; see load_queries for its options"
        ) from error
