"""A data set's tracks: those of a model, of public detections or of a file, judged against the true ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from datasets.samples import FrameSample
from detection.detections import Detections
from search.evaluation.tracked_frames import TrackedFrame, judged_frame
from search.tracks.linking import link_tracklets, renumbered
from search.tracks.settings import TrackerSettings
from search.tracks.tracker import UNTRACKED, TrackIds
from search.tracks.tracklets import track_frames, tracklets, without_short

Sequences = Mapping[str, Mapping[int, FrameSample]]
"""Name of a sequence or camera -> number of a frame -> the frame, as `search.tracks.mot_files.number_frames` gives."""


@dataclass(frozen=True, eq=False)
class TrackedSplit:
    """What is judged.

    Args:
        found: frame name -> Detections.
        tracks: frame name -> (N,) track numbers within cameras.
        people: frame name -> (N,) numbers over all cameras.
        rows_left_out: Rows of a file of tracks that belong to no frame of the data set.
    """

    found: Mapping[str, Detections]
    tracks: Mapping[str, TrackIds] = field(default_factory=dict)
    people: Mapping[str, TrackIds] = field(default_factory=dict)
    rows_left_out: int = 0

    def surer_than(self, score_threshold: float | None) -> "TrackedSplit":
        """The detections of at least this confidence, with their numbers; None keeps all, whatever range they have."""
        threshold = -np.inf if score_threshold is None else score_threshold
        kept = {name: (one.scores >= threshold).numpy() for name, one in self.found.items()}
        return replace(
            self,
            found={name: self.found[name][rows] for name, rows in kept.items()},
            tracks={name: ids[kept[name]] for name, ids in self.tracks.items()},
            people={name: ids[kept[name]] for name, ids in self.people.items()},
        )

    def linked(
        self,
        samples: Sequence[FrameSample],
        tracker: TrackerSettings,
        *,
        minimum_length: int = 1,
        link_similarity: float | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> "TrackedSplit":
        """The detections numbered by track, and by person over all cameras where a similarity is given.

        Args:
            samples: The frames, with cameras and times.
            tracker: How detections are linked.
            minimum_length: Tracks of fewer sightings are dropped.
            link_similarity: The least mean cosine of tracks that are joined over cameras; None joins none.
            on_progress: It is called with (frames done, all frames).
        """
        numbers = without_short(track_frames(samples, self.found, tracker, on_progress=on_progress), minimum_length)
        if link_similarity is None:
            return replace(self, tracks=numbers)
        ways = tracklets(samples, self.found, numbers)
        people = renumbered(numbers, ways, link_tracklets(ways, minimum_similarity=link_similarity))
        return replace(self, tracks=numbers, people=people)

    def judged(
        self, sequences: Sequences, *, across_cameras: bool, ignored_are_people: bool, iou_threshold: float
    ) -> dict[str, list[TrackedFrame]]:
        """The frames of each sequence that could be read, without what must not be judged.

        Args:
            sequences: The frames with their true boxes.
            across_cameras: Whether the numbers over all cameras are judged, or those within each.
            ignored_are_people: Whether boxes to ignore are people, as MOTChallenge's, or areas, as COCO's crowds.
            iou_threshold: The least overlap of a hit.

        Raises:
            ValueError: A number occurs twice in a frame.
        """
        numbers = self.people if across_cameras else self.tracks
        judged: dict[str, list[TrackedFrame]] = {name: [] for name in sequences}
        for name, frames in sequences.items():
            for number, sample in frames.items():
                if sample.name not in self.found:
                    continue
                try:
                    judged[name].append(self._judged(sample, numbers[sample.name], ignored_are_people, iou_threshold))
                except ValueError as error:
                    raise ValueError(f"{name} frame {number}: {error}") from error
        return judged

    def _judged(
        self, sample: FrameSample, ids: TrackIds, ignored_are_people: bool, iou_threshold: float
    ) -> TrackedFrame:
        known, rows = sample.person_ids >= 0, ids != UNTRACKED
        people, regions = [sample.boxes[~known]], sample.ignore
        if ignored_are_people:
            people, regions = [*people, sample.ignore], sample.ignore[:0]
        return judged_frame(
            (sample.person_ids[known], sample.boxes[known]),
            (ids[rows], self.found[sample.name].boxes.numpy()[rows]),
            people=np.concatenate(people),
            regions=regions,
            iou_threshold=iou_threshold,
        )


def with_truth(sequences: Sequences) -> tuple[Sequences, list[str]]:
    """The sequences that have true boxes, and the names of the others."""
    judged = {name: frames for name, frames in sequences.items() if any(len(one.boxes) for one in frames.values())}
    return judged, [name for name in sequences if name not in judged]
