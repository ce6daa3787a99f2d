"""Detection figures: the reference evaluator, a naive loop, pycocotools used directly, degenerate cases."""

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from datasets.boxes import box_overlap
from detection.detections import Detections
from detection.metrics import average_precision, coco_average_precision, mutual_best, recall_and_ap

NOBODY = Detections(np.zeros((0, 4)), np.zeros(0))
NO_BOXES = np.zeros((0, 4), dtype=np.float32)
BOX = np.array([[10, 10, 60, 160]], dtype=np.float32)


def random_boxes(random: np.random.Generator, count: int) -> np.ndarray:
    corner = random.uniform(0, 80, (count, 2))
    return np.concatenate([corner, corner + random.uniform(20, 90, (count, 2))], axis=1).astype(np.float32)


def random_frames(seed: int, frames: int = 8) -> tuple[list[Detections], list[np.ndarray]]:
    random = np.random.default_rng(seed)
    truths = [random_boxes(random, int(random.integers(0, 6))) for _ in range(frames)]
    found = []
    for truth in truths:
        near = truth[random.random(len(truth)) < 0.8]
        boxes = np.concatenate([near + random.normal(0, 6, near.shape), random_boxes(random, 2)])
        # Few score values, so that there are ties.
        found.append(Detections(boxes, random.integers(0, 10, len(boxes)) / 10))
    return found, truths


@pytest.mark.parametrize("name", ["cuhk-sysu", "prw"])
def test_equals_the_reference_figures(shared: Path, name: str) -> None:
    vectors = np.load(shared / "oracles" / f"full_frame_a_{name}.npz")
    expected = json.loads((shared / "oracles" / "full_frame_a.json").read_text())[name]
    found = {
        frame: Detections(vectors["boxes"][first:last], vectors["scores"][first:last])
        for frame, (first, last) in zip(vectors["frames"].tolist(), pairwise(vectors["offsets"].tolist()), strict=True)
    }
    detections = [found[sample["frame"]] for sample in expected["gallery"]]
    boxes = [np.array(sample["boxes"], dtype=np.float32) for sample in expected["gallery"]]
    labelled = [
        rows[np.array(sample["person_ids"]) != 5555] for rows, sample in zip(boxes, expected["gallery"], strict=True)
    ]
    np.testing.assert_allclose(recall_and_ap(detections, boxes), expected["metrics"]["detection_all"], atol=1e-6)
    np.testing.assert_allclose(
        recall_and_ap(detections, labelled, skip_empty_frames=True),
        expected["metrics"]["detection_labeled"],
        atol=1e-6,
    )
    assert recall_and_ap(detections, labelled)[1] < expected["metrics"]["detection_labeled"][1]


def naive_recall_and_ap(
    detections: list[Detections], truths: list[np.ndarray], iou_threshold: float, score_threshold: float
) -> tuple[float, float]:
    scored: list[tuple[float, bool]] = []
    for found, truth in zip(detections, truths, strict=True):
        kept = [row for row in range(len(found)) if found.scores[row] >= score_threshold]
        overlap = [
            [box_iou(found.boxes[row : row + 1].double(), torch.tensor(box[None]).double()).item() for box in truth]
            for row in kept
        ]
        for number, row in enumerate(kept):
            right = False
            if len(truth):
                person = max(range(len(truth)), key=lambda column: overlap[number][column])
                rival = max(range(len(kept)), key=lambda other: overlap[other][person])
                right = rival == number and overlap[number][person] >= iou_threshold
            scored.append((found.scores[row].item(), right))
    total = sum(len(truth) for truth in truths)
    hits = sum(right for _, right in scored)
    area, previous = 0.0, 0
    for level in sorted({score for score, _ in scored}, reverse=True):
        above = [right for score, right in scored if score >= level]
        area += (sum(above) - previous) * sum(above) / len(above)
        previous = sum(above)
    return hits / total, (area / hits if hits else 0) * hits / total


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("iou_threshold", "score_threshold"), [(0.5, 0.5), (0.3, 0.0), (0.7, 0.2)])
def test_equals_a_naive_loop(seed: int, iou_threshold: float, score_threshold: float) -> None:
    detections, truths = random_frames(seed)
    figures = recall_and_ap(detections, truths, iou_threshold=iou_threshold, score_threshold=score_threshold)
    assert figures == pytest.approx(naive_recall_and_ap(detections, truths, iou_threshold, score_threshold))


def test_order_of_frames_and_detections_does_not_matter() -> None:
    random = np.random.default_rng(0)
    detections, truths = random_frames(1)
    order = random.permutation(len(truths))
    shuffled = [detections[row][random.permutation(len(detections[row]))] for row in order]
    assert recall_and_ap(shuffled, [truths[row] for row in order]) == pytest.approx(recall_and_ap(detections, truths))


def test_mutual_best_takes_one_box_a_person_and_the_first_of_equals() -> None:
    boxes = np.concatenate([BOX + 5, BOX, BOX, BOX + 300])
    assert mutual_best(boxes, BOX, 0.5).tolist() == [False, True, False, False]
    # The second person loses its detection to the first: not a greedy assignment.
    assert mutual_best(BOX, np.concatenate([BOX, BOX + 3]), 0.5).tolist() == [True]
    assert mutual_best(NO_BOXES, BOX, 0.5).tolist() == []
    assert mutual_best(BOX, NO_BOXES, 0.5).tolist() == [False]


def test_perfect_detections_score_one() -> None:
    _, truths = random_frames(2)
    found = [Detections(truth, np.ones(len(truth))) for truth in truths]
    assert recall_and_ap(found, truths) == (1, 1)
    metrics = coco_average_precision(found, truths)
    assert (metrics.ap, metrics.ap50, metrics.ar, metrics.recall50) == pytest.approx((1, 1, 1, 1))


def test_nothing_found_is_zero() -> None:
    assert recall_and_ap([NOBODY, NOBODY], [BOX, NO_BOXES]) == (0, 0)
    metrics = coco_average_precision([NOBODY, NOBODY], [BOX, NO_BOXES])
    assert (metrics.ap, metrics.ap50, metrics.ar, metrics.recall50) == (0, 0, 0, 0)


def test_nobody_there_is_not_a_number() -> None:
    found = [Detections(BOX, np.ones(1))]
    assert all(math.isnan(figure) for figure in recall_and_ap(found, [NO_BOXES]))
    assert all(math.isnan(figure) for figure in recall_and_ap([], []))
    assert math.isnan(coco_average_precision(found, [NO_BOXES]).ap)
    assert math.isnan(coco_average_precision([], []).ap)


def test_detections_in_empty_frames_are_wrong_unless_such_frames_are_skipped() -> None:
    found, truths = [Detections(BOX, np.array([0.6])), Detections(BOX, np.array([0.9]))], [BOX, NO_BOXES]
    assert recall_and_ap(found, truths) == (1, 0.5)
    assert recall_and_ap(found, truths, skip_empty_frames=True) == (1, 1)
    assert coco_average_precision(found, truths).ap50 == pytest.approx(0.5)


def test_coco_equals_pycocotools_used_directly(capfd: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    detections, truths = random_frames(4, frames=12)
    metrics = coco_average_precision(detections, [torch.from_numpy(truth) for truth in truths])
    assert capfd.readouterr().out == ""

    coco = COCO()
    rows = [(image, box) for image, truth in enumerate(truths) for box in truth.tolist()]
    coco.dataset = {
        "images": [{"id": image} for image in range(len(truths))],
        "categories": [{"id": 1}],
        "annotations": [
            {"id": number + 1, "image_id": image, "category_id": 1, "iscrowd": 0}
            | {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
            for number, (image, (x1, y1, x2, y2)) in enumerate(rows)
        ],
    }
    coco.createIndex()
    results = coco.loadRes(
        [
            {"image_id": image, "category_id": 1, "score": score, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            for image, found in enumerate(detections)
            for (x1, y1, x2, y2), score in zip(found.boxes.tolist(), found.scores.tolist(), strict=True)
        ]
    )
    evaluation = COCOeval(coco, results, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    expected = [float("nan") if figure < 0 else figure for figure in evaluation.stats.tolist()]
    figures = list(vars(metrics).values())
    assert figures[:12] == pytest.approx(expected, nan_ok=True)
    assert 0 < metrics.ap < metrics.ap50 <= metrics.recall50


def test_ignore_regions_swallow_what_lies_in_them() -> None:
    found = [Detections(np.concatenate([BOX, BOX + 300]), np.array([0.5, 0.9]))]
    assert coco_average_precision(found, [BOX]).ap50 == pytest.approx(0.5)
    region = np.array([[250, 250, 600, 600]], dtype=np.float32)
    assert coco_average_precision(found, [BOX], ignore=[region]).ap50 == pytest.approx(1)
    assert math.isnan(coco_average_precision(found, [NO_BOXES], ignore=[region]).ap50)


def test_crowded_frames_can_raise_the_number_of_detections_that_count() -> None:
    corner = np.stack(np.meshgrid(np.arange(15), np.arange(10)), axis=-1).reshape(-1, 2) * 50.0
    boxes = np.concatenate([corner, corner + 40], axis=1)
    found = [Detections(boxes, np.linspace(0.1, 1, 150))]
    assert coco_average_precision(found, [boxes]).ar == pytest.approx(100 / 150)
    metrics = coco_average_precision(found, [boxes], max_detections=200)
    assert (metrics.ar, metrics.ap) == pytest.approx((1, 1))


def test_thresholds_are_reached_by_what_equals_them() -> None:
    half = np.array([[0, 0, 10, 10]], dtype=np.float32), np.array([[0, 0, 10, 20]], dtype=np.float32)  # overlap 1/2
    found = [Detections(half[0], np.array([0.9], dtype=np.float32))]  # in float32 a little less than 0.9
    assert recall_and_ap(found, [half[1]], iou_threshold=0.5, score_threshold=0.9) == (1, 1)
    assert recall_and_ap(found, [half[1]], iou_threshold=0.51, score_threshold=0.9) == (0, 0)
    assert recall_and_ap(found, [half[1]], score_threshold=0.91) == (0, 0)
    assert recall_and_ap([Detections(half[0], np.array([0.5]))], [half[1]]) == (1, 1)  # both thresholds are 0.5
    assert recall_and_ap([Detections(half[0], np.array([0.49]))], [half[1]]) == (0, 0)


def test_coco_counts_sizes_by_the_area_of_true_boxes() -> None:
    sizes = {"small": 20, "medium": 60, "large": 200}
    for name, size in sizes.items():
        box = np.array([[5, 5, 5 + size, 5 + size]], dtype=np.float32)
        metrics = vars(coco_average_precision([Detections(box, np.ones(1))], [box], max_detections=11))
        for other in sizes:
            for figure in (f"ap_{other}", f"ar_{other}"):
                assert metrics[figure] == pytest.approx(1) if other == name else math.isnan(metrics[figure])


def test_average_precision_shares_thresholds_among_ties() -> None:
    hits = np.array([True, False, True, False])
    assert average_precision(hits, np.array([0.9, 0.8, 0.7, 0.6])) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(hits, np.full(4, 0.5)) == pytest.approx(0.5)
    assert average_precision(hits[::-1], np.full(4, 0.5)) == pytest.approx(0.5)
    assert average_precision(np.zeros(3, dtype=bool), np.ones(3)) == 0
    assert average_precision(np.zeros(0, dtype=bool), np.zeros(0)) == 0


def test_box_overlap_equals_torchvision_and_knows_empty_boxes() -> None:
    random = np.random.default_rng(0)
    first, second = random_boxes(random, 7), random_boxes(random, 5)
    expected = box_iou(torch.from_numpy(first).double(), torch.from_numpy(second).double()).numpy()
    np.testing.assert_allclose(box_overlap(first[:, None], second[None]), expected, atol=1e-12)
    point = np.array([5.0, 5, 5, 5])
    assert box_overlap(point, point) == 0


@pytest.mark.parametrize(
    ("detections", "truths", "complaint"),
    [([NOBODY], [], "1 frames but truths of 0"), ([NOBODY], [np.zeros((2, 3))], r"\(2, 3\)")],
)
def test_bad_input_is_named(detections: list[Detections], truths: list[np.ndarray], complaint: str) -> None:
    for evaluate in (recall_and_ap, coco_average_precision):
        with pytest.raises(ValueError, match=complaint):
            evaluate(detections, truths)


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="max_detections is 10"):
        coco_average_precision([NOBODY], [BOX], max_detections=10)
    with pytest.raises(ValueError, match="0 lists of ignore boxes for 1 frames"):
        coco_average_precision([NOBODY], [BOX], ignore=[])


def test_a_wrong_detection_inside_an_area_to_ignore_does_not_count() -> None:
    truth = np.array([[0, 0, 10, 20]], np.float32)
    crowd = np.array([[100, 0, 200, 50]], np.float32)
    boxes = np.array([[0, 0, 10, 20], [110, 0, 120, 20], [95, 0, 105, 20], [92, 0, 102, 20]], np.float32)
    found = Detections(boxes, np.array([0.7, 0.9, 0.8, 0.6]))
    assert recall_and_ap([found], [truth]) == (1.0, pytest.approx(1 / 3))
    # The second and the third lie in the crowd, the second wholly and the third by half; the fourth lies beside it.
    assert recall_and_ap([found], [truth], ignore=[crowd]) == (1.0, 1.0)
    # What is right stays right, wherever it lies.
    assert recall_and_ap([found], [truth], ignore=[np.array([[0, 0, 50, 50]], np.float32)]) == (
        1.0,
        pytest.approx(1 / 3),
    )
    with pytest.raises(ValueError, match="2 frames of areas to ignore for 1 frames"):
        recall_and_ap([found], [truth], ignore=[crowd, crowd])
