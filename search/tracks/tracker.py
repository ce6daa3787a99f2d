"""Who in this frame is who in the last ones: the detections of one camera, assigned to tracks frame by frame.

Each frame's detections are assigned to the tracks that are alive by overlap and likeness, all at once (Hungarian
assignment), as in Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016, and Wojke et al., "Deep SORT", ICIP
2017. Deviations: a track moves on as it moved last instead of by a Kalman filter, and one assignment weighs overlap
and likeness instead of a cascade.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datasets.boxes import box_overlap
from search.tracks.settings import TrackerSettings

if TYPE_CHECKING:  # who follows boxes that a gallery stores needs no torch
    from detection.detections import Detections

UNTRACKED = -1
"""A detection that belongs to no track: too unsure to begin one."""

TrackIds = NDArray[np.int64]


class Tracker:
    """Links the detections of one camera, frame by frame.

    Args:
        settings: when a detection goes on with a track.
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self.settings = settings or TrackerSettings()
        self.count = 0
        """Tracks begun so far: their numbers are 0 .. count - 1."""
        self._now = -np.inf
        # One row a track that is alive, K of them.
        self._ids: TrackIds = np.zeros(0, dtype=np.int64)
        self._boxes: NDArray[np.float64] = np.zeros((0, 4))
        self._velocity: NDArray[np.float64] = np.zeros((0, 2))  # pixels a second of the box's center
        self._seen: NDArray[np.float64] = np.zeros(0)
        self._embeddings: NDArray[np.float64] | None = None  # (K, D), None before any frame and without embeddings

    @property
    def alive(self) -> TrackIds:
        """(K,) numbers of the tracks that the next frame may go on with, if it comes soon enough."""
        return self._ids

    def update(self, timestamp: float, detections: "Detections") -> TrackIds:
        """Assign the detections of the next frame.

        Args:
            timestamp: seconds, not before the last frame's; or frame numbers, the settings then count frames.
            detections: N people, all frames with embeddings of one width or all without.

        Returns:
            (N,) number of each detection's track; UNTRACKED where it goes on with none and is too unsure to begin one.

        Raises:
            ValueError: the frames are not in time order, or the embeddings are of another width than before.
        """
        embeddings = detections.embeddings
        rows = None if embeddings is None else embeddings.cpu().numpy()
        return self.update_arrays(timestamp, detections.boxes.cpu().numpy(), detections.scores.cpu().numpy(), rows)

    def update_arrays(
        self,
        timestamp: float,
        boxes: NDArray[np.floating],
        scores: NDArray[np.floating],
        embeddings: NDArray[np.floating] | None,
    ) -> TrackIds:
        """Assign the people of the next frame, as `update` does.

        Args:
            timestamp: As `update` takes it.
            boxes: (N, 4) xyxy pixels.
            scores: (N,) the detector's confidence.
            embeddings: (N, D); None without.

        Returns:
            (N,) as `update` gives them.

        Raises:
            ValueError: As `update` says.
        """
        if not timestamp >= self._now:
            raise ValueError(
                f"frame at {timestamp} after one at {self._now}, expected time order; sort the camera's frames"
            )
        exact = boxes.astype(np.float64)
        units = self._unit(len(exact), embeddings)
        self._keep(timestamp - self._seen <= self.settings.maximum_gap)
        tracks, rows = self._assign(timestamp, exact, units)
        ids = np.full(len(exact), UNTRACKED, dtype=np.int64)
        ids[rows] = self._ids[tracks]
        self._follow(timestamp, tracks, exact[rows], None if units is None else units[rows])
        least = self.settings.minimum_score or -np.inf
        sure = scores >= np.float32(least)
        new = np.flatnonzero((ids == UNTRACKED) & sure)
        ids[new] = self.count + np.arange(len(new))
        self._begin(timestamp, ids[new], exact[new], None if units is None else units[new])
        self._now = timestamp
        return ids

    def _unit(self, count: int, embeddings: NDArray[np.floating] | None) -> NDArray[np.float64] | None:
        """(N, D) unit embeddings, None without."""
        if embeddings is None:
            if count and self._embeddings is not None:
                raise ValueError("detections have no embeddings, those of earlier frames had; embed all or none")
            return None
        rows = embeddings.astype(np.float64)
        if self._embeddings is None:
            if self.count:
                raise ValueError("detections have embeddings, those of earlier frames had none; embed all or none")
            self._embeddings = np.zeros((0, rows.shape[1]))
        if rows.shape[1] != self._embeddings.shape[1]:
            width = self._embeddings.shape[1]
            raise ValueError(f"embeddings of width {rows.shape[1]} after those of width {width}; use one model")
        return _normalized(rows)

    def _keep(self, alive: NDArray[np.bool_]) -> None:
        self._ids, self._boxes, self._velocity = self._ids[alive], self._boxes[alive], self._velocity[alive]
        self._seen = self._seen[alive]
        if self._embeddings is not None:
            self._embeddings = self._embeddings[alive]

    def _assign(
        self, timestamp: float, boxes: NDArray[np.float64], embeddings: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of tracks and of detections that belong together."""
        from scipy.optimize import linear_sum_assignment  # 0.2 s that only who tracks should pay

        settings = self.settings
        elapsed = timestamp - self._seen
        moved = self._boxes + np.tile(self._velocity * elapsed[:, None], 2)
        overlap = box_overlap(moved[:, None], boxes[None])  # (K, N)
        allowed = overlap >= max(settings.minimum_overlap, np.finfo(np.float64).tiny)
        affinity = overlap
        if embeddings is not None:
            assert self._embeddings is not None
            likeness = self._embeddings @ embeddings.T
            height = self._boxes[:, 3] - self._boxes[:, 1]
            away = np.linalg.norm(_centers(moved)[:, None] - _centers(boxes)[None], axis=2)
            near = away <= (settings.maximum_speed * elapsed * height)[:, None]
            allowed = (allowed | near) & (likeness >= settings.minimum_similarity)
            weight = settings.embedding_weight
            affinity = (1 - weight) * overlap + weight * likeness
        tracks, rows = linear_sum_assignment(np.where(allowed, affinity, 0), maximize=True)
        kept = allowed[tracks, rows]
        return tracks[kept], rows[kept]

    def _follow(
        self, timestamp: float, tracks: NDArray[np.int64], boxes: NDArray[np.float64], rows: NDArray[np.float64] | None
    ) -> None:
        """Take the boxes (M, 4) and embeddings (M, D) of the tracks that were seen again."""
        elapsed = (timestamp - self._seen[tracks])[:, None]
        shift = _centers(boxes) - _centers(self._boxes[tracks])
        speed = np.divide(shift, elapsed, out=self._velocity[tracks], where=elapsed > 0)
        self._velocity[tracks] = speed
        self._boxes[tracks], self._seen[tracks] = boxes, timestamp
        if rows is not None and self._embeddings is not None:
            momentum = self.settings.momentum
            self._embeddings[tracks] = _normalized(momentum * self._embeddings[tracks] + (1 - momentum) * rows)

    def _begin(
        self, timestamp: float, ids: TrackIds, boxes: NDArray[np.float64], rows: NDArray[np.float64] | None
    ) -> None:
        self.count += len(ids)
        self._ids = np.concatenate([self._ids, ids])
        self._boxes = np.concatenate([self._boxes, boxes])
        self._velocity = np.concatenate([self._velocity, np.zeros((len(ids), 2))])
        self._seen = np.concatenate([self._seen, np.full(len(ids), timestamp)])
        if rows is not None and self._embeddings is not None:
            self._embeddings = np.concatenate([self._embeddings, rows])


def _centers(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2) of boxes (N, 4)."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _normalized(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
