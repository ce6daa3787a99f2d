"""The evaluation of full frames as public code has it: a loop over queries, frames and boxes, with whole sorts.

What `bench search-evaluation` compares with, and therefore written as SeqNet's evaluator is (Li and Miao, AAAI 2021).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.samples import Query

Found = Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
"""frame name -> boxes (N, 4) xyxy and embeddings (N, D)."""


def protocol_records(query: Query) -> NDArray[Any]:
    """A query's gallery as the protocol's MATLAB file holds it, which the loop reads: a frame's name and a box each.

    Args:
        query: The query.
    """
    kinds = [("imname", object), ("idlocate", object), ("ishard", object)]
    records = np.empty(len(query.gallery), dtype=kinds)
    for row, (name, box) in enumerate(query.gallery):
        located = np.zeros((1, 0)) if box is None else np.array([[*box[:2], *(box[2:] - box[:2])]])
        records[row] = (np.array([name]), located, np.zeros((1, 1)))
    return records


def loop_average_precisions(
    detections: Found, galleries: Sequence[NDArray[Any]], embeddings: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The average precision of each query: frame after frame, box after box, and a sort of all that was found.

    Args:
        detections: The kept detections of each frame.
        galleries: The records of each query's gallery.
        embeddings: (Q, D) of the queries, or more.

    Returns:
        (Q,) average precisions, NaN for a query without a true box.
    """
    precisions = []
    for records, feature in zip(galleries, embeddings):
        right: list[int] = []
        scores: list[float] = []
        names: list[str] = []
        boxes: list[NDArray[np.float32]] = []
        truths: dict[str, NDArray[np.float64]] = {}
        similarities: dict[str, NDArray[np.float32]] = {}
        true_count = hits = 0
        for item in records:
            name, truth = str(item[0][0]), item[1][0].astype(np.float32)
            true_count += truth.size > 0
            if name not in detections or name in similarities:
                continue
            similarities[name], truths[name] = detections[name][1].dot(feature).ravel(), truth
        for name, similarity in similarities.items():
            truth, found = truths[name], detections[name][0]
            labels = np.zeros(len(similarity), dtype=np.int32)
            if truth.size > 0:
                width, height = truth[2], truth[3]
                truth[2:] += truth[:2]
                least = min(0.5, (width * height * 1.0) / ((width + 10) * (height + 10)))
                order = np.argsort(similarity)[::-1]
                similarity, found = similarity[order], found[order]
                for number, box in enumerate(found):
                    if _overlap(box, truth) >= least:
                        labels[number] = 1
                        hits += 1
                        break
            right.extend(list(labels))
            scores.extend(list(similarity))
            names.extend([name] * len(similarity))
            boxes.extend(list(found))
        precisions.append(_average_precision(np.asarray(right), np.asarray(scores), hits, true_count))
    return np.asarray(precisions)


def _overlap(first: NDArray[np.float32], second: NDArray[np.float64]) -> float:
    left, top = max(first[0], second[0]), max(first[1], second[1])
    right, bottom = min(first[2], second[2]), min(first[3], second[3])
    inter = max(0, right - left) * max(0, bottom - top)
    areas = (first[2] - first[0]) * (first[3] - first[1]) + (second[2] - second[0]) * (second[3] - second[1])
    return float(inter * 1.0 / (areas - inter))


def _average_precision(right: NDArray[np.int64], scores: NDArray[np.float64], hits: int, true_count: int) -> float:
    """scikit-learn's average precision, times the share of true boxes that were found; the ranking is sorted, too."""
    from sklearn.metrics import average_precision_score

    if not true_count:
        return float("nan")
    precision = 0.0 if not hits else float(average_precision_score(right, scores)) * hits / true_count
    ranked = right[np.argsort(scores)[::-1]]
    _ = [min(1, sum(ranked[:most])) for most in (1, 5, 10)]  # the public code's top-k, which is part of its time
    return precision
