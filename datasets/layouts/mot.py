"""MOTChallenge sequences (MOT15 to MOT20): frames of one camera each, with tracks as identities.

Layout of a sequence: seqinfo.ini, img1/000001.jpg ..., gt/gt.txt with rows "frame, track, left, top, width, height,
flag, class, visibility"; 1-based pixels, which become 0-based here. Rows of class 1 with flag 1 are people. Rows of
class 1 with flag 0, and of classes 2 (person on a vehicle), 7 (static person), 8 (distractor) and 12 (reflection), are
regions to ignore; other classes are not read. MOT15 has no classes (-1): its rows with flag 1 are people.

Milan et al., "MOT16: A Benchmark for Multi-Object Tracking", 2016 (arXiv 1603.00831), section 3.
"""

import configparser
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from datasets.layouts.scan import BrokenFileError, DatasetNotFoundError, Problem, Scan
from datasets.samples import FrameSample

PEDESTRIAN = 1
IGNORED_CLASSES = frozenset({2, 7, 8, 12})

_SPLIT_FOLDERS = {"train": "train", "gallery": "test"}
_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}


def scan_frames(root: Path, split: str) -> Scan:
    """The frames of all sequences, in the order of names, together with every broken record.

    Args:
        root: One sequence, a folder of sequences, or a folder with train/ (split "train") and test/ ("gallery").
        split: "train" or "gallery"; the result is the same where `root` does not distinguish them.

    Returns:
        The frames. A frame's camera is its sequence's name. Identities are 0 .. P-1 over all sequences, in both splits,
        because track numbers repeat from sequence to sequence; `original_ids` are the track numbers. Timestamps are
        seconds since the sequence's start. A sequence without gt/gt.txt gives frames without boxes.

    Raises:
        DatasetNotFoundError: `root` holds no sequence.
        BrokenFileError: A file of boxes is no plain text.
    """
    samples: list[FrameSample] = []
    problems: list[Problem] = []
    identities = 0
    for folder in sequence_folders(root, split):
        sequence, count = _read_sequence(folder, identities, problems)
        samples.extend(sequence)
        identities += count
    return Scan(samples, problems)


def sequence_folders(root: Path, split: str) -> list[Path]:
    """The sequences below `root`, sorted by name.

    Raises:
        DatasetNotFoundError: there is none.
    """
    if not root.is_dir():
        state = "is a file, not a folder" if root.exists() else "does not exist"
        raise DatasetNotFoundError(f"MOTChallenge data set: {root} {state}; give one sequence or a folder of sequences")
    if _is_sequence(root):
        return [root]
    if any((root / name).is_dir() for name in _SPLIT_FOLDERS.values()):
        root = root / _SPLIT_FOLDERS[split]
    folders = sorted(folder for folder in root.iterdir() if _is_sequence(folder)) if root.is_dir() else []
    if not folders:
        raise DatasetNotFoundError(
            f"MOTChallenge data set: no sequence below {root}; expected folders with seqinfo.ini or img1/, for example "
            "MOT17-02-FRCNN/img1/000001.jpg and MOT17-02-FRCNN/gt/gt.txt"
        )
    return folders


@dataclass
class Truth:
    """What is annotated in one frame: xyxy boxes in 0-based pixels, the track of each, regions to ignore."""

    boxes: list[list[float]] = field(default_factory=list)
    tracks: list[int] = field(default_factory=list)
    ignore: list[list[float]] = field(default_factory=list)


def _is_sequence(folder: Path) -> bool:
    return folder.is_dir() and ((folder / "seqinfo.ini").is_file() or (folder / "img1").is_dir())


def _read_sequence(folder: Path, first_identity: int, problems: list[Problem]) -> tuple[list[FrameSample], int]:
    """Frames of one sequence and the number of its identities."""
    name, image_folder, rate = sequence_info(folder, problems)
    pictures = image_folder.iterdir() if image_folder.is_dir() else ()
    images = {int(path.stem): path for path in pictures if path.stem.isdecimal() and path.suffix.lower() in _SUFFIXES}
    if not images:
        problems.append(Problem(str(image_folder), "holds no image like 000001.jpg", "unpack the sequence again"))
    truths = read_truth(folder / "gt" / "gt.txt", problems)
    for number in sorted(set(truths) - set(images)):
        where = f"{name} frame {number}"
        what = f"has rows in gt.txt, but no image in {image_folder}"
        problems.append(Problem(where, what, "unpack the sequence again", fatal=False))
    tracks = sorted({track for number in images for track in truths.get(number, Truth()).tracks})
    identity_of = {track: first_identity + index for index, track in enumerate(tracks)}
    samples = []
    for number in sorted(images):
        truth = truths.get(number, Truth())
        samples.append(
            FrameSample(
                f"{name}/{images[number].name}",
                images[number],
                np.asarray(truth.boxes, dtype=np.float32),
                np.asarray([identity_of[track] for track in truth.tracks], dtype=np.int64),
                camera=name,
                original_ids=np.asarray(truth.tracks, dtype=np.int64),
                timestamp=(number - 1) / rate if rate else None,
                ignore=np.asarray(truth.ignore, dtype=np.float32),
            )
        )
    return samples, len(tracks)


def sequence_info(folder: Path, problems: list[Problem]) -> tuple[str, Path, float]:
    """Name, image folder and frame rate (0 where unknown) of seqinfo.ini, which may be absent."""
    path = folder / "seqinfo.ini"
    resolved = folder.resolve().name
    if not path.is_file():
        return resolved, folder / "img1", 0.0
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
        section = parser["Sequence"]
        rate = float(section.get("frameRate", "0"))
        if not 0 <= rate < float("inf"):
            raise ValueError(f"frameRate is {rate}")
        return section.get("name", resolved), folder / section.get("imDir", "img1"), rate
    except (configparser.Error, KeyError, ValueError) as error:
        what = f"cannot be read ({str(error).splitlines()[0]})"
        problems.append(Problem(str(path), what, "write [Sequence] with name, imDir, frameRate", False, kept=True))
        return resolved, folder / "img1", 0.0


def read_truth(path: Path, problems: list[Problem]) -> dict[int, Truth]:
    """The rows of a box file in MOTChallenge's format.

    Args:
        path: gt.txt, or a file of the same rows.
        problems: receives every row that cannot be understood, is left out or is doubtful.

    Returns:
        Frame number -> people and regions to ignore; empty where there is no file.

    Raises:
        BrokenFileError: the file is not plain text.
    """
    truths: dict[int, Truth] = {}
    if not path.is_file():
        return truths
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError as error:
        what = f"is not plain text (byte {error.start})"
        raise BrokenFileError(Problem(str(path), what, "copy it again from the data set's archive")) from error
    for line_number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path} line {line_number}"
        try:
            values = [float(value) for value in line.split(",")]
            if len(values) < 7 or not np.isfinite(values).all():
                raise ValueError
        except ValueError:
            what = f"is {line[:60]!r}, expected frame, track, left, top, width, height, flag, class, visibility"
            problems.append(Problem(where, what, "correct the row or remove it"))
            continue
        _add_row(where, values, truths, problems)
    return truths


def _add_row(where: str, values: list[float], truths: dict[int, Truth], problems: list[Problem]) -> None:
    frame, track, flag = int(values[0]), int(values[1]), values[6]
    kind = int(values[7]) if len(values) > 7 else -1
    person = kind in (PEDESTRIAN, -1)
    if not person and kind not in IGNORED_CLASSES:
        return
    left, top, width, height = values[2:6]
    if width <= 0 or height <= 0:
        what = f"its box [{left:g}, {top:g}, {width:g}, {height:g}] has no area and is left out"
        problems.append(Problem(where, what, "correct the row or remove it", fatal=False))
        return
    truth = truths.setdefault(frame, Truth())
    box = [left - 1, top - 1, left - 1 + width, top - 1 + height]
    if not person or flag == 0:
        truth.ignore.append(box)
        return
    if track in truth.tracks:
        what = f"track {track} occurs twice in frame {frame}; the first box counts as the true one"
        problems.append(Problem(where, what, "remove one of the rows", False, kept=True))
    truth.boxes.append(box)
    truth.tracks.append(track)
