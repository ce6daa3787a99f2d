"""Networks of torch that torch itself compiles: as one graph of kernels, a graphics card does not wait for Python."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

_log = logging.getLogger(__name__)

Call = Callable[[Tensor], Any]

Compilers = Mapping[str, Mapping[str, Any]]
"""Names of ways to compile, in words, and what `torch.compile` is told for each."""

ON_CARD: Compilers = {
    "fused kernels in a CUDA graph": {"mode": "reduce-overhead"},
    "a CUDA graph": {"backend": "cudagraphs"},
}

ON_PROCESSOR: Compilers = {"fused loops": {}}

MOST_OFF = 0.05
"""So far, as a share of their mean size, results may be off: bf16 rounds elsewhere where steps are fused."""


class CompiledCall(NamedTuple):
    """A function that was compiled, or the one that was given where nothing could compile it.

    Args:
        call: The function. It computes with what was given from then on where it fails for another size.
        by: What compiled it, in words; "" where nothing did.
        failed: A line for each way that did not work.
    """

    call: Call
    by: str
    failed: tuple[str, ...]


def compilers_for(device: torch.device) -> Compilers:
    """The ways to compile for a device, the fastest first."""
    return ON_CARD if device.type == "cuda" else ON_PROCESSOR


@torch.no_grad()
def compiled_by_torch(call: Call, example: Tensor, compilers: Compilers) -> CompiledCall:
    """Compiles a function by the first way that works here, which takes up to some minutes.

    A way works if the function runs three times (a graph is recorded in the second call, and replayed in the third) and
    gives about what the function gave before.

    Args:
        call: A function of a tensor that gives tensors, in lists or dicts. It is compiled for each size that it meets.
        example: What it is called with, in the size that will come most.
        compilers: The ways, in the order in which they are tried.
    """
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it misses a GPU where there is none
    expected = tree_leaves(call(example))
    failed: list[str] = []
    for name, options in compilers.items():
        torch._dynamo.reset()
        try:
            compiled: Call = torch.compile(call, dynamic=False, **options)
            for _ in range(2):
                compiled(example)
            found = tree_leaves(compiled(example))
            off = max(_off(one, other) for one, other in zip(found, expected, strict=True))
        except Exception as error:  # a compiler, a driver or a library is missing, and each says it in its own way
            failed.append(f"{name}: {_first_line(error)}")
            continue
        if not off <= MOST_OFF:
            failed.append(f"{name}: results are off by {off:.0%} of their size")
            continue
        return CompiledCall(_or_plain(compiled, call), name, tuple(failed))
    torch._dynamo.reset()
    return CompiledCall(call, "", tuple(failed))


def _or_plain(compiled: Call, call: Call) -> Call:
    """The compiled function, and the plain one from the first size on for which it fails."""
    works = True

    def either(given: Tensor) -> Any:
        nonlocal works
        if works:
            try:
                return compiled(given)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:
                _log.warning("a compiled network failed for %s: %s", tuple(given.shape), _first_line(error))
                works = False
        return call(given)

    return either


def _off(found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        return float("inf")
    scale = expected.float().abs().mean().clamp(min=1e-12)
    return float((found.float() - expected.float()).abs().mean() / scale)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines[:2])[:200]}" if lines else type(error).__name__
