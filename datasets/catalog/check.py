"""Every broken record of a data set, in one pass: the annotations, the queries, and each image file decoded once."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from datasets.ahead import mapped_ahead
from datasets.boxes import FloatBoxes
from datasets.catalog.table import CROP_ONLY_DATASETS, CROP_SPLITS, FRAME_DATASETS, FRAME_SPLITS, LAYOUTS
from datasets.crops import read_crop, size_difference
from datasets.images import ImageError, read_image
from datasets.layouts.crop_folders import CropScan
from datasets.layouts.scan import BrokenFileError, DatasetNotFoundError, Problem, Scan
from datasets.samples import CropSample, Query

__all__ = ["Problem", "check_dataset"]

Progress = Callable[[int, int], object]
"""Called with (images done, images in all)."""

_LOOKAHEAD = 64


def check_dataset(
    name: str,
    root: Path | str,
    *,
    on_progress: Progress | None = None,
    threads: int | None = None,
    notes: list[str] | None = None,
) -> list[Problem]:
    """Read a data set completely and list what is broken.

    Found are: images that are missing, empty, truncated or no image; an image size other than the annotated one; boxes
    without area or outside their frame; ids and file names that occur twice; unknown image ids; an identity twice in
    one frame; values of a wrong type or not finite; files that are no JSON or MATLAB file; queries whose person is not
    in their gallery; one image file in both splits. Of crops: names and lines that do not say person and camera,
    pictures that cannot be read, queries without another crop of their person that would count.

    Args:
        name: "cuhk-sysu", "prw", "uestc-pr", "custom", "mot", "yolo" or "cvat"; or, of crops, "market1501",
            "dukemtmc", "cuhk03", "msmt17" or "csv".
        root: The data set's folder; for "custom" and "uestc-pr" also one JSON file, for "csv" a CSV file.
        on_progress: It is called after each image with the images done and the images in all.
        threads: The number of threads that decode pictures, 1 or more; None takes the number of cores, at most 8.
        notes: A line is appended for each thing that is no fault but that a user should know, such as boxes of other
            categories, which are not read.

    Returns:
        The problems: those of the annotations first, then of the queries, then of the images in file order.

    Raises:
        DatasetNotFoundError: `root` is not such a data set at all.
        ValueError: The name is not known.
    """
    root = Path(root)
    problems: list[Problem]
    checks: list[Callable[[], list[Problem]]]
    if name in CROP_ONLY_DATASETS:
        crops, problems = _scan_crops(name, root)
        checks = [partial(_check_crop, crop) for crop in crops]
    elif name in FRAME_DATASETS:
        scans, problems = _scan_splits(name, root)
        queries, query_problems = _scan_queries(name, root)
        problems.extend(query_problems)
        if notes is not None:
            notes.extend(dict.fromkeys(note for _, scan in scans for note in scan.notes))
        checks = [partial(_check_picture, picture) for picture in _pictures(scans, queries)]
        problems.extend(_shared_images(scans, undivided=not LAYOUTS[name].queries))
    else:
        raise ValueError(
            f"data set {name!r} is not known; expected one of {', '.join([*FRAME_DATASETS, *CROP_ONLY_DATASETS])}"
        )
    workers = threads or min(8, os.cpu_count() or 1)
    results = mapped_ahead(lambda check: check(), checks, workers=workers, ahead=_LOOKAHEAD)
    for done, found in enumerate(results, start=1):
        problems.extend(found)
        if on_progress is not None:
            on_progress(done, len(checks))
    # Reading queries reads the gallery again, so its problems arrive twice.
    return list(dict.fromkeys(problems))


@dataclass
class _Picture:
    """One image file and what the annotations claim about it."""

    path: Path
    where: str
    size: tuple[int, int] | None = None
    boxes: list[tuple[str, FloatBoxes]] = field(default_factory=list)


def _scan_splits(name: str, root: Path) -> tuple[list[tuple[str, Scan]], list[Problem]]:
    """The splits that are there, and their broken records; a data set may have one split only."""
    scans: list[tuple[str, Scan]] = []
    problems: list[Problem] = []
    absent: list[DatasetNotFoundError] = []
    # A single JSON file is one split, not two.
    splits = ("gallery",) if root.is_file() else FRAME_SPLITS
    for split in splits:
        try:
            scan: Scan = LAYOUTS[name].function("scan_frames")(root, split)
        except DatasetNotFoundError as error:
            absent.append(error)
        except BrokenFileError as error:
            problems.append(error.problem)
        else:
            scans.append((split, scan))
            problems.extend(scan.problems)
    if len(absent) == len(splits):
        raise absent[0]
    return scans, problems


def _scan_queries(name: str, root: Path) -> tuple[list[Query], list[Problem]]:
    """The queries and their broken records; the custom layout may have none."""
    if not LAYOUTS[name].queries:
        return [], []
    try:
        found: tuple[list[Query], list[Problem]] = LAYOUTS[name].function("scan_queries")(root)
        return found
    except DatasetNotFoundError as error:
        if LAYOUTS[name].json_file:
            return [], []
        return [], [Problem(str(root), str(error), "unpack the data set's archive again")]
    except BrokenFileError as error:
        return [], [error.problem]


def _pictures(scans: Iterable[tuple[str, Scan]], queries: Iterable[Query]) -> list[_Picture]:
    """The image files to decode, each once."""
    pictures: dict[Path, _Picture] = {}
    frames: dict[str, _Picture] = {}
    for split, scan in scans:
        for sample in scan.samples:
            picture = pictures.setdefault(sample.path, _Picture(sample.path, sample.name))
            picture.size = sample.size or picture.size
            picture.boxes += [("a box", sample.boxes), ("a region to ignore", sample.ignore)]
            if split == "gallery":
                frames[sample.name] = picture
    for query in queries:
        if query.crop is not None:
            pictures.setdefault(query.crop, _Picture(query.crop, f"crop of query person {query.person_id}"))
        elif query.frame in frames and query.box is not None:
            frames[query.frame].boxes.append((f"the box of query person {query.person_id}", query.box[None]))
    return list(pictures.values())


def _shared_images(scans: Iterable[tuple[str, Scan]], *, undivided: bool) -> Iterator[Problem]:
    """Images that training and test share: figures on them would not be of unseen frames.

    A set that needs no division, such as a sequence of MOTChallenge, may serve both splits as a whole.
    """
    paths = [[sample.path for sample in scan.samples] for _, scan in scans]
    if len(paths) == 2 and not (undivided and paths[0] == paths[1]):
        for path in sorted(set(paths[0]) & set(paths[1])):
            what = "the image is in both splits, so test figures would not be of unseen frames"
            yield Problem(str(path), what, "take it out of one split", fatal=False)


def _check_picture(picture: _Picture) -> list[Problem]:
    try:
        height, width = read_image(picture.path).shape[:2]
    except ImageError as error:
        return [Problem(f"{picture.where} ({picture.path})", error.reason, error.remedy)]
    problems = []
    if picture.size is not None and picture.size != (width, height):
        problems.append(Problem(picture.where, *size_difference((width, height), picture.size)))
    for kind, boxes in picture.boxes:
        limits = np.minimum(boxes[:, 2:], (width, height)) <= np.maximum(boxes[:, :2], 0)
        for x1, y1, x2, y2 in boxes[limits.any(axis=1)].tolist():
            what = f"{kind} ({x1:g}, {y1:g}, {x2:g}, {y2:g}) lies outside its frame of {width} x {height}"
            problems.append(Problem(picture.where, what, "correct the box or remove it", fatal=False))
    return problems


def _scan_crops(name: str, root: Path) -> tuple[list[CropSample], list[Problem]]:
    """Every crop of a data set once, and the broken records of its lists; a protocol or a split may be absent."""
    crops: dict[str, CropSample] = {}
    problems: list[Problem] = []
    absent: list[DatasetNotFoundError] = []
    layout = LAYOUTS[name]
    for options in layout.crops_to_check:
        found: dict[str, list[CropSample]] = {}
        for split in CROP_SPLITS:
            try:
                scan: CropScan = layout.function(layout.crop_scan)(root, split, **options)
            except DatasetNotFoundError as error:
                absent.append(error)
            except BrokenFileError as error:
                problems.append(error.problem)
            else:
                found[split] = scan.samples
                problems.extend(scan.problems)
                crops.update((crop.name, crop) for crop in scan.samples)
        if "query" in found and "gallery" in found:
            problems.extend(_unanswered(found["query"], found["gallery"]))
    if len(absent) == len(layout.crops_to_check) * len(CROP_SPLITS):
        raise absent[0]
    return list(crops.values()), problems


def _unanswered(queries: list[CropSample], gallery: list[CropSample]) -> Iterator[Problem]:
    """Queries that have no answer: every crop of their person is of their own camera, or is the query itself."""
    crops_of: dict[int, list[CropSample]] = {}
    for crop in gallery:
        crops_of.setdefault(crop.person_id, []).append(crop)
    for query in queries:
        answers = (
            crop
            for crop in crops_of.get(query.person_id, ())
            if crop.name != query.name and (query.camera is None or crop.camera != query.camera)
        )
        if next(answers, None) is None:
            what = f"person {query.original_id} has no other crop in the gallery, or only of the query's camera"
            yield Problem(f"query {query.name}", what, "remove the query, or add such a crop", fatal=False)


def _check_crop(crop: CropSample) -> list[Problem]:
    try:
        read_crop(crop)
    except ImageError as error:
        return [Problem(f"{crop.name} ({error.path})", error.reason, error.remedy)]
    return []
