"""personsearch evaluate: detection figures and the full-frame search protocols of a joint model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from search.models.opening import load_search_models, require_threshold
from search.tracks.settings import TrackerSettings
from tools.outcome import Outcome, table
from tools.progress import Progress

FrameFormat = Literal["custom", "cuhk-sysu", "prw", "uestc-pr", "mot"]
SearchFormat = Literal["custom", "cuhk-sysu", "prw", "uestc-pr"]
GALLERY_SIZES = (50, 100, 500, 1000, 2000, 4000)


def detection(
    root: Path,
    *,
    model: Path,
    format: FrameFormat = "custom",  # noqa: A002 - the option is called --format
    score_threshold: float = 0.5,
    batch_size: int = 4,
) -> Outcome:
    """Recall and average precision of the boxes on the split "gallery", the field's way and COCO's.

    The field's figure drops detections below the score threshold, asks for mutual best overlap of 0.5 and multiplies by
    the recall; it is given at that threshold and at 0.05. COCO's AP is pycocotools'.

    Args:
        root: the data set's folder, or for the custom layout its JSON.
        model: model.safetensors of a run, or its folder.
        format: the data set's layout.
        score_threshold: of the field's figure.
        batch_size: frames a forward pass.
    """
    from datasets import read_frames
    from detection.checkpoints import load_model
    from detection.metrics import coco_average_precision, recall_and_ap
    from search.evaluation.splits import detect_split

    samples, left_out = read_frames(format, root, "gallery")
    network = load_model(model)
    require_threshold(score_threshold, network)
    with Progress("Detecting") as progress:
        found = detect_split(network, samples, batch_size=batch_size, on_progress=progress)
    readable = [sample for sample in samples if sample.name in found.by_frame]
    detections = [found.by_frame[sample.name] for sample in readable]
    truths = [sample.boxes for sample in readable]
    recall, ap = recall_and_ap(detections, truths, score_threshold=score_threshold)
    recall_all, ap_all = recall_and_ap(detections, truths, score_threshold=0.05)
    coco = coco_average_precision(detections, truths, ignore=[sample.ignore for sample in readable])
    boxes = sum(len(truth) for truth in truths)
    rows: list[list[object]] = [
        ["frames", len(readable)],
        ["boxes", boxes],
        [f"AP@0.5, scores >= {score_threshold:g}", f"{ap:.4f}"],
        [f"recall, scores >= {score_threshold:g}", f"{recall:.4f}"],
        ["AP@0.5, scores >= 0.05", f"{ap_all:.4f}"],
        ["recall, scores >= 0.05", f"{recall_all:.4f}"],
        ["COCO AP@0.5", f"{coco.ap50:.4f}"],
        ["COCO AP@0.5:0.95", f"{coco.ap:.4f}"],
        ["COCO AP@0.75", f"{coco.ap75:.4f}"],
    ]
    figures: dict[str, Any] = {
        "frames": len(readable), "boxes": boxes, "score_threshold": score_threshold, "ap": ap, "recall": recall,
        "ap_all_scores": ap_all, "recall_all_scores": recall_all, "coco": coco,
    }  # fmt: skip
    return Outcome(table(["detection", root.name], rows), figures, [*left_out, *_lines(found.failures)])


def search(
    root: Path,
    *,
    model: Path | None = None,
    second_stage: Path | None = None,
    detector: str | None = None,
    format: SearchFormat = "custom",  # noqa: A002 - the option is called --format
    gallery_size: list[int] | None = None,
    same_camera: bool | None = None,
    context: bool = False,
    class_weighted: bool = False,
    second_weight: float = 0.8,
    tracklets: bool = False,
    tracklet_blend: float = 0.5,
    tracker: TrackerSettings = TrackerSettings(),  # noqa: B008 - frozen
    candidates: int = 1000,
    rerank: bool = False,
    unlabelled: Literal["negative", "ignore"] = "negative",
    score_threshold: float = 0.5,
    batch_size: int = 4,
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
        root: the data set's folder.
        model: model.safetensors of a run of `train joint`, or its folder.
        second_stage: model.safetensors of a run of `train crop`, or its folder.
        detector: finds people in place of a joint model: coco, or a file of `train joint`, of which the boxes are used;
            the crop model alone tells people apart then.
        format: the data set's layout.
        gallery_size: sizes of CUHK-SYSU's protocol; all six by default, as far as their files are there.
        same_camera: true or false gives one row of PRW or custom data instead of the default.
        context: also with context matching (CBGM) over the people beside the query, where that is a box in a frame.
        class_weighted: also with similarities multiplied by the detections' confidence.
        second_weight: share of the second stage in the weighted sum, from 0 to 1.
        tracklets: also with the sightings of each camera linked into tracklets, whose mean embedding they share. Frames
            should be a second or two apart; without times those of a camera count as one second apart, in the data
            set's order. With the query's own camera in the gallery the query's own sighting is in a mean too.
        tracklet_blend: share of a tracklet's mean in the embedding of each of its sightings, from 0 to 1.
        tracker: how sightings are linked.
        candidates: so many best detections of each query are re-ranked.
        rerank: also re-rank each query's candidates by the neighbours that they share with it (k-reciprocal).
        unlabelled: whether detections of people without an identity count as wrong, or leave the ranking.
        score_threshold: detections below it are dropped before the search.
        batch_size: images a forward pass.
    """
    from datasets import read_frames
    from search.evaluation.splits import detect_split
    from search.models.detector_and_crops import CropPersonSearch
    from search.query.context import PRW_CONTEXT, ContextSize
    from search.query.fusion import Ranking

    if tracklets and format == "cuhk-sysu":
        raise ValueError("--tracklets is given, but cuhk-sysu's frames are single pictures of no camera; leave it out")
    cascade = Ranking(second_weight, candidates, rerank, class_weighted)
    protocols = _protocols(format, root, gallery_size, same_camera)
    empty = [label for label, asked in protocols if not asked]
    if empty:
        raise ValueError(
            f"{root} has no query with somebody to find ({', '.join(empty)}); check its identities and cameras, or "
            "count sightings by the query's own camera: --same-camera true"
        )
    samples, left_out = read_frames(format, root, "gallery")
    network, crops = load_search_models(model, detector, second_stage, score_threshold=score_threshold)
    with Progress("Detecting") as progress:
        found = detect_split(
            network,
            samples,
            second_stage=crops,
            score_threshold=score_threshold,
            batch_size=batch_size,
            on_progress=progress,
        )
    ignore = {s.name: s.boxes[s.person_ids < 0] for s in samples} if unlabelled == "ignore" else None
    shared: dict[str, Any] = {"score_threshold": score_threshold, "ignore": ignore}
    if context:
        shared["context"] = PRW_CONTEXT if format == "prw" else ContextSize()
    looks = [found.by_frame] if crops is None else [found.by_frame, found.second]
    probes = _Probes([network] if crops is None else [network, CropPersonSearch(None, crops)], samples, batch_size)
    if tracklets:
        shared["tracklets"] = _linked(samples, looks, tracker, tracklet_blend, second_weight)
    rows, records = [], []
    for name, asked in protocols:
        queries, embeddings = probes.embed(asked)
        if not queries:
            raise ValueError(f"no query of {root} can be embedded, the first: {': '.join(probes.failures[-1])}")
        for label, metrics in _rankings(name, list(zip(looks, embeddings, strict=True)), queries, cascade, shared):
            rows.append([label, len(queries), metrics.mean_ap, metrics.top1, metrics.top5, metrics.top10])
            records.append({"protocol": label, "queries": len(queries), "metrics": metrics})
    header = ["protocol", "queries", "mAP", "top-1", "top-5", "top-10"]
    note = "" if ignore is None else "\ndetections of unlabelled people leave the ranking (--unlabelled ignore)"
    if context and all(query.frame is None for _, asked in protocols for query in asked):
        note += "\nno query is a box in a frame, so nobody is beside one and context changes nothing"
    if crops is not None:
        note += f"\ncascade: {1 - second_weight:g} of the joint model's similarity, {second_weight:g} of SphereReID's"
    figures: dict[str, Any] = {"rows": records, "unlabelled": unlabelled, "cascade": cascade, "tracklets": None}
    if tracklets:
        linked = _summary(shared["tracklets"].tracks)
        figures["tracklets"] = {"blend": tracklet_blend, "tracker": tracker, **linked}
        note += "\ntracklets: {tracklets}, of {sightings_each:.1f} sightings each; {blend:g} of their mean".format(
            **linked, blend=tracklet_blend
        )
    return Outcome(table(header, rows) + note, figures, [*left_out, *_lines([*found.failures, *probes.failures])])


class _Probes:
    """Embeddings of queries by every stage; protocols of one data set ask for the same people, so each is kept."""

    def __init__(self, networks: Sequence[Any], samples: Any, batch_size: int) -> None:
        self._networks = networks
        self._samples = samples
        self._batch_size = batch_size
        self._known: dict[object, Any] = {}
        self.failures: list[tuple[str, str]] = []

    def embed(self, queries: Any) -> tuple[list[Any], list[Any]]:
        """Those queries that could be seen, and for each stage their embeddings (Q, D)."""
        import torch

        from search.evaluation.splits import embed_queries

        new = {_probe_key(query): query for query in queries}
        asked = [query for key, query in new.items() if key not in self._known]
        self._known |= dict.fromkeys(map(_probe_key, asked))
        embeddings: list[Any] = []
        for network in self._networks:
            with Progress("Embedding queries", unit="query") as progress:
                seen = embed_queries(network, asked, self._samples, batch_size=self._batch_size, on_progress=progress)
            # What one stage cannot see, no other can: the picture is broken, or the box lies outside it.
            asked = seen.queries
            self.failures += seen.failures
            embeddings.append(seen.embeddings)
        self._known |= dict(zip(map(_probe_key, asked), zip(*embeddings, strict=True), strict=True))
        kept = [query for query in queries if self._known[_probe_key(query)] is not None]
        rows = [self._known[_probe_key(query)] for query in kept]
        return kept, [torch.stack(stage) for stage in zip(*rows, strict=True)]


def _rankings(name: str, looks: Any, queries: Any, cascade: Any, shared: dict[str, Any]) -> list[tuple[str, Any]]:
    """(label, SearchMetrics) of one protocol: every stage, and by chance."""
    from search.evaluation.protocols import random_ranking
    from search.evaluation.stages import PLAIN, compare_stages

    stages = compare_stages(looks, queries, cascade, **shared)
    # With one stage there is nothing that its plain row would stand apart from.
    rankings = [
        (name if label == PLAIN and len(looks) == 1 else f"{name}, {label}", metrics)
        for label, metrics in stages.items()
    ]
    plain = {key: shared[key] for key in ("score_threshold", "ignore")}
    return [*rankings, (f"{name}, random ranking", random_ranking(looks[0][0], queries, **plain))]


def _linked(samples: Any, looks: Sequence[Any], tracker: TrackerSettings, blend: float, second_weight: float) -> Any:
    """The detections' tracklets, linked by what the search ranks by."""
    from search.evaluation.stages import link_sightings

    with Progress("Linking") as progress:
        return link_sightings(samples, looks, tracker, blend=blend, second_weight=second_weight, on_progress=progress)


def _summary(tracks: Mapping[str, Any]) -> dict[str, float]:
    """How many tracklets there are, and of how many sightings each in the mean."""
    import numpy as np

    numbers = np.concatenate([np.zeros(0, dtype=np.int64), *tracks.values()])
    numbers = numbers[numbers >= 0]
    count = len(np.unique(numbers))
    return {"tracklets": count, "sightings_each": len(numbers) / max(count, 1)}


def _probe_key(query: Any) -> object:
    """What a query's embedding depends on."""
    return query.frame, str(query.crop), None if query.box is None else query.box.tobytes()


def _protocols(
    name: str, root: Path, gallery_size: list[int] | None, same_camera: bool | None
) -> list[tuple[str, Any]]:
    """(label, queries) of each protocol asked for."""
    from datasets import DatasetNotFoundError, load_queries

    if name == "cuhk-sysu":
        if same_camera is not None:
            raise ValueError("--same-camera is given, but the frames of cuhk-sysu have no cameras; leave it out")
        found = []
        for size in gallery_size or GALLERY_SIZES:
            try:
                found.append((f"gallery {size}", load_queries(name, root, gallery_size=size)))
            except DatasetNotFoundError:
                if gallery_size or (size == GALLERY_SIZES[-1] and not found):
                    raise
        return found
    if gallery_size is not None:
        raise ValueError(f"--gallery-size is CUHK-SYSU's, --format is {name}; leave it out")
    kinds = [same_camera] if same_camera is not None else [True, False] if name == "prw" else [False]
    label = {True: "all cameras", False: "other cameras"}
    return [(label[kind], load_queries(name, root, same_camera=kind)) for kind in kinds]


def _lines(failures: Any) -> list[str]:
    return [f"{name}: {reason}" for name, reason in failures]
