"""How two looks at a person become one similarity, and how candidates are ranked anew."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from reid.ranking.distances import Embeddings
from search.query.ranking import require_share


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
        gallery: (N, D) of the candidates; their neighbors among one another decide, so fewer candidates are another
            question, not a cheaper answer.
        confidence: (N,) of their detections, for class-weighted similarities, or None. Neighbors are found by the
            embeddings alone: who looks like whom is no matter of a detector's confidence.

    Returns:
        (N,) one minus the re-ranked distance to the probe nearest to each, times the confidence, in [0, 1].
    """
    from reid.ranking.rerank import k_reciprocal  # its sparse rows take 0.1 s to import

    similarities = 1.0 - k_reciprocal(query, gallery).min(axis=0).astype(np.float64)
    return similarities if confidence is None else similarities * confidence
