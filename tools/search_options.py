"""Options that several search commands share: each class is one group of the help, typed without a dot."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datasets.catalog.table import LAYOUTS
from search.query.ranking import Ranking
from search.tracks.settings import TrackerSettings, TrackletAveraging

if TYPE_CHECKING:
    from datasets.footage.planning import PlannedSource
    from search.cluster import Actors
    from search.gallery.gallery import Gallery


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


@dataclass(frozen=True)
class OnCluster:
    """Where the work is done.

    Args:
        cluster: Have the work done by several processes. local starts them on this machine, auto takes the cluster of
            Ray that this machine belongs to, and HOST:PORT or ray://HOST:PORT the one at that address. All machines
            must see footage, models and gallery by the same paths.
        workers: How many processes work at once with --cluster; by default one for each GPU there, or where there is
            none one for each processor but one.
    """

    cluster: str | None = None
    workers: int | None = None

    def require_usable(self, sources: "Sequence[PlannedSource]" = ()) -> None:
        """Refuse what would only be found out after the models are loaded.

        Args:
            sources: What is to be read.

        Raises:
            ValueError: The engine is not installed, the address is none, a source is a stream, or a number is wrong.
            ConnectionError: Nobody answers at the address.
        """
        if self.workers is not None and (self.cluster is None or self.workers < 1):
            given = f"--workers {self.workers}"
            if self.cluster is None:
                raise ValueError(f"{given} is given without --cluster, expected both; --cluster local works here")
            raise ValueError(f"{given}, expected at least 1")
        if self.cluster is not None:
            from search.cluster import require_address, require_files, require_ray

            require_ray()
            require_files(sources)
            require_address(self.cluster)

    @contextmanager
    def connected(self) -> "Iterator[tuple[Actors | None, int]]":
        """The cluster, and how many processes work on it; None and 1 where the work is done in this process."""
        if self.cluster is None:
            yield None, 1
            return
        from search.cluster import connected, workers_of

        with connected(self.cluster, self.workers) as actors:
            yield actors, workers_of(actors, self.workers)

    @contextmanager
    def searching(self, gallery: "Gallery", say: Callable[[str], None]) -> Iterator[None]:
        """Have a gallery searched by the cluster, where there is one.

        Args:
            gallery: The gallery.
            say: Takes a line about a process that died.
        """
        with self.connected() as (actors, count):
            if actors is None:
                yield
                return
            from search.cluster import searched_by

            with searched_by(gallery, actors, count, say):
                yield
