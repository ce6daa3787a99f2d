"""MSMT17: 126,441 crops of 4,101 persons in fifteen cameras, four days, morning, noon and afternoon.

Wei et al., "Person Transfer GAN to Bridge Domain Gap for Person Re-Identification", CVPR 2018. Version 1 has the
folders train/ and test/, version 2 (faces blurred) mask_train_v2/ and mask_test_v2/; lists name the crops of each part,
lines such as "0000/0000_045_12_0303morning_0006_2.jpg 0": picture and person, the camera in the name's third field.
"""

import re
from pathlib import Path

from datasets.label_values import decoded_text
from datasets.layouts.crop_folders import CropScan
from datasets.layouts.scan import BrokenFileError, DatasetNotFoundError, Problem, find_root
from datasets.samples import CropSample

_LISTS = {"train": "list_train.txt", "gallery": "list_gallery.txt", "query": "list_query.txt"}
_VALIDATION = "list_val.txt"
_FOLDERS = {"train": ("train", "mask_train_v2"), "gallery": ("test", "mask_test_v2"), "query": ("test", "mask_test_v2")}
_LINE = re.compile(
    r"(?P<path>(\S*/)?\d{4}_\d{3}_(?P<camera>0[1-9]|1[0-5])_\d{4}[a-z]+_\d{4}_\d+(_ex)?\.jpe?g)\s+(?P<person>\d+)"
)
_EXAMPLE = "0000/0000_045_12_0303morning_0006_2.jpg 0"
_SUBFOLDERS = ("MSMT17_V1", "MSMT17_V2", "MSMT17", "msmt17", "MSMT17_V1/MSMT17_V1", "MSMT17_V2/MSMT17_V2",
               "MSMT17/MSMT17_V1", "MSMT17/MSMT17_V2", "msmt17/MSMT17_V1", "msmt17/MSMT17_V2")  # fmt: skip
_REMEDY = "Ask the authors for the data set, unpack it and give the folder that holds list_train.txt"


def scan_crops(root: Path, split: str, *, validation: bool = False) -> CropScan:
    """The crops of one split, in the lists' own identities, with every line that is not understood.

    Training and test persons are both numbered from 0 in the lists: the test persons here follow the training persons
    (`original_id` keeps the list's number), so that no number stands for two people.

    Args:
        root: The data set's folder or its parent; where both versions are there, version 1 is read.
        split: "train", "gallery" or "query".
        validation: True adds list_val.txt to the training crops. The standard protocol leaves it out.

    Raises:
        DatasetNotFoundError: Neither `root` nor its usual sub-folders hold the lists and the pictures' folder.
    """
    root = find_root(root, "MSMT17", sorted(_LISTS.values()), _SUBFOLDERS, _REMEDY)
    scan = _scan_list(root, split, _LISTS[split])
    if split == "train":
        if not validation:
            return scan
        more = _scan_list(root, split, _VALIDATION)
        samples = sorted(scan.samples + more.samples, key=lambda crop: crop.name)
        return CropScan(samples, scan.problems + more.problems)
    lists = [_LISTS["train"], *([_VALIDATION] if (root / _VALIDATION).is_file() else [])]
    taken = [crop.person_id for name in lists for crop in _scan_list(root, "train", name).samples]
    return CropScan([_shifted(crop, max(taken, default=-1) + 1) for crop in scan.samples], scan.problems)


def _scan_list(root: Path, split: str, list_name: str) -> CropScan:
    """The crops of one list file, sorted by name, in the list's own identities."""
    folders = [name for name in _FOLDERS[split] if (root / name).is_dir()]
    if not folders or not (root / list_name).is_file():
        missing = list_name if folders else " or ".join(_FOLDERS[split])
        raise DatasetNotFoundError(f"MSMT17 data set: {root} lacks {missing}. {_REMEDY}")
    folder = folders[0]
    samples: list[CropSample] = []
    problems: list[Problem] = []
    for number, written in enumerate(_lines(root / list_name), 1):
        line = written.replace("\\", "/")
        if not line.strip() or line.startswith("__MACOSX") or "/._" in line:
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            where, what = f"{list_name} line {number}", f"{line.strip()!r} does not say picture, camera and person"
            problems.append(Problem(where, what, f"expected a line like {_EXAMPLE}", fatal=False))
            continue
        path = root / folder / found["path"]
        samples.append(CropSample(path, int(found["person"]), int(found["camera"]), name=f"{folder}/{found['path']}"))
    return CropScan(sorted(samples, key=lambda crop: crop.name), problems)


def _lines(path: Path) -> list[str]:
    try:
        return decoded_text(path.read_bytes()).splitlines()
    except UnicodeDecodeError as error:
        what = f"is not plain text (byte {error.start})"
        raise BrokenFileError(Problem(str(path), what, "copy it again from the data set's archive")) from error


def _shifted(crop: CropSample, offset: int) -> CropSample:
    return CropSample(crop.path, crop.person_id + offset, crop.camera, original_id=crop.original_id, name=crop.name)
