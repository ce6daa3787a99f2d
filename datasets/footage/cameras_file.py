"""cameras.yaml: every camera with its name, place, source, clock and what of its picture counts."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from datasets.footage.cameras import CameraDescription
from datasets.footage.reading import LEAST_RATE, MOST_RATE, Region
from datasets.footage.streams import is_stream
from datasets.moments import seconds_of, zone_named
from datasets.samples import camera_name

Value = TypeVar("Value")

TURNS = (0, 90, 180, 270)
"""Degrees by which a picture may be turned clockwise."""

_KEYS = {
    "id": "the camera's short name, by which `find` chooses it",
    "name": "how people call the camera",
    "place": "two numbers: right and down on a plan, or latitude and longitude",
    "source": "a file, a folder, the address of a stream, or the number of a webcam",
    "start_time": "when the footage begins, such as 2026-05-01T08:00",
    "time_zone": "the zone of the camera's clock, such as Europe/Berlin",
    "frames_per_second": "how many frames of each second are looked at",
    "recorded_rate": "how many frames a second were recorded, for videos that hold no times",
    "skip_still": "true or false: whether frames are passed over that look like one in which nobody was seen",
    "rotation": "0, 90, 180 or 270 degrees clockwise",
    "leave_out": "a list of regions, each [left, top, right, bottom] or a list of corners [x, y], in pixels",
}


@dataclass(frozen=True)
class CameraEntry:
    """One camera of a cameras file: what is known of it, and how its footage is read.

    Args:
        camera: What is known of it.
        source: A path, the address of a stream, or the number of a webcam. An address may hold a password, so it is
            never stored or printed.
        start_time: When the footage begins in seconds since the epoch; None where the file does not say.
        every_seconds: How many seconds lie between two frames; None where the file does not say.
        recorded_rate: How many frames a second were recorded, for videos that hold no times themselves; None where the
            file does not say.
        rotation: By how many degrees the picture is turned clockwise, one of `TURNS`.
        leave_out: Regions of the turned picture whose people are left out.
        skip_still: Whether frames that look like an earlier one in which nobody was seen are passed over; None where
            the file does not say.
    """

    camera: CameraDescription
    source: str
    start_time: float | None = None
    every_seconds: float | None = None
    rotation: int = 0
    leave_out: tuple[Region, ...] = ()
    recorded_rate: float | None = None
    skip_still: bool | None = None


def read_cameras(path: Path) -> tuple[CameraEntry, ...]:
    """Read a cameras file.

    Args:
        path: A YAML file with a list `cameras`. Each camera has an `id` and a `source`, and may have the other keys.
            Paths of sources are relative to the file's folder.

    Returns:
        The cameras in the order of the file, at least one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no YAML, or a line of it is wrong. The text names line, camera, key and value.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (FileNotFoundError, IsADirectoryError):
        raise FileNotFoundError(f"{path} does not exist; write a cameras file there, with a list `cameras`") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"{path}, line {line}: no YAML ({error.problem}); correct it") from None
    except (UnicodeDecodeError, yaml.YAMLError):
        raise ValueError(f"{path} is no text in UTF-8, expected YAML with a list `cameras`; save it as UTF-8") from None
    found = {} if not isinstance(root, yaml.MappingNode) else {_plain(key): value for key, value in root.value}
    listed = found.get("cameras")
    if not isinstance(listed, yaml.SequenceNode) or not listed.value or len(found) > 1:
        strange = next((str(key) for key in found if key != "cameras"), None)
        met = f"has {strange!r}" if strange is not None else "has no cameras"
        raise ValueError(f"{path} {met}, expected one list `cameras` with an id and a source in each entry; add it")
    entries = tuple(_Reader(path, number, node).entry() for number, node in enumerate(listed.value, 1))
    seen: dict[str, int] = {}
    for entry, node in zip(entries, listed.value, strict=True):
        line = node.start_mark.line + 1
        if entry.camera.id in seen:
            raise ValueError(
                f"{path}, line {line}: the id {entry.camera.id!r} is that of the camera in line {seen[entry.camera.id]}"
                " too, expected an id of its own; rename one, or put the files of one camera into one folder"
            )
        seen[entry.camera.id] = line
    return entries


class _Reader:
    """One entry of the list, read key by key; what is wrong names file, line, camera, key and value.

    Args:
        path: The file, for messages.
        number: The camera's number in the list, from 1.
        node: The entry.
    """

    def __init__(self, path: Path, number: int, node: yaml.Node) -> None:
        self._path = path
        self._label = f"camera {number}"
        self._line = node.start_mark.line + 1
        self._values: dict[str, tuple[object, int]] = {}
        if not isinstance(node, yaml.MappingNode):
            raise self._error(self._line, f"is {_plain(node)!r}, expected keys and values such as `id: gate`; add them")
        for key_node, value_node in node.value:
            key, line = str(_plain(key_node)), key_node.start_mark.line + 1
            if key not in _KEYS:
                raise self._error(line, f"has the unknown key {key!r}, expected {', '.join(_KEYS)}; correct it")
            if key in self._values:
                raise self._error(line, f"has the key {key} twice, expected it once; remove one")
            self._values[key] = (_plain(value_node), line)

    def entry(self) -> CameraEntry:
        """The camera that the entry describes."""
        camera = self._needed("id", _text)
        self._label = f"camera {camera!r}"
        zone = self._read("time_zone", _zone)
        clock = None if zone is None else zone_named(zone)
        known = camera_name(camera)
        assert known is not None  # a text that is not blank
        return CameraEntry(
            CameraDescription(known, self._read("name", _text) or camera, self._read("place", _pair), zone),
            self._needed("source", self._source),
            self._read("start_time", lambda value: seconds_of(_text(value), clock)),
            self._read("frames_per_second", _distance),
            self._read("rotation", _turn) or 0,
            self._read("leave_out", _regions) or (),
            self._read("recorded_rate", _rate),
            self._read("skip_still", _yes_or_no),
        )

    def _read(self, key: str, function: Callable[[object], Value]) -> Value | None:
        """A value by a function that raises ValueError where it is wrong; None where there is none."""
        value, line = self._values.get(key, (None, self._line))
        if value is None:
            return None
        try:
            return function(value)
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            told = str(error)  # a whole sentence, where it comes from this project
            why = f": {told}" if ", expected " in told else f" is {value!r}, expected {_KEYS[key]}"
            raise self._error(line, f"{key}{why}{'' if ';' in why else '; correct it'}") from None

    def _needed(self, key: str, function: Callable[[object], Value]) -> Value:
        found = self._read(key, function)
        if found is None:
            raise self._error(self._line, f"has no {key}, expected {_KEYS[key]}; add a line `{key}: ...`")
        return found

    def _source(self, value: object) -> str:
        text = _text(value)
        if is_stream(text) or text.isdecimal():
            return text
        return str(self._path.parent / Path(text).expanduser())

    def _error(self, line: int, what: str) -> ValueError:
        return ValueError(f"{self._path}, line {line}, {self._label}: {what}")


def _plain(node: yaml.Node) -> Any:
    """A node as texts, lists and None: dates and numbers stay as they were written."""
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag.endswith(":null") else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    return {str(_plain(key)): _plain(value) for key, value in node.value}


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _zone(value: object) -> str:
    text = _text(value)
    zone_named(text)
    return text


def _pair(value: object) -> tuple[float, float]:
    if not isinstance(value, list):
        raise ValueError
    x, y = map(float, value)
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError
    return x, y


def _distance(value: object) -> float:
    rate = float(_text(value))
    if not 0 < rate <= 1000:
        raise ValueError(f"{rate:g}, expected {_KEYS['frames_per_second']}, more than 0 and at most 1000")
    return 1 / rate


def _rate(value: object) -> float:
    rate = float(_text(value))
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise ValueError(f"{rate:g}, expected {_KEYS['recorded_rate']}, from {LEAST_RATE:g} to {MOST_RATE:g}")
    return rate


def _yes_or_no(value: object) -> bool:
    return {"true": True, "false": False}[_text(value).lower()]


def _turn(value: object) -> int:
    found = int(re.sub(r"^\+", "", _text(value))) % 360
    if found not in TURNS:
        raise ValueError
    return found


def _regions(value: object) -> tuple[Region, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError
    return tuple(_region(one) for one in value)


def _region(value: object) -> Region:
    """The corners of one region; a box of four numbers has four."""
    if not isinstance(value, list):
        raise ValueError
    if not any(isinstance(one, list) for one in value):
        left, top, right, bottom = map(float, value)
        if not (left < right and top < bottom):
            raise ValueError
        return ((left, top), (right, top), (right, bottom), (left, bottom))
    corners = tuple(_pair(one) for one in value)
    if len(corners) < 3:
        raise ValueError
    return corners
