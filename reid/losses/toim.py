"""Triplet online instance matching: triplets mined from a memory instead of from the batch."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from datasets.samples import BACKGROUND, UNLABELLED
from reid.losses.memory import PooledTable, UnlabelledQueue, UpdateTable
from reid.losses.rows import gather_rows, labelled_rows, unlabelled_rows
from reid.losses.settings import Denominator, Negatives


class TOIMLoss(nn.Module):
    """Each labelled person against the farthest memory of itself and the nearest memory of somebody else.

    The memory holds one embedding for each identity and camera (the Pooled Table) and a queue of the slots that were
    written last (the Update Table). For an anchor a of identity i, p is the farthest filled slot of i, and n is the
    nearest slot of another identity. Distances d are Euclidean; the memory is a constant for the gradient. A batch is
    `embeddings` (R, D), `person_index` (R,) and `camera_index` (R,), integers: the identity 0 .. M-1 of each row,
    UNLABELLED (-1) for a person without one or BACKGROUND (-2) for a box that is no person, and its camera 0 .. C-1.
    Call the loss, step the optimizer, then call `update()`:

        loss = criterion(embeddings, person_index, camera_index)
        loss.backward()
        criterion.update(embeddings, person_index, camera_index)

    Equation 1 of the paper can be read in two ways, both are here:

        "hardest"  log(1 + exp(d(a, p) - d(a, n))): the sum of the denominator holds the selected negative alone. It is
                   what the text describes, a soft-margin triplet loss over triplets of the memory.
        "table"    log((sum_j exp(d(a, n_j)) + exp(d(a, p))) / exp(d(a, n))), where n_j runs over all negatives that n
                   is chosen from. Its gradient pulls the negatives other than the nearest closer.

    Source: Li, Yin, Liu, Yang, Wang: Triplet Online Instance Matching Loss for Person Re-identification, 2020
    (arXiv:2002.10560), section III-B. It is not the "triplet-aided OIM" of AlignPS, which is another loss.

    Where the paper is silent: an empty slot takes its first embedding whole; several rows of one slot in a batch
    are blended one after another; the Update Table is filled after the batch, so a batch's negatives come from
    earlier ones; an entry of it points to a slot whose present row counts, and a slot that was written twice stands in
    it twice, which only the sum of "table" notices; the loss is the mean over the anchors that have both a positive and
    a negative, zero with its graph where there is none, as at the first step; embeddings are taken as they come, as the
    paper does not say whether they have unit length. With unit length distances lie in [0, 2], where the loss is
    nearly linear unless `scale` is raised. In a distributed run every process updates with the rows of all.

    Args:
        embedding_dim: The width D of an embedding. The paper usually has 512, and its best result has 1024.
        identities: The number M of training identities, which are 0 .. M-1 without gaps.
        cameras: The number C of cameras, which are 0 .. C-1; 1 for data without cameras.
        update_length: The number of entries U of the Update Table. A larger one has more negatives to choose from, and
            older ones.
        gamma: The share of a slot's old row that an update keeps, in [0, 1]. A larger one remembers longer.
        negatives: "update" takes them from the Update Table (the paper's strategy 1: fresh, converges faster). "pooled"
            takes them from all of the Pooled Table (strategy 2), whose empty slots of other identities count as vectors
            of zero and so push embeddings away from the origin.
        denominator: How equation 1 is read, "hardest" or "table".
        scale: The factor on the distances. A larger one is sharper. The paper has none, that is 1.
        unlabelled_queue: How many of the newest people of unknown identity may be the negative too; the paper has none.

    Attributes:
        pooled: (M, C, D) float32 buffer, the Pooled Table.
        filled: (M, C) bool buffer, which slots of it were written.
        recent: The Update Table, with the buffers `slots` (U,) and `pointer`.
        unlabelled: The queue of people of unknown identity, with the buffers `queue` (K, D) and `pointer`.

    Raises:
        ValueError: A size or a setting is out of its range, or a choice is unknown.

    Example:
        >>> criterion = TOIMLoss(embedding_dim=2, identities=2, cameras=1)
        >>> embeddings, person_index = torch.eye(2), torch.tensor([0, 1])
        >>> criterion(embeddings, person_index)  # nothing is remembered yet
        tensor(0.)
        >>> criterion.update(embeddings, person_index)
        >>> criterion(embeddings, person_index)  # log(1 + exp(0 - sqrt(2)))
        tensor(0.2176)
    """

    def __init__(
        self,
        embedding_dim: int,
        identities: int,
        cameras: int,
        *,
        update_length: int = 20,
        gamma: float = 0.4,
        negatives: Negatives = "update",
        denominator: Denominator = "hardest",
        scale: float = 1.0,
        unlabelled_queue: int = 0,
    ) -> None:
        super().__init__()
        if negatives not in ("update", "pooled"):
            raise ValueError(f"negatives is {negatives!r}, expected 'update' or 'pooled'")
        if denominator not in ("hardest", "table"):
            raise ValueError(f"denominator is {denominator!r}, expected 'hardest' or 'table'")
        if scale <= 0:
            raise ValueError(f"scale is {scale}, expected a positive number")
        self.negatives = negatives
        self.denominator = denominator
        self.scale = scale
        self.pool = PooledTable(identities, cameras, embedding_dim, gamma)
        self.recent = UpdateTable(update_length)
        self.unlabelled = UnlabelledQueue(unlabelled_queue, embedding_dim, unit_length=False)

    @property
    def pooled(self) -> Tensor:
        """(M, C, D) float32, one row for each identity and camera."""
        return self.pool.pooled

    @property
    def filled(self) -> Tensor:
        """(M, C) bool, which slots of `pooled` were written."""
        return self.pool.filled

    def extra_repr(self) -> str:
        """Says the settings, for print(module)."""
        return f"negatives={self.negatives}, denominator={self.denominator}, scale={self.scale}"

    def forward(self, embeddings: Tensor, person_index: Tensor, camera_index: Tensor | None = None) -> Tensor:
        """Computes the mean over the anchors that have a positive and a negative; zero, with its graph, without any.

        Args:
            embeddings: (R, D) floating point.
            person_index: (R,) integers: an identity >= 0, UNLABELLED or BACKGROUND.
            camera_index: It is not looked at, as an anchor has no camera. It is here so that the call reads like
                `update()`.

        Returns:
            A scalar, float32 (float64 for float64 embeddings).

        Raises:
            ValueError: Shapes disagree, or an identity is not below the number of identities.
        """
        identities, _, embedding_dim = self.pooled.shape
        rows, people = labelled_rows(embeddings, person_index, embedding_dim=embedding_dim, identities=identities)
        with torch.autocast(device_type=rows.device.type, enabled=False):
            candidates, owners = self._candidates()
            is_negative = (owners >= UNLABELLED) & (owners != people.unsqueeze(1))  # (L, K)
            is_positive = self.filled[people]  # (L, C)
            anchors = (is_positive.any(dim=1) & is_negative.any(dim=1)).nonzero().squeeze(1)
            rows, people, candidates = rows[anchors], people[anchors], candidates.to(rows.dtype)
            is_positive, is_negative = is_positive[anchors], is_negative[anchors]

            own = self.pooled[people].to(rows.dtype)  # (A, C, D)
            to_own = self.scale * torch.linalg.vector_norm(rows.unsqueeze(1) - own, dim=2)  # (A, C)
            to_positive = to_own.masked_fill(~is_positive, -torch.inf).max(dim=1).values

            with torch.no_grad():
                nearest = torch.cdist(rows, candidates).masked_fill(~is_negative, torch.inf).argmin(dim=1)
            # The norm of the chosen difference is exact, and its gradient is zero where both are at one place.
            to_negative = self.scale * torch.linalg.vector_norm(rows - candidates[nearest], dim=1)
            if self.denominator == "hardest":
                losses = functional.softplus(to_positive - to_negative)
            else:
                to_all = self.scale * torch.cdist(
                    rows, candidates, compute_mode="donot_use_mm_for_euclid_dist"
                ).masked_fill(~is_negative, -torch.inf)  # (A, K)
                losses = torch.cat([to_all, to_positive.unsqueeze(1)], dim=1).logsumexp(dim=1) - to_negative
            return losses.sum() / max(len(anchors), 1)

    @torch.no_grad()
    def update(
        self,
        embeddings: Tensor,
        person_index: Tensor,
        camera_index: Tensor | None = None,
        confidence: Tensor | None = None,
    ) -> None:
        """Remembers a batch. Call it once per step, after the loss of that batch.

        Args:
            embeddings: (R, D), the rows that the loss was given; no gradient flows.
            person_index: (R,) integers, the same that the loss was given. Background rows are passed over.
            camera_index: (R,) integers, the camera of each row; None for data of one camera.
            confidence: (R,) in [0, 1], how sure each embedding is. A slot takes less of an unsure one.

        Raises:
            ValueError: Shapes disagree, an index lies outside the table, or cameras are missing.
        """
        camera_index = self._cameras_of(person_index, camera_index)
        if confidence is None:
            confidence = embeddings.new_ones(len(embeddings))
        embeddings, person_index, camera_index, confidence = gather_rows(
            embeddings, person_index, camera_index, confidence
        )
        self.recent.update(self.pool.update(embeddings, person_index, camera_index, confidence))
        self.unlabelled.update(unlabelled_rows(embeddings, person_index))

    @torch.no_grad()
    def initialize(self, embeddings: Tensor, person_index: Tensor, camera_index: Tensor | None = None) -> None:
        """Fills the Pooled Table from the embeddings of a trained model and forgets everything else.

        The paper trains with softmax first and starts TOIM from that model; it does not say which of a slot's
        embeddings is taken. Here each slot gets their mean, and stays empty (zero) without any. The Update Table
        and the queue of unlabelled people become empty.

        Args:
            embeddings: (N, D) of the whole training set, of unit length where those of training will be. In a
                distributed run every process gives the same rows.
            person_index: (N,) integers; rows below zero are passed over.
            camera_index: (N,) integers; None for data of one camera.

        Raises:
            ValueError: Shapes disagree, an index lies outside the table, or cameras are missing.
        """
        self.pool.initialize(embeddings, person_index, self._cameras_of(person_index, camera_index))
        self.recent.clear()
        self.unlabelled.clear()

    def _candidates(self) -> tuple[Tensor, Tensor]:
        """What a negative is chosen from: (K, D) vectors and (K,) their identities, BACKGROUND where there is nothing.

        The vectors are copies: an update before the backward pass cannot disturb the graph.
        """
        _, cameras, embedding_dim = self.pooled.shape
        slots = self.recent.slots
        if self.negatives == "pooled":
            slots = torch.arange(self.filled.numel(), device=slots.device)
        owners = torch.where(slots >= 0, slots // cameras, BACKGROUND)
        strangers = torch.where(self.unlabelled.queue.any(dim=1), UNLABELLED, BACKGROUND)
        vectors = self.pooled.view(-1, embedding_dim)[slots]  # an entry of -1 takes any row, and is masked
        return torch.cat([vectors, self.unlabelled.queue]), torch.cat([owners, strangers])

    def _cameras_of(self, person_index: Tensor, camera_index: Tensor | None) -> Tensor:
        """The cameras as given, or the only one."""
        if camera_index is not None:
            return camera_index
        cameras = self.pooled.shape[1]
        if cameras > 1:
            raise ValueError(
                f"camera_index is None, expected the cameras of the rows, since the loss was made for {cameras} "
                "cameras; make it with cameras=1 for data without"
            )
        return torch.zeros_like(person_index, dtype=torch.int64)
