"""The records of a custom-layout JSON file, each checked by itself; a broken one becomes a Problem."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from datasets.label_values import (
    camera_value,
    decoded_text,
    name_key,
    person_number,
    whole_number,
    written_name,
    yes_or_no,
)
from datasets.layouts.categories import Categories
from datasets.layouts.scan import BrokenFileError, Problem, Scan
from datasets.moments import seconds_of
from datasets.samples import UNLABELLED, Camera, FrameSample


def read_split(path: Path) -> Scan:
    """The frames of one JSON file, in the file's own identities, with every broken record.

    Args:
        path: The JSON file; the names of its pictures are relative to its folder.

    Raises:
        BrokenFileError: The file as a whole is not of the layout.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        what = "is not an object with the lists 'images' and 'annotations'"
        raise BrokenFileError(Problem(str(path), what, "write COCO detection JSON, see datasets/layouts/custom.py"))
    annotations = content.get("annotations", [])
    if not isinstance(annotations, list):
        what = f"'annotations' is {type(annotations).__name__}, expected a list"
        raise BrokenFileError(Problem(str(path), what, "write COCO detection JSON"))
    problems: list[Problem] = []
    images = _image_records(path, content["images"], problems)
    categories = Categories(path.name, content.get("categories"))
    seen: set[Any] = set()
    for index, record in enumerate(annotations):
        where = f"{path.name} annotations[{index}]"
        if not isinstance(record, dict):
            problems.append(Problem(where, f"is {type(record).__name__}, expected an object", "remove it"))
            continue
        where += f" (id {record.get('id')})"
        try:
            person = categories.is_person(record)
        except ValueError as error:
            problems.append(Problem(where, str(error), "correct the record or remove it"))
        else:
            if person:
                _annotation_record(where, record, images, problems)
        annotation_id = record.get("id")
        if annotation_id is not None and str(annotation_id) in seen:
            problems.append(
                Problem(where, "its id occurs twice", "number annotations without repeats", False, kept=True)
            )
        seen.add(str(annotation_id))
    problems += categories.problems()
    problems += _swapped_sizes(path, images.values())
    notes = [*categories.notes(), *_identity_notes(path, images.values(), annotations)]
    return Scan([image.sample() for image in images.values()], problems, tuple(notes))


def read_images(path: Path) -> Scan:
    """Only the frames of a JSON file, without their people: for searching, where annotations do not matter.

    Args:
        path: The JSON file; the names of its pictures are relative to its folder.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise BrokenFileError(
            Problem(str(path), "is not an object with a list 'images'", "give a custom-layout JSON file")
        )
    problems: list[Problem] = []
    images = _image_records(path, content["images"], problems)
    return Scan([image.sample() for image in images.values()], problems)


def is_rendered(path: Path) -> bool:
    """Tell whether a JSON file says that its frames were rendered: {"info": {"synthetic": true}, "images": ...}.

    Args:
        path: The JSON file.

    Raises:
        BrokenFileError: The file is no JSON.
    """
    content = read_json(path)
    info = content.get("info") if isinstance(content, dict) else None
    return isinstance(info, dict) and info.get("synthetic") is True


def read_json(path: Path) -> Any:
    """Decode a JSON file.

    Args:
        path: The file, in UTF-8 or in UTF-16 with a byte order mark.

    Raises:
        BrokenFileError: The file is no JSON; the text tells the place.
    """
    try:
        return json.loads(decoded_text(path.read_bytes()))
    except json.JSONDecodeError as error:
        what = f"is not JSON at line {error.lineno} column {error.colno} ({error.msg})"
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 text (byte {error.start})"
    except RecursionError:
        what = "is nested too deeply for JSON of this layout"
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
    raise BrokenFileError(Problem(str(path), what, "write the file again"))


@dataclass
class _Image:
    """One record of "images" while its people are collected."""

    name: str
    path: Path
    size: tuple[int, int] | None
    camera: Camera | None
    time: float | None
    boxes: list[list[float]] = field(default_factory=list)
    person_ids: list[int] = field(default_factory=list)
    ignore: list[list[float]] = field(default_factory=list)
    reach: tuple[float, float] = (0.0, 0.0)
    """How far to the right and down the centers of its boxes lie, before they are cut at the border."""

    def sample(self) -> FrameSample:
        """The finished frame, with the file's own identities."""
        boxes, ignore = np.asarray(self.boxes, dtype=np.float32), np.asarray(self.ignore, dtype=np.float32)
        ids = np.asarray(self.person_ids, dtype=np.int64)
        return FrameSample(
            self.name, self.path, boxes, ids, self.camera, original_ids=ids, timestamp=self.time, ignore=ignore,
            size=self.size,
        )  # fmt: skip


def _image_records(path: Path, records: list[Any], problems: list[Problem]) -> dict[int | str, _Image]:
    """Image id -> image, in file order; broken records become problems."""
    images: dict[int | str, _Image] = {}
    names: set[str] = set()
    for index, record in enumerate(records):
        where = f"{path.name} images[{index}]"
        try:
            if not isinstance(record, dict):
                raise ValueError(f"is {type(record).__name__}, expected an object")
            image_id, name = record.get("id"), record.get("file_name")
            if not isinstance(name, str) or not name:
                raise ValueError(f"file_name is {name!r}, expected a text")
            name = written_name(path.parent, name)
            where += f" ({name})"
            if isinstance(image_id, bool) or not isinstance(image_id, int | str):
                raise ValueError(f"id is {image_id!r}, expected a whole number")
            if image_id in images:
                raise ValueError(f"id {image_id} occurs twice")
            if name_key(name) in names:
                raise ValueError("file_name occurs twice")
            camera, time = camera_value(record.get("camera_id")), parse_timestamp(record.get("timestamp"))
        except ValueError as error:
            problems.append(Problem(where, str(error), "correct the record or remove it"))
            continue
        width, height = record.get("width"), record.get("height")
        size = _size(width, height)
        if size is None:
            what = f"width and height are {width!r} and {height!r}, expected pixels; its boxes are not clipped"
            problems.append(Problem(where, what, "write the image's width and height", False, kept=True))
        names.add(name_key(name))
        images[image_id] = _Image(name, path.parent / name, size, camera, time)
    return images


def _annotation_record(
    where: str, record: dict[str, Any], images: dict[int | str, _Image], problems: list[Problem]
) -> None:
    """Add one box to its image, or a problem to the list."""
    image_id = record.get("image_id")
    known = isinstance(image_id, int | float | str) and not isinstance(image_id, bool)
    image = images.get(image_id) if known else None  # type: ignore[arg-type]
    try:
        if image is None:
            raise ValueError(f"image_id {image_id!r} is not in images")
        where += f" in {image.name}"
        x, y, width, height = parse_bbox(record.get("bbox"))
        person_id = person_number(record.get("person_id"))
        ignored = _flag(record, "iscrowd")
    except ValueError as error:
        problems.append(Problem(where, str(error), "correct the record or remove it"))
        return
    if width <= 0 or height <= 0:
        what = f"its box [{x:g}, {y:g}, {width:g}, {height:g}] has no area and is left out"
        problems.append(Problem(where, what, "write a width and height > 0, or remove the record", fatal=False))
        return
    image.reach = max(image.reach[0], x + width / 2), max(image.reach[1], y + height / 2)
    box = clipped_box([x, y, x + width, y + height], image.size)
    if box is None:
        what = f"its box [{x:g}, {y:g}, {width:g}, {height:g}] lies outside its frame and is left out"
        problems.append(
            Problem(where, what, f"correct the box; the frame's (width, height) is {image.size}", fatal=False)
        )
        return
    if ignored:
        image.ignore.append(box)
        return
    if person_id != UNLABELLED and person_id in image.person_ids:
        what = f"person {person_id} occurs twice in the frame; the first box counts as the true one"
        problems.append(Problem(where, what, "keep one of the boxes, or give -1 to the doubtful one", False, kept=True))
    image.boxes.append(box)
    image.person_ids.append(person_id)


def clipped_box(box: list[float], size: tuple[int, int] | None) -> list[float] | None:
    """The part of a box inside the frame, None where there is none.

    Args:
        box: The four numbers x1, y1, x2, y2 in pixels.
        size: The (width, height) of the frame; None where it is unknown, and nothing is cut off.
    """
    x1, y1, x2, y2 = box
    if size is not None:
        x1, y1, x2, y2 = max(x1, 0.0), max(y1, 0.0), min(x2, float(size[0])), min(y2, float(size[1]))
    # float32 is what samples keep: a sliver that vanishes there has no area either.
    return [x1, y1, x2, y2] if np.float32(x2) > np.float32(x1) and np.float32(y2) > np.float32(y1) else None


def _flag(record: Mapping[str, Any], name: str) -> bool:
    try:
        return yes_or_no(record.get(name))
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _swapped_sizes(path: Path, images: Iterable[_Image]) -> list[Problem]:
    """Pictures whose boxes lie beyond the stated size, and would all fit were width and height exchanged."""
    found = [
        image
        for image in images
        if image.size is not None
        and (image.reach[0] > image.size[0] or image.reach[1] > image.size[1])
        and image.reach[0] <= image.size[1]
        and image.reach[1] <= image.size[0]
    ]
    if not found:
        return []
    first = found[0]
    which = "1 image" if len(found) == 1 else f"{len(found)} images"
    what = (
        f"the boxes of {which} lie beyond their stated size and would fit with width and height "
        f"exchanged, the first is {first.name} of (width, height) {first.size}"
    )
    return [Problem(path.name, what, "exchange width and height where they were swapped", False, kept=True)]


def _identity_notes(path: Path, images: Iterable[_Image], annotations: Sequence[Any]) -> list[str]:
    """A line where there are people and none has an identity, with the keys that may hold one under another name."""
    people = [person for image in images for person in image.person_ids]
    if not people or max(people) >= 0:
        return []
    keys = {key for record in annotations if isinstance(record, dict) for key in record}
    alike = sorted(key for key in keys - {"id", "image_id", "category_id", "person_id"} if "id" in key.lower())
    hint = f"; is it called {' or '.join(alike)}?" if alike else ""
    who = "its one person has no" if len(people) == 1 else f"none of {len(people)} people has a"
    return [f"{path.name}: {who} person_id, so nobody can be searched for{hint}"]


def _size(width: object, height: object) -> tuple[int, int] | None:
    try:
        size = whole_number(width), whole_number(height)
    except ValueError:
        return None
    return size if min(size) > 0 else None


def parse_bbox(value: Any) -> list[float]:
    """Four finite numbers x, y, width, height; anything else is a ValueError.

    Args:
        value: What stands in the file: a list of four numbers.
    """
    numbers = value if isinstance(value, list) else []
    plain = [number for number in numbers if isinstance(number, int | float) and not isinstance(number, bool)]
    if len(numbers) != 4 or len(plain) != 4 or not all(math.isfinite(number) for number in plain):
        raise ValueError(f"bbox is {value!r}, expected four finite numbers [x, y, width, height]")
    return [float(number) for number in plain]


def parse_timestamp(value: object) -> float | None:
    """A time in seconds; nothing (null) is an unknown time.

    Args:
        value: Seconds since the epoch or since the start of the recording, or a text as `seconds_of` reads it.

    Raises:
        ValueError: The value is no time, or counts in another unit than seconds.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"timestamp is {value!r}, expected seconds or ISO 8601 text")
    try:
        return seconds_of(value)
    except ValueError as error:
        raise ValueError(f"timestamp {error}") from None
