"""Several ways to do the same, measured in turns, and what the processor could do at most."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Way = Callable[[], object]

EAGER = "torch float32, one at a time"
"""What all other ways are compared with: how the field's public code computes."""


@dataclass(frozen=True)
class Taken:
    """What one way took, each repeat of it.

    Args:
        processor: Seconds of the processor, all threads of this process together.
        wall: Seconds on the clock.
    """

    processor: tuple[float, ...]
    wall: tuple[float, ...]


def in_turns(ways: Mapping[str, Way], rounds: int, *, warm: bool = True) -> dict[str, Taken]:
    """Measure ways in turns, so that other work on the machine disturbs all of them alike.

    Args:
        ways: What to call, by name.
        rounds: How many times each is measured, 1 or more.
        warm: Whether each is called once before, which is not measured.
    """
    processor: dict[str, list[float]] = {name: [] for name in ways}
    wall: dict[str, list[float]] = {name: [] for name in ways}
    if warm:
        for call in ways.values():
            call()
    for _ in range(rounds):
        for name, call in ways.items():
            begun, at = time.process_time(), time.perf_counter()
            call()
            processor[name].append(time.process_time() - begun)
            wall[name].append(time.perf_counter() - at)
    return {name: Taken(tuple(processor[name]), tuple(wall[name])) for name in ways}


def peak(precision: Literal["float32", "bf16", "int8"], *, size: int = 1024, rounds: int = 30) -> float:
    """How many operations a second one thread does in a product of matrices, by whichever library is faster at it.

    Args:
        precision: What the products are computed in; int8 needs OpenVINO and NNCF.
        size: The height and width of the matrices.
        rounds: How many products are measured; the best counts.
    """
    import torch

    from reid.runtime.compiled import Source, TypicalInputs, compiled
    from reid.runtime.silent import has_openvino

    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.rand(size, size).to(kind) for _ in range(2))
    ways: dict[str, Way] = {} if precision == "int8" else {"torch": lambda: left @ right}
    if has_openvino():
        given, product = left.float(), torch.nn.Linear(size, size, bias=False).eval()
        noise = TypicalInputs("noise", lambda: [given])
        by = compiled(Source(product, (given,), [(0,)], f"product{size}", noise), precision, threads=1)
        ways["OpenVINO"] = lambda: by(given)
    return 2 * size**3 / min(min(one.processor) for one in in_turns(ways, rounds).values())
