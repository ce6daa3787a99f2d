"""Embeddings averaged over tracklets while footage comes in: what is not yet stored waits for later sightings.

The sightings of each camera are linked as they come (`Tracker`). A frame waits until `lookahead` later frames of
its camera are there, or until the end; then each of its sightings gets a share of the mean of its tracklet, from the
tracklet's begin up to the newest of those frames. So a tracklet shorter than that is averaged as a whole, exactly as
`tracklets.averaged` does it; of a longer one a sighting's mean has all the past and as much of what follows.

Where indexing stops, in the end or because it was interrupted, the frames that wait leave with what is known by then;
where it goes on, tracklets begin anew. Whatever else cuts them (frames out of time order, a gap longer than the
tracker bridges) costs likeness only, never a sighting.
"""

import dataclasses
from collections import deque

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detection.detections import Detections
from search.gallery.tables import FrameRows
from search.query.fusion import fused
from search.query.ranking import Ranking
from search.tracks.settings import TrackerSettings, TrackletAveraging
from search.tracks.tracker import UNTRACKED, Tracker, TrackIds
from search.tracks.tracklets import blended


class TrackletAverager:
    """Frames in, frames out with averaged embeddings, each camera's in the order in which they came.

    Args:
        settings: how far sightings share, and how they are linked.
        second_weight: The share of the second stage in what links them, from 0 to 1; None takes the usual one.
    """

    def __init__(self, settings: TrackletAveraging | None = None, second_weight: float | None = None) -> None:
        self.settings = settings or TrackletAveraging()
        self._share = Ranking(second_weight).share
        self._cameras: dict[object, _Camera] = {}

    @property
    def tracklets(self) -> int:
        """Tracklets begun so far, over all cameras."""
        return sum(camera.count for camera in self._cameras.values())

    def add(self, rows: FrameRows) -> list[FrameRows]:
        """Take the next frame.

        Args:
            rows: The frame's rows; frames of unknown camera count as one camera's. Without a time a frame counts as
                one second after the camera's last.

        Returns:
            The frames that need not wait any longer.

        Raises:
            ValueError: embeddings are of another width than before.
        """
        camera = self._cameras.setdefault(rows.frame["camera"], _Camera(self.settings.tracker, self._share))
        camera.take(rows)
        left = []
        while len(camera.waiting) > self.settings.lookahead:
            left.append(camera.release(self.settings.blend))
        return left

    def finish(self) -> list[FrameRows]:
        """The frames that still wait, averaged over what is known."""
        return [
            camera.release(self.settings.blend) for camera in self._cameras.values() for _ in range(len(camera.waiting))
        ]


class _Camera:
    """One camera's frames that wait, and the sums of its tracklets' unit embeddings."""

    def __init__(self, settings: TrackerSettings, share: float) -> None:
        self._share = share
        self.waiting: deque[tuple[FrameRows, TrackIds]] = deque()
        self.count = 0
        self._settings = settings
        self._tracker = Tracker(settings)
        self._first = 0  # number of this tracker's first tracklet
        self._last = -np.inf
        # Of each look: tracklet -> (D,) float64.
        self._sums: list[dict[int, NDArray[np.float64]]] = []

    def take(self, rows: FrameRows) -> None:
        """Link a frame's sightings and let it wait."""
        given = rows.frame["timestamp"]
        time = float(given) if isinstance(given, float) else max(self._last + 1, 0.0)
        if time < self._last:
            # Nobody walks back in time: what follows is linked by itself.
            self._tracker, self._first = Tracker(self._settings), self.count
        self._last = time
        looks = _looks(rows)
        ids = self._tracker.update(
            time, Detections(torch.from_numpy(rows.boxes), torch.from_numpy(rows.scores), _together(looks, self._share))
        )
        ids = np.where(ids == UNTRACKED, UNTRACKED, ids + self._first)
        self.count = self._first + self._tracker.count
        self._sums = self._sums or [{} for _ in looks]
        for sums, look in zip(self._sums, looks, strict=True):
            for number, embedding in zip(ids.tolist(), look.astype(np.float64), strict=True):
                if number != UNTRACKED:
                    sums[number] = sums[number] + embedding if number in sums else embedding
        self.waiting.append((rows, ids))

    def release(self, blend: float) -> FrameRows:
        """The frame that waits longest, its embeddings averaged over what is known."""
        rows, ids = self.waiting.popleft()
        tracked = ids != UNTRACKED
        averaged = []
        for sums, look in zip(self._sums, _looks(rows), strict=True):
            answer = look.copy()
            if tracked.any():
                means = torch.from_numpy(np.stack([sums[number] for number in ids[tracked].tolist()]))
                means = torch.nn.functional.normalize(means, dim=1).float()
                answer[tracked] = blended(torch.from_numpy(look[tracked]), means, blend).numpy()
            averaged.append(answer)
        self._forget()
        return dataclasses.replace(
            rows, embeddings=averaged[0], second_embeddings=averaged[1] if len(averaged) > 1 else None
        )

    def _forget(self) -> None:
        """Drop the sums of tracklets that ended and of which no sighting waits."""
        needed = {int(number) + self._first for number in self._tracker.alive}
        needed.update(number for _, ids in self.waiting for number in ids.tolist())
        self._sums = [{number: one for number, one in sums.items() if number in needed} for sums in self._sums]


def _looks(rows: FrameRows) -> list[NDArray[np.float32]]:
    """The embeddings (N, D) of the first stage, and (N, E) of the second where there is one."""
    return [rows.embeddings] if rows.second_embeddings is None else [rows.embeddings, rows.second_embeddings]


def _together(looks: list[NDArray[np.float32]], share: float) -> Tensor:
    """What a search ranks by, of both stages at this share of the second one."""
    first = torch.from_numpy(looks[0])
    return first if len(looks) == 1 else fused(first, torch.from_numpy(looks[1]), share)
