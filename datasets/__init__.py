"""What the world looks like: frames, people in them, queries, and where all of it is read from.

`load_frames` and `load_queries` read every supported data set of full frames by name, `load_crops` every one of crops;
`datasets.crops.read_crop` reads the picture of a crop; `datasets.footage.sources.frames_from_source` reads footage;
`datasets.check.check_dataset` lists broken records.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from datasets import crops
from datasets.layouts import csv_crops, cuhk03, cuhk_sysu, custom, dukemtmc, market1501, mot, msmt17, prw, uestc_pr
from datasets.layouts.crop_folders import CropScan, contiguous_crop_ids
from datasets.layouts.scan import (
    DatasetNotFoundError,
    Problem,
    Scan,
    accepted,
    contiguous_ids,
    problem_lines,
    refuse_fatal,
)
from datasets.samples import CropSample, FrameSample, Query

__all__ = [
    "CROP_DATASETS",
    "CROP_SPLITS",
    "DATASETS",
    "SPLITS",
    "DatasetNotFoundError",
    "load_crops",
    "load_frames",
    "load_queries",
    "read_crops",
    "read_frames",
]

SPLITS = ("train", "gallery")
CROP_SPLITS = ("train", "gallery", "query")
_Read = TypeVar("_Read")

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
_CROPS: dict[str, Callable[..., CropScan]] = {
    "market1501": market1501.scan_crops,
    "dukemtmc": dukemtmc.scan_crops,
    "cuhk03": cuhk03.scan_crops,
    "msmt17": msmt17.scan_crops,
    "csv": csv_crops.scan_crops,
    # The queries of CUHK-SYSU's protocol files are all the same; the smallest file is read fastest.
    "cuhk-sysu": partial(crops.scan_crops, cuhk_sysu.scan_frames, lambda root, _: cuhk_sysu.scan_queries(root, 50)),
    "prw": partial(crops.scan_crops, prw.scan_frames, prw.scan_queries),
    "uestc-pr": partial(crops.scan_crops, uestc_pr.scan_frames, uestc_pr.scan_queries),
    "custom": partial(crops.scan_crops, custom.scan_frames, custom.scan_queries),
}

DATASETS = tuple(_FRAMES)
"""The names that `load_frames` knows."""

CROP_DATASETS = tuple(_CROPS)
"""The names that `load_crops` knows."""


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
    left_out = _left_out(scan.problems, root, name)
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
    return _with_options(_QUERIES[name], name, "load_queries", Path(root), **options)


def load_crops(name: str, root: Path | str, split: str, **options: Any) -> list[CropSample]:
    """The crops of one split of a data set; `datasets.crops.read_crop` reads their pictures.

    Args:
        name: "market1501", "dukemtmc", "cuhk03", "msmt17", "csv"; or full frames from whose boxes the crops are cut:
            "cuhk-sysu", "prw", "uestc-pr", "custom".
        root: the data set's folder or its parent; for "csv" a CSV file, for full frames as for `load_frames`.
        split: "train" (identities 0 .. P-1 without gaps), "gallery" or "query" (the data set's own identities).
        options: the protocol: "market1501" takes split_by="files"; "cuhk03" protocol="classic", boxes="labeled" and
            fold=0; "msmt17" validation=False; full frames unlabelled=False and same_camera=False. The `scan_crops` of
            each module says what they do.

    Raises:
        DatasetNotFoundError: `root` is not what it should be.
        ValueError: an unknown name, split or option, or records that cannot be understood.
    """
    scan = _scan_crops(name, Path(root), split, options)
    accepted(scan.problems, Path(root), name)
    return contiguous_crop_ids(scan.samples) if split == "train" else scan.samples


def read_crops(name: str, root: Path | str, split: str, **options: Any) -> tuple[list[CropSample], list[str]]:
    """`load_crops` for who tells by himself what was left out; nothing of that is logged then.

    Returns:
        The crops, and a line for each record that was left out, as in `read_frames`.

    Raises as `load_crops`.
    """
    root = Path(root)
    scan = _scan_crops(name, root, split, options)
    left_out = _left_out(scan.problems, root, name)
    return contiguous_crop_ids(scan.samples) if split == "train" else scan.samples, left_out


def _scan_crops(name: str, root: Path, split: str, options: dict[str, Any]) -> CropScan:
    if name not in _CROPS:
        raise ValueError(f"data set {name!r} has no crops; expected one of {', '.join(_CROPS)}")
    if split not in CROP_SPLITS:
        raise ValueError(f"split is {split!r}, expected one of {', '.join(CROP_SPLITS)}")
    return _with_options(_CROPS[name], name, "load_crops", root, split, **options)


def _left_out(problems: list[Problem], root: Path, name: str) -> list[str]:
    """Refuses fatal problems, logs the doubtful records that were read, and names the others."""
    refuse_fatal(problems, root, name)
    accepted([problem for problem in problems if problem.kept], root, name)
    return problem_lines([problem for problem in problems if not problem.kept], root, name)


def _with_options(reader: Callable[..., _Read], name: str, caller: str, *arguments: Any, **options: Any) -> _Read:
    """Calls a reader; an option that it does not have is the user's mistake."""
    try:
        return reader(*arguments, **options)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise ValueError(f"data set {name!r}: {str(error).split(' ', 1)[1]}; see {caller} for its options") from error
