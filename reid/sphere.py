"""Sphere loss: classification of identities by the angle to one direction per identity."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from reid.batch_rows import labelled_rows, unit_rows


class SphereLoss(nn.Module):
    """Cross-entropy over scaled cosines between an embedding and one learned direction per identity.

    Embeddings and directions are brought to unit length here, so that only angles count: no identity is favored for
    a long weight vector, no crop for a long embedding.

    Source: Fan, Jiang, Luo, Fei: SphereReID: Deep Hypersphere Manifold Embedding for Person Re-Identification,
    2019, equation 6. The same as a normalized softmax of temperature 1 / scale.

    Deviations: a batch without any labelled row has the loss zero with its graph instead of NaN; an embedding of
    length zero has the cosine zero to everything and no gradient; all of it is float32 under autocast; label
    smoothing, which the paper does not have, is off unless asked for.

    Args:
        embedding_dim: D.
        identities: number P of training identities, 0 .. P-1 without gaps.
        scale: the paper's s, factor on the cosines; more is sharper and forgives less.
        label_smoothing: share of the target that is spread over all identities, in [0, 1).

    Attributes:
        weight: (P, D) parameter, one direction per identity; only its direction counts, its length sets how fast
            the optimizer turns it. Rows start near unit length.
    """

    def __init__(
        self, embedding_dim: int, identities: int, scale: float = 14.0, *, label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        if embedding_dim < 1 or identities < 1:
            raise ValueError(f"{identities} identities of {embedding_dim} dimensions, expected at least one of each")
        if scale <= 0:
            raise ValueError(f"scale is {scale}, expected a positive number")
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing is {label_smoothing}, expected 0 <= label_smoothing < 1")
        self.scale = scale
        self.label_smoothing = label_smoothing
        self.weight = nn.Parameter(torch.empty(identities, embedding_dim).normal_(std=embedding_dim**-0.5))

    def extra_repr(self) -> str:
        """The sizes and settings, for print(module)."""
        identities, embedding_dim = self.weight.shape
        return (
            f"embedding_dim={embedding_dim}, identities={identities}, scale={self.scale}, "
            f"label_smoothing={self.label_smoothing}"
        )

    def forward(self, embeddings: Tensor, person_index: Tensor) -> Tensor:
        """The mean cross-entropy of the labelled rows; zero, with the graph intact, where there is none.

        Args:
            embeddings: (R, D) floating point, of any length.
            person_index: (R,) integers: an identity >= 0; rows below zero do not count.

        Returns:
            Scalar, float32 (float64 for float64 embeddings).

        Raises:
            ValueError: shapes disagree, or an identity is not below the number of identities.
        """
        identities, embedding_dim = self.weight.shape
        rows, targets = labelled_rows(embeddings, person_index, embedding_dim=embedding_dim, identities=identities)
        with torch.autocast(device_type=rows.device.type, enabled=False):
            directions = unit_rows(self.weight.to(rows.dtype))
            logits = self.scale * unit_rows(rows) @ directions.T  # (L, P)
            loss = functional.cross_entropy(logits, targets, reduction="sum", label_smoothing=self.label_smoothing)
            return loss / max(len(rows), 1)
