"""Market-1501: 32,668 crops of 1,501 persons in six cameras, 64 x 128 pixels, and 3,368 queries.

Zheng et al., "Scalable Person Re-identification: A Benchmark", ICCV 2015; release v15.09.15. A name such as
0002_c1s1_000451_03.jpg says person, camera, sequence, frame and detection (00 is the hand-drawn box of a query).
Person -1 is junk (a bad detection), which the protocol neither rewards nor punishes: it is not read. Person 0 is a
distractor: it stays in the gallery and is never trained on nor asked for.
"""

import re
from pathlib import Path

from datasets.crop_folders import CropScan, scan_folder
from datasets.layout import find_root

FOLDERS = {"train": "bounding_box_train", "gallery": "bounding_box_test", "query": "query"}
_PATTERN = re.compile(r"(?P<person>-1|\d{4})_c(?P<camera>[1-6])s\d+_\d{6}_\d{2}(\.jpg)+")  # the release has 24 .jpg.jpg
_EXAMPLE = "0002_c1s1_000451_03.jpg"
_SUBFOLDERS = ("Market-1501-v15.09.15", "Market-1501", "market1501")
_REMEDY = "Unpack Market-1501-v15.09.15.zip and give the folder that holds bounding_box_train/"
_DISTRACTOR = 0


def scan_crops(root: Path, split: str) -> CropScan:
    """The crops of one split, in the files' own identities, with every picture whose name is not understood.

    Raises:
        DatasetNotFoundError: neither `root` nor its usual sub-folders hold the split.
    """
    folder = FOLDERS[split]
    root = find_root(root, "Market-1501", [folder], _SUBFOLDERS, _REMEDY)
    scan = scan_folder(root / folder, _PATTERN, _EXAMPLE)
    lowest = _DISTRACTOR if split == "gallery" else _DISTRACTOR + 1
    return CropScan([sample for sample in scan.samples if sample.person_id >= lowest], scan.problems)
