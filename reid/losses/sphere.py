"""Sphere loss: classification of identities by the angle to one direction per identity."""

from torch import Tensor

from reid.losses.classifiers import IdentityClassifier
from reid.losses.rows import unit_rows


class SphereLoss(IdentityClassifier):
    """Cross-entropy over scaled cosines between an embedding and one learned direction per identity.

    Embeddings and directions are brought to unit length here, so that only angles count: no identity is favored for
    a long weight vector, no crop for a long embedding.

    Source: Fan, Jiang, Luo, Fei: SphereReID: Deep Hypersphere Manifold Embedding for Person Re-Identification,
    2018, equation 6. The same as a normalized softmax of temperature 1 / scale.

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
        deviation = max(embedding_dim, 1) ** -0.5
        super().__init__(embedding_dim, identities, initial_deviation=deviation, label_smoothing=label_smoothing)
        if not scale > 0:
            raise ValueError(f"scale is {scale}, expected a positive number")
        self.scale = scale

    def extra_repr(self) -> str:
        """The sizes and settings, for print(module)."""
        return f"{super().extra_repr()}, scale={self.scale}"

    def scores(self, rows: Tensor) -> Tensor:
        """Scaled cosines."""
        return self.scale * unit_rows(rows) @ unit_rows(self.weight.to(rows.dtype)).T
