"""Recordings of fixed cameras in a folder: which there are, of which camera, from when on, and where their boxes lie.

    ROOT/c1p1.mp4   a recording: a video, a folder of pictures, or a MOTChallenge sequence (img1/, gt/gt.txt)
    ROOT/c1p1.txt   its boxes (.txt, .csv or .json, see datasets/building/recorded_boxes.py)
    ROOT/identities.csv   recording,track,person_id
    ROOT/recordings.csv   optional: recording,source,boxes,camera,start,rate

Recordings are called `c<camera>p<period>`: camera 3 in period 2 is c3p2. Where `recordings.csv` lists them they may be
called as they like (of UESTC-PR's layout they may not), may lie elsewhere, and tell when they started.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datasets.building.recorded_boxes import BOX_SUFFIXES, RecordingError
from datasets.footage.videos import VIDEO_SUFFIXES
from datasets.frame_numbers import in_order
from datasets.images import IMAGE_SUFFIXES
from datasets.label_values import camera_value
from datasets.layouts.custom_records import parse_timestamp
from datasets.layouts.uestc_pr import CAMERAS, PERIOD_STARTS
from datasets.samples import Camera

MANIFEST = "recordings.csv"
IDENTITIES = "identities.csv"
RecordingFormat = Literal["custom", "uestc-pr"]
Failures = list[tuple[str, str]]

_NAME = re.compile(r"c(\d+)p(\d+)", re.ASCII)
_ANY_NAME = re.compile(r"[\w-][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Recording:
    """What one camera recorded without a break.

    Args:
        name: The name by which its frames and its rows in identities.csv are called.
        source: A video file, a folder of pictures, or a MOTChallenge sequence.
        boxes: The box file.
        camera: The camera that recorded it.
        start: The time of its first frame in seconds since the epoch; None where nobody tells it.
        rate: How many pictures of a folder make a second; videos and sequences tell their own rate.
    """

    name: str
    source: Path
    boxes: Path
    camera: Camera
    start: float | None = None
    rate: float = 1.0

    @property
    def video(self) -> bool:
        """Whether the source is a video file."""
        return self.source.is_file()


def find_recordings(root: Path, layout: RecordingFormat, *, rate: float = 1.0) -> tuple[list[Recording], Failures]:
    """The recordings of a folder, in the order of names or of recordings.csv.

    Args:
        root: The folder that holds the recordings.
        layout: "uestc-pr" asks for the names c1p1 to c5p3, whose periods start at 08:30, 11:00 and 17:00; "custom"
            takes times from recordings.csv alone.
        rate: How many pictures of a folder make a second, where recordings.csv does not say.

    Returns:
        The recordings, and (name, reason) of each that cannot be used.

    Raises:
        FileNotFoundError: `root` is no folder.
        ValueError: `root` holds no recording at all, `rate` is no rate, or recordings.csv lacks its columns.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder, expected one with recordings such as c1p1.mp4 and c1p1.txt")
    if not 0 < rate < float("inf"):
        raise ValueError(f"rate is {rate}, expected frames a second of the folders of pictures, more than 0")
    failures: Failures = []
    rows = _listed(root / MANIFEST) if (root / MANIFEST).is_file() else _discovered(root, failures)
    found: dict[str, Recording] = {}
    for row in rows:
        name = row["recording"].strip()
        try:
            if name in found:
                raise RecordingError(f"{root}: there are two recordings {name}, expected one; rename or remove one")
            found[name] = _recording(root, name, row, layout, rate)
        except ValueError as error:
            failures.append((name, str(error)))
    if not rows:
        raise ValueError(
            f"{root} holds no recording, expected videos or folders of pictures called c1p1, c2p1 and so on (camera, "
            f"period), or a list of others in {MANIFEST}"
        )
    return list(found.values()), failures


def _listed(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        if "recording" not in (reader.fieldnames or ()):
            raise ValueError(f"{path}: its header is {reader.fieldnames}, expected recording,source,boxes,camera,start")
        return [{name: text or "" for name, text in row.items() if name is not None} for row in reader]


def _discovered(root: Path, failures: Failures) -> list[dict[str, str]]:
    rows = []
    for entry in sorted(root.iterdir()):
        video = entry.is_file() and entry.suffix.lower() in VIDEO_SUFFIXES
        if entry.name.startswith(".") or not (video or entry.is_dir()):
            continue
        name = entry.stem if video else entry.name
        if _NAME.fullmatch(name):
            rows.append({"recording": name, "source": entry.name})
        elif video:
            reason = f"{entry} is not called c<camera>p<period>, so its camera is unknown; rename it or list it in"
            failures.append((name, f"{reason} {root / MANIFEST}"))
    return rows


def _recording(root: Path, name: str, row: dict[str, str], layout: RecordingFormat, rate: float) -> Recording:
    """Raises ValueError with what is wrong."""
    if not _ANY_NAME.fullmatch(name):
        raise RecordingError(f"the recording is called {name!r}, expected letters, digits, '-', '_' and '.'")
    parsed = _NAME.fullmatch(name)
    camera: Camera = int(parsed[1]) if parsed else name
    start: float | None = None
    if layout == "uestc-pr":
        if parsed is None or int(parsed[1]) not in CAMERAS or int(parsed[2]) not in PERIOD_STARTS:
            raise RecordingError(f"{name} is no recording of UESTC-PR, expected c1p1 to c5p3; rename it")
        start = float(PERIOD_STARTS[int(parsed[2])])
    given = row.get("camera", "").strip()
    if given:
        camera = camera_value(given) or name
    when = row.get("start", "").strip()
    if when:
        start = parse_timestamp(_seconds(when))
    source = _source(root, name, row.get("source", "").strip())
    text = row.get("rate", "").strip()
    own_rate = _seconds(text) if text else rate
    if not isinstance(own_rate, float) or not 0 < own_rate < float("inf"):
        raise RecordingError(f"{name}: its rate is {text!r}, expected frames a second, more than 0")
    return Recording(name, source, _boxes(root, name, source, row.get("boxes", "").strip()), camera, start, own_rate)


def _source(root: Path, name: str, given: str) -> Path:
    if given:
        source = root / given
    else:
        files = [root / f"{name}{suffix}" for suffix in sorted(VIDEO_SUFFIXES)]
        source = next((path for path in (root / name, *files) if path.exists()), root / name)
    if source.is_dir() or (source.is_file() and source.suffix.lower() in VIDEO_SUFFIXES):
        return source
    state = "is no video" if source.exists() else "is not there"
    raise RecordingError(f"{source} {state}, expected a video file or a folder of pictures; correct the name")


def _boxes(root: Path, name: str, source: Path, given: str) -> Path:
    if given:
        return root / given
    beside = [root / f"{name}{suffix}" for suffix in BOX_SUFFIXES]
    found = [path for path in (*beside, source / "gt" / "gt.txt") if path.is_file()]
    if len(found) != 1:
        met = " and ".join(str(path) for path in found) or "nothing"
        raise RecordingError(
            f"{name}: its boxes are {met}, expected one file {root / name}.txt, .csv or .json; write or remove files"
        )
    return found[0]


def pictures_of(folder: Path) -> list[Path]:
    """The pictures of a recording's folder, not of its sub-folders, in the order of the numbers in their names.

    Args:
        folder: The recording's folder.
    """
    return in_order([one for one in folder.iterdir() if one.suffix.lower() in IMAGE_SUFFIXES and one.name[0] != "."])


def _seconds(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
