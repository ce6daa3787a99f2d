"""Options that several search commands share: each class is one group of the help, typed without a dot."""

from dataclasses import dataclass

from datasets.catalog.table import LAYOUTS
from search.query.ranking import Ranking
from search.tracks.settings import TrackerSettings, TrackletAveraging


@dataclass(frozen=True)
class Similarity:
    """How a similarity is made, where a command neither re-ranks nor looks at the company.

    Args:
        second_weight: The share of the second stage in the similarity, from 0 to 1; by default the one that was
            learned for the two models (--learn-second-weight), and 0.8 where none was.
        class_weighted: Multiply every similarity by the detector's confidence, so that doubtful boxes rank lower.
    """

    second_weight: float | None = None
    class_weighted: bool = False

    def ranking(self) -> Ranking:
        """The same as a ranking."""
        return Ranking(self.second_weight, class_weighted=self.class_weighted)


@dataclass(frozen=True)
class Tracklets:
    """How one person's sightings by one camera are combined.

    Args:
        tracklets: A tracklet is one person's walk past one camera. Average the embedding of each sighting with the mean
            of its tracklet, so that one bad view weighs less. Frames should be a second or two apart and come in time
            order. The pictures that are searched by are not averaged.
        tracklet_blend: The share of the tracklet's mean in the embedding of each of its sightings, from 0 to 1.
    """

    tracklets: bool = False
    tracklet_blend: float = TrackletAveraging.blend

    def averaging(self, tracker: TrackerSettings) -> TrackletAveraging | None:
        """How sightings are averaged, None where they are not.

        Raises:
            ValueError: The share is out of its range.
        """
        return TrackletAveraging(self.tracklet_blend, tracker=tracker) if self.tracklets else None

    def require_cameras(self, layout: str) -> None:
        """Refuse tracklets for a data set whose frames belong to no camera."""
        if self.tracklets and not LAYOUTS[layout].recorded:
            raise ValueError(
                f"--tracklets is given, but {layout}'s frames are single pictures of no camera; leave it out"
            )
