"""personsearch evaluate tracking: how well people are followed within a camera, and told apart over all of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from datasets.catalog.table import LAYOUTS, TrackingFormat
from detection.settings import LEAST_CONFIDENCE
from search.models.model_files import ModelFiles
from search.query.ranking import Ranking
from search.tracks.settings import TrackerSettings
from tools.outcome import Outcome, table
from tools.progress import Progress

if TYPE_CHECKING:
    from search.evaluation.tracked_split import TrackedSplit, TrackingTruth
    from search.evaluation.tracking_metrics import AcrossCameras, TrackingMetrics


@dataclass(frozen=True)
class Truth:
    """The data set, and when a box counts as a hit.

    Args:
        format: The data set's layout.
        split: train or gallery; by default train for mot, whose test truth is not public, and gallery otherwise.
        iou_threshold: The least overlap of a found box with a true one, from 0 to 1.
    """

    format: TrackingFormat = "custom"
    split: Literal["train", "gallery"] | None = None
    iou_threshold: float = 0.5


@dataclass(frozen=True)
class Instead:
    """Tracks or detections that are judged in place of a model's.

    Args:
        public: Take det/det.txt of each MOTChallenge sequence.
        tracks: A folder with NAME.txt for each sequence or camera, as --output writes it, in MOTChallenge's result
            format; or the file of one sequence. Frames of the custom layout are counted from 1 in time order.
    """

    public: bool = False
    tracks: Path | None = None


@dataclass(frozen=True)
class Linking:
    """What is linked, and how far.

    Args:
        minimum_confidence: Detections with less confidence are dropped; by default 0.5, and none for --public and
            --tracks, whose confidences may have any range.
        second_weight: The share of the second stage in the embedding, from 0 to 1; by default the one that was learned
            for the two models, and 0.8 where none was.
        minimum_length: Tracks of fewer sightings are dropped.
        across_cameras: Also judge identities over all cameras.
        link_similarity: The least mean similarity of tracks that are joined over cameras, from -1 to 1; it depends on
            the model.
        batch_size: The number of frames of a forward pass, 1 or more.
    """

    minimum_confidence: float | None = None
    second_weight: float | None = None
    minimum_length: int = 1
    across_cameras: bool = False
    link_similarity: float = 0.7
    batch_size: int = 4


def tracking(
    root: Path,
    *,
    models: ModelFiles = ModelFiles(),  # noqa: B008 - frozen
    instead: Instead = Instead(),
    truth: Truth = Truth(),
    linking: Linking = Linking(),
    tracker: TrackerSettings = TrackerSettings(),  # noqa: B008 - frozen
    output: Path | None = None,
) -> Outcome:
    """MOTA, MOTP, IDF1, HOTA, ID switches and fragmentations of each camera or sequence, and of all together.

    What is judged: people found and told apart by a model (--model, or --detector and --second-stage), public
    detections that are linked by overlap alone (--public), or finished tracks (--tracks). The figures are motmetrics',
    HOTA is that of Luiten et al. 2021. People whom a data set says to ignore, and people of unknown identity, count
    neither way.

    With --across-cameras the tracks of all cameras are joined into people by their embeddings, and the multi-camera
    IDF1 and HOTA say whether everybody has one number in whatever camera; finished tracks are taken as they are
    numbered.

    Args:
        root: The data set's folder; for mot one sequence or a folder of them, for the custom layout also its JSON.
        models: The models that find people and tell them apart.
        instead: Tracks or detections that are judged in place of a model's.
        truth: The data set, and when a box counts as a hit.
        linking: What is linked, and how far.
        tracker: How detections are linked.
        output: A folder that receives the tracks as NAME.txt, with --across-cameras numbered over all cameras.
    """
    from search.evaluation.tracked_split import tracking_truth
    from search.tracks.mot_files import write_tracks

    _check(models, instead, truth.format, linking.across_cameras)
    known = tracking_truth(truth.format, root, truth.split)
    if not known.judged and output is None:
        raise ValueError(f"no sequence of {root} has true tracks in gt/gt.txt; give --output to write tracks alone")
    answer, unseen = _answer(models, instead, linking, known)
    if instead.tracks is None:
        with Progress("Linking") as progress:
            answer = answer.linked(
                known.samples,
                tracker,
                minimum_length=linking.minimum_length,
                link_similarity=linking.link_similarity if linking.across_cameras else None,
                on_progress=progress,
            )
    if output is not None:
        write_tracks(output, known.sequences, answer.found, answer.people if linking.across_cameras else answer.tracks)
    figures: dict[str, Any] = {
        "tracker": tracker if instead.tracks is None else None, "rows_left_out": answer.rows_left_out, "output": output,
    }  # fmt: skip
    text = _judge(known, answer, truth.iou_threshold, linking.across_cameras, figures)
    if answer.rows_left_out:
        text += f"\n{answer.rows_left_out} rows of {instead.tracks} belong to frames that the data set does not have"
    # Who wants tracks of a test set knows that nobody outside has its truth.
    unjudged = [f"{name}: no true track in gt/gt.txt, so it is in no figure" for name in known.missing if known.judged]
    return Outcome(text, figures, [*known.failures, *unseen, *unjudged])


def _check(models: ModelFiles, instead: Instead, format_name: str, across_cameras: bool) -> None:
    sources = {
        "--model or --detector": models.model is not None or models.detector is not None,
        "--public": instead.public,
        "--tracks": instead.tracks is not None,
    }
    there = [name for name, present in sources.items() if present]
    if len(there) != 1:
        met = " and ".join(there) or "nothing"
        raise ValueError(f"{met} given to judge, expected one of --model, --detector, --public and --tracks")
    if instead.public and not LAYOUTS[format_name].numbered_by_name:
        raise ValueError(f"--public is MOTChallenge's det/det.txt, --format is {format_name}; give --model or --tracks")
    if across_cameras and not LAYOUTS[format_name].shared_people:
        raise ValueError("--across-cameras is given, but MOTChallenge's sequences have nobody in common; leave it out")


def _answer(
    models: ModelFiles, instead: Instead, linking: Linking, known: "TrackingTruth"
) -> "tuple[TrackedSplit, list[str]]":
    """What is judged before it is linked, and a line for each frame that could not be read."""
    from search.evaluation.splits import detect_split
    from search.evaluation.stages import searched_by
    from search.evaluation.tracked_split import TrackedSplit
    from search.models.opening import open_models
    from search.tracks.mot_files import read_public_detections, read_tracks

    if instead.public:
        return TrackedSplit(read_public_detections(known.sequences)).surer_than(linking.minimum_confidence), []
    if instead.tracks is not None:
        found, numbers, left_out = read_tracks(instead.tracks, known.sequences)
        return TrackedSplit(found, numbers, numbers, left_out).surer_than(linking.minimum_confidence), []
    threshold = LEAST_CONFIDENCE if linking.minimum_confidence is None else linking.minimum_confidence
    opened = open_models(models, score_threshold=threshold)
    with Progress("Detecting") as progress:
        seen = detect_split(
            opened.first,
            known.samples,
            second_stage=opened.second,
            score_threshold=threshold,
            batch_size=linking.batch_size,
            on_progress=progress,
        )
    split = TrackedSplit(searched_by(seen.looks, Ranking(linking.second_weight).with_share(opened.second_weight)))
    return split, [f"{name}: {reason}" for name, reason in seen.failures]


def _judge(
    known: "TrackingTruth", answer: "TrackedSplit", iou_threshold: float, across_cameras: bool, figures: dict[str, Any]
) -> str:
    """Add the figures of the sequences, and give the text."""
    from search.evaluation.tracking_metrics import evaluate_across, evaluate_tracks

    if not known.judged:
        return f"no true tracks to judge by; the tracks are in {figures['output']}"
    with Progress("Judging", unit="sequence") as progress:
        frames = answer.judged(known, across_cameras=False, iou_threshold=iou_threshold)
        single, overall = evaluate_tracks(frames, iou_threshold=iou_threshold, on_progress=progress)
    figures["sequences"] = [{"sequence": name, "metrics": metrics} for name, metrics in single.items()]
    figures["overall"] = overall
    text = table(list(_COLUMNS), [_row(name, metrics) for name, metrics in [*single.items(), ("overall", overall)]])
    if across_cameras:
        frames = answer.judged(known, across_cameras=True, iou_threshold=iou_threshold)
        whole = figures["across_cameras"] = evaluate_across(frames, iou_threshold=iou_threshold)
        text += f"\n\n{_across_text(whole)}"
    return text


_COLUMNS = (
    "tracking", "frames", "people", "MOTA", "MOTP", "IDF1", "HOTA", "DetA", "AssA", "precision", "recall", "switches",
    "fragmentations", "mostly tracked", "mostly lost",
)  # fmt: skip


def _row(name: str, metrics: "TrackingMetrics") -> list[object]:
    counts, hota = metrics.counts, metrics.hota
    return [
        name, counts.frames, counts.people, metrics.mota, metrics.motp, metrics.idf1, hota.hota, hota.detection,
        hota.association, metrics.precision, metrics.recall, counts.switches, counts.fragmentations,
        counts.mostly_tracked, counts.mostly_lost,
    ]  # fmt: skip


def _across_text(whole: "AcrossCameras") -> str:
    header = ["across cameras", "people", "found", "IDF1", "precision of IDs", "recall of IDs", "HOTA", "DetA", "AssA"]
    row = [
        "all cameras", whole.people, whole.tracks, whole.idf1, whole.id_precision, whole.id_recall, whole.hota.hota,
        whole.hota.detection, whole.hota.association,
    ]  # fmt: skip
    return table(header, [row])
