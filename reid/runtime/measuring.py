"""Which of several ways to compute the same is the fastest on this machine: a short measurement, which is kept."""

import time
from collections.abc import Callable, Mapping

import torch

from reid.runtime.kept import VERSION, keep_measurement, machine, read_measurement

Way = Callable[[], object]

ROUNDS = 3


def fastest(name: str, ways: Mapping[str, Callable[[], Way]]) -> str:
    """Says which way takes the least time, as it was measured here before, or is measured now.

    The ways take turns, so that other work on the machine disturbs all of them alike, and the best of three rounds
    counts. The first call of each is not measured.

    Args:
        name: What is computed, in the form of a file's name.
        ways: For each way's name a function that prepares it. It is called only where there is something to measure.

    Returns:
        The name of the fastest way.
    """
    if len(ways) == 1:
        return next(iter(ways))
    kept = f"{name}-{machine()}-{torch.get_num_threads()}-{VERSION}"
    known = read_measurement(kept)
    if known is not None and known.get("fastest") in ways and set(known.get("seconds", ())) == set(ways):
        return str(known["fastest"])
    prepared = {way: prepare() for way, prepare in ways.items()}
    seconds = dict.fromkeys(prepared, float("inf"))
    for call in prepared.values():
        call()
    for _ in range(ROUNDS):
        for way, call in prepared.items():
            begun = time.perf_counter()
            call()
            seconds[way] = min(seconds[way], time.perf_counter() - begun)
    best = min(seconds, key=lambda way: seconds[way])
    keep_measurement(kept, {"fastest": best, "seconds": seconds})
    return best


def thread_counts() -> list[int]:
    """The numbers of threads worth trying: all that torch uses here, and half of them."""
    most = torch.get_num_threads()
    return sorted({most, max(1, most // 2)}, reverse=True)
