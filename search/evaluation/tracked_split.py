"""A data set's tracks: those of a model, of public detections or of a file, judged against the true ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from datasets import read_frames
from datasets.catalog.table import LAYOUTS
from datasets.samples import FrameSample
from detection.detections import Detections
from search.evaluation.tracked_frames import TrackedFrame, judged_frame
from search.tracks.linking import link_tracklets, renumbered
from search.tracks.mot_files import number_frames
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
        self, truth: "TrackingTruth", *, across_cameras: bool, iou_threshold: float
    ) -> dict[str, list[TrackedFrame]]:
        """The frames of each sequence that could be read, without what must not be judged.

        Args:
            truth: The frames with their true boxes.
            across_cameras: Whether the numbers over all cameras are judged, or those within each.
            iou_threshold: The least overlap of a hit, from 0 to 1.

        Raises:
            ValueError: A number occurs twice in a frame.
        """
        numbers = self.people if across_cameras else self.tracks
        ignored_are_people = LAYOUTS[truth.layout].ignored_are_people
        judged: dict[str, list[TrackedFrame]] = {name: [] for name in truth.judged}
        for name, frames in truth.judged.items():
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


@dataclass(frozen=True, eq=False)
class TrackingTruth:
    """A data set's frames as trackers are judged by them.

    Args:
        layout: The name of the data set's layout.
        samples: The frames.
        sequences: All frames by sequence or camera and by number.
        judged: Those sequences that have true boxes.
        missing: The names of the others, which are in no figure.
        failures: A line for each frame that could not be read.
    """

    layout: str
    samples: Sequence[FrameSample]
    sequences: Sequences
    judged: Sequences
    missing: list[str]
    failures: list[str]


def tracking_truth(layout: str, root: Path, split: str | None = None) -> TrackingTruth:
    """Reads the frames and true boxes that trackers are judged by.

    Args:
        layout: The name of the data set's layout.
        root: The data set's folder, one sequence of it, or its JSON.
        split: "train" or "gallery"; None takes the one whose true tracks are public.

    Raises:
        FileNotFoundError, ValueError: The data set cannot be read.
    """
    rules = LAYOUTS[layout]
    samples, failures = read_frames(layout, root, split or rules.judged_split)
    sequences = number_frames(samples, by_file_name=rules.numbered_by_name)
    judged: Sequences = sequences
    if rules.numbered_by_name:
        # A test sequence has no truth at all, where elsewhere a camera may simply have seen nobody.
        judged = {name: frames for name, frames in sequences.items() if any(len(one.boxes) for one in frames.values())}
    missing = [name for name in sequences if name not in judged]
    return TrackingTruth(layout, samples, sequences, judged, missing, failures)
