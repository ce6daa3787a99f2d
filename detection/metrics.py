"""How well people are found: recall and average precision the person search field's way, and COCO's."""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datasets.boxes import as_boxes, box_overlap
from detection.detections import Detections
from detection.settings import LEAST_CONFIDENCE

AnyBoxes = NDArray[np.float32] | Tensor


def average_precision(hits: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Computes the step-wise average precision of a ranking, without interpolation; equal scores share a threshold.

    Args:
        hits: (N,) whether each entry is right.
        scores: (N,) what ranks the entries; the highest comes first.

    Returns:
        The average precision in [0, 1]; 0 where nothing is right.

    Example:
        >>> round(average_precision(np.array([True, False, True]), np.array([0.9, 0.8, 0.7])), 4)
        0.8333
    """
    total = int(hits.sum())
    if not total:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    hits, scores = hits[order], scores[order]
    last_of_ties = np.append(scores[1:] != scores[:-1], True)
    found = hits.cumsum()[last_of_ties]
    precision = found / (np.flatnonzero(last_of_ties) + 1)
    return float((np.diff(found, prepend=0) * precision).sum() / total)


def recall_and_ap(
    detections: Sequence[Detections],
    truths: Sequence[AnyBoxes],
    *,
    iou_threshold: float = 0.5,
    score_threshold: float = LEAST_CONFIDENCE,
    skip_empty_frames: bool = False,
    ignore: Sequence[AnyBoxes] | None = None,
) -> tuple[float, float]:
    """Computes the detection recall and average precision as person search papers report them.

    A detection is right where it and a true box are each other's best overlap in the frame and the overlap reaches
    the threshold. This is neither COCO's nor Pascal's greedy assignment. The average precision is multiplied by
    the recall. Source: the evaluators of CUHK-SYSU and PRW (Xiao et al. 2017; the same in NAE, SeqNet, COAT).

    Args:
        detections: What was found, for each frame.
        truths: The true boxes (N, 4) xyxy of each frame, with those of unlabelled people for the published figure.
        iou_threshold: The least overlap, in (0, 1].
        score_threshold: The least confidence; detections below it are dropped first. Raising it lowers the recall.
        skip_empty_frames: Whether frames without a true box are passed over, instead of counting their detections as
            wrong. The published figure for labelled people alone does so; for all people it never meets such a frame.
        ignore: The areas (N, 4) xyxy of each frame in which nobody says who is right: a wrong detection of which half
            or more lies in one of them does not count. The published figures have none.

    Returns:
        Recall and average precision in [0, 1]; both 0 without detections, both NaN without true boxes.

    Raises:
        ValueError: The lists differ in length, or a frame's truths are no boxes.

    Example:
        >>> found = Detections(boxes=np.array([[0, 0, 10, 20], [50, 50, 60, 70]]), scores=np.array([0.8, 0.9]))
        >>> recall_and_ap([found], [np.array([[0, 0, 10, 21], [20, 0, 30, 20]])])
        (0.5, 0.25)
    """
    hits, scores, true_count = [np.zeros(0, dtype=bool)], [np.zeros(0, dtype=np.float32)], 0
    areas = [np.zeros((0, 4), np.float32)] * len(truths) if ignore is None else ignore
    if len(areas) != len(truths):
        raise ValueError(f"{len(areas)} frames of areas to ignore for {len(truths)} frames of truths, expected as many")
    for (found, true_boxes), ignored in zip(_frames(detections, truths), areas, strict=True):
        if skip_empty_frames and not len(true_boxes):
            continue
        true_count += len(true_boxes)
        score = found.scores.cpu().numpy()
        confident = score >= np.float32(score_threshold)
        boxes = found.boxes.cpu().numpy()[confident]  # [N, 4]
        hit = mutual_best(boxes, true_boxes, iou_threshold)
        counts = hit | (_share_inside(boxes, as_boxes(ignored)) < 0.5)
        hits.append(hit[counts])
        scores.append(score[confident][counts])
    if not true_count:
        return float("nan"), float("nan")
    hit = np.concatenate(hits)
    recall = float(hit.sum() / true_count)
    return recall, average_precision(hit, np.concatenate(scores)) * recall


def mutual_best(
    boxes: NDArray[np.floating], true_boxes: NDArray[np.floating], iou_threshold: float
) -> NDArray[np.bool_]:
    """Finds the boxes that are the best of their best true box, with enough overlap; of equals the first counts.

    Args:
        boxes: (N, 4) xyxy.
        true_boxes: (M, 4) xyxy.
        iou_threshold: The least overlap.

    Returns:
        (N,) booleans, at most min(N, M) of them true.
    """
    if not len(boxes) or not len(true_boxes):
        return np.zeros(len(boxes), dtype=bool)
    overlap = box_overlap(boxes[:, None], true_boxes[None])  # [N, M]
    rows = np.arange(len(boxes))
    best_truth = overlap.argmax(axis=1)
    best_box = overlap.argmax(axis=0)
    return (overlap[rows, best_truth] >= iou_threshold) & (best_box[best_truth] == rows)


def _share_inside(boxes: NDArray[np.floating], areas: NDArray[np.floating]) -> NDArray[np.floating]:
    """(N,) which share of each box (N, 4) lies in the area (M, 4) that holds most of it; 0 without areas."""
    if not len(boxes) or not len(areas):
        return np.zeros(len(boxes))
    low = np.maximum(boxes[:, None, :2], areas[None, :, :2])  # [N, M, 2]
    high = np.minimum(boxes[:, None, 2:], areas[None, :, 2:])
    shared = (high - low).clip(0).prod(axis=2)
    size = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    share: NDArray[np.floating] = shared.max(axis=1) / np.maximum(size, 1e-6)
    return share


@dataclass(frozen=True)
class CocoMetrics:
    """COCO's detection figures for the one category person; NaN where no true box falls into a figure's range.

    Attributes:
        ap: The average precision, its mean over the overlap thresholds 0.50, 0.55, ... 0.95.
        ap50, ap75: The average precision at the overlap threshold 0.50, and at 0.75.
        ap_small, ap_medium, ap_large: `ap` for true boxes below 32 x 32 pixels, up to 96 x 96, and above.
        ar1, ar10, ar: The recall with at most 1, at most 10 and at most `max_detections` detections a frame.
        ar_small, ar_medium, ar_large: `ar` by size.
        recall50: The recall at overlap 0.50 with at most `max_detections` detections a frame.
    """

    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar1: float
    ar10: float
    ar: float
    ar_small: float
    ar_medium: float
    ar_large: float
    recall50: float


def coco_average_precision(
    detections: Sequence[Detections],
    truths: Sequence[AnyBoxes],
    *,
    ignore: Sequence[AnyBoxes] | None = None,
    max_detections: int = 100,
) -> CocoMetrics:
    """Computes average precision and recall as pycocotools does, without its printing.

    Args:
        detections: What was found, for each frame. All of it counts, so give a detector's output before any threshold.
        truths: The true boxes (N, 4) xyxy of each frame.
        ignore: Regions (M, 4) xyxy of each frame, as COCO's crowds: detections that lie in them and match no true box
            count neither way. None for no such region.
        max_detections: How many detections of a frame count, the most confident ones, above 10. COCO's own figures have
            100.

    Returns:
        The figures.

    Raises:
        ValueError: The lists differ in length, a frame's boxes are no boxes, or max_detections is too small.
    """
    if max_detections <= 10:
        raise ValueError(f"max_detections is {max_detections}, expected more than 10 (COCO's own figures have 100)")
    if ignore is not None and len(ignore) != len(truths):
        raise ValueError(f"{len(ignore)} lists of ignore boxes for {len(truths)} frames, expected one per frame")
    true_rows: list[dict[str, Any]] = []
    found_rows: list[dict[str, Any]] = []
    for image, (found, true_boxes) in enumerate(_frames(detections, truths)):
        true_rows += _coco_rows(image, true_boxes)
        if ignore is not None:
            true_rows += _coco_rows(image, _as_numpy(ignore[image]), iscrowd=1)
        scores = found.scores.cpu().tolist()
        boxes = _coco_rows(image, found.boxes.cpu().numpy())
        found_rows += [row | {"score": score} for row, score in zip(boxes, scores, strict=True)]
    if not any(not row["iscrowd"] for row in true_rows):
        return CocoMetrics(*[float("nan")] * 13)
    return _run_pycocotools(true_rows, found_rows, len(detections), max_detections)


def _run_pycocotools(
    true_rows: list[dict[str, Any]], found_rows: list[dict[str, Any]], images: int, max_detections: int
) -> CocoMetrics:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        for rows in (true_rows, found_rows):
            side = COCO()
            # Identifiers start at 1: pycocotools takes the annotation 0 for "no match".
            numbered = [row | {"id": number} for number, row in enumerate(rows, start=1)]
            side.dataset = {
                "images": [{"id": image} for image in range(images)],
                "categories": [{"id": 1, "name": "person"}],
                "annotations": numbered,
            }
            side.createIndex()
            sides.append(side)
        evaluation = COCOeval(*sides, iouType="bbox")
        evaluation.params.maxDets = [1, 10, max_detections]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"]  # (T thresholds, R recalls, 1 category, A areas, M limits), -1 undefined
    recall = evaluation.eval["recall"]  # (T, 1, A, M)

    def mean(values: NDArray[np.float64]) -> float:
        defined = values[values > -1]
        return float(defined.mean()) if defined.size else float("nan")

    # Areas: all, small, medium, large. Limits: 1, 10, max_detections.
    return CocoMetrics(
        ap=mean(precision[:, :, :, 0, 2]),
        ap50=mean(precision[0, :, :, 0, 2]),
        ap75=mean(precision[5, :, :, 0, 2]),
        ap_small=mean(precision[:, :, :, 1, 2]),
        ap_medium=mean(precision[:, :, :, 2, 2]),
        ap_large=mean(precision[:, :, :, 3, 2]),
        ar1=mean(recall[:, :, 0, 0]),
        ar10=mean(recall[:, :, 0, 1]),
        ar=mean(recall[:, :, 0, 2]),
        ar_small=mean(recall[:, :, 1, 2]),
        ar_medium=mean(recall[:, :, 2, 2]),
        ar_large=mean(recall[:, :, 3, 2]),
        recall50=mean(recall[0, :, 0, 2]),
    )


def _coco_rows(image: int, boxes: NDArray[np.floating], iscrowd: int = 0) -> list[dict[str, Any]]:
    boxes = boxes.astype(np.float64)
    boxes_xywh = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    areas = boxes_xywh[:, 2:].prod(axis=1)
    return [
        {"image_id": image, "category_id": 1, "iscrowd": iscrowd, "bbox": box, "area": area}
        for box, area in zip(boxes_xywh.tolist(), areas.tolist(), strict=True)
    ]


def _frames(
    detections: Sequence[Detections], truths: Sequence[AnyBoxes]
) -> list[tuple[Detections, NDArray[np.float32]]]:
    if len(detections) != len(truths):
        raise ValueError(f"detections of {len(detections)} frames but truths of {len(truths)}, expected as many")
    return [(found, _as_numpy(true_boxes)) for found, true_boxes in zip(detections, truths, strict=True)]


def _as_numpy(boxes: AnyBoxes) -> NDArray[np.float32]:
    return as_boxes(boxes.detach().cpu().numpy() if isinstance(boxes, Tensor) else boxes)
