"""A data set in the custom layout, made of recordings: one frame a second, people divided, queries chosen.

    OUT/frames/c1p1_000000.jpg ...   the pictures
    OUT/recordings/c1p1.json         the frames of one recording with all its identities, in the custom layout
    OUT/train.json test.json queries.json split.json   the protocol; split.json says how it came about

The files of the protocol are written last. A call that was interrupted, or that could not use some recordings, goes on
when it is made again: what is finished is not made twice, and nothing that is there is written over.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datasets.ahead import mapped_ahead
from datasets.building.extraction import STATE, Extracted, expected_frames, extract
from datasets.building.recorded_boxes import TrackId
from datasets.building.recordings import Recording
from datasets.building.splitting import FrameSharing, FrameSplit, choose_queries, keep_together, sightings, split_frames
from datasets.files import write_whole
from datasets.layouts import custom
from datasets.layouts.custom_records import read_split
from datasets.layouts.uestc_pr import IdentitySplit, split_identities
from datasets.samples import FrameSample

TRAIN, GALLERY, QUERIES, SPLIT = "train.json", "test.json", "queries.json", "split.json"

Grouping = Literal["chance", "together"]


@dataclass(frozen=True)
class RecordingCounts:
    """What one recording gave.

    Args:
        name: The name of the recording.
        frames: The number of pictures taken from it, one a second.
        boxes: The number of boxes of people in these pictures.
        labelled: The number of these boxes whose person has an identity.
        annotated: The number of boxes in the box file, which may know more frames than were taken.
    """

    name: str
    frames: int
    boxes: int
    labelled: int
    annotated: int


@dataclass(frozen=True)
class BuildSummary:
    """What was written.

    Args:
        root: The folder of the data set.
        recordings: One entry for each that could be used.
        identities: Which people are for what.
        train: The frames of the training half.
        gallery: The frames of the gallery.
        queries: The number of entries of queries.json.
        hidden: The number of boxes with an identity that no half tells, because their frame went to the other half.
        failures: (recording, reason) of what could not be used.
    """

    root: Path
    recordings: tuple[RecordingCounts, ...]
    identities: IdentitySplit
    train: Sequence[FrameSample]
    gallery: Sequence[FrameSample]
    queries: int
    hidden: int
    failures: tuple[tuple[str, str], ...]


def build_dataset(
    recordings: Sequence[Recording],
    out: Path,
    *,
    person_of: Mapping[TrackId, int] | None,
    seed: int = 0,
    sharing: FrameSharing = "disjoint",
    grouping: Grouping = "chance",
    quality: int = 95,
    workers: int = 1,
    on_progress: Callable[[int, int], object] | None = None,
) -> BuildSummary:
    """Make a data set of recordings.

    Args:
        recordings: The recordings, as `find_recordings` gives them.
        out: The folder of the data set; it is made where it is missing.
        person_of: (recording, track) -> person; other tracks are people of unknown identity. None: a track number is
            the same person in every recording.
        seed: The number that decides how the people are divided and which boxes are queries, 0 or more.
        sharing: Whether a frame may be in both halves; datasets/building/splitting.py explains both ways.
        grouping: "chance" divides the people by chance; "together" keeps those who are seen together in one half.
        quality: The quality of JPEG files that are made from other pictures, 1 to 100.
        workers: How many recordings are read at the same time, 1 or more.
        on_progress: It is called with the frames done and about how many there are in all.

    Raises:
        FileExistsError: `out` holds a finished data set.
        ValueError: No recording could be used, and the text tells why; or too few people have an identity.
    """
    _refuse_finished(out)
    if not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}, expected 1 .. 100: say 95 for JPEG files that look like the recording")
    extracted, failures = _extract_all(recordings, out, person_of, quality, workers, on_progress)
    if not extracted:
        reason = failures[0][1] if failures else "there is none"
        raise ValueError(f"none of {len(recordings)} recordings can be used: {reason}")
    frames = [result.samples for result in extracted.values()]
    split, halves = _divide(frames, seed, sharing, grouping)
    queries = choose_queries(halves.gallery, split.query, seed=seed)
    told = {"seed": seed, "frames": sharing, "people": grouping, "recordings": list(extracted)}
    people = {"train": split.train, "query": split.query, "gallery": split.gallery}
    write_whole(out / SPLIT, json.dumps(told | people) + "\n")
    custom.write_queries(out / QUERIES, queries, halves.gallery)
    custom.write_split(out / GALLERY, halves.gallery)
    custom.write_split(out / TRAIN, halves.train)
    failures += [(name, line) for name, result in extracted.items() for line in result.failures]
    counts = tuple(_counts(name, result) for name, result in extracted.items())
    return BuildSummary(out, counts, split, halves.train, halves.gallery, len(queries), halves.hidden, tuple(failures))


def recorded_frames(root: Path) -> list[FrameSample]:
    """The frames of all recordings of a data set that `build_dataset` made, with all their identities.

    Args:
        root: The data set's folder.

    Returns:
        The frames, also those of which neither half tells the identities; none where nothing was built here.
    """
    split = root / SPLIT
    if not split.is_file():
        return []
    files = [root / STATE / f"{name}.json" for name in json.loads(split.read_text(encoding="utf-8"))["recordings"]]
    return [sample for file in files if file.is_file() for sample in read_split(file).samples]


def _refuse_finished(out: Path) -> None:
    for name in (TRAIN, GALLERY, QUERIES, SPLIT):
        if (out / name).exists():
            raise FileExistsError(
                f"{out / name} exists, expected a folder without it; choose another folder, or remove {TRAIN}, "
                f"{GALLERY}, {QUERIES} and {SPLIT} to divide its recordings again"
            )


def _divide(
    frames: Sequence[Sequence[FrameSample]], seed: int, sharing: FrameSharing, grouping: Grouping
) -> tuple[IdentitySplit, FrameSplit]:
    """The people of both halves, and their frames."""
    everybody = sightings(frame for part in frames for frame in part)
    split = split_identities(everybody, seed=seed)
    train = keep_together(frames, split.train, split.gallery) if grouping == "together" else split.train
    gallery = set(everybody) - set(train)
    halves = split_frames(frames, train, gallery, sharing=sharing)
    # Whether two cameras see somebody is known only now; who trains does not depend on it.
    askable = [person for person, cameras in sightings(halves.gallery).items() if len(cameras) > 1]
    return split_identities(everybody, seed=seed, askable=askable, train=train), halves


def _extract_all(
    recordings: Sequence[Recording],
    out: Path,
    person_of: Mapping[TrackId, int] | None,
    quality: int,
    workers: int,
    on_progress: Callable[[int, int], object] | None,
) -> tuple[dict[str, Extracted], list[tuple[str, str]]]:
    """What each recording gave, in the order given, and which could not be used."""
    total = sum(expected_frames(recording) for recording in recordings) if on_progress else 0
    lock, done = threading.Lock(), 0

    def count() -> None:
        nonlocal done
        with lock:
            done += 1
            if on_progress is not None:
                on_progress(done, max(done, total))

    def take(recording: Recording) -> Extracted | ValueError:
        try:
            return extract(recording, out, person_of, quality=quality, on_frame=count)
        except ValueError as error:
            return error

    found: dict[str, Extracted] = {}
    failures = []
    results = mapped_ahead(take, recordings, workers=0 if workers < 2 else workers, ahead=len(recordings))
    for recording, result in zip(recordings, results, strict=True):
        if isinstance(result, Extracted):
            found[recording.name] = result
        else:
            failures.append((recording.name, str(result)))
    return found, failures


def _counts(name: str, result: Extracted) -> RecordingCounts:
    boxes = sum(len(frame.boxes) for frame in result.samples)
    labelled = sum(int((frame.person_ids >= 0).sum()) for frame in result.samples)
    return RecordingCounts(name, len(result.samples), boxes, labelled, result.boxes)
