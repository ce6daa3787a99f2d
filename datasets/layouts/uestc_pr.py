"""UESTC-PR: five cameras on lamp posts around the square of an innovation center, walking and cycling people.

Li et al., "Triplet Online Instance Matching Loss for Person Re-identification", Neurocomputing 2021 (arXiv 2002.10560),
section IV. 499 identities, 60,437 boxes, one frame a second, 67 minutes in each of three periods of a day; 251
identities for training, 247 of the queries and 248 of the gallery.

The data set has no published layout. It is read through this project's own one (see datasets/layouts/custom.py): a
folder with train.json, test.json and queries.json. Frames whose JSON records name no camera or time get them from their
file names,
`c<camera>p<period>_<second>.jpg`: camera 1 to 5, period 1 to 3, second of that period's recording.

`personsearch data build --format uestc-pr` makes such a folder from recordings, boxes and identities. Of the split the
paper prints the numbers of identities only; what else it takes is decided in `split_identities` and in
datasets/building/splitting.py, and is said there.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from datasets.layouts import custom, frame_crops
from datasets.layouts.crop_folders import CropScan
from datasets.layouts.scan import Problem, Scan
from datasets.samples import FrameSample, Query

CAMERAS = (1, 2, 3, 4, 5)
PERIOD_STARTS = {1: 8 * 3600 + 30 * 60, 2: 11 * 3600, 3: 17 * 3600}
"""Period -> its start in seconds since midnight: 08:30, 11:00 and 17:00."""

IDENTITIES = {"all": 499, "train": 251, "query": 247, "gallery": 248}
BOXES = 60_437
MINUTES = 67
"""Length of each of the fifteen recordings."""

_NAME = re.compile(r"c([1-5])p([1-3])_(\d+)\.\w+", re.ASCII)


@dataclass(frozen=True)
class IdentitySplit:
    """Which people are for what.

    Args:
        train: The people to train on, in ascending order.
        query: The people to look for, in ascending order; all of them are in `gallery`.
        gallery: Everybody who is not in `train`, in ascending order.
    """

    train: tuple[int, ...]
    query: tuple[int, ...]
    gallery: tuple[int, ...]


def split_identities(
    identities: Iterable[int],
    *,
    seed: int,
    askable: Iterable[int] | None = None,
    train: Iterable[int] | None = None,
) -> IdentitySplit:
    """Divide people as Table 2 of the paper does: of 499 people 251 train, 248 are searched among, 247 looked for.

    Other numbers of people are divided in the same proportion. The paper says neither who is in which part nor why one
    person is never looked for. Here chance decides, by the seed alone, whatever the order of `identities`; people who
    cannot be asked for (nobody else than one camera saw them) are the first that are not looked for.

    Args:
        identities: The numbers of the people, 0 or more; a number that occurs again counts once.
        seed: The number that decides what is left to chance; another one gives another split.
        askable: The people who can be looked for; None stands for everybody.
        train: The people to train on, where something else than chance has decided.

    Raises:
        ValueError: There are fewer than two identities, or one is negative.
    """
    people = sorted(set(identities))
    if len(people) < 2 or people[0] < 0:
        raise ValueError(
            f"there are {len(people)} identities{f', the lowest {people[0]}' if people else ''}, expected at least two "
            "numbers >= 0: some people to train on and others to search for"
        )
    order = [people[row] for row in np.random.default_rng([seed, IDENTITIES["all"]]).permutation(len(people))]
    size = min(len(people) - 1, max(1, round(len(people) * IDENTITIES["train"] / IDENTITIES["all"])))
    chosen = set(order[:size] if train is None else train)
    gallery = [person for person in order if person not in chosen]
    can = set(gallery if askable is None else askable)
    wanted = max(1, round(len(gallery) * IDENTITIES["query"] / IDENTITIES["gallery"]))
    query = [person for person in gallery if person in can][:wanted]
    return IdentitySplit(tuple(sorted(chosen)), tuple(sorted(query)), tuple(sorted(gallery)))


def parse_name(name: str) -> tuple[int, int, int] | None:
    """(camera, period, second) of a frame's file name, None where it does not follow the convention.

    Args:
        name: A file name, or a path with forward slashes.
    """
    found = _NAME.fullmatch(name.rsplit("/", 1)[-1])
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def scan_frames(root: Path, split: str) -> Scan:
    """The frames of one split as the custom layout reads them, with cameras and times from names where absent.

    Args:
        root: The data set's folder, or one JSON file, which is then the split.
        split: "train" or "gallery"; both keep the file's own identities. Times are seconds since midnight of the
            recording day.

    Raises:
        DatasetNotFoundError: There is no such file.
        BrokenFileError: The file is not of the layout.
    """
    scan = custom.scan_frames(root, split)
    return replace(scan, samples=[_completed(sample) for sample in scan.samples])


def scan_queries(root: Path, same_camera: bool = False) -> tuple[list[Query], list[Problem]]:
    """The queries as the custom layout reads them, together with every broken record.

    Args:
        root: The data set's folder, or the JSON file of the gallery, beside which queries.json lies.
        same_camera: False (cross-camera search) leaves the frames of the query's camera out of its gallery.

    Raises:
        DatasetNotFoundError: There is no query file.
        BrokenFileError: A file is not of the layout.
    """
    return custom.scan_queries(root, same_camera, frames=scan_frames(root, "gallery"))


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


def _completed(sample: FrameSample) -> FrameSample:
    parsed = parse_name(sample.name)
    if parsed is None:
        return sample
    camera, period, second = parsed
    time = float(PERIOD_STARTS[period] + second) if sample.timestamp is None else sample.timestamp
    return replace(sample, camera=camera if sample.camera is None else sample.camera, timestamp=time)
