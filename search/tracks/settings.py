"""How sightings are linked and averaged: values that travel whole. Nothing heavy is imported here."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TrackerSettings:
    """When a detection goes on with a track, and which of several.

    A detection may go on with a track that it looks like and that it overlaps, or whose person may have walked there
    meanwhile. Without embeddings only overlap counts.

    Args:
        embedding_weight: share of the cosine of the embeddings in the affinity, 0 to 1; the rest is overlap.
        minimum_overlap: least intersection over union with the track's box, moved as its person walked last.
        minimum_similarity: least cosine with the track's embedding; raising it breaks tracks where people change
            their look, lowering it lets them jump from person to person.
        maximum_speed: with embeddings, a detection that does not overlap enough may be so far away for each second
            since the track was seen, in heights of the person; people walk about 0.8. 0 asks for overlap always.
        maximum_gap: seconds after which an unseen track ends; raising it bridges longer occlusions.
        minimum_score: a detection of less confidence goes on with tracks but begins none; 0 lets all begin one, also
            those of detectors whose confidences are negative.
        momentum: share of the old embedding when a sighting is blended into it, 0 to 1.

    Seconds are frames where the times of frames are not known. The defaults suit frames a second apart, as measured on
    plaza.

    Raises:
        ValueError: a value is out of its range.
    """

    embedding_weight: float = 0.8
    minimum_overlap: float = 0.3
    minimum_similarity: float = 0.5
    maximum_speed: float = 1.5
    maximum_gap: float = 2.0
    minimum_score: float = 0.0
    momentum: float = 0.8

    def __post_init__(self) -> None:
        for name in ("embedding_weight", "minimum_overlap", "minimum_score", "momentum"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} of the tracker is {getattr(self, name)}, expected a value from 0 to 1")
        if not -1 <= self.minimum_similarity <= 1:
            raise ValueError(f"minimum_similarity of the tracker is {self.minimum_similarity}, expected a cosine")
        for name in ("maximum_speed", "maximum_gap"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} of the tracker is {getattr(self, name)}, expected at least 0")


@dataclass(frozen=True)
class TrackletAveraging:
    """How sightings share the mean embedding of their tracklet.

    Args:
        blend: share of the mean in each sighting's embedding, 0 to 1, see `search.tracks.tracklets.averaged`.
        lookahead: so many later frames of its camera a frame waits for; raising it averages longer tracklets as a
            whole, and stores what was found that much later.
        tracker: how sightings are linked.

    Raises:
        ValueError: a value is out of its range.
    """

    blend: float = 0.5
    lookahead: int = 60
    tracker: TrackerSettings = field(default_factory=TrackerSettings)

    def __post_init__(self) -> None:
        require_blend(self.blend)
        if self.lookahead < 0:
            raise ValueError(f"lookahead of {self.lookahead} frames, expected 0 or more")


def require_blend(blend: float) -> None:
    """Refuse what is no share of a tracklet's mean.

    Raises:
        ValueError: it is not in [0, 1].
    """
    if not 0 <= blend <= 1:
        raise ValueError(f"blend {blend}, expected a share from 0 (each sighting's own) to 1 (the tracklet's mean)")
