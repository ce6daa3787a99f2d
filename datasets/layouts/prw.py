"""PRW (Person Re-identification in the Wild): 11,816 frames of six cameras, 932 identities, 2,057 queries.

Zheng et al., "Person Re-identification in the Wild", CVPR 2017; release v16.04.20. Boxes are read as the published
evaluations read them. Gallery boxes (x, y, width, height) are clipped at 0, then corners are added up, then truncated
to integers; a query's box is added up and truncated first and clipped last, so the two differ at negative x or y.
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.boxes import FloatBoxes
from datasets.label_values import decoded_text, person_number
from datasets.layouts import frame_crops
from datasets.layouts.crop_folders import CropScan
from datasets.layouts.galleries import GalleryBuilder
from datasets.layouts.scan import BrokenFileError, Problem, Scan, find_root, read_variable
from datasets.samples import UNLABELLED, FrameSample, Query

_ANNOTATION_VARIABLES = ("box_new", "anno_file", "anno_previous")
_FRAME_LISTS = {"train": ("frame_train.mat", "img_index_train"), "gallery": ("frame_test.mat", "img_index_test")}
_QUERIES = "query_info.txt"
_WANTED = ("frames", "annotations", "frame_train.mat", "frame_test.mat", _QUERIES)
_SUBFOLDERS = ("PRW-v16.04.20", "PRW", "prw")
_REMEDY = (
    "Get PRW-v16.04.20.zip (linked in the README of github.com/liangzheng06/PRW-baseline), unpack it and give the "
    "folder that holds frames/ and annotations/"
)
_AGAIN = "copy the file again from the data set's archive"


def scan_frames(root: Path, split: str) -> Scan:
    """The frames of one split together with every broken record.

    Args:
        root: The data set's folder or its parent.
        split: "train", in the order of frame_train.mat, or "gallery", in the order of frame_test.mat.

    Returns:
        The frames with the files' own identities (1 .. 932 with gaps). -2, an ambiguous person, is UNLABELLED in
        `person_ids` and stays -2 in `original_ids`. Boxes without area after clipping are left out and named.

    Raises:
        DatasetNotFoundError: `root` is not a PRW folder.
        BrokenFileError: A list of frames is missing or damaged.
    """
    root = find_root(root, "PRW", _WANTED, _SUBFOLDERS, _REMEDY)
    file_name, variable = _FRAME_LISTS[split]
    samples: list[FrameSample] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for cell in read_variable(root / file_name, [variable]).ravel():
        stem = str(np.asarray(cell).ravel()[0]) if np.asarray(cell).size else ""
        name = stem if stem.endswith(".jpg") else f"{stem}.jpg"
        if not stem or name in seen:
            problems.append(Problem(f"{file_name} {name}", "is empty or listed twice", _AGAIN))
            continue
        seen.add(name)
        try:
            rows = _annotation(root / "annotations" / f"{name}.mat")
        except BrokenFileError as error:
            problems.append(error.problem)
            continue
        boxes = _gallery_boxes(rows[:, 1:])
        solid = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        if not solid.all():
            what = f"{int((~solid).sum())} boxes have no area inside the frame and are left out"
            problems.append(Problem(f"annotations/{name}.mat", what, "correct their width and height", fatal=False))
        original = rows[solid, 0].astype(np.int64)
        ids = np.where(original < 0, UNLABELLED, original)
        samples.append(
            FrameSample(name, root / "frames" / name, boxes[solid], ids, _camera(name), original_ids=original)
        )
    return Scan(samples, problems)


def scan_queries(root: Path, same_camera: bool = True) -> tuple[list[Query], list[Problem]]:
    """The queries of query_info.txt together with every broken record; the gallery is every test frame but the own.

    Args:
        root: The data set's folder or its parent.
        same_camera: True keeps frames of the query's camera, which is the figure that papers report; False leaves them
            out (cross-camera search).

    Raises:
        DatasetNotFoundError: `root` is not a PRW folder.
        BrokenFileError: A list of frames is missing or damaged.
    """
    scan = scan_frames(root, "gallery")
    root = find_root(root, "PRW", _WANTED, _SUBFOLDERS, _REMEDY)
    builder = GalleryBuilder(scan.samples)
    queries: list[Query] = []
    problems = list(scan.problems)
    # The release has CRLF line ends, copies of it LF.
    lines = _query_lines(root / _QUERIES)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            queries.append(_query(line, builder, same_camera))
        except ValueError as error:
            problems.append(Problem(f"{_QUERIES} line {number}", str(error), _AGAIN))
    return queries, problems


def scan_crops(root: Path, split: str, *, unlabelled: bool = False, same_camera: bool = False) -> CropScan:
    """The crops of one split, cut from the boxes of its frames or queries; `frame_crops.scan_crops` explains them.

    Args:
        root: The data set's folder.
        split: "train", "gallery" or "query".
        unlabelled: True also cuts the boxes of people without an identity.
        same_camera: True forgets the cameras, so that views of the query's own camera count too.
    """
    return frame_crops.scan_crops(
        scan_frames, scan_queries, root, split, unlabelled=unlabelled, same_camera=same_camera
    )


def _query(line: str, builder: GalleryBuilder, same_camera: bool) -> Query:
    fields = line.split()
    if len(fields) != 6:
        raise ValueError(f"{line!r} has {len(fields)} fields, expected 'ID x y width height frame'")
    name = fields[5] if fields[5].endswith(".jpg") else f"{fields[5]}.jpg"
    if name not in builder.rows:
        raise ValueError(f"frame {name} is not in frame_test.mat")
    person_id = person_number(float(fields[0]))
    x, y, width, height = (float(number) for number in fields[1:5])
    corners = np.asarray([x, y, x + width, y + height])
    if not np.isfinite(corners).all():
        raise ValueError(f"{line!r} has a number that is not finite")
    camera = _camera(name)
    gallery = builder.gallery(person_id, own_frame=name, skipped_camera=None if same_camera else camera)
    box = np.maximum(np.trunc(corners), 0).astype(np.float32)
    return Query(person_id, gallery, frame=name, box=box, camera=camera)


def _query_lines(path: Path) -> list[str]:
    try:
        return decoded_text(path.read_bytes()).splitlines()
    except UnicodeDecodeError as error:
        raise BrokenFileError(Problem(str(path), f"is not plain text (byte {error.start})", _AGAIN)) from error


def _annotation(path: Path) -> NDArray[np.float64]:
    """Rows of ID, x, y, width, height; the release names the variable in three ways."""
    rows = np.asarray(read_variable(path, _ANNOTATION_VARIABLES), dtype=np.float64)
    if rows.size == 0:
        return np.zeros((0, 5))
    if rows.ndim != 2 or rows.shape[1] != 5:
        what = f"holds an array of shape {rows.shape}, expected rows of ID, x, y, width, height"
        raise BrokenFileError(Problem(str(path), what, _AGAIN))
    if not np.isfinite(rows).all():
        raise BrokenFileError(Problem(str(path), "holds a number that is not finite", _AGAIN))
    broken = rows[rows[:, 0] != np.trunc(rows[:, 0]), 0]
    if len(broken):
        raise BrokenFileError(Problem(str(path), f"holds the identity {broken[0]:g}, expected whole numbers", _AGAIN))
    return rows


def _gallery_boxes(boxes_xywh: NDArray[np.float64]) -> FloatBoxes:
    """Clip x, y, width, height at 0, add, truncate: a box that begins left of the frame keeps its width."""
    clipped = np.maximum(boxes_xywh, 0)
    clipped[:, 2:] += clipped[:, :2]
    return np.trunc(clipped).astype(np.float32)


def _camera(name: str) -> int | None:
    found = re.search(r"c(\d)", name)
    return int(found.group(1)) if found else None
