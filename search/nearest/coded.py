"""Embeddings kept in memory as small whole numbers, with a proof of how far their similarities may be off.

Each embedding v is stored as 8-bit numbers q and a scale s, so that v is nearly m + s q, where m is the mean of the
first embeddings. The length of what is left, e = |v - m - s q|, is stored too. A probe p is coded alike: it is nearly
t u, and r is what is left. Then

    p v = p m + t s (u q) + r (s q) + p (v - m - s q)

and the last two terms are at most |r| |s q| + e for a probe of length 1. So t s (u q) + p m is the similarity up to a
bound that is known for each row. What is farther below the best than this bound cannot be among the best.
"""

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import simsimd
from numpy.typing import NDArray

BLOCK_ROWS = 65_536
"""Rows come in blocks of this size, so that adding some never copies all."""

LARGEST_CODE = 127

FEW_ROWS = 2 * BLOCK_ROWS
"""Fewer rows than this are compared by one thread: waking others takes longer."""

THREADS = 2
"""Two are enough to read memory as fast as most machines give it, and leave the others to whoever else searches."""

MANY = 4
"""Where more than one row in so many is chosen, all are compared: that is faster than copying the chosen ones."""

ROUNDING = 1e-5
"""More than the rounding errors of all float32 sums here, for vectors of length 1."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Estimates:
    """How similar some rows are to a probe, and how far that may be off.

    Args:
        middle: (N,) estimated similarities.
        error: (N,) the true similarity lies at most this far from the estimated one.
    """

    middle: Floats
    error: Floats


class CodedRows:
    """Embeddings in 8 bits for each number, compared with a probe quickly and with a bound.

    >>> rows = CodedRows(np.zeros(4, np.float32))
    >>> rows.append(np.eye(4, dtype=np.float32))
    >>> found = rows.estimates(np.array([1, 0, 0, 0], np.float32))
    >>> int(found.middle.argmax()), bool(abs(found.middle[0] - 1) <= found.error[0])
    (0, True)

    Args:
        center: (D,) the mean of typical embeddings. The nearer it is to all of them, the smaller the bounds.
    """

    def __init__(self, center: Floats) -> None:
        self._center = center.astype(np.float32)
        self._blocks: list[NDArray[np.int8]] = []
        self._rows = 0
        self._scales, self._sizes, self._errors = (np.zeros(0, np.float32) for _ in range(3))

    def __len__(self) -> int:
        return self._rows

    @property
    def bytes(self) -> int:
        """How much memory the rows take."""
        return sum(block.nbytes for block in self._blocks) + 3 * self._scales.nbytes

    def append(self, embeddings: Floats) -> None:
        """Add rows at the end.

        Args:
            embeddings: (N, D) float32 of unit length.
        """
        for start in range(0, len(embeddings), BLOCK_ROWS):
            self._append(embeddings[start : start + BLOCK_ROWS])

    def _append(self, embeddings: Floats) -> None:
        rest = embeddings - self._center  # (N, D)
        largest = np.abs(rest).max(axis=1, initial=0)
        scales = np.maximum(largest, np.float32(1e-12)) / np.float32(LARGEST_CODE)
        codes = np.rint(rest / scales[:, None])
        rest -= codes * scales[:, None]
        sizes = np.linalg.norm(codes, axis=1).astype(np.float32) * scales
        errors = np.linalg.norm(rest, axis=1).astype(np.float32)
        self._scales, self._sizes, self._errors = (
            np.concatenate(both) for both in ((self._scales, scales), (self._sizes, sizes), (self._errors, errors))
        )
        whole = codes.astype(np.int8)
        while len(whole):
            free = len(self._blocks) * BLOCK_ROWS - self._rows
            if not free:
                self._blocks.append(np.zeros((BLOCK_ROWS, whole.shape[1]), np.int8))
                free = BLOCK_ROWS
            first = BLOCK_ROWS - free
            taken = whole[:free]
            self._blocks[-1][first : first + len(taken)] = taken
            self._rows += len(taken)
            whole = whole[free:]

    def estimates(self, probe: Floats, chosen: NDArray[np.int64] | None = None) -> Estimates:
        """Compare with a probe.

        Args:
            probe: (D,) float32 of unit length.
            chosen: (N,) rows in rising order; None takes all.

        Returns:
            One for each row, or for each chosen one.
        """
        if chosen is not None and len(chosen) > len(self) // MANY:
            every = self.estimates(probe)
            return Estimates(every.middle[chosen], every.error[chosen])
        scale = max(float(np.abs(probe).max()), 1e-12) / LARGEST_CODE
        code = np.rint(probe / scale)
        left = np.float32(np.linalg.norm(probe - code * scale))
        base = np.float32(probe.astype(np.float64) @ self._center)
        whole, count = code.astype(np.int8)[None], self._rows if chosen is None else len(chosen)
        middle, error = np.empty(count, np.float32), np.empty(count, np.float32)

        def compare(start: int, codes: NDArray[np.int8]) -> None:
            """One block with all that follows, while what was made of it is still in the processor's cache."""
            own = slice(start, start + len(codes))
            rows = own if chosen is None else chosen[own]
            simsimd.cdist(whole, codes, metric="dot", out=middle[None, own])
            middle[own] *= self._scales[rows]
            middle[own] *= np.float32(scale)
            middle[own] += base
            np.multiply(self._sizes[rows], left, out=error[own])
            error[own] += self._errors[rows]
            error[own] += np.float32(ROUNDING)

        blocks = [one for one in (self._filled() if chosen is None else self._chosen(chosen)) if len(one)]
        starts = np.cumsum([0, *map(len, blocks)]).tolist()
        if count < FEW_ROWS:
            for start, codes in zip(starts, blocks, strict=False):
                compare(start, codes)
        else:  # the products and NumPy's loops let other threads go on
            list(_threads(os.getpid()).map(compare, starts, blocks))
        return Estimates(middle, error)

    def closer_estimates(self, probe: Floats, chosen: NDArray[np.int64]) -> Estimates:
        """Compare a few rows with a probe that is not rounded, which halves the bound.

        Args:
            probe: (D,) float32 of unit length.
            chosen: (N,) rows in rising order.
        """
        middle = np.concatenate(
            [np.zeros(0, np.float32), *(codes.astype(np.float32) @ probe for codes in self._chosen(chosen))]
        )
        middle *= self._scales[chosen]
        middle += np.float32(probe.astype(np.float64) @ self._center)
        return Estimates(middle, self._errors[chosen] + np.float32(ROUNDING))

    def kept(self, chosen: NDArray[np.int64]) -> "CodedRows":
        """A copy with some of the rows, in rising order."""
        copy = CodedRows(self._center)
        for codes in self._chosen(chosen):
            while len(codes):
                if copy._rows == len(copy._blocks) * BLOCK_ROWS:
                    copy._blocks.append(np.zeros((BLOCK_ROWS, codes.shape[1]), np.int8))
                first = copy._rows % BLOCK_ROWS
                taken = codes[: BLOCK_ROWS - first]
                copy._blocks[-1][first : first + len(taken)] = taken
                copy._rows += len(taken)
                codes = codes[len(taken) :]
        copy._scales, copy._sizes, copy._errors = (one[chosen] for one in (self._scales, self._sizes, self._errors))
        return copy

    def _filled(self) -> list[NDArray[np.int8]]:
        """The blocks, the last one as far as it is filled."""
        ends = [min(BLOCK_ROWS, self._rows - start) for start in range(0, self._rows, BLOCK_ROWS)]
        return [block[:end] for block, end in zip(self._blocks, ends, strict=True)]

    def _chosen(self, chosen: NDArray[np.int64]) -> list[NDArray[np.int8]]:
        """The codes of some rows in rising order, block by block."""
        edges = np.searchsorted(chosen, np.arange(0, self._rows + BLOCK_ROWS, BLOCK_ROWS))
        return [
            block[chosen[start:end] - number * BLOCK_ROWS]
            for number, (block, start, end) in enumerate(zip(self._blocks, edges[:-1], edges[1:], strict=False))
        ]


@functools.cache
def _threads(process: int) -> ThreadPoolExecutor:
    """The threads of a process that compare blocks of rows, made when first needed; a fork has none of them."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="compare")
