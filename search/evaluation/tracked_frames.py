"""One frame of a tracker's answer beside the truth, without what the data set says must not be judged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from datasets.boxes import FloatBoxes, as_boxes, box_overlap

IGNORED_SHARE = 0.5
"""A box of which more than this share lies in one region to ignore is not judged."""


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """Who was where in a frame, and who was said to be where.

    Args:
        true_ids: (N,) identities, each once.
        true_boxes: (N, 4) xyxy pixels.
        ids: (M,) track numbers, each once.
        boxes: (M, 4) xyxy pixels.

    Raises:
        ValueError: ids and boxes differ in number, or an id occurs twice.
    """

    true_ids: NDArray[np.int64]
    true_boxes: FloatBoxes
    ids: NDArray[np.int64]
    boxes: FloatBoxes

    def __post_init__(self) -> None:
        for who, ids, boxes in (("identity", "true_ids", "true_boxes"), ("track", "ids", "boxes")):
            rows = np.asarray(getattr(self, ids), dtype=np.int64).reshape(-1)
            corners = as_boxes(getattr(self, boxes))
            object.__setattr__(self, ids, rows)
            object.__setattr__(self, boxes, corners)
            if len(rows) != len(corners):
                raise ValueError(f"{ids} of {len(rows)} and {boxes} of {len(corners)} boxes, expected as many")
            values, counts = np.unique(rows, return_counts=True)
            if (counts > 1).any():
                raise ValueError(
                    f"{who} {values[counts > 1][0]} occurs twice in one frame, expected once; remove one box"
                )

    def overlap(self) -> NDArray[np.float64]:
        """(N, M) intersection over union of the true boxes with the others."""
        return box_overlap(self.true_boxes[:, None], self.boxes[None])


def judged_frame(
    truth: tuple[ArrayLike, ArrayLike],
    found: tuple[ArrayLike, ArrayLike],
    *,
    people: ArrayLike = (),
    regions: ArrayLike = (),
    iou_threshold: float = 0.5,
) -> TrackedFrame:
    """A frame without the found boxes that must count neither way.

    True boxes and people to ignore are assigned to found boxes together, by the largest sum of overlaps, as
    MOTChallenge does; a found box assigned to somebody to ignore is dropped. So is one that overlaps nobody who counts
    and lies in a region to ignore by more than IGNORED_SHARE of its area. Who is ignored and not found costs nothing.

    Args:
        truth: ids (N,) and boxes (N, 4) of the people that count; of an identity that occurs twice the first counts.
        found: track numbers (M,) and boxes (M, 4).
        people: (P, 4) people that must not be judged: distractors of MOTChallenge, people of unknown identity.
        regions: (R, 4) areas that must not be judged: COCO's crowds.
        iou_threshold: least overlap of an assignment.

    Raises:
        ValueError: a track number occurs twice, or ids and boxes differ in number.
    """
    true_ids, true_boxes = np.asarray(truth[0], dtype=np.int64).reshape(-1), as_boxes(truth[1])
    ids, boxes = np.asarray(found[0], dtype=np.int64).reshape(-1), as_boxes(found[1])
    first = np.sort(np.unique(true_ids, return_index=True)[1])
    # The second box of one identity is somebody, though nobody knows who.
    again = np.setdiff1d(np.arange(len(true_ids)), first)
    ignored = np.concatenate([as_boxes(people), true_boxes[again]])
    true_ids, true_boxes = true_ids[first], true_boxes[first]
    dropped = np.zeros(len(boxes), dtype=bool)
    if len(boxes) and len(ignored):
        overlap = box_overlap(np.concatenate([true_boxes, ignored])[:, None], boxes[None])
        overlap[overlap < iou_threshold - np.finfo(np.float64).eps] = 0
        rows, columns = linear_sum_assignment(overlap, maximize=True)
        rows, columns = rows[overlap[rows, columns] > 0], columns[overlap[rows, columns] > 0]
        dropped[columns[rows >= len(true_boxes)]] = True
    areas = as_boxes(regions)
    if len(boxes) and len(areas):
        near = box_overlap(true_boxes[:, None], boxes[None]).max(axis=0, initial=0) >= iou_threshold
        dropped |= ~near & (_share_inside(boxes, areas).max(axis=1) > IGNORED_SHARE)
    return TrackedFrame(true_ids, true_boxes, ids[~dropped], boxes[~dropped])


def _share_inside(boxes: FloatBoxes, regions: FloatBoxes) -> NDArray[np.float64]:
    """(M, R) share of each box's area that lies in each region."""
    inner = boxes.astype(np.float64)[:, None]
    outer = regions.astype(np.float64)[None]
    sides = np.minimum(inner[..., 2:], outer[..., 2:]) - np.maximum(inner[..., :2], outer[..., :2])
    areas = (inner[..., 2:] - inner[..., :2]).prod(axis=-1)
    return np.clip(sides, 0, None).prod(axis=-1) / np.maximum(areas, 1e-12)
