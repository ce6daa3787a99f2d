"""MOTChallenge sequences (MOT15 to MOT20): frames of one camera each, with tracks as identities.

Layout of a sequence: seqinfo.ini, img1/000001.jpg ..., gt/gt.txt with rows "frame, track, left, top, width, height,
flag, class, visibility"; frames are counted from 1, and 1-based pixels become 0-based here. Rows of class 1 with flag 1
are people. Rows of class 1 with flag 0, and of classes 2 (person on a vehicle), 7 (static person), 8 (distractor) and
12 (reflection), are regions to ignore; rows of other classes are counted and not read. MOT15 has no classes (-1): its
rows with flag 1 are people. A track below 0 is a person of unknown identity.

Programs that export this format number the classes in their own way and write their names into gt/labels.txt, one a
line from class 1 on. Where this file is there, its names decide.

Milan et al., "MOT16: A Benchmark for Multi-Object Tracking", 2016 (arXiv 1603.00831), section 3.
"""

import configparser
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from datasets.frame_numbers import frame_numbers, in_order
from datasets.images import IMAGE_SUFFIXES
from datasets.label_values import decoded_text, means_person, written_name
from datasets.layouts.scan import BrokenFileError, DatasetNotFoundError, Problem, Scan
from datasets.samples import UNLABELLED, FrameSample

CLASS_NAMES = (
    "pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "non motorized vehicle", "static person",
    "distractor", "occluder", "occluder on the ground", "occluder full", "reflection", "crowd",
)  # fmt: skip
"""The classes of MOT16 to MOT20, from 1 on."""

_IGNORED_NAMES = frozenset({"person on vehicle", "static person", "distractor", "reflection"})
_NO_CLASS = -1
_LABELS = "labels.txt"

_SPLIT_FOLDERS = {"train": "train", "gallery": "test"}
_AGAIN = "copy it again from the data set's archive"
_CORRECT = "correct the row or remove it"
_ROW = "frame, track, left, top, width, height, flag, class, visibility"


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
    notes: list[str] = []
    identities = 0
    for folder in sequence_folders(root, split):
        sequence, count = _read_sequence(folder, identities, problems, notes)
        samples.extend(sequence)
        identities += count
    names = Counter(sample.name for sample in samples)
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        what = f"two sequences have the name {twice.rpartition('/')[0]}, so that frames cannot be told apart"
        problems.append(Problem(str(root), what, "give each seqinfo.ini a name of its own"))
    return Scan(samples, problems, tuple(notes))


def sequence_folders(root: Path, split: str) -> list[Path]:
    """The sequences below `root`, sorted by name.

    Args:
        root: One sequence, a folder of sequences, or a folder with train/ and test/.
        split: "train" or "gallery"; it decides between train/ and test/.

    Raises:
        DatasetNotFoundError: There is no sequence below `root`.
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


def _read_sequence(
    folder: Path, first_identity: int, problems: list[Problem], notes: list[str]
) -> tuple[list[FrameSample], int]:
    """Frames of one sequence and the number of its identities."""
    name, image_folder, rate = sequence_info(folder, problems)
    truths = read_truth(folder / "gt" / "gt.txt", problems, notes)
    images = _numbered_pictures(image_folder, set(truths), problems)
    for number in sorted(set(truths) - set(images)):
        where = f"{name} frame {number}"
        what = f"has rows in gt.txt, but no image in {image_folder}"
        problems.append(Problem(where, what, "unpack the sequence again", fatal=False))
    tracks = sorted({track for number in images for track in truths.get(number, Truth()).tracks if track >= 0})
    identity_of = {track: first_identity + index for index, track in enumerate(tracks)}
    samples = []
    for number in sorted(images):
        truth = truths.get(number, Truth())
        samples.append(
            FrameSample(
                f"{name}/{images[number].name}",
                images[number],
                np.asarray(truth.boxes, dtype=np.float32),
                np.asarray([identity_of.get(track, UNLABELLED) for track in truth.tracks], dtype=np.int64),
                camera=name,
                original_ids=np.asarray(truth.tracks, dtype=np.int64),
                timestamp=(number - 1) / rate if rate else None,
                ignore=np.asarray(truth.ignore, dtype=np.float32),
            )
        )
    return samples, len(tracks)


def _numbered_pictures(folder: Path, rows: set[int], problems: list[Problem]) -> dict[int, Path]:
    """Frame number -> picture; what cannot be matched with the rows of gt.txt becomes a problem."""
    entries = folder.iterdir() if folder.is_dir() else ()
    pictures = in_order([path for path in entries if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."])
    if not pictures:
        problems.append(Problem(str(folder), "holds no image like 000001.jpg", "unpack the sequence again"))
    try:
        return dict(zip(frame_numbers(pictures, rows), pictures, strict=True))
    except ValueError as error:
        what, _, remedy = str(error).rpartition("; ")
        problems.append(Problem(str(folder), what, remedy))
        return dict(enumerate(pictures, start=1))


def sequence_info(folder: Path, problems: list[Problem]) -> tuple[str, Path, float]:
    """The name, the folder of images and the frame rate of a sequence, as seqinfo.ini says.

    Args:
        folder: The sequence's folder. seqinfo.ini may be absent: then the folder's name and img1/ are taken.
        problems: A seqinfo.ini that cannot be read is appended.

    Returns:
        The name, the folder of images, and the frames a second, 0 where they are unknown.
    """
    path = folder / "seqinfo.ini"
    resolved = folder.resolve().name
    if not path.is_file():
        return resolved, folder / "img1", 0.0
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(decoded_text(path.read_bytes()))
        section = parser["Sequence"]
        rate = float(section.get("frameRate", "0"))
        if not 0 <= rate < float("inf"):
            raise ValueError(f"frameRate is {rate}")
        return section.get("name", resolved), folder / written_name(folder, section.get("imDir", "img1")), rate
    except (configparser.Error, KeyError, ValueError) as error:
        what = f"cannot be read ({str(error).splitlines()[0]})"
        problems.append(Problem(str(path), what, "write [Sequence] with name, imDir, frameRate", False, kept=True))
        return resolved, folder / "img1", 0.0


@dataclass(frozen=True)
class _Classes:
    """What the class numbers of a file of rows mean."""

    people: frozenset[int]
    ignored: frozenset[int]
    names: Mapping[int, str]


def _classes(path: Path) -> _Classes:
    """The classes of MOTChallenge, or those of labels.txt beside the rows.

    Raises:
        BrokenFileError: The file labels.txt is no text, or names no person.
    """
    labels = path.with_name(_LABELS)
    names: Sequence[str] = CLASS_NAMES
    if labels.is_file():
        try:
            names = [line.strip() for line in decoded_text(labels.read_bytes()).splitlines()]
        except UnicodeDecodeError as error:
            raise BrokenFileError(Problem(str(labels), f"is not plain text (byte {error.start})", _AGAIN)) from error
        if not any(means_person(name) for name in names):
            what = f"names no class person: it has {', '.join(filter(None, names)) or 'no line'}"
            raise BrokenFileError(Problem(str(labels), what, 'call the class of people "person"'))
    numbered = {number: name for number, name in enumerate(names, start=1) if name}
    people = frozenset(number for number, name in numbered.items() if means_person(name))
    alike = {number: " ".join(re.split(r"[\s_-]+", name.casefold())) for number, name in numbered.items()}
    ignored = frozenset(number for number, name in alike.items() if name in _IGNORED_NAMES)
    return _Classes(people | {_NO_CLASS}, ignored, numbered)


def read_truth(path: Path, problems: list[Problem], notes: list[str] | None = None) -> dict[int, Truth]:
    """The rows of a box file in MOTChallenge's format.

    Args:
        path: The file gt.txt, or a file of the same rows. A labels.txt beside it names the classes.
        problems: Every row that cannot be understood, is left out or is doubtful is appended.
        notes: A line about rows of classes that are not read is appended.

    Returns:
        Frame number -> people and regions to ignore; empty where there is no file.

    Raises:
        BrokenFileError: The file is not plain text, or labels.txt names no person.
    """
    truths: dict[int, Truth] = {}
    if not path.is_file():
        return truths
    classes = _classes(path)
    unread: Counter[int] = Counter()
    try:
        lines = decoded_text(path.read_bytes()).splitlines()
    except UnicodeDecodeError as error:
        raise BrokenFileError(Problem(str(path), f"is not plain text (byte {error.start})", _AGAIN)) from error
    for line_number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path} line {line_number}"
        try:
            values = [float(value) for value in line.split(",")]
            if len(values) < 7 or not np.isfinite(values).all():
                raise ValueError
        except ValueError:
            problems.append(Problem(where, f"is {line[:60]!r}, expected {_ROW}", _CORRECT))
            continue
        _add_row(where, values, classes, truths, problems, unread)
    if unread and notes is not None:
        counted = (f"{count} rows of class {kind} ({classes.names[kind]})" for kind, count in sorted(unread.items()))
        notes.append(f"{path}: {', '.join(counted)} are no people and are not read")
    return truths


def _add_row(
    where: str, values: list[float], classes: _Classes, truths: dict[int, Truth], problems: list[Problem],
    unread: Counter[int],
) -> None:  # fmt: skip
    """Add one row to its frame, or a problem to the list, or count it as of a class that is not read."""
    # The ten columns of MOT15 end with a place in the world, in meters, where others have a class.
    world = len(values) == 10 and not values[7].is_integer()
    try:
        frame, track = _whole("frame", values[0]), _whole("track", values[1])
        kind = _NO_CLASS if len(values) < 8 or world else _whole("class", values[7])
        if frame < 0:
            raise ValueError(f"frame is {frame}, expected 1 or more")
        if kind not in classes.names and kind != _NO_CLASS:
            raise ValueError(f"class is {kind}, expected one of 1 to {max(classes.names)}, or -1 where there is none")
    except ValueError as error:
        problems.append(Problem(where, str(error), _CORRECT))
        return
    person = kind in classes.people
    if not person and kind not in classes.ignored:
        unread[kind] += 1
        return
    left, top, width, height = values[2:6]
    if width <= 0 or height <= 0:
        what = f"its box [{left:g}, {top:g}, {width:g}, {height:g}] has no area and is left out"
        problems.append(Problem(where, what, _CORRECT, fatal=False))
        return
    truth = truths.setdefault(frame, Truth())
    box = [left - 1, top - 1, left - 1 + width, top - 1 + height]
    if not person or values[6] == 0:
        truth.ignore.append(box)
        return
    if track in truth.tracks and track >= 0:
        what = f"track {track} occurs twice in frame {frame}; the first box counts as the true one"
        problems.append(Problem(where, what, "remove one of the rows", False, kept=True))
    truth.boxes.append(box)
    truth.tracks.append(track)


def _whole(name: str, value: float) -> int:
    if not value.is_integer():
        raise ValueError(f"{name} is {value:g}, expected a whole number")
    return int(value)
