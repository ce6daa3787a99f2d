"""What training remembers of people: rows for each identity, rows for each identity and camera, queues of the newest.

All of it are buffers that change only in an explicit `update()`, so that a forward pass has no side effect and a
checkpoint holds the whole state.
"""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from reid.losses.rows import check_camera_index, check_person_index, finite_rows, in_rounds


class FloatMemory(nn.Module):
    """A module whose floating-point buffers stay float32 whatever the model around it is cast to.

    A running average loses its small steps in half precision, and a row rounded to bfloat16 no longer has unit length.
    Moving the module to another device works as usual.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        before = {name: buffer for name, buffer in self._buffers.items() if buffer is not None}
        super()._apply(fn, recurse)
        for name, buffer in before.items():
            cast = self._buffers[name]
            if cast is not None and cast.dtype != buffer.dtype:
                # From the buffer as it was, because a way through bfloat16 and back has lost its digits.
                self._buffers[name] = buffer.to(device=cast.device)
        return self


class IdentityTable(FloatMemory):
    """One unit-length row for each identity, a running average of its embeddings (the "lookup table" of OIM).

    Args:
        identities: The number of rows P; identities are 0 .. P-1.
        embedding_dim: The width D of a row.
        momentum: The share of the old row that an update keeps, in [0, 1). A larger one remembers longer.

    Attributes:
        table: (P, D) float32 buffer. A row of zeros is an identity that was never seen.

    Raises:
        ValueError: A size is below 1, or the momentum is out of its range.

    Example:
        >>> memory = IdentityTable(identities=2, embedding_dim=2)
        >>> memory.update(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]))
        >>> memory.table
        tensor([[0.7071, 0.7071],
                [0.0000, 0.0000]])
    """

    table: Tensor

    def __init__(self, identities: int, embedding_dim: int, momentum: float = 0.5) -> None:
        super().__init__()
        if identities < 1 or embedding_dim < 1:
            raise ValueError(f"{identities} identities of {embedding_dim} dimensions, expected at least one of each")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum is {momentum}, expected 0 <= momentum < 1")
        self.momentum = momentum
        self.register_buffer("table", torch.zeros(identities, embedding_dim, dtype=torch.float32))

    def extra_repr(self) -> str:
        """Says the sizes, for print(module)."""
        return f"identities={len(self.table)}, embedding_dim={self.table.shape[1]}, momentum={self.momentum}"

    @torch.no_grad()
    def update(self, embeddings: Tensor, person_index: Tensor, confidence: Tensor | None = None) -> None:
        """Blends embeddings into the rows of their identities, then brings these rows to unit length.

        Several embeddings of one identity act one after another in row order, so that momentum compounds: the result is
        that of a loop over rows. Rows that are not finite, and blends of length zero, change nothing.

        Args:
            embeddings: (R, D) floating point.
            person_index: (R,) integers; rows below zero are passed over.
            confidence: (R,) in [0, 1]. The share of each embedding is multiplied by it; None stands for 1.

        Raises:
            ValueError: Shapes disagree, or an index is not a row of the table.
        """
        embeddings = embeddings.detach().to(self.table)
        person_index = check_person_index(embeddings, person_index, len(self.table)).to(self.table.device)
        rows, embeddings = _usable(embeddings, person_index)
        order, lengths = in_rounds(person_index[rows])
        rows = rows[order]
        share = new_share(self.momentum, confidence, rows, embeddings)  # [L, 1]
        parts = (person_index[rows], 1 - share, share * embeddings.index_select(0, order))  # [L], [L, 1], [L, D]
        for identities, kept, new in zip(*(part.split(lengths) for part in parts)):
            old = self.table.index_select(0, identities)
            blend = (kept * old).add_(new)
            length = torch.linalg.vector_norm(blend, dim=1, keepdim=True)
            stays = ~(length > 1e-12)
            blend /= length.clamp(min=1e-12)
            self.table.index_copy_(0, identities, torch.where(stays, old, blend) if stays.any() else blend)


class UnlabelledQueue(FloatMemory):
    """The newest embeddings of people of unknown identity, overwritten in a circle (the "circular queue" of OIM).

    Args:
        size: The number of rows K; 0 switches the queue off.
        embedding_dim: The width D of a row.
        unit_length: Whether rows are brought to unit length before they are written.

    Attributes:
        queue: (K, D) float32 buffer. Rows of zeros are not filled yet.
        pointer: int64 scalar buffer, the row that is written next. It is a tensor, so that a checkpoint resumes there.

    Raises:
        ValueError: A size is out of its range.
    """

    queue: Tensor
    pointer: Tensor

    def __init__(self, size: int, embedding_dim: int, *, unit_length: bool = True) -> None:
        super().__init__()
        if size < 0 or embedding_dim < 1:
            raise ValueError(f"a queue of {size} rows of {embedding_dim} dimensions, expected >= 0 and >= 1")
        self.unit_length = unit_length
        self.register_buffer("queue", torch.zeros(size, embedding_dim, dtype=torch.float32))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))

    def extra_repr(self) -> str:
        """Says the sizes, for print(module)."""
        return f"size={len(self.queue)}, embedding_dim={self.queue.shape[1]}"

    @torch.no_grad()
    def update(self, embeddings: Tensor) -> None:
        """Writes embeddings over the oldest rows; of more than K only the last K remain.

        Args:
            embeddings: (R, D) floating point. Rows that are not finite are left out.
        """
        if len(self.queue) == 0:
            return
        embeddings = embeddings.detach().to(self.queue)
        finite = finite_rows(embeddings)
        if not finite.all():
            embeddings = embeddings[finite]
        _write_in_circle(self.queue, self.pointer, functional.normalize(embeddings) if self.unit_length else embeddings)

    def clear(self) -> None:
        """Forgets all rows."""
        self.queue.zero_()
        self.pointer.zero_()


class PooledTable(FloatMemory):
    """One row for each identity and camera, a running average of what was seen there (the "Pooled Table" of TOIM).

    Source: the TOIM paper, section III-B (`TOIMLoss` names it). Rows are blended as they come and never brought to unit
    length. An empty slot takes its first embedding whole, so that the zero in it is not averaged in.

    Args:
        identities: The number of identities M; identities are 0 .. M-1.
        cameras: The number of cameras C; cameras are 0 .. C-1.
        embedding_dim: The width D of a row.
        gamma: The share of the old row that an update keeps, in [0, 1]. A larger one remembers longer; 1 keeps the
            first.

    Attributes:
        pooled: (M, C, D) float32 buffer, zero where the camera never saw the identity.
        filled: (M, C) bool buffer, true where an embedding was written.

    Raises:
        ValueError: A size is below 1, or gamma is out of its range.
    """

    pooled: Tensor
    filled: Tensor

    def __init__(self, identities: int, cameras: int, embedding_dim: int, gamma: float = 0.4) -> None:
        super().__init__()
        if min(identities, cameras, embedding_dim) < 1:
            raise ValueError(
                f"{identities} identities, {cameras} cameras, {embedding_dim} dimensions, expected at least one of each"
            )
        if not 0 <= gamma <= 1:
            raise ValueError(f"gamma is {gamma}, expected 0 <= gamma <= 1")
        self.gamma = gamma
        self.register_buffer("pooled", torch.zeros(identities, cameras, embedding_dim, dtype=torch.float32))
        self.register_buffer("filled", torch.zeros(identities, cameras, dtype=torch.bool))

    def extra_repr(self) -> str:
        """Says the sizes, for print(module)."""
        identities, cameras, embedding_dim = self.pooled.shape
        return f"identities={identities}, cameras={cameras}, embedding_dim={embedding_dim}, gamma={self.gamma}"

    @torch.no_grad()
    def update(
        self, embeddings: Tensor, person_index: Tensor, camera_index: Tensor, confidence: Tensor | None = None
    ) -> Tensor:
        """Blends embeddings into the slots of their identities and cameras.

        Several embeddings of one slot act one after another in row order, with the result of a loop over rows. Rows
        that are not finite change nothing.

        Args:
            embeddings: (R, D) floating point.
            person_index: (R,) integers; rows below zero are passed over.
            camera_index: (R,) integers. Rows that are passed over may have any value.
            confidence: (R,) in [0, 1]. The share of each embedding is multiplied by it; None stands for 1. An empty
                slot takes its first embedding whole, whatever its confidence.

        Returns:
            (L,) int64, the slots written, identity * C + camera, in row order and as often as they were written.

        Raises:
            ValueError: Shapes disagree, or an index is not a row of the table.
        """
        rows, embeddings, slots = self._usable(embeddings, person_index, camera_index)
        pooled, filled = self.pooled.view(-1, embeddings.shape[1]), self.filled.view(-1)  # [M * C, D], [M * C]
        order, lengths = in_rounds(slots)
        written = slots[order]
        share = new_share(self.gamma, confidence, rows[order], embeddings)  # [L, 1]
        # Only the first round meets empty slots: its rows count whole there.
        share[: sum(lengths[:1])].masked_fill_(~filled[written[: sum(lengths[:1])]].unsqueeze(1), 1)
        parts = (written, 1 - share, share * embeddings.index_select(0, order))  # [L], [L, 1], [L, D]
        for slot, kept, new in zip(*(part.split(lengths) for part in parts)):
            pooled.index_copy_(0, slot, (kept * pooled.index_select(0, slot)).add_(new))
        filled.index_fill_(0, slots, True)
        return slots

    @torch.no_grad()
    def initialize(self, embeddings: Tensor, person_index: Tensor, camera_index: Tensor) -> None:
        """Forgets everything, then fills each slot with the mean of its embeddings.

        Args:
            embeddings: (N, D) floating point, of a whole training set. Rows that are not finite are passed over.
            person_index: (N,) integers; rows below zero are passed over.
            camera_index: (N,) integers. Rows that are passed over may have any value.

        Raises:
            ValueError: Shapes disagree, or an index is not a row of the table.
        """
        _, embeddings, slots = self._usable(embeddings, person_index, camera_index)
        pooled, filled = self.pooled.view(-1, embeddings.shape[1]), self.filled.view(-1)
        count = torch.bincount(slots, minlength=len(filled))  # [M * C]
        pooled.zero_().index_add_(0, slots, embeddings)
        pooled.div_(count.clamp(min=1).unsqueeze(1))
        filled.copy_(count > 0)

    def _usable(self, embeddings: Tensor, person_index: Tensor, camera_index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Which rows are finite and of an identity, those rows, and the slots that they belong to."""
        identities, cameras, embedding_dim = self.pooled.shape
        if embeddings.ndim != 2 or embeddings.shape[1] != embedding_dim:
            raise ValueError(f"embeddings {tuple(embeddings.shape)}, expected (R, {embedding_dim})")
        embeddings = embeddings.detach().to(self.pooled)
        person_index = check_person_index(embeddings, person_index, identities).to(self.pooled.device)
        camera_index = check_camera_index(person_index, camera_index.to(person_index.device), cameras)
        rows, embeddings = _usable(embeddings, person_index)
        return rows, embeddings, person_index[rows] * cameras + camera_index[rows]


class UpdateTable(nn.Module):
    """The slots of a `PooledTable` that were written last, kept in a circle (the "Update Table" of TOIM).

    It holds where to look, not what was written: the present row of the slot is what counts. A slot that was written
    several times among the last U stands there several times.

    Args:
        length: The number of entries U, at least 1.

    Attributes:
        slots: (U,) int64 buffer, identity * cameras + camera; -1 where nothing was written yet.
        pointer: int64 scalar buffer, the entry that is written next.

    Raises:
        ValueError: The length is below 1.
    """

    slots: Tensor
    pointer: Tensor

    def __init__(self, length: int = 20) -> None:
        super().__init__()
        if length < 1:
            raise ValueError(f"an update table of {length} entries, expected at least 1")
        self.register_buffer("slots", torch.full((length,), -1, dtype=torch.int64))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))

    def extra_repr(self) -> str:
        """Says the length, for print(module)."""
        return f"length={len(self.slots)}"

    @torch.no_grad()
    def update(self, slots: Tensor) -> None:
        """Enters slots one after another over the oldest.

        Args:
            slots: (R,) integers, 0 or more.
        """
        _write_in_circle(self.slots, self.pointer, slots.to(self.slots))

    def clear(self) -> None:
        """Forgets all entries."""
        self.slots.fill_(-1)
        self.pointer.zero_()


def new_share(momentum: float, confidence: Tensor | None, rows: Tensor, like: Tensor) -> Tensor:
    """Computes the share that new embeddings have in a blend; the less sure an embedding is, the less it takes.

    Source: OIMNet++ (Lee et al., ECCV 2022) updates its table by how well a proposal fits its person. Here that
    confidence multiplies what the momentum leaves, so that a sure embedding counts as in plain OIM.

    Args:
        momentum: The share of the old row that an update keeps, in [0, 1].
        confidence: (R,) in [0, 1]; None stands for 1.
        rows: (L,) the rows of `confidence` that are asked for.
        like: A tensor of the type and on the device that the shares shall have.

    Returns:
        (L, 1) shares in [0, 1].
    """
    share = like.new_full((len(rows), 1), 1 - momentum)
    return share if confidence is None else share * confidence.to(like)[rows].clamp(0, 1).unsqueeze(1)


def _usable(embeddings: Tensor, person_index: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers of the rows that are finite and of an identity, (L,) int64, and those rows (L, D)."""
    rows = (person_index >= 0).nonzero().squeeze(1)
    chosen = embeddings.index_select(0, rows)
    finite = finite_rows(chosen)
    return (rows, chosen) if finite.all() else (rows[finite], chosen[finite])


def _write_in_circle(circle: Tensor, pointer: Tensor, rows: Tensor) -> None:
    """Write rows one after another from `pointer` on, over the oldest; both arguments change in place."""
    size = len(circle)
    newest = rows[-size:]
    first = pointer + (len(rows) - len(newest))
    circle.index_copy_(0, (first + torch.arange(len(newest), device=circle.device)) % size, newest)
    pointer.copy_((pointer + len(rows)) % size)
