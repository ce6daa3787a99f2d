"""CUHK-SYSU: 18,184 images of street scenes and films, 8,432 query persons, no cameras.

Xiao et al., "Joint Detection and Identification Feature Learning for Person Search", CVPR 2017. The annotations are
MATLAB files; boxes are (x, y, width, height) and are used as 0-based, as every published evaluation does. Persons have
no numbers: identity i is the i-th person of Train.mat in the split "train", the i-th query of TestG50.mat in the split
"gallery". A box gets its identity by exact equality with a box of Images.mat.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.boxes import FloatBoxes
from datasets.label_values import whole_number
from datasets.layouts import frame_crops
from datasets.layouts.crop_folders import CropScan
from datasets.layouts.scan import (
    BrokenFileError,
    DatasetNotFoundError,
    Problem,
    Scan,
    find_root,
    read_variable,
)
from datasets.matlab.located import NamesAndBoxes
from datasets.matlab.stream import UnusualFileError, records
from datasets.samples import UNLABELLED, FrameSample, Query, QueryGallery

GALLERY_SIZES = (50, 100, 500, 1000, 2000, 4000)

LARGE_FILE = 2**16
"""Bytes from which a protocol file is read a record at a time, which pays there."""

_FIELDS = ("Query", "Gallery")
_BoxXywh = tuple[int, int, int, int]
_IMAGES = "Image/SSM"
_IMAGE_RECORDS = "annotation/Images.mat"
_POOL = "annotation/pool.mat"
_TRAIN_PERSONS = "annotation/test/train_test/Train.mat"
_PROTOCOL = "annotation/test/train_test/TestG{size}.mat"
_WANTED = (_IMAGES, _IMAGE_RECORDS, _POOL, _TRAIN_PERSONS, _PROTOCOL.format(size=50))
_SUBFOLDERS = ("CUHK-SYSU", "cuhk_sysu", "dataset", "dataset/CUHK-SYSU")
_REMEDY = (
    "Ask the authors for the data set (the form is in the README of github.com/ShuangLI59/person_search), unpack it "
    "and give the folder that holds Image/ and annotation/"
)
_AGAIN = "copy the file again from the data set's archive"


def scan_frames(root: Path, split: str) -> Scan:
    """The frames of one split together with every broken record.

    Boxes with a width or height <= 0 are left out. So is a person's box that Images.mat does not know, and every frame
    record without a name; each is named among the problems.

    Args:
        root: The data set's folder or its parent.
        split: "train", sorted by name, or "gallery", in the order of pool.mat.

    Raises:
        DatasetNotFoundError: `root` is not a CUHK-SYSU folder.
        BrokenFileError: A MATLAB file is damaged.
    """
    root = find_root(root, "CUHK-SYSU", _WANTED, _SUBFOLDERS, _REMEDY)
    problems: list[Problem] = []
    boxes_of = _read_images(root / _IMAGE_RECORDS, problems)
    pool = _pool(root)
    in_pool = set(pool)
    if split == "train":
        names, persons = sorted(set(boxes_of) - in_pool), _train_persons(root)
    else:
        names, persons = pool, _test_persons(root)
    ids_of = {name: np.full(len(boxes_of.get(name, ())), UNLABELLED, dtype=np.int64) for name in names}
    for person_id, (label, scenes) in enumerate(persons):
        for name, box in scenes:
            rows = boxes_of.get(name, [])
            if name in ids_of and box in rows:
                ids_of[name][rows.index(box)] = person_id  # the first equal box, as published evaluations do
            else:
                what = f"box {box} of person {label} is not among the boxes of {name} in Images.mat"
                problems.append(Problem(label, what, _AGAIN, fatal=False))
    for name in names:
        if name not in boxes_of:
            problems.append(Problem(f"{_POOL} {name}", "is not listed in Images.mat", _AGAIN))
    samples = [
        FrameSample(name, root / _IMAGES / name, _xyxy(boxes_of[name]), ids_of[name])
        for name in names
        if name in boxes_of
    ]
    return Scan(samples, problems)


def scan_queries(root: Path, gallery_size: int = 100) -> tuple[list[Query], list[Problem]]:
    """The 2,900 queries with their galleries, in protocol order, together with every broken record.

    A frame that the protocol lists twice for one query stays listed twice (4 queries of TestG100): what that means is
    the evaluator's business.

    Args:
        root: The data set's folder or its parent.
        gallery_size: The size of each query's gallery: 50, 100, 500, 1000, 2000 or 4000 frames. 4000 are 12 million
            records.

    Raises:
        DatasetNotFoundError: There is no such folder, or no protocol file of that size.
        BrokenFileError: A MATLAB file is damaged.
        ValueError: The gallery size is another one.
    """
    if gallery_size not in GALLERY_SIZES:
        raise ValueError(f"gallery_size is {gallery_size}, expected one of {', '.join(map(str, GALLERY_SIZES))}")
    root = find_root(root, "CUHK-SYSU", _WANTED, _SUBFOLDERS, _REMEDY)
    path = root / _PROTOCOL.format(size=gallery_size)
    if not path.is_file():
        there = [str(size) for size in GALLERY_SIZES if (root / _PROTOCOL.format(size=size)).is_file()]
        raise DatasetNotFoundError(
            f"CUHK-SYSU data set: no {path}; galleries of size {', '.join(there)} are there: use one of them "
            "(--gallery-size), or unpack the missing file from the archive"
        )
    frames = tuple(_pool(root))
    if path.stat().st_size > LARGE_FILE and (streamed := streamed_queries(path, f"TestG{gallery_size}", frames)):
        return streamed, []
    rows = {name: row for row, name in enumerate(frames)}
    queries: list[Query] = []
    problems: list[Problem] = []
    for index, record in enumerate(read_variable(path, [f"TestG{gallery_size}"]).ravel()):
        try:
            queries.append(_query(index, record, frames, rows))
        except (ValueError, IndexError, KeyError, OverflowError) as error:
            problems.append(Problem(f"{path.name} query {index + 1}", f"cannot be read ({error})", _AGAIN))
    return queries, problems


def streamed_queries(path: Path, variable: str, frames: tuple[str, ...]) -> list[Query] | None:
    """The queries of a large protocol file, a record at a time: seconds and little memory, where SciPy takes minutes.

    Args:
        path: The file.
        variable: The name of its variable.
        frames: The frames of the split "gallery", in file order.

    Returns:
        The queries; None where a record is broken or the file is written in another way, which SciPy may read.

    Raises:
        OSError: The file cannot be read.
    """
    queries: list[Query] = []
    try:
        read = NamesAndBoxes(frames)
        for asked, found in ((read(query), read(gallery)) for query, gallery in records(path, variable, _FIELDS)):
            if len(asked.rows) != 1 or not asked.has_box[0]:
                return None
            boxes = found.boxes_xywh[found.has_box]
            boxes[:, 2:] += boxes[:, :2]
            gallery = QueryGallery(frames, found.rows, dict(zip(np.flatnonzero(found.has_box).tolist(), boxes)))
            box = asked.boxes_xywh[0]
            box[2:] += box[:2]
            queries.append(Query(len(queries), gallery, frame=frames[int(asked.rows[0])], box=box))
    except (UnusualFileError, IndexError, ValueError, struct.error):
        return None  # SciPy names what is broken
    return queries


def scan_crops(root: Path, split: str, *, unlabelled: bool = False, same_camera: bool = False) -> CropScan:
    """The crops of one split, cut from the boxes of its frames or queries; `frame_crops.scan_crops` explains them.

    Args:
        root: The data set's folder.
        split: "train", "gallery" or "query".
        unlabelled: True also cuts the boxes of people without an identity.
        same_camera: True forgets the cameras, so that views of the query's own camera count too.
    """
    # The queries of all protocol files are the same; the smallest file is read fastest.
    return frame_crops.scan_crops(
        scan_frames, lambda root, _: scan_queries(root, 50), root, split, unlabelled=unlabelled, same_camera=same_camera
    )


def _pool(root: Path) -> list[str]:
    """The frames of the split "gallery", in file order."""
    with _naming(_POOL):
        names = [_text(cell) for cell in read_variable(root / _POOL, ["pool"]).ravel()]
        if len(set(names)) < len(names):
            raise ValueError("a frame is listed twice")
    return names


def _query(index: int, record: Any, frames: tuple[str, ...], rows: dict[str, int]) -> Query:
    """One record {Query, Gallery}; identity = position in the file, which is the same in all protocol files."""
    query = record["Query"].ravel()[0]
    frame, box = _text(query["imname"]), _box_xywh(query["idlocate"])
    gallery = record["Gallery"].ravel()
    names = [_text(cell) for cell in gallery["imname"]]
    unknown = [name for name in (frame, *names) if name not in rows]
    if unknown:
        raise ValueError(f"{unknown[0]} is not in pool.mat")
    if box is None:
        raise ValueError(f"the query in {frame} has no box")
    true_boxes: dict[int, FloatBoxes] = {}
    for position, cell in enumerate(gallery["idlocate"]):
        located = _box_xywh(cell)
        if located is not None:
            true_boxes[position] = _xyxy([located])[0]
    members = np.asarray([rows[name] for name in names], dtype=np.int64)
    return Query(index, QueryGallery(frames, members, true_boxes), frame=frame, box=_xyxy([box])[0])


def _read_images(path: Path, problems: list[Problem]) -> dict[str, list[_BoxXywh]]:
    """Frame name -> its boxes (x, y, width, height) with width and height > 0, in file order."""
    boxes_of: dict[str, list[_BoxXywh]] = {}
    for index, record in enumerate(read_variable(path, ["Img"]).ravel()):
        where = f"{path.name} record {index + 1}"
        try:
            name = _text(record["imname"])
            cells = record["box"]
            located = [_box_xywh(cell) for cell in cells["idlocate"].ravel()] if cells.size else []
        except (ValueError, IndexError, KeyError, OverflowError) as error:
            problems.append(Problem(where, f"cannot be read ({error})", _AGAIN))
            continue
        if name in boxes_of:
            problems.append(Problem(f"{where} ({name})", "the frame is listed twice, the first counts", _AGAIN, False))
            continue
        boxes_of[name] = [box for box in located if box is not None and box[2] > 0 and box[3] > 0]
        for box in located:
            if box is None or box[2] <= 0 or box[3] <= 0:
                what = f"box {box} has no area and is left out"
                problems.append(
                    Problem(f"{where} ({name})", what, "nothing to do: the published files have some", False)
                )
    return boxes_of


_Person = tuple[str, list[tuple[str, _BoxXywh]]]


def _train_persons(root: Path) -> Iterator[_Person]:
    path = root / _TRAIN_PERSONS
    for index, cell in enumerate(read_variable(path, ["Train"]).ravel()):
        with _naming(f"{path.name} person {index + 1}"):
            person = cell.ravel()[0]
            yield f"{path.name} {_text(person['idname'])}", _located(person["scene"])


def _test_persons(root: Path) -> Iterator[_Person]:
    path = root / _PROTOCOL.format(size=50)
    for index, record in enumerate(read_variable(path, ["TestG50"]).ravel()):
        with _naming(f"{path.name} query {index + 1}"):
            query = record["Query"].ravel()[0]
            label = f"{path.name} {_text(query['idname'])}"
            yield label, [*_located(record["Query"]), *_located(record["Gallery"])]


@contextmanager
def _naming(where: str) -> Iterator[None]:
    """Turns what a malformed MATLAB record throws into one line that names the record."""
    try:
        yield
    except BrokenFileError:
        raise
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise BrokenFileError(Problem(where, f"cannot be read ({error})", _AGAIN)) from error


def _located(records: NDArray[Any]) -> list[tuple[str, _BoxXywh]]:
    """(frame, box) of every record that has a box."""
    records = records.ravel()
    pairs = ((_text(record["imname"]), _box_xywh(record["idlocate"])) for record in records)
    return [(name, box) for name, box in pairs if box is not None]


def _text(value: NDArray[Any]) -> str:
    return str(np.asarray(value).ravel()[0])


def _box_xywh(value: NDArray[Any]) -> _BoxXywh | None:
    """MATLAB stores boxes in the smallest integer type, uint8 among them: Python integers cannot overflow in x + w."""
    numbers = np.asarray(value).ravel().tolist()
    if not numbers:
        return None
    if len(numbers) != 4:
        raise ValueError(f"a box of {len(numbers)} numbers, expected x, y, width, height")
    x, y, width, height = (whole_number(number) for number in numbers)
    return x, y, width, height


def _xyxy(boxes_xywh: list[_BoxXywh]) -> FloatBoxes:
    boxes = np.asarray(boxes_xywh, dtype=np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes
