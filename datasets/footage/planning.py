"""What was asked to be read, as sources that can be read side by side: files of one camera follow one another."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.footage.cameras import camera_of
from datasets.footage.cameras_file import CameraEntry
from datasets.footage.folders import PassedOver, files_below
from datasets.footage.names import written
from datasets.footage.reading import Reading
from datasets.footage.series import Key, Series
from datasets.footage.sources import Source, kind_of, label_of
from datasets.footage.start_times import camera_in_name
from datasets.footage.streams import is_stream, missing_webcam, webcam_address
from datasets.footage.videos import VIDEO_SUFFIXES
from datasets.frame_numbers import natural_key
from datasets.images import IMAGE_SUFFIXES
from datasets.samples import canonical_camera


@dataclass(frozen=True)
class PlannedSource:
    """One source, and how it is read.

    Args:
        label: What people call it, without what may be secret.
        source: What `frames_from_source` takes.
        reading: How it is read.
    """

    label: str
    source: Source
    reading: Reading


def planned(
    words: Sequence[str], reading: Reading, cameras: Sequence[CameraEntry] = ()
) -> tuple[list[PlannedSource], list[str]]:
    """Put in order what is to be read.

    Pictures and videos that are named one by one, lie in one folder and belong to one camera are one source, because
    the pieces of a recording follow one another in time. Everything else is a source of its own.

    Args:
        words: Paths, addresses of streams, and numbers of webcams. Nothing is looked into.
        reading: How the words are read; also what a cameras file leaves open.
        cameras: The cameras of a cameras file.

    Returns:
        The sources, cameras first, and a line for each word that is passed over.

    >>> [one.label for one in planned(["a/part1.mp4", "a/part2.mp4", "b.mp4"], Reading())[0]]
    ['a (2 files)', 'b.mp4']
    """
    sources = [_of_camera(entry, reading) for entry in cameras]
    notes: list[str] = []
    folders = {os.path.realpath(word) for word in words if os.path.isdir(word)}
    groups: dict[tuple[Path, Key], list[Path]] = {}
    singles: list[Source] = []
    seen: set[str] = set()
    for word in words:
        address = webcam_address(word) or word
        real = address if is_stream(address) else os.path.realpath(word)
        inside = [one for one in folders if real.startswith(os.path.join(one, ""))]
        if real in seen or (inside and not is_stream(address)):
            why = "given twice" if real in seen else "part of a folder that is given too"
            notes.append(f"{label_of(address)} is {why}, and is read once")
            continue
        seen.add(real)
        path = Path(word)
        suffix = path.suffix.lower()
        if is_stream(address) or path.is_dir() or suffix not in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
            singles.append(address)
            continue
        name = written(path.name)
        camera = reading.camera
        if camera is None:
            camera = camera_of(name) or (camera_in_name(name) if suffix in VIDEO_SUFFIXES else None)
        key = (path.parent, Series.key(name, camera, suffix in VIDEO_SUFFIXES))
        groups.setdefault(key, []).append(path)
    files = [tuple(sorted(group, key=lambda path: natural_key(path.name))) for group in groups.values()]
    sources += [PlannedSource(label_of(one), one, reading) for one in [*singles, *files]]
    return sources, notes


def refuse_unreadable(sources: Sequence[PlannedSource]) -> None:
    """Refuse a plan of which nothing can be read, so that a slip of the pen is named before any model is loaded.

    A plan of which something may be read passes: what is wrong with the rest is named when its turn comes.

    Args:
        sources: What `planned` gave. No file is opened and folders are listed; streams are taken to be there, and so
            are webcams but for those that this machine says it lacks.

    Raises:
        FileNotFoundError: Nothing that was named is there.
        ValueError: No source is of a kind that can be read.
    """
    wrong: list[OSError | ValueError] = []
    for one in sources:
        if not isinstance(one.source, tuple) and is_stream(str(one.source)):
            why = missing_webcam(str(one.source))
            if why is None:
                return
            wrong.append(FileNotFoundError(f"{one.label}: {why}"))
            continue
        try:
            for path in one.source if isinstance(one.source, tuple) else [Path(one.source)]:
                if kind_of(path) == "folder":
                    files_below(path, [], PassedOver())
        except (OSError, ValueError) as error:
            wrong.append(error)
    if wrong and len(wrong) == len(sources):
        missing = all(isinstance(error, OSError) for error in wrong)
        raise (FileNotFoundError if missing else ValueError)("; ".join(str(error) for error in wrong))


def _of_camera(entry: CameraEntry, reading: Reading) -> PlannedSource:
    """The source of one camera of a cameras file, which says more than the settings for all."""
    changes: dict[str, object] = {
        "start_time": entry.start_time, "every_seconds": entry.every_seconds, "time_zone": entry.camera.time_zone,
        "recorded_rate": entry.recorded_rate, "skip_still": entry.skip_still,
    }  # fmt: skip
    own = dataclasses.replace(
        reading,
        camera=canonical_camera(entry.camera.id),
        rotation=entry.rotation,
        leave_out=entry.leave_out,
        **{name: value for name, value in changes.items() if value is not None},  # type: ignore[arg-type]
    )
    return PlannedSource(entry.camera.name, webcam_address(entry.source) or entry.source, own)
