"""UESTC-PR: five cameras on lamp posts around the square of an innovation centre, walking and cycling people.

Li et al., "Triplet Online Instance Matching Loss for Person Re-identification", Neurocomputing 2021 (arXiv 2002.10560),
section IV. 499 identities, 60,437 boxes, one frame a second, 67 minutes in each of three periods of a day; 251
identities for training, 247 of the queries and 248 of the gallery.

The data set has no published layout. It is read through this project's own one (see datasets/custom.py): a folder with
train.json, test.json and queries.json. Frames whose JSON records name no camera or time get them from their file names,
`c<camera>p<period>_<second>.jpg`: camera 1 to 5, period 1 to 3, second of that period's recording.
"""

import re
from dataclasses import replace
from pathlib import Path

from datasets import custom
from datasets.layout import Problem, Scan, accepted, contiguous_ids
from datasets.samples import FrameSample, Query

CAMERAS = (1, 2, 3, 4, 5)
PERIOD_STARTS = {1: 8 * 3600 + 30 * 60, 2: 11 * 3600, 3: 17 * 3600}
"""Period -> its start in seconds since midnight: 08:30, 11:00 and 17:00."""

IDENTITIES = {"all": 499, "train": 251, "query": 247, "gallery": 248}
BOXES = 60_437

_NAME = re.compile(r"c([1-5])p([1-3])_(\d+)\.\w+", re.ASCII)


def parse_name(name: str) -> tuple[int, int, int] | None:
    """(camera, period, second) of a frame's file name, None where it does not follow the convention."""
    found = _NAME.fullmatch(name.rsplit("/", 1)[-1])
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def load_frames(root: Path, split: str) -> list[FrameSample]:
    """The frames of one split as `custom.load_frames` reads them, with cameras and times from names where absent.

    The time is seconds since midnight of the recording day. Raises as `custom.load_frames`.
    """
    scan = scan_frames(root, split)
    accepted(scan.problems, root, "uestc-pr")
    return contiguous_ids(scan.samples) if split == "train" else scan.samples


def load_queries(root: Path, same_camera: bool = False) -> list[Query]:
    """The queries as `custom.load_queries` reads them: cross-camera unless `same_camera`. Raises the same."""
    queries, problems = scan_queries(root, same_camera)
    accepted(problems, root, "uestc-pr")
    return queries


def scan_frames(root: Path, split: str) -> Scan:
    """The frames of one split, in the file's own identities, with every broken record."""
    scan = custom.scan_frames(root, split)
    return replace(scan, samples=[_completed(sample) for sample in scan.samples])


def scan_queries(root: Path, same_camera: bool = False) -> tuple[list[Query], list[Problem]]:
    """The queries together with every broken record, see `load_queries`."""
    return custom.scan_queries(root, same_camera, frames=scan_frames(root, "gallery"))


def _completed(sample: FrameSample) -> FrameSample:
    parsed = parse_name(sample.name)
    if parsed is None:
        return sample
    camera, period, second = parsed
    time = float(PERIOD_STARTS[period] + second) if sample.timestamp is None else sample.timestamp
    return replace(sample, camera=camera if sample.camera is None else sample.camera, timestamp=time)
