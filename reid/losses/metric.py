"""The losses that act on distances between rows: triplets of a batch, and centers of identities."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from reid.losses.memory import FloatMemory
from reid.losses.rows import gather_rows, labelled_rows


class TripletLoss(nn.Module):
    """Batch-hard triplets: each row against its farthest positive and its nearest negative in the batch.

    With a margin the loss is max(0, margin + d(a, p) - d(a, n)). Without, it is log(1 + exp(d(a, p) - d(a, n))), the
    soft margin, which never stops pulling. d is the Euclidean distance of the rows as they come. The mean runs over the
    rows that have both a positive (another row of their identity) and a negative, those that already keep the margin
    included.

    Source: Hermans, Beyer, Leibe: In Defense of the Triplet Loss for Person Re-Identification, 2017, equation 5.

    Deviations: a batch without any triplet has the loss zero with its graph; the row itself is no positive of its own;
    two rows at the same place push nowhere instead of into NaN.

    Args:
        margin: By how much a negative must be farther than a positive, 0 or more; None for the soft margin. A larger
            one keeps pulling for longer.

    Raises:
        ValueError: The margin is negative.

    Example:
        >>> rows = torch.tensor([[0.0], [1.0], [3.0]])
        >>> TripletLoss(margin=2.5)(rows, torch.tensor([7, 7, 8]))  # mean of 2.5 + 1 - 3 and 2.5 + 1 - 2
        tensor(1.)
    """

    def __init__(self, margin: float | None = 0.3) -> None:
        super().__init__()
        if margin is not None and margin < 0:
            raise ValueError(f"margin is {margin}, expected a number >= 0, or None for the soft margin")
        self.margin = margin

    def extra_repr(self) -> str:
        """Says the margin, for print(module)."""
        return f"margin={self.margin}"

    def forward(self, embeddings: Tensor, person_index: Tensor) -> Tensor:
        """Computes the mean loss of the hardest triplets; zero, with the graph intact, where there is none.

        Args:
            embeddings: (R, D) floating point, of any length.
            person_index: (R,) integers: an identity >= 0; rows below zero do not count.

        Returns:
            A scalar, float32 (float64 for float64 embeddings).

        Raises:
            ValueError: Shapes disagree.
        """
        rows, people = labelled_rows(embeddings, person_index)
        with torch.autocast(device_type=rows.device.type, enabled=False):
            with torch.no_grad():
                distance = torch.cdist(rows, rows)  # (L, L)
                same = people.unsqueeze(1) == people
                positive = same & ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)
                anchors = (positive.any(dim=1) & ~same.all(dim=1)).nonzero().squeeze(1)
                if len(anchors) == 0:
                    # An argmax over no columns is an error, hence no common way out.
                    farthest = nearest = anchors
                else:
                    farthest = distance.masked_fill(~positive, -torch.inf)[anchors].argmax(dim=1)
                    nearest = distance.masked_fill(same, torch.inf)[anchors].argmin(dim=1)
            # The chosen pairs again, row by row: the norm of a difference is exact, and its gradient at zero is zero.
            to_positive = torch.linalg.vector_norm(rows[anchors] - rows[farthest], dim=1)
            to_negative = torch.linalg.vector_norm(rows[anchors] - rows[nearest], dim=1)
            gap = to_positive - to_negative
            losses = functional.softplus(gap) if self.margin is None else functional.relu(gap + self.margin)
            return losses.sum() / max(len(anchors), 1)


class CenterLoss(FloatMemory):
    """The squared distance of each row to a center of its identity, which follows the rows.

    Source: Wen, Zhang, Li, Qiao: A Discriminative Feature Learning Approach for Deep Face Recognition, ECCV 2016, in
    the form of the bag of tricks (equation 7; `SoftmaxLoss` names the paper): weight 0.0005, on the features before the
    neck, and centers that take steps of plain gradient descent at a rate of their own, whatever the loss weighs.

    Deviations: the paper's factor 1/2 and sum over the batch are a mean, as in its published code, for which the weight
    above was chosen; centers are moved by `update()` instead of by a second optimizer, which comes to the same step
    and leaves the parameters of this module to none.

    Args:
        embedding_dim: The width D of an embedding.
        identities: The number P of training identities, which are 0 .. P-1 without gaps.
        learning_rate: How far the centers move, in [0, 1]. At 0.5, the rate of the bag of tricks, the center of a batch
            of one identity jumps onto the mean of its rows; from there up to 1 it oscillates.

    Attributes:
        centers: (P, D) float32 buffer, standard normal at first.

    Raises:
        ValueError: A size is below 1, or the rate is out of its range.
    """

    centers: Tensor

    def __init__(self, embedding_dim: int, identities: int, *, learning_rate: float = 0.5) -> None:
        super().__init__()
        if embedding_dim < 1 or identities < 1:
            raise ValueError(f"{identities} identities of {embedding_dim} dimensions, expected at least one of each")
        if not 0 <= learning_rate <= 1:
            raise ValueError(f"learning_rate is {learning_rate}, expected 0 <= learning_rate <= 1")
        self.learning_rate = learning_rate
        self.register_buffer("centers", torch.randn(identities, embedding_dim, dtype=torch.float32))

    def extra_repr(self) -> str:
        """Says the sizes, for print(module)."""
        identities, embedding_dim = self.centers.shape
        return f"embedding_dim={embedding_dim}, identities={identities}, learning_rate={self.learning_rate}"

    def forward(self, embeddings: Tensor, person_index: Tensor) -> Tensor:
        """Computes the mean squared distance of the labelled rows; zero, with the graph intact, where there is none.

        Args:
            embeddings: (R, D) floating point, of any length.
            person_index: (R,) integers: an identity >= 0; rows below zero do not count.

        Returns:
            A scalar, float32 (float64 for float64 embeddings).

        Raises:
            ValueError: Shapes disagree, or an identity is not below the number of identities.
        """
        identities, embedding_dim = self.centers.shape
        rows, people = labelled_rows(embeddings, person_index, embedding_dim=embedding_dim, identities=identities)
        with torch.autocast(device_type=rows.device.type, enabled=False):
            return (rows - self.centers[people]).square().sum() / max(len(rows), 1)

    @torch.no_grad()
    def update(self, embeddings: Tensor, person_index: Tensor) -> None:
        """Moves the centers one step of gradient descent. Call it once per step, after the loss of that batch.

        Args:
            embeddings: (R, D), the rows that the loss was given. Rows that are not finite are passed over.
            person_index: (R,) integers, the same that the loss was given.

        Raises:
            ValueError: Shapes disagree, or an identity is not below the number of identities.
        """
        embeddings, person_index = gather_rows(embeddings, person_index)
        rows, people = labelled_rows(
            embeddings.to(self.centers), person_index, embedding_dim=self.centers.shape[1], identities=len(self.centers)
        )
        finite = torch.isfinite(rows).all(dim=1)
        rows, people = rows[finite], people[finite]
        gradient = 2 / max(len(rows), 1) * (self.centers[people] - rows)
        self.centers.index_add_(0, people, gradient, alpha=-self.learning_rate)
