"""personsearch index: the people of footage into a gallery on disk."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.footage.reading import RECONNECT_MINUTES, Reading
from datasets.images import MOST_PIXELS
from datasets.moments import zone_named
from detection.settings import LEAST_CONFIDENCE
from reid.runtime.settings import Inference, PrecisionName, RuntimeName
from search.models.model_files import ModelFiles
from search.tracks.settings import TrackerSettings, TrackletAveraging
from tools.installation import loading
from tools.outcome import Outcome, table
from tools.progress import SourceLine, SourceProgress, say
from tools.search_options import OnCluster, Tracklets
from tools.times import parse_time

if TYPE_CHECKING:
    from datasets.footage.cameras_file import CameraEntry
    from datasets.footage.planning import PlannedSource
    from search.cluster import Actors
    from search.gallery.description import GallerySummary
    from search.gallery.gallery import Gallery
    from search.pipeline import PersonSearch
    from search.source_runs import SourceRun


@dataclass(frozen=True)
class Footage:
    """How the footage is read.

    Args:
        cameras: A YAML file that lists cameras, each with its source, and perhaps name, place, clock and more.
        every_seconds: How many seconds lie between two frames that are taken from a video. A smaller number finds more
            and takes longer; 0 takes every frame.
        camera: The camera that all of this footage belongs to, in place of what the names of files and folders say.
        start_time: When the footage begins: a date and time such as 2024-05-01T08:30, or seconds since the epoch (Unix
            time). The videos of one camera follow one another: each begins where the one before it ended. Without a
            start time the date in the name of a file counts, or else the creation time that a video states. Where
            nothing tells a time, videos count from 0, pictures have no time, and `find` cannot choose by the time of
            day.
        time_zone: The zone of the cameras' clocks, such as Europe/Berlin, in which times without a zone are read; by
            default that of this machine.
        creation_times: Take the creation time that a video file states for its start where its name tells none.
        recorded_rate: How many frames a second were recorded, for videos that hold no times themselves (.h264, .hevc,
            .mjpeg and the like), in place of what their frames tell. Where these tell nothing it is taken to be 25.
        skip_still: Do not look for people in a frame that looks like an earlier one of its camera in which nobody was
            seen. That saves time where a camera often shows nobody. Who is overlooked once and stands still may stay
            overlooked for up to 30 frames.
        max_pixels: A picture, or a video whose frames have more pixels than this, is not read but reported, so that a
            small file cannot fill the memory.
        reconnect_minutes: For how many minutes to try to reach a live stream again that is off or broke off, 0 or more.
        minimum_confidence: People whom the detector finds with less confidence than this are not kept, from 0 to 1.
            Lowering it keeps more people, and more things that are no people.
    """

    cameras: Path | None = None
    every_seconds: float = 1.0
    camera: str | None = None
    start_time: str | None = None
    time_zone: str | None = None
    creation_times: bool = True
    recorded_rate: float | None = None
    skip_still: bool = False
    max_pixels: int = MOST_PIXELS
    reconnect_minutes: float = RECONNECT_MINUTES
    minimum_confidence: float = LEAST_CONFIDENCE

    def described(self) -> "tuple[CameraEntry, ...]":
        """The cameras of the cameras file, none without one."""
        from datasets.footage.cameras_file import read_cameras

        return () if self.cameras is None else read_cameras(self.cameras)

    def reading(self) -> Reading:
        """The same as the library takes it."""
        zone = None if self.time_zone is None else zone_named(self.time_zone)
        begins = None if self.start_time is None else parse_time(self.start_time, "--start-time", zone)
        return Reading(
            self.every_seconds,
            self.camera,
            begins,
            self.max_pixels,
            self.reconnect_minutes,
            time_zone=self.time_zone,
            creation_times=self.creation_times,
            recorded_rate=self.recorded_rate,
            skip_still=self.skip_still,
        )


@dataclass(frozen=True)
class IndexedTracklets(Tracklets):
    """How one person's sightings by one camera are combined before they are stored.

    Args:
        tracklets: A tracklet is one person's walk past one camera. Average the embedding of each sighting with the mean
            of its tracklet, so that one bad view weighs less. Frames should be a second or two apart and come in time
            order. The pictures that `find` searches by are not averaged.
        tracklet_blend: The share of the tracklet's mean in the embedding of each of its sightings, from 0 to 1.
        tracklet_lookahead: How many later frames of the same camera a sighting waits for before it is stored, so that
            it can be averaged with its later views too. When indexing stops, the waiting sightings are averaged with
            the views known by then, and their tracklets end there.
    """

    tracklet_lookahead: int = TrackletAveraging.lookahead

    def averaging(self, tracker: TrackerSettings) -> TrackletAveraging | None:
        """How sightings are averaged, None where they are not."""
        return TrackletAveraging(self.tracklet_blend, self.tracklet_lookahead, tracker) if self.tracklets else None


@dataclass(frozen=True)
class Work(OnCluster):
    """How the work is done, and where.

    Args:
        cluster: Have the work done by several processes. local starts them on this machine, auto takes the cluster of
            Ray that this machine belongs to, and HOST:PORT or ray://HOST:PORT the one at that address. All machines
            must see footage, models and gallery by the same paths.
        workers: How many processes work at once with --cluster; by default one for each GPU there, or where there is
            none one for each processor but one.
        batch_size: How many frames the models look at together, 1 or more.
        runtime: What computes the networks: torch, or OpenVINO, which does so on a processor and mostly in less time.
            auto takes OpenVINO where it is installed (`pip install 'personsearch[fast]'`) and is measured to be faster
            with these models on this machine; that takes some seconds in the first run. compiled is torch that
            compiles the trunk of a joint model, for graphics cards; where that fails torch computes as ever. onnx is
            ONNX Runtime.
        precision: How precisely the networks compute: float32, or bf16 where the processor knows it, which takes about
            half the time. auto is bf16 where the processor knows it. int8 is 8-bit numbers, the fastest and least exact
            way to find people, by OpenVINO; the numbers are chosen by some frames of the footage, once.
    """

    batch_size: int = 4
    runtime: RuntimeName = "auto"
    precision: PrecisionName = "auto"

    def inference(self, sources: "Sequence[PlannedSource]") -> Inference:
        """What computes the networks of these sources, as the library takes it."""
        if self.precision != "int8":
            return Inference(self.runtime, self.precision)
        from search.models.typical import typical_of_sources

        return Inference(self.runtime, self.precision, typical_of_sources(sources))


def index(
    source: list[str] | None = None,
    *,
    gallery: Path,
    models: ModelFiles = ModelFiles(),  # noqa: B008 - frozen
    footage: Footage = Footage(),
    mirrored: bool = False,
    averaging: IndexedTracklets = IndexedTracklets(),
    tracker: TrackerSettings = TrackerSettings(),  # noqa: B008 - frozen
    work: Work = Work(),
) -> Outcome:
    """Find the people in pictures or videos and add them to a gallery. Run it again to go on after a stop.

    The models that come with personsearch find people and tell them apart. With a model of your own, give --model; with
    --second-stage beside it the gallery holds two embeddings of each person, and `find` ranks by both. Without a joint
    model --detector finds people, and the crop model of --second-stage alone tells them apart. If only one of these two
    is given, a shipped model takes the place of the other. A gallery that is there keeps the models that it was made
    with. It notes where they are, so that `find` need not be told. At its end `index` learns from the gallery's own
    frames how similar strangers get, if enough people are seen side by side. Then `find` gives verdicts.

    Several sources are read side by side and looked at in turns. A source that breaks is named, and the others go on.

    Example:
        personsearch index recordings/ --gallery people
        personsearch index gate.mp4 yard.mp4 rtsp://10.0.0.7/live --gallery people
        personsearch index --cameras cameras.yaml --gallery people
        personsearch index recordings/ --gallery people --cluster local
        personsearch find people --crop suspect.jpg

    Args:
        source: Pictures, videos, folders of either, addresses of streams, the number of a webcam (0 is the first one),
            or JSON files of data sets in this project's form; as many as you like.
        gallery: The gallery's folder; it is made if it is not there.
        models: The models that find people and tell them apart; by default those that come with personsearch.
        footage: How the footage is read.
        mirrored: Look at each frame a second time, mirrored, and average the two embeddings of each person. The
            direction in which somebody walks then matters less, and indexing takes longer.
        averaging: How one person's sightings by one camera are combined.
        tracker: How sightings are linked into tracklets.
        work: How the work is done, and where.
    """
    with loading():
        from datasets.footage.planning import planned, refuse_unreadable
        from datasets.footage.sources import frames_line
        from search.care.corrections import correcting_lines
        from search.evaluation.gallery_calibration import learn_after_indexing
        from search.gallery.description import note_cameras
        from search.gallery.noted_models import files_to_index
        from search.models.shipped import said_of
        from search.pipeline import PersonSearch

    cameras = footage.described()
    sources, notes = planned(source or [], footage.reading(), cameras)
    if not sources:
        raise ValueError(
            "there is nothing to index, expected a SOURCE or --cameras FILE; name a file, folder or stream"
        )
    work.require_usable(sources)
    refuse_unreadable(sources)
    chosen, inference = files_to_index(gallery, models), work.inference(sources)
    if inference.typical is not None:
        say("8-bit numbers are chosen by frames of the footage, which takes a minute where it was not done before")
    search = PersonSearch.from_files(
        chosen,
        score_threshold=footage.minimum_confidence,
        batch_size=work.batch_size,
        mirrored=mirrored,
        tracklets=averaging.averaging(tracker),
        inference=inference,
    )
    if any(one.reading.every_seconds == 0 for one in sources):
        say(frames_line([one.source for one in sources if one.reading.every_seconds == 0]))
    with (
        work.connected() as cluster,
        search.open_gallery(gallery, create=True) as store,
        SourceProgress("Indexing", len(sources)) as progress,
    ):
        if chosen != models:
            say(f"models: {said_of(chosen)}")
        if (weight := store.description.second_weight) is not None:
            say(f"the second stage counts {weight:g} of the similarity, as was learned for these two models")
        if cameras:
            store.description = note_cameras(gallery, store.description, [one.camera for one in cameras])
        notes += [line for one in sources for line in correcting_lines(store, one)]
        runs = _indexed(search, store, sources, (footage.minimum_confidence, inference), progress, *cluster)
        whole = store.summary()
        learned = learn_after_indexing(store) if any(run.looked for run in runs) else ""
    if (broken := runs[0].error) is not None and len(runs) == 1:
        raise broken
    return _outcome(gallery, runs, whole, search, [*notes, *([learned] if learned else [])])


def _indexed(
    search: "PersonSearch",
    store: "Gallery",
    sources: "Sequence[PlannedSource]",
    how: tuple[float, Inference],
    progress: SourceProgress,
    actors: "Actors | None",
    workers: int,
) -> "list[SourceRun]":
    """Add everybody in the sources to the gallery, here or on a cluster."""
    from reid.runtime.computing import computing_line

    # On a cluster each process chooses for itself.
    unsaid = [] if actors is not None else [computing_line(search.computing)]

    def show(runs: "Sequence[SourceRun]") -> None:
        progress([_line(run) for run in runs])
        if unsaid and any(run.looked for run in runs):
            progress.say(unsaid.pop())

    minimum_confidence, inference = how
    look = search.looking(store, minimum_confidence)
    if actors is None:
        from search.indexing import index_sources

        size, steady = search.batch_size, search.tracklets
        return index_sources(sources, store, look, batch_size=size, averaging=steady, on_progress=show)
    from search.cluster import Looking, index_on_cluster

    looking = Looking.like(search, minimum_confidence, store.description, inference)
    return index_on_cluster(sources, store, actors, looking, workers=workers, say=progress.say, on_progress=show)


def _line(run: "SourceRun") -> SourceLine:
    """How far a source is, for the progress display."""
    summary = run.summary()
    done = summary.frames + summary.skipped + len(summary.failures)
    state = run.state.doing
    if run.ended:
        state = "done" if run.error is None else f"left out: {_reason(run)}"
    return SourceLine(
        run.planned.label, done, run.looked, run.total or None, summary.sightings, state, run.lag, run.missed, run.ended
    )


def _outcome(
    gallery: Path,
    runs: "Sequence[SourceRun]",
    whole: "GallerySummary",
    search: "PersonSearch",
    notes: Sequence[str],
) -> Outcome:
    """What was done, for people and for programs.

    Args:
        gallery: The gallery's folder.
        runs: How far each source came.
        whole: What the gallery holds now.
        search: The models.
        notes: Lines about all sources together.
    """
    from reid.runtime.computing import computing_to_dict
    from search.source_runs import IndexSummary

    each = [run.summary() for run in runs]
    lines = list(dict.fromkeys(note for summary in each for note in summary.notes))
    total = IndexSummary(
        sum(one.frames for one in each),
        sum(one.sightings for one in each),
        sum(one.skipped for one in each),
        tuple(failure for one in each for failure in one.failures),
        sum(one.tracklets for one in each),
        tuple(lines),
        sum(one.still for one in each),
    )
    broken = [run for run in runs if run.error is not None]
    rows: list[list[object]] = [
        ["frames searched", total.frames],
        ["sightings found", total.sightings],
        ["frames known before", total.skipped],
        ["frames that could not be read", len(total.failures)],
        ["sightings in the gallery", whole.sightings],
        ["cameras in the gallery", ", ".join(whole.cameras) or "unknown"],
    ]
    if total.still:
        rows.insert(1, ["of these still since nobody was seen, and passed over", total.still])
    if search.tracklets is not None:
        rows.insert(-4, ["tracklets they make", total.tracklets])
    if len(runs) > 1:
        rows.insert(0, ["sources read", f"{len(runs) - len(broken)} of {len(runs)}"])
    read = [one for run, one in zip(runs, each, strict=True) if run.error is None]
    failures = [f"{name}: {reason}" for one in read for name, reason in one.failures]
    failures += [f"{run.planned.label} is left out: {_reason(run)}" for run in broken]
    shown = [run.planned.label for run in runs]
    figures = {
        "source": shown[0] if len(shown) == 1 else shown,
        "gallery": gallery,
        "run": total,
        "sources": [_figures(run) for run in runs],
        "summary": dataclasses.asdict(whole),
        "models": search.files.to_dict(),
        "computing": computing_to_dict(search.computing),
        "tracklets": search.tracklets,
    }
    text = [table(["index", str(gallery)], rows), *lines, *notes]
    if whole.sightings and not total.skipped:
        text.append(f"look for somebody: personsearch find {gallery} --crop PICTURE --html answer.html")
    return Outcome("\n".join(text), figures, failures)


def _reason(run: "SourceRun") -> str:
    """What broke a source; an error about its only item would repeat the source's name."""
    failures = run.summary().failures
    return failures[0][1] if len(failures) == 1 else str(run.error)


def _figures(run: "SourceRun") -> dict[str, object]:
    """One source for programs."""
    summary = run.summary()
    return {
        "source": run.planned.label,
        "camera": run.planned.reading.camera,
        "state": "done" if run.error is None else "broken",
        "reason": None if run.error is None else _reason(run),
        "frames": summary.frames,
        "sightings": summary.sightings,
        "skipped": summary.skipped,
        "still": summary.still,
        "missed": run.missed,
        "failures": [list(one) for one in summary.failures],
    }
