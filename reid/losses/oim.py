"""Online instance matching: identities told apart by a memory table instead of a layer of weights."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from datasets.samples import UNLABELLED
from reid.losses.memory import IdentityTable, UnlabelledQueue
from reid.losses.rows import gather_rows, labelled_rows


class OIMLoss(nn.Module):
    """Online instance matching: each labelled person against a memory of all people.

    The embedding of a labelled person is classified among one remembered row per identity and the newest
    embeddings of unlabelled people; the latter are never a target, only somebody else. The memory is a constant
    for the gradient. Call the loss, step the optimiser, then call `update()`:

        loss = criterion(embeddings, person_index)
        loss.backward()
        criterion.update(embeddings, person_index)

    Source: Xiao, Li, Wang, Lin, Wang: Joint Detection and Identification Feature Learning for Person Search,
    CVPR 2017, equations 1 to 6. Of the published variants this is the one of current person search code (NAE,
    SeqNet, COAT): rows are brought back to unit length after every blend, several boxes of a person in a batch
    act one after another, scale 30. The paper's own code has scale 10 and leaves rows unnormalised.

    Deviations: the memory changes in `update()`, not inside the backward pass, so a forward pass has no side effect
    and several may precede one backward; the pointer of the queue is part of the state; a batch without any
    labelled person has the loss zero instead of NaN; rows of length zero or without finite values never enter the
    table; an index that no row stands for is an error instead of a queue slot; the memory is float32 under
    autocast; in a distributed run every process updates with the rows of all.

    Args:
        embedding_dim: D.
        identities: number P of training identities, 0 .. P-1 without gaps.
        queue_size: how many unlabelled people K are remembered; 5000 (CUHK-SYSU) and 500 (PRW) in the literature,
            0 for none.
        momentum: share of an identity's old row that an update keeps, in [0, 1).
        scale: factor on the cosine similarities, the inverse of the softmax temperature; more is sharper.

    Attributes:
        table: (P, D) float32 buffer, one row per identity.
        queue: (K, D) float32 buffer of unlabelled people.
        pointer: int64 scalar buffer, the row of `queue` that is written next.
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
        """(P, D) float32, one row per identity."""
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
        """The scale, for print(module)."""
        return f"scale={self.scale}"

    def forward(self, embeddings: Tensor, person_index: Tensor) -> Tensor:
        """The mean cross-entropy of the labelled rows; zero, with the graph intact, where there is none.

        Args:
            embeddings: (R, D) unit-length rows of all sampled boxes, floating point.
            person_index: (R,) integers: an identity >= 0, UNLABELLED or BACKGROUND.

        Returns:
            Scalar, float32 (float64 for float64 embeddings).

        Raises:
            ValueError: shapes disagree, or an identity is not below the number of identities.
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
        """Remember a batch; call it once per step, after the loss of that batch.

        Args:
            embeddings: (R, D) as given to the loss; no gradient flows.
            person_index: (R,) as given to the loss; background rows are passed over.
            confidence: (R,) in [0, 1], how sure each embedding is; a table row takes less of one that is not.
        """
        if confidence is None:
            confidence = embeddings.new_ones(len(embeddings))
        embeddings, person_index, confidence = gather_rows(embeddings, person_index, confidence)
        self.known.update(embeddings, person_index, confidence)
        self.unlabelled.update(embeddings[person_index == UNLABELLED])
