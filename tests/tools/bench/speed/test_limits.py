"""The limits that benches name: operations over the processor's peak, bytes over the memory's."""

import itertools

import pytest
import torch

from tools.bench.speed import limits
from tools.bench.speed.limits import operations_of, seconds_of_bytes, seconds_of_operations


def test_a_product_of_matrices_has_two_operations_for_each_number_that_is_added() -> None:
    left, right = torch.rand(4, 5), torch.rand(5, 6)
    assert operations_of(lambda: left @ right) == 2 * 4 * 5 * 6
    assert operations_of(lambda: left + 1) == 0


def test_all_threads_compute_at_the_peak_of_the_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "peak", {"float32": 1e9, "bf16": 4e9}.__getitem__)
    monkeypatch.setattr(limits, "threads", lambda: 2)
    monkeypatch.setattr("reid.runtime.compiled.computed_in", lambda _: "bf16")
    assert seconds_of_operations(6e9) == 3
    assert seconds_of_operations(6e9, bf16=True) == 0.75
    monkeypatch.setattr("reid.runtime.compiled.computed_in", lambda _: "float32")
    assert seconds_of_operations(6e9, bf16=True) == 3


def test_a_copy_reads_and_writes_its_bytes_and_the_fastest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "COPIED", 1000)
    times = itertools.accumulate([0.0, 4.0, 0.0, 2.0, 0.0, 3.0])  # copies of four, two and three seconds
    monkeypatch.setattr(limits.time, "process_time", lambda: next(times))
    assert seconds_of_bytes(500.0, rounds=3) == 0.5


def test_memory_gives_its_bytes_in_some_time() -> None:
    assert limits.threads() == torch.get_num_threads()
    assert 0 < seconds_of_bytes(1e6) < 1
