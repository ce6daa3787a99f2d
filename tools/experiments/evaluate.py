"""personsearch evaluate: detection figures and the full-frame search protocols of a joint model."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from datasets.catalog.table import FrameFormat, SearchFormat
from detection.settings import LEAST_CONFIDENCE
from reid.runtime.settings import BY_TORCH, Inference, PrecisionName, RuntimeName
from search.models.model_files import ModelFiles
from search.query.ranking import Ranking
from search.tracks.settings import TrackerSettings, TrackletAveraging
from tools.experiments.search_report import write_report
from tools.outcome import Outcome, table
from tools.progress import Progress, say
from tools.search_options import Tracklets

if TYPE_CHECKING:
    from search.evaluation.marks import MarksWorth
    from search.evaluation.protocols import SearchMetrics
    from search.evaluation.stages import TrackletMeans


def detection(
    root: Path,
    *,
    model: Path | None = None,
    format: FrameFormat = "custom",  # noqa: A002 - the option is called --format
    minimum_confidence: float = LEAST_CONFIDENCE,
    batch_size: int = 4,
    inference: Inference = BY_TORCH,
) -> Outcome:
    """Measure the boxes that a model finds: recall and average precision on the test split.

    MOTChallenge publishes the boxes of its training sequences alone, so these are read. The figure of person search
    papers drops detections below the score threshold, asks for a mutual best overlap of 0.5, and multiplies by the
    recall. It is given at that threshold and at 0.05. COCO's AP is that of pycocotools. Areas that a data set says to
    ignore do not count in any of them.

    Args:
        root: The data set's folder, or for the custom layout its JSON.
        model: The model.safetensors of a run of `train joint`, or the run's folder, or an imported model or detector;
            by default the detector that comes with personsearch.
        format: The layout of the data set.
        minimum_confidence: The least confidence that counts in the field's figure, from 0 to 1.
        batch_size: How many frames go through the network together, 1 or more. More takes more memory.
        inference: What computes the networks.
    """
    from datasets import read_frames
    from datasets.catalog.table import LAYOUTS
    from detection.metrics import coco_average_precision, recall_and_ap
    from detection.runtime.running import load_detector
    from reid.runtime.computing import computing_line
    from search.evaluation.splits import detect_split
    from search.models.opening import require_threshold
    from search.models.shipped import said_of, shipped_start
    from search.models.typical import seeing

    samples, left_out = read_frames(format, root, LAYOUTS[format].judged_split)
    network, by = load_detector(model or shipped_start(), seeing(inference, samples))
    require_threshold(minimum_confidence, network)
    if model is None:
        say(f"models: {said_of(ModelFiles(detector=str(shipped_start())))}")
    say(computing_line({"detector": by}))
    with Progress("Detecting") as progress:
        found = detect_split(network, samples, batch_size=batch_size, on_progress=progress)
    readable = [sample for sample in samples if sample.name in found.by_frame]
    detections = [found.by_frame[sample.name] for sample in readable]
    truths = [sample.boxes for sample in readable]
    ignore = [sample.ignore for sample in readable]
    recall, ap = recall_and_ap(detections, truths, score_threshold=minimum_confidence, ignore=ignore)
    recall_all, ap_all = recall_and_ap(detections, truths, score_threshold=0.05, ignore=ignore)
    coco = coco_average_precision(detections, truths, ignore=ignore)
    boxes = sum(len(truth) for truth in truths)
    rows: list[list[object]] = [
        ["frames", len(readable)],
        ["boxes", boxes],
        [f"AP@0.5, scores >= {minimum_confidence:g}", f"{ap:.4f}"],
        [f"recall, scores >= {minimum_confidence:g}", f"{recall:.4f}"],
        ["AP@0.5, scores >= 0.05", f"{ap_all:.4f}"],
        ["recall, scores >= 0.05", f"{recall_all:.4f}"],
        ["COCO AP@0.5", f"{coco.ap50:.4f}"],
        ["COCO AP@0.5:0.95", f"{coco.ap:.4f}"],
        ["COCO AP@0.75", f"{coco.ap75:.4f}"],
    ]
    figures: dict[str, Any] = {
        "frames": len(readable), "boxes": boxes, "score_threshold": minimum_confidence, "ap": ap, "recall": recall,
        "ap_all_scores": ap_all, "recall_all_scores": recall_all, "coco": coco, "computing": {"detector": by.to_dict()},
    }  # fmt: skip
    return Outcome(table(["detection", root.name], rows), figures, [*left_out, *_lines(found.failures)])


@dataclass(frozen=True)
class Detecting:
    """How people are found in the frames.

    Args:
        minimum_confidence: Detections with less confidence are dropped before the search, from 0 to 1.
        batch_size: The number of images of a forward pass, 1 or more.
        runtime: What computes the networks. torch, as in training, gives the same figures whatever else is installed.
            OpenVINO (`pip install 'personsearch[fast]'`) does so on a processor and mostly in less time. auto takes it
            where it is installed and is measured to be faster with these models on this machine. compiled is torch
            with a compiled trunk, for graphics cards. onnx is ONNX Runtime.
        precision: How precisely the networks compute: float32, or bf16 where the processor knows it, which takes about
            half the time. auto is bf16 where the processor knows it. int8 is 8-bit numbers by OpenVINO for what finds
            people; the numbers are chosen by some frames of the data set, once.
    """

    minimum_confidence: float = LEAST_CONFIDENCE
    batch_size: int = 4
    runtime: RuntimeName = "torch"
    precision: PrecisionName = "auto"

    def inference(self) -> Inference:
        """What computes the networks, as the library takes it."""
        return Inference(self.runtime, self.precision)


@dataclass(frozen=True)
class Protocol:
    """Which protocol of which data set.

    Args:
        format: The data set's layout.
        gallery_size: Sizes of CUHK-SYSU's protocol; by default all six, as far as their files are there.
        same_camera: True or false gives one row of PRW or custom data in place of the usual ones, with or without the
            sightings by the query's own camera.
        unlabelled: Whether detections of people without an identity count as wrong (negative), or leave the ranking
            (ignore).
        marks: Also measure what marks are worth: so many of the first ten answers of each query, from 1 to 10, are
            marked as the person or somebody else, and the search is made again.
    """

    format: SearchFormat = "custom"
    gallery_size: list[int] | None = None
    same_camera: bool | None = None
    unlabelled: Literal["negative", "ignore"] = "negative"
    marks: int = 0


def search(
    root: Path,
    *,
    models: ModelFiles = ModelFiles(),  # noqa: B008 - frozen
    protocol: Protocol = Protocol(),
    ranking: Ranking = Ranking(),  # noqa: B008 - frozen
    averaging: Tracklets = Tracklets(),  # noqa: B008 - frozen
    tracker: TrackerSettings = TrackerSettings(),  # noqa: B008 - frozen
    detecting: Detecting = Detecting(),
    report: Path | None = None,
) -> Outcome:
    """Mean average precision and top-k of searching each query's person in its gallery, beside random ranking.

    CUHK-SYSU: one row for each gallery size. PRW: with same-camera positives (the published figure) and without.
    Custom and UESTC-PR: across cameras, and with the query's own camera where --same-camera is given. A query whose
    picture cannot be read is named and leaves every protocol: the means are over the others.

    Each protocol has a row for every stage that is asked for, over the same detections, so that the rows tell what each
    gains: the joint model alone, with --class-weighted, with --context, the crop model alone and both weighted
    (--second-stage), averaged over tracklets (--tracklets), weighted and with context again, and re-ranked (--rerank);
    last class-weighted and re-ranked together, or class-weighted in context where nothing is re-ranked. Both models are
    weighted over all detections, where `find` looks at --candidates of them.

    Args:
        root: The data set's folder.
        models: The models that find people and tell them apart; by default those that come with personsearch.
        protocol: Which protocol of which data set.
        ranking: What the rows try beside the plain ranking.
        averaging: Whether a row combines one person's sightings by one camera. Without times the frames of a
            camera count as one second apart, in the data set's order. With the query's own camera in the gallery the
            query's own sighting is in a mean too.
        tracker: How sightings are linked into tracklets.
        detecting: How people are found.
        report: The folder for report.html, a page with the figures, and with the best, the median and the worst query
            of the first protocol. Its pictures are links to whole frames with the boxes, which lie beside it.
    """
    from datasets import read_frames
    from reid.runtime.computing import computing_line, computing_to_dict
    from search.evaluation.labelled_people import unlabelled_boxes
    from search.evaluation.query_sets import KnownProbes, context_size, search_protocols
    from search.models.opening import open_models
    from search.models.shipped import said_of, with_shipped
    from search.models.typical import seeing

    averaging.require_cameras(protocol.format)
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)  # before the work, which must not end in a folder nobody can make
    protocols = search_protocols(
        protocol.format, root, gallery_sizes=protocol.gallery_size, same_camera=protocol.same_camera
    )
    samples, left_out = read_frames(protocol.format, root, "gallery")
    chosen = with_shipped(models)
    inference = seeing(detecting.inference(), samples)
    opened = open_models(chosen, score_threshold=detecting.minimum_confidence, inference=inference)
    learned = opened.share if ranking.second_weight is None else None
    ranking = ranking.with_share(opened.second_weight)
    if chosen != models:
        say(f"models: {said_of(chosen)}")
    say(computing_line(opened.computing))
    found = _detected(opened, samples, detecting.minimum_confidence, detecting.batch_size)
    ignore = unlabelled_boxes(samples) if protocol.unlabelled == "ignore" else None
    shared: dict[str, Any] = {"score_threshold": detecting.minimum_confidence, "ignore": ignore}
    if ranking.context:
        shared["context"] = context_size(protocol.format)
    steady = averaging.averaging(tracker)
    if steady is not None:
        shared["tracklets"] = _linked(samples, found.looks, steady, ranking)
    probes = KnownProbes(opened.stages, samples, detecting.batch_size)
    rows, records, shown = [], [], None
    marked: list[dict[str, Any]] = []
    for name, asked in protocols:
        with Progress("Embedding queries", unit="query") as progress:
            queries, embeddings = probes.embed(asked, progress)
        shown = shown or (name, queries, embeddings)
        looks = list(zip(found.looks, embeddings, strict=True))
        for label, metrics in _rankings(name, looks, queries, ranking, shared):
            rows.append([label, len(queries), metrics.mean_ap, metrics.top1, metrics.top5, metrics.top10])
            records.append({"protocol": label, "queries": len(queries), "metrics": metrics})
        marked += _marks_worth(name, looks, queries, ranking, protocol.marks, shared)
    text = table(["protocol", "queries", "mAP", "top-1", "top-5", "top-10"], rows)
    nobody_beside = all(query.frame is None for _, asked in protocols for query in asked)
    text += _notes(ignore is not None, ranking.context and nobody_beside)
    text += "" if opened.second is None else _cascade_line(ranking.share, learned)
    text += "".join(f"\n{_marks_line(**one)}" for one in marked)
    figures: dict[str, Any] = {"rows": records, "marks": marked, "unlabelled": protocol.unlabelled}
    figures["ranking"], figures["computing"] = ranking.to_dict(), computing_to_dict(opened.computing)
    figures["tracklets"], said = (None, "") if steady is None else _tracklet_figures(shared["tracklets"], tracker)
    text += said
    if report is not None and shown is not None:
        page = write_report(
            report, root, rows, asked=shown, looks=found.looks, samples=samples, ranking=ranking, shared=shared
        )
        text += f"\nreport: {page}"
    return Outcome(text, figures, [*left_out, *_lines([*found.failures, *probes.failures])])


def _rankings(
    name: str, looks: Any, queries: Any, ranking: Ranking, shared: dict[str, Any]
) -> "list[tuple[str, SearchMetrics]]":
    """(label, figures) of one protocol: every stage, and by chance."""
    from search.evaluation.protocols import random_search
    from search.evaluation.stages import PLAIN, compare_stages

    stages = compare_stages(looks, queries, ranking, **shared)
    # With one stage there is nothing that its plain row would stand apart from.
    rankings = [
        (name if label == PLAIN and len(looks) == 1 else f"{name}, {label}", metrics)
        for label, metrics in stages.items()
    ]
    plain = {key: shared[key] for key in ("score_threshold", "ignore")}
    return [*rankings, (f"{name}, random ranking", random_search(looks[0][0], queries, **plain))]


def _notes(ignoring: bool, nobody_beside: bool) -> str:
    """What else a reader of the table must know, each as a line of its own."""
    text = "\ndetections of unlabelled people leave the ranking (--unlabelled ignore)" if ignoring else ""
    if nobody_beside:
        text += "\nno query is a box in a frame, so nobody is beside one and context changes nothing"
    return text


def _cascade_line(share: float, learned: Any) -> str:
    """How much each stage counts, as a line of its own."""
    line = f"\ncascade: {1 - share:g} of the joint model's similarity, {share:g} of SphereReID's"
    return line if learned is None else f"{line}, as was learned for these two models on {learned.data}"


def _tracklet_figures(linked: "TrackletMeans", tracker: TrackerSettings) -> tuple[dict[str, Any], str]:
    """What was averaged, for programs and as a line of its own."""
    counts = {"tracklets": linked.count, "sightings_each": linked.mean_length}
    line = f"\ntracklets: {linked.count}, of {linked.mean_length:.1f} sightings each; {linked.blend:g} of their mean"
    return {"blend": linked.blend, "tracker": tracker, **counts}, line


def _detected(models: Any, samples: Any, minimum_confidence: float, batch_size: int) -> Any:
    """Everybody in the frames, as each model embeds them."""
    from search.evaluation.splits import detect_split

    options = {"second_stage": models.second, "score_threshold": minimum_confidence, "batch_size": batch_size}
    with Progress("Detecting") as progress:
        return detect_split(models.first, samples, **options, on_progress=progress)


def _marks_worth(
    name: str, looks: Any, queries: Any, ranking: Ranking, marks: int, shared: dict[str, Any]
) -> list[dict[str, Any]]:
    """What marks are worth in one protocol by all models of a search; nothing where none are asked for."""
    if not marks:
        return []
    from search.evaluation.marks import marks_worth
    from search.evaluation.stages import searched_by
    from search.query.fusion import fused

    searched = searched_by([found for found, _ in looks], ranking)
    probes = looks[0][1] if len(looks) == 1 else fused(looks[0][1], looks[1][1], ranking.share)
    with Progress("Searching again with marks", unit="query"):
        plain = {key: shared[key] for key in ("score_threshold", "ignore")}
        worth = marks_worth(searched, queries, probes, marks=marks, **plain)
    return [{"protocol": name, "marks": marks, "worth": worth}]


def _marks_line(protocol: str, marks: int, worth: "MarksWorth") -> str:
    """One line on what marks are worth."""
    each = ", ".join(f"{value:.3f}" for value in worth.after_each)
    return (
        f"{protocol}, {marks} marks among the first ten answers ({worth.right:.1f} of them right): mAP of the others "
        f"{worth.before:.3f} without them, {worth.after:.3f} after searching again ({each} for three drawings)"
    )


def _linked(samples: Any, looks: Any, steady: TrackletAveraging, ranking: Ranking) -> "TrackletMeans":
    """The detections' tracklets, linked by what the search ranks by."""
    from search.evaluation.stages import link_sightings

    with Progress("Linking") as progress:
        return link_sightings(samples, looks, steady, ranking, on_progress=progress)


def _lines(failures: Any) -> list[str]:
    return [f"{name}: {reason}" for name, reason in failures]
