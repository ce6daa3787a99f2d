"""What training remembers of people: one row per identity, and a queue of people nobody named.

Both are buffers that change only in an explicit `update()`, so that a forward pass has no side effect and a
checkpoint holds all of the state.
"""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from reid.batch_rows import check_person_index, occurrence_rank


class FloatMemory(nn.Module):
    """A module whose floating-point buffers stay float32 whatever the model around it is cast to.

    A running average with momentum loses its small steps in half precision, and a row rounded to bfloat16 is
    no longer of unit length. Moving to another device works as usual.
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
    """One unit-length row per identity, a running average of that identity's embeddings (the "lookup table").

    Args:
        identities: number of rows P; identities are 0 .. P-1.
        embedding_dim: D.
        momentum: share of the old row that is kept at an update, in [0, 1); more remembers longer.

    Attributes:
        table: (P, D) float32 buffer; a row of zeros is an identity that was never seen.
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
        """The sizes, for print(module)."""
        return f"identities={len(self.table)}, embedding_dim={self.table.shape[1]}, momentum={self.momentum}"

    @torch.no_grad()
    def update(self, embeddings: Tensor, person_index: Tensor) -> None:
        """Blend embeddings into the rows of their identities, then bring the rows to unit length.

        Several embeddings of one identity act one after another in row order, so that momentum compounds, with
        the same result as a loop over rows. Rows that are not finite, and blends of length zero, change nothing.

        Args:
            embeddings: (R, D) floating point.
            person_index: (R,) integers; rows below zero are passed over.

        Raises:
            ValueError: an index is not a row of the table.
        """
        embeddings = embeddings.detach().to(self.table)
        person_index = check_person_index(embeddings, person_index, len(self.table)).to(self.table.device)
        usable = (person_index >= 0) & torch.isfinite(embeddings).all(dim=1)
        rows = usable.nonzero().squeeze(1)
        rank = occurrence_rank(person_index[rows])
        # Embeddings of one rank belong to distinct identities, so each round is one scatter without collisions.
        rounds = torch.bincount(rank).tolist()
        for chosen in rows[torch.argsort(rank, stable=True)].split(rounds):
            identities = person_index[chosen]
            old = self.table[identities]
            blend = self.momentum * old + (1 - self.momentum) * embeddings[chosen]
            length = torch.linalg.vector_norm(blend, dim=1, keepdim=True)
            self.table[identities] = torch.where(length > 1e-12, blend / length.clamp(min=1e-12), old)


class UnlabelledQueue(FloatMemory):
    """The newest embeddings of people of unknown identity, overwritten in a circle (the "circular queue").

    Args:
        size: number of rows K; 0 switches the queue off.
        embedding_dim: D.

    Attributes:
        queue: (K, D) float32 buffer; rows of zeros are not filled yet.
        pointer: int64 scalar buffer, the row written next. A tensor, so that a checkpoint resumes at the same row.
    """

    queue: Tensor
    pointer: Tensor

    def __init__(self, size: int, embedding_dim: int) -> None:
        super().__init__()
        if size < 0 or embedding_dim < 1:
            raise ValueError(f"a queue of {size} rows of {embedding_dim} dimensions, expected >= 0 and >= 1")
        self.register_buffer("queue", torch.zeros(size, embedding_dim, dtype=torch.float32))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))

    def extra_repr(self) -> str:
        """The sizes, for print(module)."""
        return f"size={len(self.queue)}, embedding_dim={self.queue.shape[1]}"

    @torch.no_grad()
    def update(self, embeddings: Tensor) -> None:
        """Write embeddings, at unit length, over the oldest rows; of more than K only the last K remain.

        Args:
            embeddings: (R, D) floating point; rows that are not finite are left out.
        """
        size = len(self.queue)
        if size == 0:
            return
        embeddings = embeddings.detach().to(self.queue)
        embeddings = embeddings[torch.isfinite(embeddings).all(dim=1)]
        count = len(embeddings)
        newest = functional.normalize(embeddings[-size:])
        first = self.pointer + (count - len(newest))
        rows = (first + torch.arange(len(newest), device=self.queue.device)) % size
        self.queue[rows] = newest
        self.pointer.copy_((self.pointer + count) % size)
