"""How fast this machine could do a piece of work, if it did nothing but compute its operations or move its bytes."""

import time
from collections.abc import Callable

import numpy as np

from tools.bench.speed.ways import peak

COPIED = 2**28
"""Bytes of the block that is copied to measure the memory: much more than any cache holds."""


def threads() -> int:
    """How many threads compute: what torch takes, which OMP_NUM_THREADS says."""
    import torch

    return torch.get_num_threads()


def seconds_of_operations(operations: float, *, bf16: bool = False) -> float:
    """The least time in which all threads do so many operations of a matrix product.

    Args:
        operations: Two for each product that is added.
        bf16: Whether the processor may compute in bf16, where it knows that.
    """
    from reid.runtime.compiled import computed_in

    precision = "bf16" if bf16 and computed_in("auto") == "bf16" else "float32"
    return operations / (peak(precision) * threads())  # type: ignore[arg-type]


def seconds_of_bytes(count: float, *, rounds: int = 5) -> float:
    """The least time in which memory gives so many bytes, measured by copying a block, which reads and writes it.

    Args:
        count: How many bytes are read or written.
        rounds: How many times the block is copied; the fastest counts.
    """
    source, target = np.ones(COPIED, np.uint8), np.zeros(COPIED, np.uint8)
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        np.copyto(target, source)
        taken.append(time.process_time() - begun)
    return count * min(taken) / (2 * COPIED)


def operations_of(call: Callable[[], object]) -> float:
    """The operations of the convolutions and products that a call makes in torch, two for a product that is added.

    Args:
        call: A function without arguments.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops())
