"""A user's own crops, listed in a CSV file.

    path,person_id,camera,split
    train/anna_1.jpg,0,1,train
    query/ben_1.jpg,7,gate,query
    gallery/ben_2.jpg,7,,gallery

The first line names the columns, in any order; others are not read. `path` is relative to the CSV file's folder.
`person_id` is a whole number >= 0, or -1 for a person of unknown identity. `camera` is a number or a name; where the
column or the value is missing the camera is unknown. `split` is train, gallery or query; a picture in two splits stands
in two lines. A line that cannot be understood refuses the file; a picture twice in one split counts once.
"""

import csv
import io
from pathlib import Path

from datasets.label_values import camera_value, name_key, person_number, written_name
from datasets.layouts.crop_folders import CropScan
from datasets.layouts.scan import BrokenFileError, DatasetNotFoundError, Problem
from datasets.samples import UNLABELLED, CropSample

SPLITS = ("train", "gallery", "query")
FILE_NAME = "crops.csv"

_NEEDED = ("path", "person_id", "split")
_EXAMPLE = "path,person_id,camera,split"
_REMEDY = "correct the line or remove it"


def scan_crops(root: Path, split: str) -> CropScan:
    """The crops of one split, in the file's own identities, with every line that is not understood.

    Args:
        root: The CSV file, or a folder with a crops.csv.
        split: "train", "gallery" or "query".

    Raises:
        DatasetNotFoundError: There is no such file.
        BrokenFileError: The file is no text, or lacks a column.
    """
    path = root / FILE_NAME if root.is_dir() else root
    if not path.is_file():
        raise DatasetNotFoundError(
            f"csv data set: no file {path}; expected a CSV file with the columns {_EXAMPLE}, or a folder with "
            f"{FILE_NAME}: write one"
        )
    samples: list[CropSample] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, row in _rows(path):
        try:
            crop, crop_split = _crop(row, path.parent)
        except ValueError as error:
            problems.append(Problem(f"{path.name} line {number}", str(error), _REMEDY))
            continue
        if crop_split != split:
            continue
        if name_key(crop.name) in seen:
            what = f"{crop.name} is listed twice in the split {split}, the first line counts"
            problems.append(Problem(f"{path.name} line {number}", what, "remove one of the lines", fatal=False))
            continue
        seen.add(name_key(crop.name))
        samples.append(crop)
    return CropScan(sorted(samples, key=lambda crop: crop.name), problems)


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """(line number, column -> value) of every line that is not blank."""
    try:
        # Spreadsheets begin a UTF-8 file with a byte order mark, which belongs to no column's name.
        text = io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")
        reader = csv.DictReader(text, restkey="", restval="", skipinitialspace=True)
        columns = [(column or "").strip() for column in reader.fieldnames or ()]
        reader.fieldnames = columns
        missing = [name for name in _NEEDED if name not in columns]
        if missing:
            what = f"has the columns {', '.join(columns) or 'none'} and lacks {', '.join(missing)}"
            remedy = f"write {_EXAMPLE} with commas into the first line"
            raise BrokenFileError(Problem(str(path), what, remedy))
        return [(reader.line_num, {k: v for k, v in row.items() if k}) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        what = f"is no CSV file in UTF-8 ({error})"
        raise BrokenFileError(Problem(str(path), what, "save it as CSV, UTF-8")) from error


def _crop(row: dict[str, str], folder: Path) -> tuple[CropSample, str]:
    """One line and its split; raises ValueError with what is wrong."""
    values = {column: value.strip() for column, value in row.items()}
    name, split = written_name(folder, values["path"]), values["split"]
    if not name:
        raise ValueError("path is empty, expected a picture's path")
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
    person_id = person_number(values["person_id"])
    if person_id == UNLABELLED and split == "query":
        raise ValueError("person_id is -1; a query needs an identity")
    return CropSample(folder / name, person_id, camera_value(values.get("camera")), name=name), split
