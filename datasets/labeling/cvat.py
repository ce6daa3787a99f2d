"""Frames that were labeled with CVAT: its XML 1.1 for images, and for videos, as "Export dataset" writes them.

    task/annotations.xml     <image name="a.jpg" ...> with boxes, or <track> with a box for each frame
    task/images/a.jpg        or frame_000000.png and so on

Who somebody is says an attribute that is called person_id, identity, id or the like: its numbers stay, names get
numbers. Where a file has no such attribute, each track is one person, and people in single pictures are UNLABELLED.
Boxes of labels that are no people, other shapes, turned and hidden boxes, boxes that are marked outside, and boxes
between key frames are counted and told. A video's camera is the name of its file.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError
from zipfile import is_zipfile

import numpy as np

from datasets.labeling.cvat_boxes import Person, Reading, read_person, says_identities, stated_size
from datasets.labeling.cvat_pictures import numbered_pictures, picture_named
from datasets.labeling.cvat_tracks import people_of_tracks
from datasets.labeling.identities import Identities
from datasets.layouts.custom_records import clipped_box
from datasets.layouts.scan import BrokenFileError, DatasetNotFoundError, Problem, Scan
from datasets.samples import FrameSample

_SPLIT_FOLDERS = {"train": ("train",), "gallery": ("test", "val", "validation")}
_EXPECTED = "an annotations.xml of CVAT 1.1 (for images or for video), or a folder with such files"


@dataclass(frozen=True)
class _Frame:
    """One picture, its people, and what the file says of it."""

    name: str
    picture: Path
    people: tuple[Person, ...]
    size: tuple[int, int] | None
    camera: str | None = None


@dataclass
class _Read:
    """What all files together gave."""

    frames: list[_Frame] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def scan_frames(root: Path, split: str) -> Scan:
    """The frames of one split, together with every broken record.

    Args:
        root: One XML file, a folder with some, or a folder with train/ and test/ (or val/).
        split: "train" or "gallery"; the result is the same where `root` does not distinguish them.

    Raises:
        DatasetNotFoundError: `root` holds no XML file.
        BrokenFileError: A file is no XML, or not CVAT's.
    """
    read = _Read()
    base = root if root.is_dir() else root.parent
    for file in _files(root, split):
        _read_file(file, base, read)
    people = Identities()
    for frame in read.frames:
        for person in frame.people:
            people.add(person.key)
    names = Counter(frame.name for frame in read.frames)
    for name in (name for name, count in names.items() if count > 1):
        what = "the picture is labeled twice, so that nobody can say which boxes are true"
        read.problems.append(Problem(name, what, "keep one of its records"))
    numbers = people.numbers()
    samples = [_sample(frame, [numbers[person.key] for person in frame.people], read.problems) for frame in read.frames]
    return Scan(samples, read.problems, (*read.notes, *people.notes()))


def _files(root: Path, split: str) -> list[Path]:
    if root.is_file() and is_zipfile(root):
        raise DatasetNotFoundError(f"CVAT data set: {root} is a ZIP archive, expected {_EXPECTED}; unpack it")
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise DatasetNotFoundError(f"CVAT data set: {root} does not exist; expected {_EXPECTED}")
    divided = {name for names in _SPLIT_FOLDERS.values() for name in names if any((root / name).glob("**/*.xml"))}
    folder = root
    if divided:
        name = next((name for name in _SPLIT_FOLDERS[split] if name in divided), None)
        if name is None:
            raise DatasetNotFoundError(
                f"CVAT data set, split {split!r}: {root} has {', '.join(sorted(divided))}, expected "
                f"{' or '.join(_SPLIT_FOLDERS[split])}; add it, or give the folder of one part"
            )
        folder = root / name
    files = sorted(path for path in folder.rglob("*.xml") if path.name[0] != ".")
    if not files:
        raise DatasetNotFoundError(f"CVAT data set: no XML file in {folder}; expected {_EXPECTED}")
    return files


def _read_file(file: Path, base: Path, read: _Read) -> None:
    root = _parsed(file)
    reading = Reading(file.relative_to(base).as_posix(), says_identities(root))
    images, tracks = root.findall("image"), root.findall("track")
    if images:
        read.frames += [_image(element, file, base, reading) for element in images]
        if tracks:
            what = f"has {'1 track' if len(tracks) == 1 else f'{len(tracks)} tracks'} beside its images, left out"
            read.problems.append(Problem(reading.file, what, "export it for images, or for video", fatal=False))
    else:
        read.frames += _video(root, tracks, file, base, reading)
    read.problems += reading.finished()
    read.notes += reading.notes()


def _parsed(file: Path) -> Element:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import parse  # refuses entities, with which a small file fills the memory

    try:
        root: Element = parse(file, forbid_dtd=True).getroot()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        reason = " ".join(str(error).split())[:120]
        raise BrokenFileError(Problem(str(file), f"is no readable XML ({reason})", "export it again")) from None
    if root.tag != "annotations":
        what = f"begins with <{root.tag}>, expected <annotations>"
        raise BrokenFileError(Problem(str(file), what, 'export as "CVAT for images 1.1" or "CVAT for video 1.1"'))
    return root


def _image(element: Element, file: Path, base: Path, reading: Reading) -> _Frame:
    name = element.get("name", "")
    where = f"{reading.file} {name}"
    if not name:
        where = f"{reading.file} image {element.get('id', '')}"
        reading.problems.append(Problem(where, "has no name, expected that of a picture", "write name=..."))
    picture = picture_named(file, name, element.get("subset"))
    people = [read_person(shape, shape.get("label", ""), where, reading) for shape in element]
    return _Frame(
        _below(base, picture),
        picture,
        tuple(person for person in people if person is not None),
        stated_size(element.get("width"), element.get("height")),
    )


def _video(root: Element, tracks: list[Element], file: Path, base: Path, reading: Reading) -> list[_Frame]:
    there = (box for box in root.iterfind("track/box") if box.get("outside") != "1")
    rows = {int(box.get("frame", "")) for box in there if box.get("frame", "").isdecimal()}
    task = root.find("meta/task")
    size = None if task is None else stated_size(task.findtext("size"), "1")
    pictures = numbered_pictures(file, rows, None if size is None else size[0], reading)
    people = people_of_tracks(tracks, pictures.keys(), reading)
    source = Path((root.findtext("meta/source") or root.findtext("meta/task/source") or "").strip()).stem
    camera = source or (file.parent.name if file.stem == "annotations" else file.stem)
    width, height = (root.findtext(f"meta/task/original_size/{side}") for side in ("width", "height"))
    return [
        _Frame(_below(base, picture), picture, tuple(people.get(number, ())), stated_size(width, height), camera)
        for number, picture in pictures.items()
    ]


def _below(base: Path, picture: Path) -> str:
    return (picture.relative_to(base) if picture.is_relative_to(base) else picture).as_posix()


def _sample(frame: _Frame, numbers: list[int], problems: list[Problem]) -> FrameSample:
    boxes, kept = [], []
    for person, number in zip(frame.people, numbers, strict=True):
        box = clipped_box(list(person.box), frame.size)
        if box is None:
            corners = ", ".join(f"{value:g}" for value in person.box)
            what = f"its box [{corners}] lies outside the frame of {frame.size} and is left out"
            problems.append(Problem(frame.name, what, "correct the box or remove it", fatal=False))
            continue
        if number >= 0 and number in kept:
            what = f"person {number} occurs twice in the frame; the first box counts as the true one"
            problems.append(Problem(frame.name, what, "correct who one of them is", fatal=False, kept=True))
        boxes.append(box)
        kept.append(number)
    return FrameSample(
        frame.name,
        frame.picture,
        np.asarray(boxes, dtype=np.float32),
        np.asarray(kept, dtype=np.int64),
        camera=frame.camera,
        size=frame.size,
    )
