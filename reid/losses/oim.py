"""Online instance matching: identities told apart by a memory table instead of a layer of weights."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from reid.losses.memory import IdentityTable, UnlabelledQueue
from reid.losses.rows import gather_rows, labelled_rows, unlabelled_rows


class OIMLoss(nn.Module):
    """Online instance matching: each labelled person against a memory of all people.

    The embedding of a labelled person is classified among one remembered row for each identity and the newest
    embeddings of unlabelled people. The latter are never a target, only somebody else. The memory is a constant for the
    gradient. A batch is `embeddings` (R, D), rows of unit length, and `person_index` (R,), integers: the identity
    0 .. P-1 of each row, UNLABELLED (-1) for a person without one, BACKGROUND (-2) for a box that is no person. Call
    the loss, step the optimizer, then call `update()`:

        loss = criterion(embeddings, person_index)
        loss.backward()
        criterion.update(embeddings, person_index)

    Source: Xiao, Li, Wang, Lin, Wang: Joint Detection and Identification Feature Learning for Person Search,
    CVPR 2017, equations 1 to 6. Of the published variants this is the one of current person search code (NAE,
    SeqNet, COAT): rows are brought back to unit length after every blend, several boxes of a person in a batch
    act one after another, and the scale is 30. The paper's own code has scale 10 and leaves rows as they are.

    Deviations: the memory changes in `update()`, not inside the backward pass, so a forward pass has no side effect
    and several may precede one backward; the pointer of the queue is part of the state; a batch without any
    labelled person has the loss zero instead of NaN; rows of length zero or without finite values never enter the
    table; an index that no row stands for is an error instead of a queue slot; the memory is float32 under
    autocast; in a distributed run every process updates with the rows of all.

    Args:
        embedding_dim: The width D of an embedding.
        identities: The number P of training identities, which are 0 .. P-1 without gaps.
        queue_size: How many unlabelled people K are remembered, 0 for none. The literature has 5000 for CUHK-SYSU and
            500 for PRW.
        momentum: The share of an identity's old row that an update keeps, in [0, 1). A larger one remembers longer.
        scale: The factor on the cosine similarities, the inverse of the softmax temperature. A larger one is sharper.

    Attributes:
        table: (P, D) float32 buffer, one row for each identity.
        queue: (K, D) float32 buffer of unlabelled people.
        pointer: int64 scalar buffer, the row of `queue` that is written next.

    Raises:
        ValueError: A size or the momentum is out of its range, or the scale is not above 0.

    Example:
        >>> criterion = OIMLoss(embedding_dim=2, identities=2, queue_size=0, scale=1.0)
        >>> embeddings, person_index = torch.eye(2), torch.tensor([0, 1])
        >>> criterion(embeddings, person_index)  # nothing is remembered yet: log(2)
        tensor(0.6931)
        >>> criterion.update(embeddings, person_index)
        >>> criterion(embeddings, person_index)
        tensor(0.3133)
    """

    def __init__(
        self,
        embedding_dim: int,
        identities: int,
        queue_size: int,
        momentum: float = 0.5,
        scale: float = 30.0,
    ) -> None:
        super().__init__()
        if scale <= 0:
            raise ValueError(f"scale is {scale}, expected a positive number")
        self.scale = scale
        self.known = IdentityTable(identities, embedding_dim, momentum)
        self.unlabelled = UnlabelledQueue(queue_size, embedding_dim)

    @property
    def table(self) -> Tensor:
        """(P, D) float32, one row for each identity."""
        return self.known.table

    @property
    def queue(self) -> Tensor:
        """(K, D) float32, the newest unlabelled people."""
        return self.unlabelled.queue

    @property
    def pointer(self) -> Tensor:
        """int64 scalar, the row of `queue` that is written next."""
        return self.unlabelled.pointer

    def extra_repr(self) -> str:
        """Says the scale, for print(module)."""
        return f"scale={self.scale}"

    def forward(self, embeddings: Tensor, person_index: Tensor) -> Tensor:
        """Computes the mean cross-entropy of the labelled rows; zero, with the graph intact, where there is none.

        Args:
            embeddings: (R, D) floating point, the unit-length rows of all sampled boxes.
            person_index: (R,) integers: an identity >= 0, UNLABELLED or BACKGROUND.

        Returns:
            A scalar, float32 (float64 for float64 embeddings).

        Raises:
            ValueError: Shapes disagree, or an identity is not below the number of identities.
        """
        identities, embedding_dim = self.table.shape
        rows, person_index = labelled_rows(embeddings, person_index, embedding_dim=embedding_dim, identities=identities)
        with torch.autocast(device_type=rows.device.type, enabled=False):
            # The concatenation is a copy: an update before the backward pass cannot disturb the graph.
            memory = torch.cat([self.table, self.queue]).to(rows.dtype)  # (P + K, D)
            logits = self.scale * rows @ memory.T  # (L, P + K)
            return functional.cross_entropy(logits, person_index, reduction="sum") / max(len(rows), 1)

    @torch.no_grad()
    def update(self, embeddings: Tensor, person_index: Tensor, confidence: Tensor | None = None) -> None:
        """Remembers a batch. Call it once per step, after the loss of that batch.

        Args:
            embeddings: (R, D), the rows that the loss was given; no gradient flows.
            person_index: (R,) integers, the same that the loss was given. Background rows are passed over.
            confidence: (R,) in [0, 1], how sure each embedding is. A row of the table takes less of an unsure one.

        Raises:
            ValueError: Shapes disagree, or an index is not a row of the table.
        """
        if confidence is None:
            confidence = embeddings.new_ones(len(embeddings))
        embeddings, person_index, confidence = gather_rows(embeddings, person_index, confidence)
        self.known.update(embeddings, person_index, confidence)
        self.unlabelled.update(unlabelled_rows(embeddings, person_index))
