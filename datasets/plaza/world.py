"""Writes a synthetic world in the custom layout: frames, boxes, identities, queries."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.files import require_empty, write_whole
from datasets.plaza.cameras import plaza_cameras
from datasets.plaza.light import PERIODS
from datasets.plaza.looks import draw_looks
from datasets.plaza.shooting import Shot, Task, check_people, shoot, task_camera, write_jpeg
from datasets.plaza.truth import FrameRecord, Sighting, choose_queries, query_json, random_mean_ap, split_json
from datasets.plaza.walks import Timetable
from datasets.samples import UNLABELLED
from datasets.workers import in_workers

PAUSE = 300
"""Seconds between the part of a recording with the training people and the part with the test people."""


@dataclass(frozen=True)
class PlazaSummary:
    """What a world holds.

    Args:
        root: The folder of the world.
        frames: The number of pictures in train and test together.
        boxes: The number of boxes in them, of people with and without an identity.
        persons: The number of identities in train and test together.
        cameras: 5.
        train_frames: The number of pictures in train.json.
        test_frames: The number of pictures in test.json.
        test_persons: The number of identities in test.json.
        queries: The number of entries of queries.json.
        random_map: The mean average precision that a random ranking of the true boxes would have on the queries when
            boxes of the query's own camera are left out: the floor a search has to beat.
    """

    root: Path
    frames: int
    boxes: int
    persons: int
    cameras: int
    train_frames: int
    test_frames: int
    test_persons: int
    queries: int
    random_map: float


def write_plaza(
    root: Path,
    *,
    seed: int,
    persons: int = 60,
    minutes: float = 3.0,
    frame_width: int = 640,
    test_fraction: float = 0.5,
    unlabelled_fraction: float = 0.1,
    on_progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> PlazaSummary:
    """Writes a synthetic square seen by five cameras in three light periods, in the custom layout.

    The same arguments give the same bytes, whatever the number of workers.

    Args:
        root: The folder to fill with frames/, train.json, test.json and queries.json; it must be empty or missing.
        seed: The number that decides everything that is left to chance, 0 or more.
        persons: The number of identities, 2 or more. Further people walk by unlabelled, see `unlabelled_fraction`.
        minutes: How long each camera records in each period, at one frame a second: 15 x 60 x minutes frames in all.
        frame_width: The width of frames in pixels, at least 160. The frames of camera 5 have half of it.
        test_fraction: The share of the people and of the seconds that go to test.json, between 0 and 1.
        unlabelled_fraction: How many people have an unknown identity (person_id -1), as a share of `persons`.
        on_progress: It is called in this process with the frames done and the frames in all.
        workers: How many processes render. More than one starts fresh interpreters, so that a script which calls
            this needs the usual `if __name__ == "__main__":`.

    Returns:
        What was written.

    Raises:
        ValueError: An argument makes no world; the text names it.
        FileExistsError: `root` holds something already.
    """
    plaza_cameras(frame_width)  # refuses a width that is too small, before anything is written
    check_people(seed, persons, minutes, unlabelled_fraction, workers)
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction is {test_fraction}, expected between 0 and 1: say 0.5 for half of the people")
    seconds = max(2, round(minutes * 60))
    test_seconds = min(seconds - 1, max(1, round(seconds * test_fraction)))
    root = Path(root)
    require_empty(root)
    (root / "frames").mkdir(parents=True, exist_ok=True)

    tasks = _plan(root, seed, persons, frame_width, (seconds, test_seconds), (test_fraction, unlabelled_fraction))
    total = sum(len(task.shots) for task in tasks)
    records: list[FrameRecord] = []
    for written in _run(tasks, workers):
        records += written
        if on_progress is not None:
            on_progress(len(records), total)
    records.sort(key=lambda record: (record.period, record.frame_index, record.camera))
    train, test = ([r for r in records if r.test == side] for side in (False, True))
    return _summarise(root, train, test, write_splits(root, records))


def _summarise(
    root: Path,
    train: Sequence[FrameRecord],
    test: Sequence[FrameRecord],
    queries: Sequence[tuple[FrameRecord, Sighting]],
) -> PlazaSummary:
    records = [*train, *test]
    return PlazaSummary(
        root=root,
        frames=len(records),
        boxes=sum(len(record.sightings) for record in records),
        persons=len({s.person_id for record in records for s in record.sightings} - {UNLABELLED}),
        cameras=len({record.camera for record in records}),
        train_frames=len(train),
        test_frames=len(test),
        test_persons=len({s.person_id for record in test for s in record.sightings} - {UNLABELLED}),
        queries=len(queries),
        random_map=random_mean_ap(test, queries),
    )


def _plan(
    root: Path, seed: int, persons: int, frame_width: int, length: tuple[int, int], shares: tuple[float, float]
) -> list[Task]:
    """Who walks when; one task per camera and period."""
    seconds, test_seconds = length
    test_fraction, unlabelled_fraction = shares
    test_persons = min(persons - 1, max(1, round(persons * test_fraction)))
    unknown = round(persons * unlabelled_fraction)
    looks = tuple(draw_looks(np.random.default_rng([seed, 1]), persons + unknown))
    person_ids = (*range(persons), *[UNLABELLED] * unknown)
    # Training people first; every part has passers-by of its own.
    parts = (
        (False, seconds - test_seconds, [*range(persons - test_persons), *range(persons, persons + unknown // 2)]),
        (
            True,
            test_seconds,
            [*range(persons - test_persons, persons), *range(persons + unknown // 2, persons + unknown)],
        ),
    )
    timetables = [Timetable(np.random.default_rng([seed, 2, part]), looks, parts[part][2]) for part in range(2)]
    tasks = []
    for period in range(len(PERIODS)):
        shots: list[Shot] = []
        start = 0
        for (test, duration, _), timetable in zip(parts, timetables, strict=True):
            for second, placements in enumerate(timetable.run(duration)):
                shots.append(Shot(start + second, period * seconds + len(shots), test, tuple(placements)))
            start += duration + PAUSE
        tasks += [Task(root, seed, frame_width, camera, period, looks, person_ids, tuple(shots)) for camera in range(5)]
    return tasks


def _run(tasks: Sequence[Task], workers: int) -> Iterator[list[FrameRecord]]:
    """Renders the tasks and gives their records back piece by piece, in order."""
    if workers == 1:
        for task in tasks:
            yield from _shoot(task)
        return
    yield from in_workers(_shoot_all, tasks, workers)


def _shoot_all(task: Task) -> list[FrameRecord]:
    return [record for records in _shoot(task) for record in records]


def _shoot(task: Task) -> Iterator[list[FrameRecord]]:
    """Takes the pictures of one task and writes them."""
    quality = task_camera(task).sensor.jpeg_quality
    for image, record, _ in shoot(task):
        write_jpeg(task.root / record.file_name, image, quality)
        yield [record]


def write_splits(root: Path, records: Sequence[FrameRecord]) -> list[tuple[FrameRecord, Sighting]]:
    """Writes train.json, test.json and queries.json.

    Args:
        root: The folder of the data set.
        records: The frames of both parts.

    Returns:
        The queries that were chosen: each a frame of the test part and a sighting in it.
    """
    train, test = ([record for record in records if record.test == side] for side in (False, True))
    queries = choose_queries(test)
    write_json(root / "train.json", split_json(train))
    write_json(root / "test.json", split_json(test))
    write_json(root / "queries.json", [query_json(record, sighting) for record, sighting in queries])
    return queries


def write_json(path: Path, content: object) -> None:
    """Writes a file of the custom layout: JSON on one line."""
    write_whole(path, json.dumps(content, indent=None, separators=(",", ":")) + "\n")
