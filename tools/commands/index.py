"""personsearch index: the people of footage into a gallery on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.footage.reading import RECONNECT_MINUTES, Reading
from datasets.images import MOST_PIXELS
from detection.settings import LEAST_CONFIDENCE
from search.models.model_files import ModelFiles
from search.tracks.settings import TrackerSettings, TrackletAveraging
from tools.commands.indexed import IndexingProgress, outcome
from tools.outcome import Outcome
from tools.progress import say
from tools.search_options import Tracklets
from tools.times import parse_time

if TYPE_CHECKING:
    from datasets.footage.cameras_file import CameraEntry


@dataclass(frozen=True)
class Footage:
    """How the footage is read.

    Args:
        cameras: A YAML file that lists cameras, each with its source, and perhaps name, place, clock and more.
        every_seconds: How many seconds lie between two frames that are taken from a video. A smaller number finds more
            and takes longer; 0 takes every frame.
        camera: The camera that all of this footage belongs to, in place of what the names of files and folders say.
        start_time: When the footage begins: a date and time such as 2024-05-01T08:30 (UTC where no zone is given) or
            seconds since the epoch. The videos of one camera follow one another: each begins where the one before it
            ended. Without a start time videos count from 0, pictures have no time, and `find` cannot choose by the time
            of day.
        max_pixels: A picture, or a video whose frames have more pixels than this, is not read but reported, so that a
            small file cannot fill the memory.
        reconnect_minutes: For how many minutes to try to reach a live stream again after it broke off, 0 or more.
        minimum_confidence: People whom the detector finds with less confidence than this are not kept, from 0 to 1.
            Lowering it keeps more people, and more things that are no people.
    """

    cameras: Path | None = None
    every_seconds: float = 1.0
    camera: str | None = None
    start_time: str | None = None
    max_pixels: int = MOST_PIXELS
    reconnect_minutes: float = RECONNECT_MINUTES
    minimum_confidence: float = LEAST_CONFIDENCE

    def described(self) -> "tuple[CameraEntry, ...]":
        """The cameras of the cameras file, none without one."""
        from datasets.footage.cameras_file import read_cameras

        return () if self.cameras is None else read_cameras(self.cameras)

    def reading(self) -> Reading:
        """The same as the library takes it."""
        begins = None if self.start_time is None else parse_time(self.start_time, "--start-time")
        return Reading(self.every_seconds, self.camera, begins, self.max_pixels, self.reconnect_minutes)


@dataclass(frozen=True)
class IndexedTracklets(Tracklets):
    """Whether sightings share the mean embedding of their tracklet before they are stored.

    Args:
        tracklets: Link one person's sightings by one camera into a tracklet, and average the embedding of each with
            the mean of its tracklet, so that one bad view weighs less. Frames should be a second or two apart and come
            in time order. The pictures that `find` searches by are not averaged.
        tracklet_blend: The share of the tracklet's mean in the embedding of each of its sightings, from 0 to 1.
        tracklet_lookahead: How many later frames of the same camera a sighting waits for before it is stored, so that
            it can be averaged with its later views too. When indexing stops, the waiting sightings are averaged with
            the views known by then, and their tracklets end there.
    """

    tracklet_lookahead: int = TrackletAveraging.lookahead

    def averaging(self, tracker: TrackerSettings) -> TrackletAveraging | None:
        """How sightings are averaged, None where they are not."""
        return TrackletAveraging(self.tracklet_blend, self.tracklet_lookahead, tracker) if self.tracklets else None


def index(
    source: list[str] | None = None,
    *,
    gallery: Path,
    models: ModelFiles = ModelFiles(),  # noqa: B008 - frozen
    footage: Footage = Footage(),
    mirrored: bool = False,
    averaging: IndexedTracklets = IndexedTracklets(),
    tracker: TrackerSettings = TrackerSettings(),  # noqa: B008 - frozen
    batch_size: int = 4,
) -> Outcome:
    """Find everybody in pictures or videos and add them to a gallery. Run it again to go on after a stop.

    The models that come with personsearch find people and tell them apart. With a model of your own, give --model; with
    --second-stage beside it the gallery holds two embeddings of each person, and `find` ranks by both. Without a joint
    model --detector finds people, and the crop model of --second-stage alone tells them apart; that one of the two
    which is not given is the shipped one. A gallery that is there keeps the models that it was made with. It notes
    where they are, so that `find` need not be told. At its end the gallery learns from its own frames how similar
    strangers get, where enough people are seen side by side, so that `find` gives verdicts.

    Several sources are read side by side and looked at in turns. A source that breaks is named, and the others go on.

    Example:
        personsearch index recordings/ --gallery people
        personsearch index gate.mp4 yard.mp4 rtsp://10.0.0.7/live --gallery people
        personsearch index --cameras cameras.yaml --gallery people
        personsearch find people --crop suspect.jpg

    Args:
        source: Pictures, videos, folders of either, addresses of streams, numbers of webcams such as 0, or JSON files
            of data sets in the custom layout; as many as you like.
        gallery: The gallery's folder; it is made if it is not there.
        models: The models that find people and tell them apart; by default those that come with personsearch.
        footage: How the footage is read.
        mirrored: Look at each frame a second time, mirrored, and average the two embeddings of each person. The
            direction in which somebody walks then matters less, and indexing takes longer.
        averaging: Whether sightings share the mean embedding of their tracklet.
        tracker: How sightings are linked into tracklets.
        batch_size: How many frames the models look at together, 1 or more.
    """
    from datasets.footage.planning import planned
    from search.evaluation.gallery_calibration import learn_after_indexing
    from search.gallery.description import note_cameras
    from search.gallery.noted_models import files_to_index
    from search.indexing import index_sources
    from search.models.shipped import said_of
    from search.pipeline import PersonSearch

    cameras = footage.described()
    sources, notes = planned(source or [], footage.reading(), cameras)
    if not sources:
        raise ValueError(
            "there is nothing to index, expected a SOURCE or --cameras FILE; name a file, folder or stream"
        )
    steady = averaging.averaging(tracker)
    chosen = files_to_index(gallery, models)
    search = PersonSearch.from_files(
        chosen,
        score_threshold=footage.minimum_confidence,
        batch_size=batch_size,
        mirrored=mirrored,
        tracklets=steady,
    )
    with search.open_gallery(gallery, create=True) as store, IndexingProgress(len(sources)) as progress:
        if chosen != models:
            say(f"models: {said_of(chosen)}")
        if cameras:
            store.description = note_cameras(gallery, store.description, [one.camera for one in cameras])
        runs = index_sources(
            sources,
            store,
            search.looking(store, footage.minimum_confidence),
            batch_size=batch_size,
            averaging=steady,
            on_progress=progress,
        )
        whole = store.summary()
        learned = learn_after_indexing(store) if any(run.looked for run in runs) else ""
    if (broken := runs[0].error) is not None and len(runs) == 1:
        raise broken
    return outcome(gallery, runs, whole, search.files, steady, [*notes, *([learned] if learned else [])])
