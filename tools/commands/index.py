"""personsearch index: the people of footage into a gallery on disk."""

import dataclasses
from pathlib import Path

from datasets.footage.reading import RECONNECT_MINUTES, Reading
from datasets.images import MOST_PIXELS
from search.models.opening import load_search_models
from search.tracks.settings import TrackerSettings
from tools.outcome import Outcome, table
from tools.progress import Progress
from tools.times import parse_time


def index(
    source: str,
    *,
    gallery: Path,
    model: Path | None = None,
    second_stage: Path | None = None,
    detector: str | None = None,
    every_seconds: float = 1.0,
    camera: str | None = None,
    start_time: str | None = None,
    max_pixels: int = MOST_PIXELS,
    reconnect_minutes: float = RECONNECT_MINUTES,
    detection_threshold: float = 0.5,
    mirrored: bool = False,
    tracklets: bool = False,
    tracklet_blend: float = 0.5,
    tracklet_lookahead: int = 60,
    tracker: TrackerSettings = TrackerSettings(),  # noqa: B008 - frozen
    batch_size: int = 4,
) -> Outcome:
    """Find everybody in frames or a video and add them to a gallery; interrupted, it goes on where it was.

    With --second-stage beside --model the gallery holds two embeddings of each person, and `find` ranks by both. Who
    has no joint model gives --detector and --second-stage: the crop model alone tells people apart then.

    Args:
        source: an image, a folder of images, a JSON of the custom layout, a video, or a stream's address.
        gallery: the gallery's folder; made if it is not there.
        model: model.safetensors of a run of `train joint`, or its folder.
        second_stage: model.safetensors of a run of `train crop`, or its folder.
        detector: finds people in place of a joint model: coco (torchvision's Faster R-CNN, downloaded once), or a file
            of `train joint`, of which the boxes are used.
        every_seconds: the distance of two frames of a video in seconds; 0 takes every frame.
        camera: the camera of all frames, in place of what the names of files and folders tell.
        start_time: when the footage begins: ISO 8601 (UTC where no zone is given) or seconds since the epoch. The
            videos of one camera go on one after the other. Without it videos count from 0, images have no time, and
            `find` cannot choose by the time of day.
        max_pixels: a picture or video with more pixels than this is named and not read, so that a small file cannot
            fill the memory.
        reconnect_minutes: for how many minutes a live stream that broke off is tried again, 0 or more.
        detection_threshold: people found with less confidence are not kept, from 0 to 1.
        mirrored: average each embedding with that of the mirrored frame: it matters less which way a person walks, and
            takes longer.
        tracklets: link one person's sightings by one camera into a tracklet, and average each embedding with the mean
            of its tracklet before it is stored: one bad view weighs less. Frames should be a second or two apart and
            come in time order. The probes of `find` are not averaged.
        tracklet_blend: share of the tracklet's mean in the embedding of each of its sightings, from 0 to 1.
        tracklet_lookahead: a sighting is averaged with all earlier ones of its tracklet and with those of so many later
            frames of its camera; it is stored when these are there, or when indexing stops, which cuts tracklets.
        tracker: how sightings are linked.
        batch_size: frames a forward pass.
    """
    from datasets.footage.names import written
    from datasets.footage.sources import count_frames
    from datasets.footage.streams import is_stream, public_name
    from search.pipeline import IndexSummary, PersonSearch
    from search.tracks.averaging import TrackletAveraging

    averaging = TrackletAveraging(tracklet_blend, tracklet_lookahead, tracker) if tracklets else None
    begins = None if start_time is None else parse_time(start_time, "--start-time")
    reading = Reading(every_seconds, camera, begins, max_pixels, reconnect_minutes)
    network, crops = load_search_models(model, detector, second_stage, score_threshold=detection_threshold)
    search = PersonSearch(network, second_stage=crops, batch_size=batch_size, mirrored=mirrored, tracklets=averaging)
    total = count_frames(source, every_seconds=every_seconds)
    with search.open_gallery(gallery, create=True) as store, Progress("Indexing") as progress:

        def report(summary: IndexSummary) -> None:
            done = summary.frames + summary.skipped + len(summary.failures)
            progress(done, total, sightings=summary.sightings)

        summary = search.index(
            source,
            store,
            reading=reading,
            detection_threshold=detection_threshold,
            on_progress=report,
        )
        whole = store.summary()
    rows: list[list[object]] = [
        ["frames searched", summary.frames],
        ["people found", summary.sightings],
        ["frames known before", summary.skipped],
        ["frames that could not be read", len(summary.failures)],
        ["sightings in the gallery", whole.sightings],
        ["cameras in the gallery", ", ".join(whole.cameras) or "unknown"],
    ]
    if tracklets:
        rows.insert(2, ["tracklets they make", summary.tracklets])
    failures = [f"{name}: {reason}" for name, reason in summary.failures]
    # The address of a stream may hold a password, and figures are passed on.
    shown = public_name(source) if is_stream(source) else written(source)
    figures = {"source": shown, "gallery": gallery, "run": summary, "summary": dataclasses.asdict(whole)}
    figures["tracklets"] = averaging
    text = "\n".join([table(["index", str(gallery)], rows), *summary.notes])
    return Outcome(text, figures, failures)
