"""The frame of a data set in YOLO's form: where its pictures are, and what its classes are called.

    data.yaml     path: ., train: images/train, val: images/val, names: {0: person, 1: car}
    images/train/gate_01.jpg
    labels/train/gate_01.txt

Where there is no data.yaml, the names stand in classes.txt or obj.names, one a line from class 0 on, and the pictures
are looked for in images/, images/train, train/images, obj_train_data/ and so on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import yaml

from datasets.label_values import decoded_text, means_person, whole_number
from datasets.layouts.scan import BrokenFileError, DatasetNotFoundError, Problem

YAML_FILES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
NAME_FILES = ("classes.txt", "obj.names", "labels/classes.txt")
PARTS = {"train": ("train",), "gallery": ("test", "val", "valid", "validation")}
"""How the parts are called that make a split; of several the first is taken."""

_LAYOUT = "a folder with images/, labels/ and data.yaml (names: {0: person}) or classes.txt"


@dataclass(frozen=True)
class YoloSet:
    """What is known of a data set before its labels are read.

    Args:
        folder: The folder that names of pictures are relative to.
        names: Class -> name.
        parts: Name of a part, such as "train" -> folders of pictures, or text files that list them. A data set that is
            not divided has the one part "".
    """

    folder: Path
    names: Mapping[int, str]
    parts: Mapping[str, tuple[Path, ...]]

    def part_of(self, split: str) -> str:
        """The name of the part that a split is read from.

        Args:
            split: "train" or "gallery".

        Raises:
            DatasetNotFoundError: The data set is divided and has no such part.
        """
        for name in ("", *PARTS[split]):
            if name in self.parts:
                return name
        raise DatasetNotFoundError(
            f"yolo data set, split {split!r}: {self.folder} has the parts {', '.join(self.parts)}, expected "
            f"{' or '.join(PARTS[split])}; add it to data.yaml, or give the folder of one part"
        )


def read_yolo_set(root: Path) -> YoloSet:
    """What the files beside the pictures say.

    Args:
        root: The data set's folder, or its data.yaml.

    Raises:
        DatasetNotFoundError: `root` is not there, holds no pictures, or nothing names the classes.
        BrokenFileError: The file of names cannot be read, or no class is a person.
    """
    if not root.exists():
        raise DatasetNotFoundError(f"yolo data set: {root} does not exist; expected {_LAYOUT}")
    if root.is_file() and is_zipfile(root):
        raise DatasetNotFoundError(f"yolo data set: {root} is a ZIP archive, expected {_LAYOUT}; unpack it")
    folder = root if root.is_dir() else root.parent
    path = root if root.is_file() else next((folder / name for name in YAML_FILES if (folder / name).is_file()), None)
    if path is not None:
        content = _read_yaml(path)
        names = _names(path, content.get("names"))
        parts = _parts_of_yaml(path, content) or _parts_on_disk(folder)
    else:
        path = next((folder / name for name in NAME_FILES if (folder / name).is_file()), None)
        if path is None:
            raise DatasetNotFoundError(
                f"yolo data set: {folder} has none of {', '.join((*YAML_FILES, *NAME_FILES))}, so nobody can say which "
                f"class is a person; expected {_LAYOUT}"
            )
        names = _names(path, _text(path).splitlines())
        parts = _parts_on_disk(folder)
    if not parts:
        raise DatasetNotFoundError(f"yolo data set: {folder} has no folder of pictures; expected {_LAYOUT}")
    if not any(means_person(name) for name in names.values()):
        what = f"names no class person: it has {', '.join(names.values())}"
        raise BrokenFileError(Problem(str(path), what, 'call the class of people "person"'))
    return YoloSet(folder, names, parts)


def _text(path: Path) -> str:
    try:
        return decoded_text(path.read_bytes())
    except UnicodeDecodeError as error:
        raise BrokenFileError(
            Problem(str(path), f"is not plain text (byte {error.start})", "save it as UTF-8")
        ) from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(_text(path))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise BrokenFileError(Problem(str(path), f"is no YAML ({reason})", "write names: {0: person}")) from None
    if not isinstance(content, dict):
        what = f"holds {type(content).__name__}, expected train, val and names"
        raise BrokenFileError(Problem(str(path), what, "write names: {0: person}"))
    return content


def _names(path: Path, given: object) -> dict[int, str]:
    """Class -> name, of a list or a mapping."""
    if isinstance(given, Mapping):
        pairs: Sequence[tuple[object, object]] = list(given.items())
    elif isinstance(given, Sequence) and not isinstance(given, str):
        pairs = list(enumerate(given))
    else:
        pairs = []
    try:
        names = {whole_number(number): str(name).strip() for number, name in pairs if str(name or "").strip()}
    except ValueError as error:
        raise BrokenFileError(Problem(str(path), f"names has {error}", "write names: {0: person}")) from None
    if not names:
        raise BrokenFileError(Problem(str(path), "names no classes", "write names: {0: person}"))
    return names


def _parts_of_yaml(path: Path, content: Mapping[str, Any]) -> dict[str, tuple[Path, ...]]:
    base = path.parent / str(content.get("path") or ".")
    bases = [base, path.parent] if base.is_dir() else [path.parent]
    parts = {}
    for name in (name for names in PARTS.values() for name in names):
        given = content.get(name)
        places = [str(place) for place in (given if isinstance(given, list) else [given]) if place]
        if places:
            parts[name] = tuple(_place(bases, place) for place in places)
    return parts


def _place(bases: Sequence[Path], written: str) -> Path:
    """The folder or list that data.yaml means; exported sets often write ../train/images for their own train/images."""
    inner = written.replace("\\", "/")
    candidates = [base / inner for base in bases]
    while inner.startswith("../"):
        inner = inner.removeprefix("../")
        candidates += [base / inner for base in bases]
    return next((candidate for candidate in candidates if candidate.exists()), candidates[0])


def _parts_on_disk(folder: Path) -> dict[str, tuple[Path, ...]]:
    parts: dict[str, tuple[Path, ...]] = {}
    for name in (name for names in PARTS.values() for name in names):
        places = (folder / "images" / name, folder / name / "images", folder / f"obj_{name}_data")
        there = tuple(place for place in places if place.is_dir())
        if there:
            parts[name] = there
    if not parts and (folder / "images").is_dir():
        return {"": (folder / "images",)}
    return parts
