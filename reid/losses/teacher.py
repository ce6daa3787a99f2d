"""Learning from a teacher: embeddings that point where another model's embeddings of the same people point."""

import torch
from torch import Tensor, nn

from reid.losses.rows import to_unit_length


class TeacherLoss(nn.Module):
    """Pulls each embedding to the one that a teacher has of the same person.

    The loss is the mean of 1 - cosine, 0 where both point the same way and 2 where they point apart. People of unknown
    identity count like all others, for the teacher needs no identity. A share may be added that compares relations: the
    mean squared difference of the cosines that two rows have in the batch and at the teacher, over all pairs of rows.

    Source: Munjal, Galasso, Amin: Knowledge Distillation for End-to-End Person Search, BMVC 2019, which pulls the
    features of a detector to those of a network for crops; relations: Park, Kim, Lu, Cho: Relational Knowledge
    Distillation, CVPR 2019, there with distances and angles.

    Deviations: cosines in place of the squared distance of features, because embeddings are ranked by cosines.

    Args:
        relations: The weight of the relations, 0 or more; 0 leaves them out.

    Raises:
        ValueError: The weight is negative.

    Example:
        >>> student, teacher = torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> TeacherLoss()(student, teacher)  # the first row is right, the second at a right angle
        tensor(0.5000)
    """

    def __init__(self, relations: float = 0.0) -> None:
        super().__init__()
        if not relations >= 0:
            raise ValueError(f"the weight of the relations is {relations}, expected a number >= 0")
        self.relations = relations

    def extra_repr(self) -> str:
        """Says the weight of the relations, for print(module)."""
        return f"relations={self.relations}"

    def forward(self, embeddings: Tensor, taught: Tensor) -> Tensor:
        """Computes the mean over the rows that the teacher knows; zero, with the graph intact, where there is none.

        Args:
            embeddings: (R, D) floating point, of any length.
            taught: (R, D) floating point, the teacher's embedding of the person of each row. A row of zeros means that
                the teacher has not seen that person; the row then does not count.

        Returns:
            A scalar, float32 (float64 for float64 embeddings).

        Raises:
            ValueError: Shapes disagree.
        """
        if embeddings.ndim != 2 or embeddings.shape != taught.shape:
            raise ValueError(
                f"embeddings {tuple(embeddings.shape)} and the teacher's {tuple(taught.shape)}, expected (R, D) both"
            )
        # Choosing rows first keeps what other rows hold, NaN included, out of the loss and its gradient.
        seen = taught.any(dim=1).nonzero().squeeze(1)
        with torch.autocast(device_type=embeddings.device.type, enabled=False):
            rows = to_unit_length(embeddings[seen])  # (S, D)
            targets = to_unit_length(taught[seen].detach().to(rows.dtype))  # (S, D)
            loss = (1 - (rows * targets).sum(dim=1)).sum() / max(len(rows), 1)
            if self.relations and len(rows) > 1:
                # The diagonal is 1 on both sides and adds nothing.
                difference = rows @ rows.T - targets @ targets.T  # (S, S)
                loss = loss + self.relations * difference.square().sum() / (len(rows) * (len(rows) - 1))
            return loss
