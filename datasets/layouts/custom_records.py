"""The records of a custom-layout JSON file, each checked by itself; a broken one becomes a Problem."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from datasets.layouts.scan import BrokenFileError, Problem, Scan
from datasets.moments import seconds_of
from datasets.samples import UNLABELLED, Camera, FrameSample


def read_split(path: Path) -> Scan:
    """The frames of one JSON file, in the file's own identities, with every broken record.

    Raises:
        BrokenFileError: the file as a whole is not of the layout.
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
    categories = _person_categories(content.get("categories"))
    seen: set[Any] = set()
    for index, record in enumerate(annotations):
        where = f"{path.name} annotations[{index}]"
        if not isinstance(record, dict):
            problems.append(Problem(where, f"is {type(record).__name__}, expected an object", "remove it"))
            continue
        where += f" (id {record.get('id')})"
        if str(record.get("category_id", 1)) in categories:
            _annotation_record(where, record, images, problems)
        annotation_id = record.get("id")
        if annotation_id is not None and str(annotation_id) in seen:
            problems.append(
                Problem(where, "its id occurs twice", "number annotations without repeats", False, kept=True)
            )
        seen.add(str(annotation_id))
    samples = [image.sample() for image in images.values()]
    return Scan(samples, problems)


def read_images(path: Path) -> Scan:
    """Only the frames of a JSON file, without their people: for searching, where annotations do not matter."""
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise BrokenFileError(
            Problem(str(path), "is not an object with a list 'images'", "give a custom-layout JSON file")
        )
    problems: list[Problem] = []
    images = _image_records(path, content["images"], problems)
    return Scan([image.sample() for image in images.values()], problems)


def read_json(path: Path) -> Any:
    """Decode a JSON file.

    Raises:
        BrokenFileError: it is not JSON; one line with the place.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
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
            where += f" ({name})"
            if isinstance(image_id, bool) or not isinstance(image_id, int | str):
                raise ValueError(f"id is {image_id!r}, expected a whole number")
            if image_id in images:
                raise ValueError(f"id {image_id} occurs twice")
            if name in names:
                raise ValueError("file_name occurs twice")
            camera, time = parse_camera(record.get("camera_id")), parse_timestamp(record.get("timestamp"))
        except ValueError as error:
            problems.append(Problem(where, str(error), "correct the record or remove it"))
            continue
        width, height = record.get("width"), record.get("height")
        size = _size(width, height)
        if size is None:
            what = f"width and height are {width!r} and {height!r}, expected pixels; its boxes are not clipped"
            problems.append(Problem(where, what, "write the image's width and height", False, kept=True))
        names.add(name)
        images[image_id] = _Image(name, path.parent / name, size, camera, time)
    return images


def _annotation_record(
    where: str, record: dict[str, Any], images: dict[int | str, _Image], problems: list[Problem]
) -> None:
    """Add one box to its image, or a problem to the list."""
    image_id = record.get("image_id")
    image = None if isinstance(image_id, list | dict) else images.get(image_id)  # type: ignore[arg-type]
    try:
        if image is None:
            raise ValueError(f"image_id {image_id!r} is not in images")
        where += f" in {image.name}"
        x, y, width, height = parse_bbox(record.get("bbox"))
        person_id = parse_person_id(record.get("person_id", UNLABELLED))
    except ValueError as error:
        problems.append(Problem(where, str(error), "correct the record or remove it"))
        return
    if width <= 0 or height <= 0:
        what = f"its box [{x:g}, {y:g}, {width:g}, {height:g}] has no area and is left out"
        problems.append(Problem(where, what, "write a width and height > 0, or remove the record", fatal=False))
        return
    box = clipped_box([x, y, x + width, y + height], image.size)
    if box is None:
        what = f"its box [{x:g}, {y:g}, {width:g}, {height:g}] lies outside its frame and is left out"
        problems.append(
            Problem(where, what, f"correct the box; the frame's (width, height) is {image.size}", fatal=False)
        )
        return
    if record.get("iscrowd"):
        image.ignore.append(box)
        return
    if person_id != UNLABELLED and person_id in image.person_ids:
        what = f"person {person_id} occurs twice in the frame; the first box counts as the true one"
        problems.append(Problem(where, what, "keep one of the boxes, or give -1 to the doubtful one", False, kept=True))
    image.boxes.append(box)
    image.person_ids.append(person_id)


def clipped_box(box: list[float], size: tuple[int, int] | None) -> list[float] | None:
    """The part of a box inside the frame, None where there is none."""
    x1, y1, x2, y2 = box
    if size is not None:
        x1, y1, x2, y2 = max(x1, 0.0), max(y1, 0.0), min(x2, float(size[0])), min(y2, float(size[1]))
    # float32 is what samples keep: a sliver that vanishes there has no area either.
    return [x1, y1, x2, y2] if np.float32(x2) > np.float32(x1) and np.float32(y2) > np.float32(y1) else None


def _person_categories(records: Any) -> set[str]:
    """The category ids that mean a person, as text; 1 where the file does not say."""
    named = [record for record in records if isinstance(record, dict)] if isinstance(records, list) else []
    people = [record for record in named if str(record.get("name")).lower() in ("person", "pedestrian")]
    return {str(record.get("id")) for record in people} or {"1"}


def _size(width: Any, height: Any) -> tuple[int, int] | None:
    plain = all(isinstance(value, int) and not isinstance(value, bool) and value > 0 for value in (width, height))
    return (width, height) if plain else None


def parse_bbox(value: Any) -> list[float]:
    """Four finite numbers x, y, width, height; anything else is a ValueError."""
    numbers = value if isinstance(value, list) else []
    plain = [number for number in numbers if isinstance(number, int | float) and not isinstance(number, bool)]
    if len(numbers) != 4 or len(plain) != 4 or not all(math.isfinite(number) for number in plain):
        raise ValueError(f"bbox is {value!r}, expected four finite numbers [x, y, width, height]")
    return [float(number) for number in plain]


def parse_person_id(value: Any) -> int:
    """An identity >= 0 or UNLABELLED; anything else is a ValueError."""
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, bool) or not isinstance(number, int) or not UNLABELLED <= number < 2**62:
        raise ValueError(f"person_id is {value!r}, expected a whole number >= 0, or -1 for an unknown identity")
    return number


def parse_camera(value: Any) -> Camera | None:
    """A camera, a whole number or a text, or None; anything else is a ValueError."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | str)):
        raise ValueError(f"camera_id is {value!r}, expected a whole number or a text")
    return value


def parse_timestamp(value: Any) -> float | None:
    """Read the time of a frame, see `seconds_of`.

    Args:
        value: Seconds, ISO 8601 text (UTC where it names no zone), or a date in digits; None where there is no time.

    Returns:
        Seconds since the epoch or since the start of a recording; None where there is no time.

    Raises:
        ValueError: The value is no time, counts in milliseconds, or lies beyond the year 2200.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"timestamp is {value!r}, expected seconds or ISO 8601 text")
    try:
        return seconds_of(value)
    except ValueError as error:
        raise ValueError(f"timestamp {error}") from None
