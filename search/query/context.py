"""Context matching: who else is in the frame helps to decide who somebody is.

Source: Li and Miao: Sequential End-to-end Network for Efficient Person Search, AAAI 2021, section "Context Bipartite
Graph Matching", as its public evaluator computes it: a matched detection takes the largest weight of the whole
matching, not the sum of the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from detection.detections import Detections
from detection.settings import LEAST_CONFIDENCE
from reid.crops.model import CropModel
from search.models.probes import box_probe
from search.models.second_look import embed_boxes


@dataclass(frozen=True)
class ContextSize:
    """How far context matching looks; the defaults are those published for CUHK-SYSU.

    Args:
        gallery: the frames of how many best detections of a query are matched; raising it takes time in proportion.
        people: how many people of the query's frame take part, the query itself among them.

    Raises:
        ValueError: a number is below 1.
    """

    gallery: int = 10
    people: int = 3

    def __post_init__(self) -> None:
        if self.gallery < 1 or self.people < 1:
            raise ValueError(f"context of {self.gallery} detections and {self.people} people, expected at least 1")


PRW_CONTEXT = ContextSize(gallery=30, people=4)
"""As published for PRW."""


@dataclass(frozen=True, eq=False)
class Company:
    """A probe and the people beside it in its frame, for a search of a gallery.

    Args:
        embeddings: (K, D) of unit length, row 0 the probe.
        second_embeddings: (K, E) of the same people by the second stage, None without one.
        gallery: the frames of how many best sightings are matched, see `ContextSize`.
    """

    embeddings: NDArray[np.float32]
    second_embeddings: NDArray[np.float32] | None = None
    gallery: int = ContextSize.gallery


def company_of(
    frame: NDArray[np.uint8],
    box: ArrayLike,
    found: Detections,
    probe: Sequence[Tensor | None],
    size: ContextSize,
    second_stage: CropModel | None,
) -> Company:
    """A probe and the surest people beside it.

    Args:
        frame: (H, W, 3) uint8 RGB.
        box: the probe's x1, y1, x2, y2.
        found: everybody in the frame by the first stage, best first, on the processor.
        probe: its embeddings, (1, D) of the first stage and (1, E) of the second, None without one.
        size: how many people take part, the probe among them.
        second_stage: embeds the people once more, None without one.
    """
    beside = people_beside(torch.from_numpy(box_probe(frame, box))[None], found)[: size.people - 1]
    first, second = probe
    assert first is not None
    assert beside.embeddings is not None
    rows = torch.cat([first, beside.embeddings]).float().numpy()
    if second_stage is None or second is None:
        return Company(rows, None, size.gallery)
    others = embed_boxes(second_stage, [frame], [beside.boxes])[0]
    return Company(rows, torch.cat([second, others]).float().numpy(), size.gallery)


def people_beside(
    box: Tensor, found: Detections, *, overlap: float = 0.5, score_threshold: float = LEAST_CONFIDENCE
) -> Detections:
    """The detections of a frame that are not the person of a box (1, 4), best first; arguments as `query_context`."""
    from torchvision.ops import box_iou

    return found[(box_iou(box, found.boxes)[0] <= overlap) & (found.scores >= score_threshold)]


def match_context(people: NDArray[np.floating], companions: NDArray[np.floating]) -> tuple[int, float] | None:
    """Assign the people of a query's frame to the people of a gallery frame, with the largest total similarity.

    Args:
        people: (K, D) embeddings of the query's frame, row 0 the query.
        companions: (N, D) embeddings of the gallery frame.

    Returns:
        The gallery row assigned to the query and the largest similarity of any assigned pair; None where more
        people than gallery rows leave the query without one.
    """
    from scipy.optimize import linear_sum_assignment  # 0.2 s that only this should pay

    weights = people.astype(np.float64) @ companions.astype(np.float64).T
    rows, columns = linear_sum_assignment(weights, maximize=True)
    assigned = np.flatnonzero(rows == 0)
    if not assigned.size:
        return None
    return int(columns[assigned[0]]), float(weights[rows, columns].max())


def match_by_context(
    similarities: NDArray[np.float32],
    people: NDArray[np.floating],
    embeddings: NDArray[np.floating],
    offsets: NDArray[np.int64],
    frame_of: NDArray[np.int64],
    gallery: int,
) -> None:
    """Replace, in place, the similarities of one query where the context of the best frames says who it is.

    Args:
        similarities: (N,) of the query to all detections; -inf for detections outside the query's ranking.
        people: (K, D) embeddings of the query's frame, row 0 the query.
        embeddings: (N, D) of all detections, frame by frame.
        offsets: (F + 1,) first detection of each frame.
        frame_of: (N,) frame of each detection.
        gallery: the frames of how many best detections are looked at; detections that tie with the last of them
            are looked at too, so that the order of the gallery does not matter.
    """
    allowed = np.flatnonzero(similarities > -np.inf)
    if not allowed.size:
        return
    values = similarities[allowed]
    take = min(gallery, allowed.size)
    least = np.partition(values, allowed.size - take)[allowed.size - take]
    for frame in np.unique(frame_of[allowed[values >= least]]):
        first, last = offsets[frame], offsets[frame + 1]
        matched = match_context(people, embeddings[first:last])
        if matched is not None and similarities[first + matched[0]] > -np.inf:
            similarities[first + matched[0]] = matched[1]
