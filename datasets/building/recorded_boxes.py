"""The boxes of one recording, as annotators and trackers write them, and which tracks are the same person.

A box file is one of

- `.txt`: rows of MOTChallenge, `frame, track, left, top, width, height, flag, class, visibility`, 1-based pixels and
  frames, see datasets/layouts/mot.py;
- `.csv`: a header with `frame` (1-based) or `second` (since the recording's start), `track`, `left`, `top`, `width`,
  `height`, 0-based pixels;
- `.json`: the custom layout, where `person_id` is the track. Its images are found by file name in a
  folder of pictures, by `timestamp` (seconds since the recording's start) in a video.
"""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datasets.label_values import person_number
from datasets.layouts.custom_records import read_split
from datasets.layouts.mot import Truth, read_truth
from datasets.layouts.scan import BrokenFileError, Problem
from datasets.samples import UNLABELLED

BOX_SUFFIXES = (".txt", ".csv", ".json")
TrackId = tuple[str, int]
"""A recording's name and a track number in it."""

_BOX_COLUMNS = ("track", "left", "top", "width", "height")


class RecordingError(ValueError):
    """A recording cannot be used: one line with the file, what was met and the remedy."""


@dataclass(frozen=True)
class BoxTable:
    """The boxes of a recording.

    Args:
        by: What a frame is found by: its number from 1, the whole second since the start, or its file name.
        truths: The boxes, tracks and regions to ignore of each frame that has any.
    """

    by: Literal["frame", "second", "name"]
    truths: Mapping[int | str, Truth]

    def at(self, number: int, second: int, name: str) -> Truth:
        """What is annotated in a frame; nothing where the file has no row for it.

        Args:
            number: The frame's number, counted from 1.
            second: The whole second since the start of the recording.
            name: The frame's file name.
        """
        key = name if self.by == "name" else number if self.by == "frame" else second
        return self.truths.get(key, Truth())

    @property
    def boxes(self) -> int:
        """How many boxes of people the file holds."""
        return sum(len(truth.boxes) for truth in self.truths.values())


def read_boxes(path: Path, *, video: bool) -> tuple[BoxTable, list[Problem]]:
    """Read a box file of one recording.

    Args:
        path: The box file, which ends in .txt, .csv or .json.
        video: Whether the recording is a video, whose frames have no file names.

    Returns:
        The boxes, and the rows that were left out or are doubtful.

    Raises:
        RecordingError: The file is missing, of another kind, or has rows that cannot be understood.
    """
    if not path.is_file():
        raise RecordingError(f"{path} is not there, expected boxes of the recording; write the file")
    problems: list[Problem] = []
    try:
        if path.suffix.lower() == ".txt":
            table = BoxTable("frame", {number: truth for number, truth in read_truth(path, problems).items()})
        elif path.suffix.lower() == ".csv":
            table = _read_csv(path, problems)
        elif path.suffix.lower() == ".json":
            table = _read_json(path, problems, video)
        else:
            raise RecordingError(f"{path} ends in {path.suffix!r}, expected one of {', '.join(BOX_SUFFIXES)}")
    except BrokenFileError as error:
        raise RecordingError(str(error)) from error
    fatal = [problem for problem in problems if problem.fatal]
    if fatal:
        more = f" (and {len(fatal) - 1} more rows)" if len(fatal) > 1 else ""
        raise RecordingError(f"{fatal[0]}{more}")
    return table, problems


def read_identities(path: Path) -> dict[TrackId, int]:
    """Which track of which recording is which person.

    Args:
        path: A CSV file with the columns recording, track, person_id. Tracks that it does not name are people of
            unknown identity, as are those with person_id -1.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A row cannot be understood, or a track is two persons.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there, expected a CSV file with recording,track,person_id; write it, or say with "
            "--same-numbers that equal track numbers are the same person in all recordings"
        )
    found: dict[TrackId, int] = {}
    for where, row in _csv_rows(path, ("recording", "track", "person_id")):
        try:
            key, person = (row["recording"].strip(), _whole(row["track"])), person_number(_whole(row["person_id"]))
        except ValueError as error:
            raise ValueError(f"{where}: {error}; correct the row or remove it") from error
        if found.setdefault(key, person) != person:
            raise ValueError(
                f"{where}: track {key[1]} of {key[0]} is person {person}, an earlier row says {found[key]}; keep one"
            )
    return found


def _read_csv(path: Path, problems: list[Problem]) -> BoxTable:
    rows = _csv_rows(path, _BOX_COLUMNS)
    truths: dict[int | str, Truth] = {}
    by: Literal["frame", "second"] = "frame"
    for where, row in rows:
        by = "frame" if "frame" in row else "second"
        try:
            if by not in row:
                raise ValueError("the header names neither frame nor second")
            key = _whole(row["frame"]) if by == "frame" else math.floor(_number(row["second"]) + 1e-6)
            track = _whole(row["track"])
            left, top, width, height = (_number(row[name]) for name in _BOX_COLUMNS[1:])
        except ValueError as error:
            problems.append(Problem(where, str(error), "correct the row or remove it"))
            continue
        if width <= 0 or height <= 0:
            what = f"its box [{left:g}, {top:g}, {width:g}, {height:g}] has no area and is left out"
            problems.append(Problem(where, what, "correct the row or remove it", fatal=False))
            continue
        truth = truths.setdefault(key, Truth())
        if track != UNLABELLED and track in truth.tracks:
            what = f"track {track} occurs twice in {by} {key}; the first box counts as the true one"
            problems.append(Problem(where, what, "remove one of the rows", False, kept=True))
        truth.boxes.append([left, top, left + width, top + height])
        truth.tracks.append(track)
    return BoxTable(by, truths)


def _read_json(path: Path, problems: list[Problem], video: bool) -> BoxTable:
    scan = read_split(path)
    problems.extend(scan.problems)
    truths: dict[int | str, Truth] = {}
    for sample in scan.samples:
        key: int | str = sample.name.rsplit("/", 1)[-1]
        if video:
            if sample.timestamp is None:
                what = "has no timestamp, so that its second of the video is unknown"
                problems.append(Problem(f"{path.name} ({sample.name})", what, "write the seconds since the start"))
                continue
            key = math.floor(sample.timestamp + 1e-6)
        truth = Truth(sample.boxes.tolist(), sample.person_ids.tolist(), sample.ignore.tolist())
        if key in truths:
            what = f"is a second image of {'second' if video else 'the name'} {key}; the first one counts"
            problems.append(Problem(f"{path.name} ({sample.name})", what, "keep one image", fatal=False))
        truths.setdefault(key, truth)
    return BoxTable("second" if video else "name", truths)


def _csv_rows(path: Path, columns: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    """(file and line, row) of a CSV file with a header.

    Raises:
        ValueError: The file is not UTF-8 text, or lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise RecordingError(
                    f"{path}: its header is {reader.fieldnames}, expected the columns {', '.join(columns)}; "
                    f"add {', '.join(missing)}"
                )
            return [
                (f"{path} line {reader.line_num}", {name: text or "" for name, text in row.items() if name is not None})
                for row in reader
                if any(row.values())
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"{path} is no CSV text ({error}); write it again as UTF-8") from error


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value


def _whole(text: str) -> int:
    value = _number(text)
    if value != int(value):
        raise ValueError(f"{text!r} is no whole number")
    return int(value)
