"""CUHK03: 1,467 persons, each seen by two views of one of five camera pairs; boxes drawn by hand and detected.

Li et al., "DeepReID: Deep Filter Pairing Neural Network for Person Re-identification", CVPR 2014. All pictures lie in
cuhk-03.mat, a MATLAB 7.3 file, and are read from there; nothing is unpacked. Persons are numbered 1 .. 1467, camera
pair after camera pair, as the new protocol's files do; the camera is the view, 1 or 2.

Two protocols:
- "classic": 20 folds of 100 test persons and 1,367 for training. Queries and gallery are both all pictures of the
  test persons; the metric (`protocol="cuhk03"`) takes the other view as each query's gallery, one picture a person.
- "new": Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017: 767 persons for
  training, 700 for test with fixed queries, evaluated as Market-1501 is.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.layouts.crop_folders import CropScan, one_of, picture_names, scan_folder
from datasets.layouts.market1501 import FOLDERS
from datasets.layouts.scan import BrokenFileError, Problem, find_root, read_variable
from datasets.samples import UNLABELLED, CropSample

PROTOCOLS = ("classic", "new")
BOXES = ("labeled", "detected", "both")
FOLDS = 20

_ARCHIVE = "cuhk-03.mat"
_CONFIG = "cuhk03_new_protocol_config_{boxes}.mat"
_UNPACKED = "images_{boxes}"
_SUBFOLDERS = ("cuhk03_release", "cuhk03", "CUHK03", "cuhk03/cuhk03_release", "CUHK03/cuhk03_release")
_NEW_SUBFOLDERS = ("cuhk03-np", "CUHK03-NP", "cuhk03_np", "cuhk03-np/cuhk03-np")
_REMEDY = "Ask the authors for cuhk03_release.zip, unpack it and give the folder that holds cuhk-03.mat"
_NEW_REMEDY = (
    "Give the folder of the archive CUHK03-NP, or put the file of this name from "
    "github.com/zhunzhong07/person-re-ranking beside cuhk-03.mat or images_labeled/"
)
_AGAIN = "copy the file again from the data set's archive"
_SETS = {"train": "train_idx", "gallery": "gallery_idx", "query": "query_idx"}
_MARKET_NAME = re.compile(r"(?P<person>\d{1,4})_c(?P<camera>[12])\D.*\.(png|jpg)")
_MARKET_EXAMPLE = "0003_c1_21.png"
_VIEW = 5
"""Pictures per view: columns 0-4 of a person's row are view 1, columns 5-9 view 2."""


def scan_crops(root: Path, split: str, *, protocol: str = "classic", boxes: str = "labeled", fold: int = 0) -> CropScan:
    """The crops of one split, with persons 1 .. 1467.

    Args:
        root: The data set's folder or its parent.
        split: "train", "gallery" or "query".
        protocol: "classic" or "new".
        boxes: "labeled" (drawn by hand), "detected", or, in the classic protocol, "both" (what the code base open-reid
            trains and tests on).
        fold: 0 .. 19, which of the classic protocol's test sets; papers report the mean of all 20.

    The new protocol is read from the first of these that is there: an archive CUHK03-NP in Market-1501's layout
    (labeled/bounding_box_train/ ...); cuhk03_new_protocol_config_labeled.mat with images_labeled/ (or detected), the
    pictures that public code unpacks; the same with cuhk-03.mat.

    Raises:
        DatasetNotFoundError: Neither `root` nor its usual sub-folders hold the files of the protocol.
        BrokenFileError: A file is damaged.
        ValueError: An option's value is unknown.
    """
    one_of("protocol", protocol, PROTOCOLS)
    one_of("boxes", boxes, BOXES if protocol == "classic" else BOXES[:2])
    if not 0 <= fold < FOLDS:
        raise ValueError(f"fold is {fold}, expected 0 to {FOLDS - 1}")
    if protocol == "new":
        return _scan_new(root, split, boxes)
    path = find_root(root, "CUHK03", [_ARCHIVE], _SUBFOLDERS, _REMEDY) / _ARCHIVE
    kinds = BOXES[:2] if boxes == "both" else (boxes,)
    pictures = [crop for kind in kinds for crop in _archive_crops(path, kind)]
    tested = _test_persons(path, fold)
    chosen = [crop for crop in pictures if (crop.person_id in tested) == (split != "train")]
    return CropScan(sorted(chosen, key=lambda crop: crop.name), [])


def _scan_new(root: Path, split: str, boxes: str) -> CropScan:
    """One split of the new protocol, see `scan_crops`."""
    folder = _found(root, f"{boxes}/{FOLDERS[split]}", _NEW_SUBFOLDERS)
    if folder is not None:
        return scan_folder(folder, _MARKET_NAME, _MARKET_EXAMPLE)
    config = _CONFIG.format(boxes=boxes)
    path = find_root(root, "CUHK03", [config], _SUBFOLDERS, _NEW_REMEDY) / config
    unpacked = _found(root, _UNPACKED.format(boxes=boxes), _SUBFOLDERS)
    if unpacked is not None:
        pictures = {name: CropSample(unpacked / name, UNLABELLED) for name in picture_names(unpacked)}
    else:
        archive = find_root(root, "CUHK03", [_ARCHIVE], _SUBFOLDERS, _REMEDY) / _ARCHIVE
        pictures = {crop.name.partition("/")[2]: crop for crop in _archive_crops(archive, boxes)}
    samples: list[CropSample] = []
    problems: list[Problem] = []
    for name, person_id, camera in _configured(path, _SETS[split]):
        picture = pictures.get(name)
        if picture is None:
            what = f"there is no picture {name} of {boxes} boxes"
            problems.append(Problem(f"{config} {name}", what, "unpack the data set's archive again", fatal=False))
            continue
        samples.append(CropSample(picture.path, person_id, camera, entry=picture.entry, name=f"{boxes}/{name}"))
    return CropScan(samples, problems)


def _found(root: Path, relative: str, subfolders: tuple[str, ...]) -> Path | None:
    """The first folder `relative` below the root or its usual sub-folders."""
    folders = (parent / relative for parent in (root, *(root / name for name in subfolders)))
    return next((folder for folder in folders if folder.is_dir()), None)


def _configured(path: Path, index_name: str) -> list[tuple[str, int, int]]:
    """(picture, person, camera) of one set of the new protocol's file, sorted; its indices count from 1."""
    try:
        names = [str(np.asarray(cell).ravel()[0]) for cell in read_variable(path, ["filelist"]).ravel()]
        persons, cameras, rows = (
            read_variable(path, [variable]).ravel().astype(np.int64) for variable in ("labels", "camId", index_name)
        )
        if rows.size and rows.min() < 1:
            raise IndexError(f"index {rows.min()}, expected 1 or more")
        return sorted((names[row], int(persons[row]), int(cameras[row])) for row in (rows - 1).tolist())
    except (ValueError, IndexError, TypeError) as error:
        if isinstance(error, BrokenFileError):
            raise
        raise BrokenFileError(Problem(str(path), f"{index_name} cannot be read ({error})", _AGAIN)) from error


def _archive_crops(path: Path, boxes: str) -> list[CropSample]:
    """All pictures of one kind of box, named as public code names the unpacked files, in the order of persons."""
    crops: list[CropSample] = []
    with _opened(path) as archive:
        first_id = 1
        for pair, table in enumerate(_cells(archive, boxes), start=1):
            for row, person in enumerate(table.T):  # (persons, 10), stored with axes reversed
                for column, reference in enumerate(person.tolist()):
                    if archive[reference].ndim != 3:
                        continue  # MATLAB's empty cell is a short vector
                    view = column // _VIEW + 1
                    entry = f"{boxes}{{{pair}}}{{{row + 1},{column + 1}}}"
                    name = f"{boxes}/{pair}_{row + 1:03d}_{view}_{column + 1:02d}.png"
                    crops.append(CropSample(path, first_id + row, view, entry=entry, name=name))
            first_id += table.shape[1]
    return crops


def _test_persons(path: Path, fold: int) -> set[int]:
    """The persons of one test set; the file names them by camera pair and row, both from 1."""
    with _opened(path) as archive:
        first_ids = np.cumsum([1, *(table.shape[1] for table in _cells(archive, "labeled"))])
        tests = _cells(archive, "testsets")
        if not fold < len(tests):
            raise ValueError(f"it has {len(tests)} test sets, expected more than fold {fold}")
        pairs, rows = tests[fold].astype(np.int64)  # (2, 100)
        persons = first_ids[pairs - 1] + rows - 1
        if pairs.min() < 1 or rows.min() < 1 or (persons >= first_ids[pairs]).any():
            raise ValueError(f"test set {fold} names a person who is not in the tables")
    return set(persons.tolist())


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The archive; whatever a damaged one throws becomes one line that names the file."""
    import h5py  # 0.2 s that only CUHK03 should pay

    try:
        with h5py.File(path, "r", locking=False) as archive:
            yield archive
    except (OSError, KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
        what = f"is no readable cuhk-03.mat ({str(error).strip(chr(39))})"
        raise BrokenFileError(Problem(str(path), what, _AGAIN)) from error


def _cells(archive: Any, variable: str) -> list[NDArray[Any]]:
    """The arrays that a MATLAB cell vector refers to, axes reversed as MATLAB's files have them."""
    return [archive[reference][()] for reference in archive[variable][()].ravel().tolist()]
