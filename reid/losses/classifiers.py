"""Losses that classify a row among identities by one learned vector each: Sphere, and the softmax it improves on."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from reid.losses.rows import labelled_rows, to_unit_length


class IdentityClassifier(nn.Module, ABC):
    """The mean cross-entropy of labelled rows over logits that a subclass gives.

    Args:
        embedding_dim: The width D of an embedding.
        identities: The number P of training identities, which are 0 .. P-1 without gaps.
        initial_deviation: The standard deviation of the normal distribution that the weights start from.
        label_smoothing: The share e of the target that is spread over all identities, in [0, 1): the target is
            (1 - e) y + e / P.

    Attributes:
        weight: (P, D) parameter, one vector for each identity.

    Raises:
        ValueError: A size is below 1, or the smoothing is out of its range.
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
        """Says the sizes and the smoothing, for print(module)."""
        identities, embedding_dim = self.weight.shape
        return f"embedding_dim={embedding_dim}, identities={identities}, label_smoothing={self.label_smoothing}"

    @abstractmethod
    def logits(self, rows: Tensor) -> Tensor:
        """Gives the logits (L, P) of rows (L, D) for all identities, in the precision of the rows."""

    def forward(self, embeddings: Tensor, person_index: Tensor) -> Tensor:
        """Computes the mean cross-entropy of the labelled rows; zero, with the graph intact, where there is none.

        Args:
            embeddings: (R, D) floating point, of any length.
            person_index: (R,) integers: an identity >= 0; rows below zero do not count.

        Returns:
            A scalar, float32 (float64 for float64 embeddings).

        Raises:
            ValueError: Shapes disagree, or an identity is not below the number of identities.
        """
        identities, embedding_dim = self.weight.shape
        rows, targets = labelled_rows(embeddings, person_index, embedding_dim=embedding_dim, identities=identities)
        with torch.autocast(device_type=rows.device.type, enabled=False):
            # A mean over no rows would be NaN, hence the sum.
            loss = functional.cross_entropy(
                self.logits(rows), targets, reduction="sum", label_smoothing=self.label_smoothing
            )
            return loss / max(len(rows), 1)


class SphereLoss(IdentityClassifier):
    """Cross-entropy over scaled cosines between an embedding and one learned direction for each identity.

    The loss brings embeddings and directions to unit length itself, so that only angles count: no identity is favored
    for a long weight vector, no crop for a long embedding.

    Source: Fan, Jiang, Luo, Fei: SphereReID: Deep Hypersphere Manifold Embedding for Person Re-Identification,
    2018, equation 6. It is the same as a normalized softmax of temperature 1 / scale.

    Deviations: a batch without any labelled row has the loss zero with its graph instead of NaN; an embedding of
    length zero has the cosine zero to everything and no gradient; all of it is float32 under autocast; label
    smoothing, which the paper does not have, is off unless asked for.

    Args:
        embedding_dim: The width D of an embedding.
        identities: The number P of training identities, which are 0 .. P-1 without gaps.
        scale: The paper's s, the factor on the cosines. A larger one is sharper and forgives less.
        label_smoothing: The share of the target that is spread over all identities, in [0, 1).

    Attributes:
        weight: (P, D) parameter, one direction for each identity. Only its direction counts; its length sets how fast
            the optimizer turns it. Rows start near unit length.

    Raises:
        ValueError: A size or the smoothing is out of its range, or the scale is not above 0.

    Example:
        >>> criterion = SphereLoss(embedding_dim=2, identities=2)
        >>> criterion.weight.data = torch.eye(2)  # a direction for each of two people
        >>> bool(criterion(torch.tensor([[3.0, 0.0]]), torch.tensor([0])) < 1e-5)
        True
        >>> criterion(torch.tensor([[3.0, 0.0]]), torch.tensor([1]))  # the scale, for the wrong one of two
        tensor(14.0000, grad_fn=<DivBackward0>)
    """

    def __init__(
        self, embedding_dim: int, identities: int, scale: float = 14.0, *, label_smoothing: float = 0.0
    ) -> None:
        deviation = max(embedding_dim, 1) ** -0.5
        super().__init__(embedding_dim, identities, initial_deviation=deviation, label_smoothing=label_smoothing)
        if not scale > 0:
            raise ValueError(f"scale is {scale}, expected a positive number")
        self.scale = scale

    def extra_repr(self) -> str:
        """Says the sizes and settings, for print(module)."""
        return f"{super().extra_repr()}, scale={self.scale}"

    def logits(self, rows: Tensor) -> Tensor:
        """Gives the scaled cosines (L, P)."""
        return self.scale * to_unit_length(rows) @ to_unit_length(self.weight.to(rows.dtype)).T


class SoftmaxLoss(IdentityClassifier):
    """Cross-entropy over a linear classifier of identities; nothing is brought to unit length.

    Source: SphereReID (`SphereLoss` names the paper), equations 1 and 2, where the bias is fixed at zero. With label
    smoothing it is the identity loss of Luo, Gu, Liao, Lai, Jiang: Bag of Tricks and a Strong Baseline for Deep Person
    Re-Identification, CVPR workshops 2019, whose published code starts the weights at a deviation of 0.001.

    Args:
        embedding_dim: The width D of an embedding.
        identities: The number P of training identities, which are 0 .. P-1 without gaps.
        bias: Whether every identity has a learned offset. Both papers do without.
        label_smoothing: The share e of the target that is spread over all identities, in [0, 1); 0.1 in the bag of
            tricks.
        initial_deviation: The standard deviation of the weights at the start; None for 1 / sqrt(3 D), that of torch's
            linear layers. A network without BatchNorm before the classifier, trained from nothing, hardly starts to
            learn at 0.001.

    Attributes:
        weight: (P, D) parameter.
        bias: (P,) parameter, or None.

    Raises:
        ValueError: A size or the smoothing is out of its range.
    """

    bias: nn.Parameter | None

    def __init__(
        self,
        embedding_dim: int,
        identities: int,
        *,
        bias: bool = False,
        label_smoothing: float = 0.0,
        initial_deviation: float | None = None,
    ) -> None:
        if initial_deviation is None:
            initial_deviation = (3 * max(1, embedding_dim)) ** -0.5
        super().__init__(
            embedding_dim, identities, initial_deviation=initial_deviation, label_smoothing=label_smoothing
        )
        self.register_parameter("bias", nn.Parameter(torch.zeros(identities)) if bias else None)

    def extra_repr(self) -> str:
        """Says the sizes and settings, for print(module)."""
        return f"{super().extra_repr()}, bias={self.bias is not None}"

    def logits(self, rows: Tensor) -> Tensor:
        """Gives the inner products (L, P), plus the bias."""
        bias = None if self.bias is None else self.bias.to(rows.dtype)
        return functional.linear(rows, self.weight.to(rows.dtype), bias)
