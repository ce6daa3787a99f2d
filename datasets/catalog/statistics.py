"""What a data set of full frames holds: boxes per camera and period, heights, who is seen by how many cameras.

The figures that Li et al. (arXiv 2002.10560) print of UESTC-PR in section IV, for any layout.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from datasets.layouts import uestc_pr
from datasets.samples import UNLABELLED, Camera, FrameSample, Query

BREAK = 600.0
"""Seconds without a frame of any camera after which a new period begins."""
NO_CAMERA = "no camera"

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class SplitCounts:
    """One split.

    Args:
        name: "train" or "gallery".
        frames: The number of pictures.
        empty: The number of pictures that show nobody.
        boxes: The number of boxes of people in the pictures.
        labelled: The number of boxes whose person has an identity.
        identities: The number of people with an identity.
        cameras: The number of cameras that have a name.
    """

    name: str
    frames: int
    empty: int
    boxes: int
    labelled: int
    identities: int
    cameras: int


@dataclass(frozen=True, eq=False)
class FrameStatistics:
    """A data set of full frames in figures; a frame that both splits share counts once, except in `splits`.

    Args:
        splits: The counts of each split.
        frames: The number of pictures.
        boxes: The number of boxes of people in the pictures.
        labelled: The number of boxes whose person has an identity.
        identities: The number of people with an identity, in all splits together.
        queries: The number of queries.
        query_identities: The number of people who are looked for.
        cameras: The names of the C cameras; "no camera" stands for frames without one.
        periods: The names of the T periods: the time of the first frame of each (UTC).
        frames_of: (C, T) numbers of pictures, by camera and period.
        boxes_of: (C, T) numbers of boxes, by camera and period.
        heights: Camera -> (N,) heights of its boxes in pixels.
        by_cameras: (C + 1,) numbers of people: by_cameras[n] people are seen by n cameras, and by_cameras[0] is 0.
        by_periods: (T + 1,) numbers of people: by_periods[n] people are seen in n periods, and by_periods[0] is 0.
        boxes_of_person: (identities,) numbers of boxes, one number for each person, in ascending order.
        people_per_frame: Numbers of frames: people_per_frame[n] frames show n people.
        minutes: The length of the longest recording: from the first to the last frame of a camera in a period, and one
            frame more. None where frames have no times.
    """

    splits: tuple[SplitCounts, ...]
    frames: int
    boxes: int
    labelled: int
    identities: int
    queries: int
    query_identities: int
    cameras: tuple[str, ...]
    periods: tuple[str, ...]
    frames_of: Counts
    boxes_of: Counts
    heights: Mapping[str, NDArray[np.float32]]
    by_cameras: Counts
    by_periods: Counts
    boxes_of_person: Counts
    people_per_frame: Counts
    minutes: float | None

    @property
    def all_heights(self) -> NDArray[np.float32]:
        """(N,) heights of all boxes in pixels."""
        return np.concatenate([np.zeros(0, np.float32), *self.heights.values()])


def measure_frames(
    splits: Mapping[str, Sequence[FrameSample]],
    queries: Sequence[Query] = (),
    whole: Sequence[FrameSample] = (),
) -> FrameStatistics:
    """Count what a data set holds.

    Args:
        splits: Split -> its frames. Numbers of people are compared within a split only, as most data sets number them
            anew in each.
        queries: The queries of the data set.
        whole: All frames with all identities, where files tell them; a split may hide identities of the other one.
    """
    frames, people = _united({"whole": whole} if whole else splits)
    cameras = sorted({frame.camera for frame in frames}, key=_camera_order)
    row_of = {camera: row for row, camera in enumerate(cameras)}
    periods, column_of = _periods(frames)
    frames_of, boxes_of = (np.zeros((len(cameras), len(periods)), dtype=np.int64) for _ in range(2))
    heights: dict[Camera | None, list[NDArray[np.float32]]] = defaultdict(list)
    seen_by: dict[tuple[str, int], tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    views: dict[tuple[str, int], int] = defaultdict(int)
    for frame, who, column in zip(frames, people, column_of, strict=True):
        row = row_of[frame.camera]
        frames_of[row, column] += 1
        boxes_of[row, column] += len(frame.boxes)
        heights[frame.camera].append(frame.boxes[:, 3] - frame.boxes[:, 1])
        for person in who:
            views[person] += 1
            seen_by[person][0].add(row)
            seen_by[person][1].add(column)
    names = tuple(NO_CAMERA if camera is None else str(camera) for camera in cameras)
    counts = np.array([len(frame.boxes) for frame in frames], dtype=np.int64)
    return FrameStatistics(
        splits=tuple(_split_counts(name, samples) for name, samples in splits.items()),
        frames=len(frames),
        boxes=int(counts.sum()),
        labelled=sum(map(len, people)),
        identities=len(views),
        queries=len(queries),
        query_identities=len({query.person_id for query in queries}),
        cameras=names,
        periods=periods,
        frames_of=frames_of,
        boxes_of=boxes_of,
        heights={name: np.concatenate(heights[camera]) for name, camera in zip(names, cameras, strict=True)},
        by_cameras=np.bincount([len(rows) for rows, _ in seen_by.values()], minlength=len(cameras) + 1),
        by_periods=np.bincount([len(columns) for _, columns in seen_by.values()], minlength=len(periods) + 1),
        boxes_of_person=np.sort(np.array(list(views.values()), dtype=np.int64)),
        people_per_frame=np.bincount(counts, minlength=1),
        minutes=_longest_minutes(frames, column_of),
    )


def height_histogram(heights: NDArray[np.float32], *, width: int = 0) -> tuple[NDArray[np.float64], Counts]:
    """How many boxes have which height.

    Args:
        heights: (N,) pixels.
        width: The width of a bin in pixels; 0 takes the first of 5, 10, 20, 25, 50 and 100 that makes at most 40 bins.

    Returns:
        (B + 1,) edges from 0 on, and (B,) counts. The last bin has the tallest box; none without boxes.
    """
    if not len(heights):
        return np.zeros(1), np.zeros(0, dtype=np.int64)
    tallest = float(heights.max())
    step = width or next((step for step in (5, 10, 20, 25, 50) if tallest < 40 * step), 100)
    edges = np.arange(0, int(tallest // step) + 2, dtype=np.float64) * step
    return edges, np.histogram(heights, bins=edges)[0].astype(np.int64)


def _united(
    splits: Mapping[str, Sequence[FrameSample]],
) -> tuple[list[FrameSample], list[list[tuple[str, int]]]]:
    """Every picture once, in the order met, and the people with an identity in it, each known by split and number."""
    frames: dict[object, FrameSample] = {}
    people: dict[object, list[tuple[str, int]]] = {}
    for split, samples in splits.items():
        for sample in samples:
            key = sample.path
            frames.setdefault(key, sample)
            ids = _own_ids(sample, split)
            people.setdefault(key, []).extend((split, person) for person in ids[ids >= 0].tolist())
    return list(frames.values()), list(people.values())


def _own_ids(sample: FrameSample, split: str) -> Counts:
    """The identities as the files number them, UNLABELLED where this split does not tell them."""
    if split != "train" or sample.original_ids is None:
        return sample.person_ids
    return np.where(sample.person_ids >= 0, sample.original_ids, UNLABELLED)


def _split_counts(name: str, samples: Sequence[FrameSample]) -> SplitCounts:
    ids = np.concatenate([np.zeros(0, np.int64), *(sample.person_ids for sample in samples)])
    return SplitCounts(
        name,
        frames=len(samples),
        empty=sum(not len(sample.boxes) for sample in samples),
        boxes=len(ids),
        labelled=int((ids >= 0).sum()),
        identities=len(np.unique(ids[ids >= 0])),
        cameras=len({sample.camera for sample in samples} - {None}),
    )


def _periods(frames: Sequence[FrameSample]) -> tuple[tuple[str, ...], list[int]]:
    """Names of the periods, and which of them each frame is of.

    UESTC-PR's frames tell it by their names; otherwise a pause of all cameras divides the times. Frames without times
    are of one period.
    """
    named = [uestc_pr.parse_name(frame.name) for frame in frames]
    times = np.array([np.nan if frame.timestamp is None else frame.timestamp for frame in frames], dtype=np.float64)
    if frames and all(parsed is not None for parsed in named):
        numbers = np.array([parsed[1] for parsed in named if parsed is not None])
    elif frames and np.isfinite(times).all():
        order = np.argsort(times, kind="stable")
        numbers = np.empty(len(times), dtype=np.int64)
        numbers[order] = np.cumsum(np.diff(times[order], prepend=times[order[0]]) > BREAK) + 1
    else:
        return ("all",), [0] * len(frames)
    known = np.unique(numbers)
    starts = [float(np.min(times[numbers == number])) for number in known]
    names = [datetime.fromtimestamp(start, UTC).strftime("%H:%M") if np.isfinite(start) else "" for start in starts]
    if len(set(names)) < len(names) or "" in names:  # the same hour of two days, or no time at all
        names = [f"{number}: {name}".rstrip(": ") for number, name in zip(known.tolist(), names, strict=True)]
    return tuple(names), np.searchsorted(known, numbers).tolist()


def _longest_minutes(frames: Sequence[FrameSample], column_of: Sequence[int]) -> float | None:
    times: dict[tuple[Camera | None, int], list[float]] = defaultdict(list)
    for frame, column in zip(frames, column_of, strict=True):
        if frame.timestamp is not None:
            times[frame.camera, column].append(frame.timestamp)
    lengths = []
    for values in times.values():
        row = np.unique(values)
        lengths.append(float(row[-1] - row[0] + (np.median(np.diff(row)) if len(row) > 1 else 0.0)) / 60)
    return max(lengths, default=None)


def _camera_order(camera: Camera | None) -> tuple[int, int, str]:
    """Numbers first, in their order; none last."""
    return (
        2 if camera is None else int(isinstance(camera, str)),
        camera if isinstance(camera, int) else 0,
        str(camera),
    )
