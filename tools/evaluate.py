"""personsearch evaluate: detection figures and the full-frame search protocols of a joint model."""

from pathlib import Path
from typing import Any, Literal

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
    from search.inference import detect_split

    samples, left_out = read_frames(format, root, "gallery")
    network = load_model(model)
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
    model: Path,
    format: SearchFormat = "custom",  # noqa: A002 - the option is called --format
    gallery_size: list[int] | None = None,
    same_camera: bool | None = None,
    context: bool = False,
    unlabelled: Literal["negative", "ignore"] = "negative",
    score_threshold: float = 0.5,
    batch_size: int = 4,
) -> Outcome:
    """Mean average precision and top-k of searching each query's person in its gallery, beside random ranking.

    CUHK-SYSU: one row for each gallery size. PRW: with same-camera positives (the published figure) and without.
    Custom and UESTC-PR: across cameras, and with the query's own camera where --same-camera is given. A query whose
    picture cannot be read is named and leaves every protocol: the means are over the others.

    Args:
        root: the data set's folder.
        model: model.safetensors of a run, or its folder.
        format: the data set's layout.
        gallery_size: sizes of CUHK-SYSU's protocol; all six by default, as far as their files are there.
        same_camera: true or false gives one row of PRW or custom data instead of the default.
        context: also with context matching (CBGM) over the people beside the query.
        unlabelled: whether detections of people without an identity count as wrong, or leave the ranking.
        score_threshold: detections below it are dropped before the search.
        batch_size: images a forward pass.
    """
    import torch

    from datasets import read_frames
    from detection.checkpoints import load_model
    from search.inference import detect_split, embed_queries

    protocols = _protocols(format, root, gallery_size, same_camera)
    samples, left_out = read_frames(format, root, "gallery")
    network = load_model(model)
    with Progress("Detecting") as progress:
        found = detect_split(network, samples, batch_size=batch_size, on_progress=progress)
    ignore = {s.name: s.boxes[s.person_ids < 0] for s in samples} if unlabelled == "ignore" else None
    shared: dict[str, Any] = {"score_threshold": score_threshold, "ignore": ignore}
    rows, records = [], []
    embedded: dict[object, Any] = {}
    failures = list(found.failures)
    for name, queries in protocols:
        # Protocols of one data set ask for the same people: each probe passes the network once.
        new = {_probe_key(query): query for query in queries}
        new = {key: query for key, query in new.items() if key not in embedded}
        with Progress("Embedding queries", unit="query") as progress:
            seen = embed_queries(network, list(new.values()), samples, batch_size=batch_size, on_progress=progress)
        failures += seen.failures
        embedded |= dict.fromkeys(new)
        embedded |= dict(zip(map(_probe_key, seen.queries), seen.embeddings, strict=True))
        queries = [query for query in queries if embedded[_probe_key(query)] is not None]
        if not queries:
            raise ValueError(f"no query of {root} can be embedded, the first: {': '.join(failures[-1])}")
        probes = torch.stack([embedded[_probe_key(query)] for query in queries])
        matching = _matching(format, queries, probes, found.by_frame, score_threshold) if context else None
        for label, metrics in _rankings(name, found.by_frame, queries, probes, matching, shared):
            rows.append([label, len(queries), metrics.mean_ap, metrics.top1, metrics.top5, metrics.top10])
            records.append({"protocol": label, "queries": len(queries), "metrics": metrics})
    header = ["protocol", "queries", "mAP", "top-1", "top-5", "top-10"]
    note = "" if ignore is None else "\ndetections of unlabelled people leave the ranking (--unlabelled ignore)"
    return Outcome(
        table(header, rows) + note, {"rows": records, "unlabelled": unlabelled}, [*left_out, *_lines(failures)]
    )


def _rankings(
    name: str, found: Any, queries: Any, probes: Any, matching: dict[str, Any] | None, shared: dict[str, Any]
) -> list[tuple[str, Any]]:
    """(label, SearchMetrics) of one protocol: plain, with context matching where asked for, and by chance."""
    from search.protocols import evaluate_search, random_ranking

    rankings = [(name, evaluate_search(found, queries, probes, **shared))]
    if matching is not None:
        rankings.append((f"{name}, context", evaluate_search(found, queries, probes, **matching, **shared)))
    return [*rankings, (f"{name}, random ranking", random_ranking(found, queries, **shared))]


def _probe_key(query: Any) -> object:
    """What a query's embedding depends on."""
    return query.frame, str(query.crop), None if query.box is None else query.box.tobytes()


def _matching(name: str, queries: Any, probes: Any, found: Any, score_threshold: float) -> dict[str, Any]:
    """Arguments of context matching, with the published sizes of each data set."""
    from search.inference import query_context

    gallery, people = (30, 4) if name == "prw" else (10, 3)
    beside = query_context(queries, probes, found, score_threshold=score_threshold)
    return {"context": beside, "context_gallery": gallery, "context_people": people}


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
