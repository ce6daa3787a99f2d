"""Market-1501: 32,668 crops of 1,501 persons in six cameras, 64 x 128 pixels, and 3,368 queries.

Zheng et al., "Scalable Person Re-identification: A Benchmark", ICCV 2015; release v15.09.15. A name such as
0002_c1s1_000451_03.jpg says person, camera, sequence, frame and detection (00 is the hand-drawn box of a query).
Person -1 is junk (a bad detection), which the protocol neither rewards nor punishes: it is not read. Person 0 is a
distractor: it stays in the gallery and is never trained on nor asked for.
"""

import re
from pathlib import Path

from datasets.crops import query_groups
from datasets.layouts.crop_folders import CropScan, one_of, scan_folder
from datasets.layouts.scan import accepted, find_root
from datasets.samples import CropSample

FOLDERS = {"train": "bounding_box_train", "gallery": "bounding_box_test", "query": "query"}
"""Split -> its folder, in this data set and in those that took over its layout."""

SPLITS_BY = ("files", "identities")

_HAND_DRAWN = "gt_bbox"
_PATTERN = re.compile(r"(?P<person>-1|\d{4})_c(?P<camera>[1-6])s\d+_\d{6}_\d{2}(\.jpg)+")  # the release has 24 .jpg.jpg
_EXAMPLE = "0002_c1s1_000451_03.jpg"
_SUBFOLDERS = ("Market-1501-v15.09.15", "Market-1501", "market1501")
_REMEDY = "Unpack Market-1501-v15.09.15.zip and give the folder that holds bounding_box_train/"


def scan_crops(root: Path, split: str, *, split_by: str = "files") -> CropScan:
    """The crops of one split, in the files' own identities, with every picture whose name is not understood.

    Args:
        root: the data set's folder or its parent.
        split: "train", "gallery" or "query".
        split_by: "files" is the official protocol: 3,368 queries against 15,913 crops. "identities" is what the code
            base open-reid makes of it: it pools query/ and bounding_box_test/, the gallery is the whole pool (19,281
            crops) and the queries all of it but the distractors (16,483). Papers that used it report figures of
            that split without saying so; its mAP is usually less than 1 point off.

    Raises:
        DatasetNotFoundError: neither `root` nor its usual sub-folders hold the split.
        ValueError: another `split_by`.
    """
    one_of("split_by", split_by, SPLITS_BY)
    if split == "train" or split_by == "files":
        scans = [_scan_folder(root, FOLDERS[split])]
    else:
        scans = [_scan_folder(root, FOLDERS[part]) for part in ("gallery", "query")]
    lowest = 0 if split == "gallery" else 1
    samples = [crop for scan in scans for crop in scan.samples if crop.person_id >= lowest]
    return CropScan(sorted(samples, key=lambda crop: crop.name), [found for scan in scans for found in scan.problems])


def load_query_groups(root: Path | str, queries: list[CropSample]) -> list[list[CropSample]]:
    """For each query all hand-drawn crops of its person and camera (gt_bbox/): the multi-query protocol.

    Their embeddings are averaged, or the largest value taken, before the search; the query's own picture is one of
    them. A query without any stands alone.

    Args:
        root: as for `scan_crops`.
        queries: of the split "query".

    Raises:
        DatasetNotFoundError: there is no gt_bbox/.
    """
    root = Path(root)
    scan = _scan_folder(root, _HAND_DRAWN)
    accepted(scan.problems, root, "market1501")
    return query_groups(queries, scan.samples)


def _scan_folder(root: Path, folder: str) -> CropScan:
    root = find_root(root, "Market-1501", [folder], _SUBFOLDERS, _REMEDY)
    return scan_folder(root / folder, _PATTERN, _EXAMPLE)
