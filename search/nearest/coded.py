"""Embeddings kept in memory as small whole numbers, with a proof of how far their similarities may be off.

Each embedding v is stored as 8-bit numbers q and a scale s, so that v is nearly m + s q, where m is the mean of the
first embeddings. The length of what is left, e = |v - m - s q|, is stored too. A probe p is coded alike: it is nearly
t u, and r is what is left. Then

    p v = p m + t s (u q) + r (s q) + p (v - m - s q)

and the last two terms are at most |r| |s q| + e for a probe of length 1. So t s (u q) + p m is the similarity up to a
bound that is known for each row. What is farther below the best than this bound cannot be among the best.
"""

import functools
import itertools
import os
from collections.abc import Iterator
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

CLOSER_ROWS = 4096
"""So many rows at once are compared with a probe that is not rounded: their numbers take four times as much then."""

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
        self._measures = np.empty((3, 0), np.float32)  # scale, size and error of each row, with room for more

    def __len__(self) -> int:
        return self._rows

    @property
    def bytes(self) -> int:
        """How much memory the rows take."""
        return sum(block.nbytes for block in self._blocks) + self._measures.nbytes

    @property
    def _scales(self) -> Floats:
        return self._measures[0, : self._rows]

    @property
    def _sizes(self) -> Floats:
        return self._measures[1, : self._rows]

    @property
    def _errors(self) -> Floats:
        return self._measures[2, : self._rows]

    def reserve(self, rows: int) -> None:
        """Make room for so many rows in all, at once, so that appending them copies little."""
        if rows > self._measures.shape[1]:
            measures = np.empty((3, rows), np.float32)
            measures[:, : self._rows] = self._measures[:, : self._rows]
            self._measures = measures

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
        self.reserve(self._rows + len(rest))
        self._measures[:, self._rows : self._rows + len(rest)] = scales, sizes, errors
        self._write(codes.astype(np.int8))

    def _write(self, codes: NDArray[np.int8]) -> None:
        """Put codes behind the last row."""
        while len(codes):
            number, first = divmod(self._rows, BLOCK_ROWS)
            if number == len(self._blocks):
                self._blocks.append(np.empty((BLOCK_ROWS, codes.shape[1]), np.int8))
            taken = codes[: BLOCK_ROWS - first]
            self._blocks[number][first : first + len(taken)] = taken
            self._rows += len(taken)
            codes = codes[len(taken) :]

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

        def compare(start: int, block: NDArray[np.int8], places: NDArray[np.int64] | None) -> None:
            """One block with all that follows, while what was made of it is still in the processor's cache."""
            codes = block if places is None else block[places]
            own = slice(start, start + len(codes))
            rows = own if chosen is None else chosen[own]
            simsimd.cdist(whole, codes, metric="dot", out=middle[None, own])
            middle[own] *= self._scales[rows]
            middle[own] *= np.float32(scale)
            middle[own] += base
            np.multiply(self._sizes[rows], left, out=error[own])
            error[own] += self._errors[rows]
            error[own] += np.float32(ROUNDING)

        parts = list(self._filled() if chosen is None else self._chosen(chosen))
        if count < FEW_ROWS:
            for part in parts:
                compare(*part)
        else:  # the products and NumPy's loops let other threads go on
            list(_threads(os.getpid()).map(compare, *zip(*parts, strict=True)))
        return Estimates(middle, error)

    def closer_estimates(self, probe: Floats, chosen: NDArray[np.int64]) -> Estimates:
        """Compare a few rows with a probe that is not rounded, which halves the bound.

        Args:
            probe: (D,) float32 of unit length.
            chosen: (N,) rows in rising order.
        """
        middle = np.empty(len(chosen), np.float32)
        for start in range(0, len(chosen), CLOSER_ROWS):
            for first, block, places in self._chosen(chosen[start : start + CLOSER_ROWS]):
                middle[start + first : start + first + len(places)] = block[places].astype(np.float32) @ probe
        middle *= self._scales[chosen]
        middle += np.float32(probe.astype(np.float64) @ self._center)
        return Estimates(middle, self._errors[chosen] + np.float32(ROUNDING))

    def keep(self, chosen: NDArray[np.int64]) -> None:
        """Keep some of the rows, in rising order, and forget the others, block by block and without a second copy."""
        self._measures[:, : len(chosen)] = self._measures[:, chosen]
        parts = self._chosen(chosen)
        self._rows = 0
        for _, block, places in parts:  # what is written never passes what was read
            self._write(block[places])
        del self._blocks[-(-self._rows // BLOCK_ROWS) :]

    def _filled(self) -> Iterator[tuple[int, NDArray[np.int8], None]]:
        """The first row of each block, and the block as far as it is filled."""
        for start, block in zip(range(0, self._rows, BLOCK_ROWS), self._blocks, strict=True):
            yield start, block[: self._rows - start], None

    def _chosen(self, chosen: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int8], NDArray[np.int64]]]:
        """Where the chosen rows (in rising order) of each block begin, the block, and their places in it."""
        edges = np.searchsorted(chosen, np.arange(len(self._blocks) + 1) * BLOCK_ROWS)
        for number, (start, end) in enumerate(itertools.pairwise(edges.tolist())):
            if end > start:
                yield start, self._blocks[number], chosen[start:end] - number * BLOCK_ROWS


@functools.cache
def _threads(process: int) -> ThreadPoolExecutor:
    """The threads of a process that compare blocks of rows, made when first needed; a fork has none of them."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="compare")
