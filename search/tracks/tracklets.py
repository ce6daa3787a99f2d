"""Sightings of one camera linked into tracklets, one person's way each, and what a gallery gains by them.

A tracklet's mean embedding is steadier than that of one sighting; `averaged` gives it to its sightings.

tracks = track_frames(frames, detections)
for tracklet in tracklets(frames, detections, tracks):
    ...
steadier = averaged(detections, tracks)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from datasets.boxes import FloatBoxes
from datasets.samples import Camera
from detection.detections import Detections
from search.tracks.settings import TrackerSettings, TrackletAveraging, require_blend
from search.tracks.tracker import UNTRACKED, Tracker, TrackIds


class TimedFrame(Protocol):
    """What linking needs of a frame; `Frame` and `FrameSample` have it."""

    @property
    def name(self) -> str:
        """Unique within the data."""

    @property
    def camera(self) -> Camera | None:
        """Frames without a camera count as one camera's."""

    @property
    def timestamp(self) -> float | None:
        """Seconds, or None."""


FrameT = TypeVar("FrameT", bound=TimedFrame)


@dataclass(frozen=True, eq=False)
class Tracklet:
    """One person's way through one camera's frames, T sightings in time order.

    Args:
        camera: The camera of all its frames.
        track_id: >= 0, unique over the cameras that were tracked together.
        frames: the frames' names.
        rows: (T,) which of each frame's detections.
        boxes: (T, 4) xyxy pixels.
        times: (T,) seconds, or running numbers of the camera's frames where those have no time.
        embedding: (D,) mean of the sightings' unit embeddings, of unit length; None where they have none.
    """

    camera: Camera | None
    track_id: int
    frames: tuple[str, ...]
    rows: NDArray[np.int64]
    boxes: FloatBoxes
    times: NDArray[np.float64]
    embedding: Tensor | None = None

    def __len__(self) -> int:
        return len(self.frames)


def by_camera(frames: Sequence[FrameT]) -> dict[Camera | None, list[tuple[float, FrameT]]]:
    """Each camera's frames in time order with their times; running numbers from 0 where they have no time.

    Raises:
        ValueError: only some frames of a camera have a time.
    """
    groups: dict[Camera | None, list[FrameT]] = {}
    for frame in frames:
        groups.setdefault(frame.camera, []).append(frame)
    ordered: dict[Camera | None, list[tuple[float, FrameT]]] = {}
    for camera, members in groups.items():
        timed = [(frame.timestamp, frame) for frame in members if frame.timestamp is not None]
        if not timed:
            ordered[camera] = [(float(number), frame) for number, frame in enumerate(members)]
            continue
        if len(timed) < len(members):
            raise ValueError(
                f"camera {camera}: {len(members) - len(timed)} of {len(members)} frames have no timestamp; give it for "
                "all, or for none and the frames in time order"
            )
        ordered[camera] = sorted(timed, key=lambda pair: pair[0])
    return ordered


def track_frames(
    frames: Sequence[TimedFrame],
    detections: Mapping[str, Detections],
    settings: TrackerSettings | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, TrackIds]:
    """Track numbers of every detection; each camera is tracked on its own.

    Args:
        frames: Frames of any cameras in any order; without times, those of each camera in time order.
        detections: frame name -> Detections; frames that are missing (could not be read, say) are passed over.
        settings: The settings of every camera's Tracker.
        on_progress: called with (frames done, frames in all).

    Returns:
        Frame name -> (N,) track number or UNTRACKED. Numbers are unique over all cameras, without gaps.

    Raises:
        ValueError: as `by_camera` and `Tracker.update`.
    """
    tracks: dict[str, TrackIds] = {}
    begun = done = 0
    for members in by_camera(frames).values():
        tracker = Tracker(settings)
        for time, frame in members:
            done += 1
            if frame.name in detections:
                ids = tracker.update(time, detections[frame.name])
                tracks[frame.name] = np.where(ids == UNTRACKED, UNTRACKED, ids + begun)
            if on_progress is not None:
                on_progress(done, len(frames))
        begun += tracker.count
    return tracks


def tracklets(
    frames: Sequence[TimedFrame], detections: Mapping[str, Detections], tracks: Mapping[str, TrackIds]
) -> list[Tracklet]:
    """The tracks as one value each, in the order of their numbers.

    Args:
        frames: The frames that were tracked, in any order.
        detections: frame name -> Detections.
        tracks: frame name -> (N,) track numbers, as `track_frames` gives them.

    Raises:
        ValueError: a frame has another number of track numbers than of detections.
    """
    members = [
        (camera, time, frame.name)
        for camera, ordered in by_camera(frames).items()
        for time, frame in ordered
        if frame.name in tracks
    ]
    names = [name for *_, name in members]
    ids, boxes, embeddings = _stacked(names, detections, tracks)
    counts = [len(tracks[name]) for name in names]
    owner = np.repeat(np.arange(len(names)), counts)
    row = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts) if counts else owner
    order = np.flatnonzero(ids != UNTRACKED)
    order = order[np.argsort(ids[order], kind="stable")]
    numbers, starts = np.unique(ids[order], return_index=True)
    means = None
    if embeddings is not None:
        means = _track_means(embeddings[order], np.searchsorted(numbers, ids[order]), len(numbers))
    times = np.array([time for _, time, _ in members])
    return [
        Tracklet(
            members[owner[part[0]]][0],
            int(number),
            tuple(names[frame] for frame in owner[part]),
            row[part],
            boxes[part],
            times[owner[part]],
            None if means is None else means[index],
        )
        for index, (number, part) in enumerate(zip(numbers, np.split(order, starts[1:]), strict=True))
    ]


def without_short(tracks: Mapping[str, TrackIds], minimum_length: int) -> dict[str, TrackIds]:
    """The same tracks, UNTRACKED where they have fewer sightings than this: those of false detections, mostly."""
    numbers = np.concatenate([np.zeros(0, dtype=np.int64), *tracks.values()])
    long = np.bincount(numbers[numbers != UNTRACKED]) >= minimum_length
    kept = np.append(long, False)  # the last one is UNTRACKED's
    return {name: np.where(kept[ids], ids, UNTRACKED) for name, ids in tracks.items()}


def averaged(
    detections: Mapping[str, Detections], tracks: Mapping[str, TrackIds], *, blend: float = TrackletAveraging.blend
) -> dict[str, Detections]:
    """The same detections, each with the mean embedding of its tracklet: one bad view weighs less.

    Args:
        detections: frame name -> Detections with embeddings (N, D).
        tracks: frame name -> (N,) track numbers, as `track_frames` gives them, or numbers of linked tracklets. Frames
            and detections without a track stay as they are.
        blend: share of the mean, 0 to 1: 0 leaves all as they were, 1 makes all sightings of a tracklet alike, so that
            nothing tells its best view from a wrong link any more.

    Raises:
        ValueError: the blend is no share, embeddings are missing, or a frame has another number of track numbers.
    """
    require_blend(blend)
    names = [name for name in detections if name in tracks]
    ids, _, embeddings = _stacked(names, detections, tracks)
    if embeddings is None:
        if not len(ids):
            return dict(detections)
        raise ValueError("detections have no embeddings to average; run a model that embeds on them first")
    numbers, track = np.unique(ids, return_inverse=True)
    means = _track_means(embeddings, track, len(numbers))[torch.from_numpy(track)]
    alone = torch.from_numpy(ids == UNTRACKED)
    mixed = torch.where(alone[:, None], embeddings, blended(embeddings, means, blend))
    parts = mixed.split([len(detections[name]) for name in names])
    changed = {name: detections[name].with_embeddings(part) for name, part in zip(names, parts, strict=True)}
    return {**detections, **changed}


def blended(embeddings: Tensor, means: Tensor, blend: float) -> Tensor:
    """Embeddings (N, D) moved towards the mean directions (N, D) of their tracklets, of unit length.

    Args:
        embeddings: The sightings' embeddings; where they and their mean cancel out, they stay.
        means: The tracklets' mean directions, of unit length.
        blend: share of the mean, see `averaged`.
    """
    mixed = (1 - blend) * functional.normalize(embeddings, dim=1) + blend * means
    nowhere = mixed.norm(dim=1) < 1e-6
    return torch.where(nowhere[:, None], embeddings, functional.normalize(mixed, dim=1))


def _stacked(
    names: Sequence[str], detections: Mapping[str, Detections], tracks: Mapping[str, TrackIds]
) -> tuple[TrackIds, FloatBoxes, Tensor | None]:
    """Track numbers (N,), boxes (N, 4) and embeddings (N, D) of the frames, one below the other."""
    for name in names:
        if len(tracks[name]) != len(detections[name]):
            found, given = len(detections[name]), len(tracks[name])
            raise ValueError(f"frame {name}: {given} track numbers for {found} detections, expected one for each")
    people = [detections[name] for name in names if len(detections[name])]
    ids = np.concatenate([np.zeros(0, dtype=np.int64), *(tracks[name] for name in names)])
    boxes = torch.cat([torch.zeros(0, 4), *(found.boxes.cpu() for found in people)]).numpy()
    embeddings = [found.embeddings.cpu() for found in people if found.embeddings is not None]
    return ids, boxes, torch.cat(embeddings) if people and len(embeddings) == len(people) else None


def _track_means(embeddings: Tensor, track: NDArray[np.int64], count: int) -> Tensor:
    """(T, D) mean directions of embeddings (N, D) by the track (N,) of each, in 0 .. T - 1."""
    unit = functional.normalize(embeddings.double(), dim=1)
    sums = torch.zeros(count, unit.shape[1], dtype=torch.float64).index_add_(0, torch.from_numpy(track), unit)
    return functional.normalize(sums, dim=1).float()
