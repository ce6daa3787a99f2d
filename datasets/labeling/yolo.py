"""Frames in YOLO's form: beside each picture a text file with a line "class x y width height" for each box.

x and y are the middle of the box. All four are shares of the picture's width or height, from 0 to 1. Nobody has an
identity in this form: everybody is UNLABELLED, which is enough to train and measure a detector. A picture without a
text file shows nobody. Boxes of classes that are no people are counted and not read. `yolo_set` says where pictures and
names are looked for.

A line with more than five numbers is something else (the outline of a shape, a box with a confidence or with the
number of a track), and nobody can say what for sure: it is named and left out.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from datasets.frame_numbers import natural_key
from datasets.images import IMAGE_SUFFIXES, header_size, image_aspect
from datasets.label_values import decoded_text, means_person, whole_number
from datasets.labeling.yolo_set import YoloSet, read_yolo_set
from datasets.layouts.scan import DatasetNotFoundError, Problem, Scan
from datasets.samples import UNLABELLED, FrameSample

_SHIFT = 0.01
"""How far beyond the picture a value may lie, as rounding writes it; what lies further out is no share of a picture."""


@dataclass
class _Read:
    """What is found while the labels are read."""

    problems: list[Problem] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    unlabelled_pictures: int = 0


def scan_frames(root: Path, split: str) -> Scan:
    """The frames of one split, together with every broken record.

    Args:
        root: The data set's folder, or its data.yaml.
        split: "train", or "gallery", which is the part test, or val where there is no test. The result is the same
            where the data set is not divided.

    Raises:
        DatasetNotFoundError: `root` holds no such data set, or no picture.
        BrokenFileError: The file of names cannot be read, or no class is a person.
    """
    found = read_yolo_set(root)
    part = found.part_of(split)
    read = _Read()
    pictures = list(dict.fromkeys(picture for place in found.parts[part] for picture in _pictures(place, found, read)))
    if not pictures:
        places = ", ".join(map(str, found.parts[part]))
        raise DatasetNotFoundError(f"yolo data set: no picture in {places}; correct data.yaml, or put them there")
    samples = [sample for picture in pictures if (sample := _sample(picture, found, read)) is not None]
    read.problems += _without_pictures(pictures)
    notes = [
        f"{found.folder}: {count} boxes of {name!r} are no people and are not read"
        for name, count in read.others.items()
    ]
    if read.unlabelled_pictures:
        notes.append(f"{found.folder}: {read.unlabelled_pictures} pictures have no text file, so nobody is in them")
    passed_over = [name for name in found.parts if name not in ("train", part) and split == "gallery"]
    notes += [f"{found.folder}: the part {name} is not read; {part} is" for name in passed_over]
    return Scan(samples, read.problems, tuple(notes))


def label_file(picture: Path) -> Path:
    """The text file of a picture: below labels/ where the picture is below images/, or beside it.

    Args:
        picture: The picture.

    >>> label_file(Path("set/images/train/a.jpg")).as_posix()
    'set/labels/train/a.txt'
    """
    parts = list(picture.parts)
    if "images" in parts[:-1]:
        parts[len(parts) - 2 - parts[-2::-1].index("images")] = "labels"
    return Path(*parts).with_suffix(".txt")


def _pictures(place: Path, found: YoloSet, read: _Read) -> Iterator[Path]:
    """The pictures of a folder, or those that a text file lists, in their order."""
    if place.is_dir():
        there = (path for path in place.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != ".")
        yield from sorted(there, key=lambda path: natural_key(path.as_posix()))
        return
    if not place.is_file():
        raise DatasetNotFoundError(
            f"yolo data set: {place} does not exist, though {found.folder} names it; correct data.yaml"
        )
    for number, line in enumerate(decoded_text(place.read_bytes()).splitlines(), start=1):
        written = line.strip().replace("\\", "/")
        if not written:
            continue
        candidates = [base / written for base in (place.parent, found.folder)]
        candidates.append(found.folder / written.removeprefix("data/"))  # as CVAT writes for darknet
        picture = next((path for path in candidates if path.is_file()), None)
        if picture is None:
            where = f"{place} line {number}"
            read.problems.append(Problem(where, f"{written} does not exist", "put it there or remove the line", False))
        else:
            yield picture


def _sample(picture: Path, found: YoloSet, read: _Read) -> FrameSample | None:
    name = picture.relative_to(found.folder) if picture.is_relative_to(found.folder) else picture
    size = _size(picture)
    if size is None:
        what = "is no picture whose size can be read, and its boxes are shares of it"
        read.problems.append(Problem(str(picture), what, "copy the picture again or remove it", fatal=False))
        return None
    boxes = _boxes(label_file(picture), size, found, read)
    return FrameSample(
        name.as_posix(),
        picture,
        np.asarray(boxes, dtype=np.float32),
        np.full(len(boxes), UNLABELLED, dtype=np.int64),
        size=size,
    )


def _size(picture: Path) -> tuple[int, int] | None:
    """Width and height of a picture as it is shown, from its header."""
    try:
        with picture.open("rb") as file:
            size = header_size(file)
    except OSError:
        return None
    if size is None or min(size) < 1:
        return None
    lies = image_aspect(picture) < 1
    return size if lies == (size[0] < size[1]) or size[0] == size[1] else (size[1], size[0])


def _boxes(path: Path, size: tuple[int, int], found: YoloSet, read: _Read) -> list[list[float]]:
    """The people of a text file, xyxy in pixels."""
    if not path.is_file():
        read.unlabelled_pictures += 1
        return []
    try:
        lines = decoded_text(path.read_bytes()).splitlines()
    except UnicodeDecodeError as error:
        read.problems.append(Problem(str(path), f"is not plain text (byte {error.start})", "save it as UTF-8"))
        return []
    boxes = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            box = _box(line, size, found, read)
        except ValueError as error:
            remedy = "correct the line or remove it"
            read.problems.append(Problem(f"{path} line {number}", str(error), remedy, fatal=False))
            continue
        if box is not None:
            boxes.append(box)
    return boxes


def _box(line: str, size: tuple[int, int], found: YoloSet, read: _Read) -> list[float] | None:
    """The box of one line, None where it is no person's; raises ValueError with what is wrong."""
    words = line.split()
    expected = 'expected "class x y width height", the last four from 0 to 1'
    try:
        kind = whole_number(words[0])
        values = [float(word) for word in words[1:]]
    except ValueError:
        raise ValueError(f"is {line.strip()[:60]!r}, {expected}") from None
    if len(values) != 4:
        shape = "the outline of a shape" if len(values) >= 6 and len(values) % 2 == 0 else "something else"
        raise ValueError(f"has {len(words)} numbers, {expected}; it is {shape} and is left out")
    if kind not in found.names:
        listed = ", ".join(f"{number} ({name})" for number, name in found.names.items())
        raise ValueError(f"is of class {kind}, which has no name; expected one of {listed}")
    if not np.isfinite(values).all() or min(values) < -_SHIFT or max(values) > 1 + _SHIFT:
        raise ValueError(f"is {line.strip()[:60]!r}, {expected}; pixels are divided by the picture's width or height")
    if not means_person(found.names[kind]):
        read.others[found.names[kind]] += 1
        return None
    x, y, width, height = values
    corners = np.clip([x - width / 2, y - height / 2, x + width / 2, y + height / 2], 0, 1) * (size * 2)
    if width <= 0 or height <= 0 or not (corners[2:] > corners[:2]).all():
        raise ValueError(f"has no area inside its picture: {line.strip()[:60]!r}")
    box: list[float] = corners.tolist()
    return box


def _without_pictures(pictures: list[Path]) -> list[Problem]:
    """Text files that belong to no picture, in the folders of those that do."""
    labels = {label_file(picture) for picture in pictures}
    beside = {path.parent for path in pictures}
    problems = []
    for folder in sorted({label.parent for label in labels} - beside):
        for path in sorted(folder.glob("*.txt")) if folder.is_dir() else ():
            if path not in labels and path.name != "classes.txt":
                problems.append(
                    Problem(str(path), "belongs to no picture", "put the picture there or remove it", False)
                )
    return problems
