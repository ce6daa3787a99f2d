"""What losses share that classify a row among identities by one learned vector each."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from reid.losses.rows import labelled_rows


class IdentityClassifier(nn.Module, ABC):
    """The mean cross-entropy of labelled rows over scores that a subclass gives.

    Args:
        embedding_dim: D.
        identities: number P of training identities, 0 .. P-1 without gaps.
        initial_deviation: standard deviation of the normal distribution that the weights start from.
        label_smoothing: share e of the target that is spread over all identities, in [0, 1): the target is
            (1 - e) y + e / P.

    Attributes:
        weight: (P, D) parameter, one vector per identity.
    """

    def __init__(
        self, embedding_dim: int, identities: int, *, initial_deviation: float, label_smoothing: float
    ) -> None:
        super().__init__()
        if embedding_dim < 1 or identities < 1:
            raise ValueError(f"{identities} identities of {embedding_dim} dimensions, expected at least one of each")
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing is {label_smoothing}, expected 0 <= label_smoothing < 1")
        self.label_smoothing = label_smoothing
        self.weight = nn.Parameter(torch.empty(identities, embedding_dim).normal_(std=initial_deviation))

    def extra_repr(self) -> str:
        """The sizes and the smoothing, for print(module)."""
        identities, embedding_dim = self.weight.shape
        return f"embedding_dim={embedding_dim}, identities={identities}, label_smoothing={self.label_smoothing}"

    @abstractmethod
    def scores(self, rows: Tensor) -> Tensor:
        """The logits of rows (L, D) for all identities, (L, P), in the precision of the rows."""

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
            # A mean over no rows would be NaN, hence the sum.
            loss = functional.cross_entropy(
                self.scores(rows), targets, reduction="sum", label_smoothing=self.label_smoothing
            )
            return loss / max(len(rows), 1)
