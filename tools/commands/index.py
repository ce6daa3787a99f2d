"""personsearch index: the people of footage into a gallery on disk."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from datasets.footage.reading import RECONNECT_MINUTES, Reading
from datasets.images import MOST_PIXELS
from detection.settings import LEAST_CONFIDENCE
from search.models.model_files import ModelFiles
from search.tracks.settings import TrackerSettings, TrackletAveraging
from tools.outcome import Outcome, table
from tools.progress import Progress, say
from tools.search_options import Tracklets
from tools.times import parse_time


@dataclass(frozen=True)
class Footage:
    """How the footage is read.

    Args:
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

    every_seconds: float = 1.0
    camera: str | None = None
    start_time: str | None = None
    max_pixels: int = MOST_PIXELS
    reconnect_minutes: float = RECONNECT_MINUTES
    minimum_confidence: float = LEAST_CONFIDENCE

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
    source: str,
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

    Example:
        personsearch index recordings/ --gallery people
        personsearch find people --crop suspect.jpg

    Args:
        source: A picture, a video, a folder of either, the address of a stream, or the JSON file of a data set in the
            custom layout.
        gallery: The gallery's folder; it is made if it is not there.
        models: The models that find people and tell them apart; by default those that come with personsearch.
        footage: How the footage is read.
        mirrored: Look at each frame a second time, mirrored, and average the two embeddings of each person. The
            direction in which somebody walks then matters less, and indexing takes longer.
        averaging: Whether sightings share the mean embedding of their tracklet.
        tracker: How sightings are linked into tracklets.
        batch_size: How many frames the models look at together, 1 or more.
    """
    from datasets.footage.names import written
    from datasets.footage.sources import count_frames
    from datasets.footage.streams import is_stream, public_name
    from search.evaluation.gallery_calibration import learn_after_indexing
    from search.gallery.noted_models import files_to_index
    from search.models.shipped import said_of
    from search.pipeline import IndexSummary, PersonSearch

    reading = footage.reading()
    steady = averaging.averaging(tracker)
    chosen = files_to_index(gallery, models)
    search = PersonSearch.from_files(
        chosen,
        score_threshold=footage.minimum_confidence,
        batch_size=batch_size,
        mirrored=mirrored,
        tracklets=steady,
    )
    total = count_frames(source, every_seconds=footage.every_seconds)
    with search.open_gallery(gallery, create=True) as store, Progress("Indexing") as progress:
        if chosen != models:
            say(f"models: {said_of(chosen)}")

        def report(summary: IndexSummary) -> None:
            done = summary.frames + summary.skipped + len(summary.failures)
            progress(done, total, sightings=summary.sightings)

        summary = search.index(
            source,
            store,
            reading=reading,
            minimum_confidence=footage.minimum_confidence,
            on_progress=report,
        )
        whole = store.summary()
        learned = learn_after_indexing(store) if summary.frames else ""
    rows: list[list[object]] = [
        ["frames searched", summary.frames],
        ["people found", summary.sightings],
        ["frames known before", summary.skipped],
        ["frames that could not be read", len(summary.failures)],
        ["sightings in the gallery", whole.sightings],
        ["cameras in the gallery", ", ".join(whole.cameras) or "unknown"],
    ]
    if steady is not None:
        rows.insert(2, ["tracklets they make", summary.tracklets])
    failures = [f"{name}: {reason}" for name, reason in summary.failures]
    # The address of a stream may hold a password, and figures are passed on.
    shown = public_name(source) if is_stream(source) else written(source)
    figures = {"source": shown, "gallery": gallery, "run": summary, "summary": dataclasses.asdict(whole)}
    figures["models"] = search.files.to_dict()
    figures["tracklets"] = steady
    lines = [table(["index", str(gallery)], rows), *summary.notes, *([learned] if learned else [])]
    if whole.sightings and not summary.skipped:
        lines.append(f"look for somebody: personsearch find {gallery} --crop PICTURE --html answer.html")
    return Outcome("\n".join(lines), figures, failures)
