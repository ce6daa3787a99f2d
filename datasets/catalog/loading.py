"""Data sets by name: their frames, their crops and their queries."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from datasets.catalog.table import CROP_DATASETS, CROP_SPLITS, FRAME_DATASETS, FRAME_SPLITS, LAYOUTS, SEARCH_DATASETS
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

Read = TypeVar("Read")
_log = logging.getLogger(__name__)


def load_frames(name: str, root: Path | str, split: str) -> Sequence[FrameSample]:
    """The annotated frames of one split of a data set.

    Records that cannot be read are left out, and a warning in the log names them.

    Args:
        name: The layout of its files, which commands call --format: "cuhk-sysu", "prw", "uestc-pr", "custom", "mot",
            "yolo" or "cvat".
        root: The data set's folder; for "custom" and "uestc-pr" it may also be one JSON file, which is then the split.
        split: "train", whose identities are 0 .. P-1 without gaps, or "gallery", the frames that are searched (the test
            part), which keep the identities of the data set's files. No folder of sightings is meant by it.

    Raises:
        DatasetNotFoundError: `root` is not what it should be.
        ValueError: The name or the split is not known, or the data set has records that nobody can understand.

    >>> import json, tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> image = {"id": 1, "file_name": "gate.jpg", "width": 640, "height": 480, "camera_id": 3}
    >>> person = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [100, 50, 40, 120], "person_id": 7}
    >>> content = {"images": [image], "annotations": [person], "categories": [{"id": 1, "name": "person"}]}
    >>> _ = (folder / "test.json").write_text(json.dumps(content))
    >>> frame = load_frames("custom", folder, "gallery")[0]
    >>> frame.name, frame.camera, frame.person_ids.tolist(), frame.boxes.tolist()
    ('gate.jpg', 3, [7], [[100.0, 50.0, 140.0, 170.0]])
    """
    scan = _scan_frames(name, Path(root), split)
    accepted(scan.problems, Path(root), name)
    return _numbered(scan.samples, split)


def noted_frames(name: str, root: Path | str, split: str) -> tuple[Sequence[FrameSample], tuple[str, ...]]:
    """The frames that `load_frames` gives, for a caller who tells the user what else the files hold.

    Args:
        name: The data set, as for `load_frames`.
        root: The data set's folder, as for `load_frames`.
        split: "train" or "gallery".

    Returns:
        The frames, and a line for each thing that is no fault but that a user should know, such as boxes of other
        categories, which are not read.

    Raises:
        DatasetNotFoundError: `root` is not what it should be.
        ValueError: The name or the split is not known, or the data set has records that nobody can understand.
    """
    scan = _scan_frames(name, Path(root), split)
    accepted(scan.problems, Path(root), name)
    return _numbered(scan.samples, split), scan.notes


def read_frames(name: str, root: Path | str, split: str) -> tuple[Sequence[FrameSample], list[str]]:
    """The frames that `load_frames` gives, for a caller who tells the user what was left out.

    Args:
        name: The data set, as for `load_frames`.
        root: The data set's folder, as for `load_frames`.
        split: "train" or "gallery".

    Returns:
        The frames, and a line for each record that was left out, with its remedy; of many the first 20 and their
        number. These are not logged. Records that are only doubtful are read, and logged.

    Raises:
        DatasetNotFoundError: `root` is not what it should be.
        ValueError: The name or the split is not known, or the data set has records that nobody can understand.
    """
    root = Path(root)
    scan = _scan_frames(name, root, split)
    left_out = _left_out(scan.problems, root, name)
    return _numbered(scan.samples, split), left_out


def load_queries(name: str, root: Path | str, **options: Any) -> list[Query]:
    """The queries of a data set, each with its gallery in the order of the protocol.

    Args:
        name: The layout of its files: "cuhk-sysu", "prw", "uestc-pr" or "custom".
        root: The data set's folder, as for `load_frames`.
        options: The protocol. "cuhk-sysu" takes `gallery_size` (100 by default). "prw" takes `same_camera` (True by
            default), "uestc-pr" and "custom" take it too (False by default): True keeps the frames of the query's own
            camera in its gallery. "custom" also takes the files `queries` and `gallery`.

    Raises:
        DatasetNotFoundError: `root` is not what it should be, or has no query file.
        ValueError: The name or an option is not known, or there are records that nobody can understand.

    >>> load_queries("mot", "anywhere")
    Traceback (most recent call last):
    ValueError: data set 'mot' has no search protocol; expected one of cuhk-sysu, prw, uestc-pr, custom
    """
    if name not in SEARCH_DATASETS:
        raise ValueError(f"data set {name!r} has no search protocol; expected one of {', '.join(SEARCH_DATASETS)}")
    scan: Callable[..., tuple[list[Query], list[Problem]]] = LAYOUTS[name].function("scan_queries")
    queries, problems = _with_options(scan, name, "load_queries", Path(root), **options)
    accepted(problems, Path(root), name)
    return queries


def load_crops(name: str, root: Path | str, split: str, **options: Any) -> list[CropSample]:
    r"""The crops of one split of a data set; `datasets.read_crop` reads their pictures.

    Args:
        name: The layout of its files: "market1501", "dukemtmc", "cuhk03", "msmt17", "csv"; or full frames from whose
            boxes the crops are cut: "cuhk-sysu", "prw", "uestc-pr", "custom".
        root: The data set's folder or its parent; for "csv" it may be a CSV file, for full frames see `load_frames`.
        split: "train", whose identities are 0 .. P-1 without gaps, "gallery" or "query", which keep the identities of
            the data set's files.
        options: The protocol. "market1501" takes `split_by` ("files" by default), "cuhk03" takes `protocol`
            ("classic"), `boxes` ("labeled") and `fold` (0), "msmt17" takes `validation` (False), full frames take
            `unlabelled` (False) and `same_camera` (False). The function `scan_crops` of each layout explains them.

    Raises:
        DatasetNotFoundError: `root` is not what it should be.
        ValueError: The name, the split or an option is not known, or there are records that nobody can understand.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> lines = ["path,person_id,camera,split", "ann_1.jpg,12,gate,gallery", "ann_2.jpg,12,hall,query"]
    >>> _ = (folder / "crops.csv").write_text("\n".join(lines))
    >>> [(crop.name, crop.person_id, crop.camera) for crop in load_crops("csv", folder, "query")]
    [('ann_2.jpg', 12, 'hall')]
    """
    scan = _scan_crops(name, Path(root), split, options)
    accepted(scan.problems, Path(root), name)
    return contiguous_crop_ids(scan.samples) if split == "train" else scan.samples


def read_crops(name: str, root: Path | str, split: str, **options: Any) -> tuple[list[CropSample], list[str]]:
    """The crops that `load_crops` gives, for a caller who tells the user what was left out.

    Args:
        name: The data set, as for `load_crops`.
        root: The data set's folder, as for `load_crops`.
        split: "train", "gallery" or "query".
        options: The protocol, as for `load_crops`.

    Returns:
        The crops, and a line for each record that was left out, as `read_frames` gives them.

    Raises:
        DatasetNotFoundError: `root` is not what it should be.
        ValueError: The name, the split or an option is not known, or there are records that nobody can understand.
    """
    root = Path(root)
    scan = _scan_crops(name, root, split, options)
    left_out = _left_out(scan.problems, root, name)
    return contiguous_crop_ids(scan.samples) if split == "train" else scan.samples, left_out


def read_everything(name: str, root: Path | str) -> tuple[dict[str, Sequence[FrameSample]], list[Query], list[str]]:
    """All frames and queries that a data set of full frames has, whichever of its files are there.

    Args:
        name: The data set, as for `load_frames`.
        root: The data set's folder, as for `load_frames`.

    Returns:
        The splits that are there, each picture in one of them where both are the same; the queries, none where there
        is no protocol; and a line for each record that was left out, as `read_frames` gives them.

    Raises:
        DatasetNotFoundError: `root` has no split at all.
        ValueError: The name is not known, or the data set has records that nobody can understand.
    """
    root = Path(root)
    splits: dict[str, Sequence[FrameSample]] = {}
    left_out: list[str] = []
    absent: list[DatasetNotFoundError] = []
    for split in ("gallery",) if root.is_file() else FRAME_SPLITS:
        try:
            splits[split], lines = read_frames(name, root, split)
        except DatasetNotFoundError as error:
            absent.append(error)
        else:
            left_out += lines
    if not splits:
        raise absent[0]
    paths = [[sample.path for sample in samples] for samples in splits.values()]
    if not LAYOUTS[name].queries and len(paths) == 2 and paths[0] == paths[1]:
        del splits["train"]  # sequences of MOTChallenge serve as both
    if not LAYOUTS[name].queries or "gallery" not in splits:
        return splits, [], left_out
    options = {"same_camera": True} if LAYOUTS[name].json_file else {}
    try:
        return splits, load_queries(name, root, **options), left_out
    except DatasetNotFoundError:
        return splits, [], left_out


def _scan_frames(name: str, root: Path, split: str) -> Scan:
    if name not in FRAME_DATASETS:
        raise ValueError(f"data set {name!r} is not known; expected one of {', '.join(FRAME_DATASETS)}")
    if split not in FRAME_SPLITS:
        raise ValueError(f"split is {split!r}, expected one of {', '.join(FRAME_SPLITS)}")
    scan: Scan = LAYOUTS[name].function("scan_frames")(root, split)
    for note in scan.notes:
        _log.info("%s", note)
    return scan


def _scan_crops(name: str, root: Path, split: str, options: dict[str, Any]) -> CropScan:
    if name not in CROP_DATASETS:
        raise ValueError(f"data set {name!r} has no crops; expected one of {', '.join(CROP_DATASETS)}")
    if split not in CROP_SPLITS:
        raise ValueError(f"split is {split!r}, expected one of {', '.join(CROP_SPLITS)}")
    scan: Callable[..., CropScan] = LAYOUTS[name].function(LAYOUTS[name].crop_scan)
    return _with_options(scan, name, "load_crops", root, split, **options)


def _numbered(samples: list[FrameSample], split: str) -> list[FrameSample]:
    return contiguous_ids(samples) if split == "train" else samples


def _left_out(problems: list[Problem], root: Path, name: str) -> list[str]:
    """Refuses fatal problems, logs the doubtful records that were read, and names the others."""
    refuse_fatal(problems, root, name)
    accepted([problem for problem in problems if problem.kept], root, name)
    return problem_lines([problem for problem in problems if not problem.kept], root, name)


def _with_options(reader: Callable[..., Read], name: str, caller: str, *arguments: Any, **options: Any) -> Read:
    """Calls a reader; an option that it does not have is the user's mistake."""
    try:
        return reader(*arguments, **options)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        raise ValueError(f"data set {name!r}: {str(error).split(' ', 1)[1]}; see {caller} for its options") from error
