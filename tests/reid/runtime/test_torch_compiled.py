"""Networks that torch compiles, and what computes where it cannot."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from reid.runtime import torch_compiled
from reid.runtime.torch_compiled import compiled_by_torch, compilers_for


def network(images: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"0": images.relu(), "1": images.sum(dim=1, keepdim=True)}


def compiler(make: Callable[[Any], Any]) -> dict[str, Any]:
    return {"backend": lambda graph, examples: make(graph)}


def broken(graph: Any) -> Any:
    raise RuntimeError("nothing compiles here\nand more lines")


def wrong(graph: Any) -> Any:
    return lambda *given: [one * 2 for one in graph(*given)]


def test_the_first_way_that_works_is_taken_and_the_others_are_named() -> None:
    ways = {
        "one": compiler(broken),
        "two": compiler(wrong),
        "three": {"backend": "aot_eager"},
        "four": compiler(broken),
    }
    given = torch.randn(2, 3, 8, 8)
    call, by, failed = compiled_by_torch(network, given, ways)
    assert by == "three"
    assert len(failed) == 2
    assert failed[0].startswith("one: ")
    assert "nothing compiles here" in failed[0]
    assert "\n" not in failed[0]
    assert failed[1] == "two: results are off by 100% of their size"
    for name, one in network(given).items():
        torch.testing.assert_close(call(given)[name], one)


def test_where_nothing_works_the_function_itself_computes() -> None:
    call, by, failed = compiled_by_torch(network, torch.randn(1, 3, 8, 8), {"one": compiler(broken)})
    assert call is network
    assert by == ""
    assert len(failed) == 1
    assert compiled_by_torch(network, torch.randn(1, 3, 8, 8), {})[1:] == ("", ())


def test_a_size_for_which_it_fails_is_computed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def compile_only_small(call: Any, **options: object) -> Any:
        def compiled(images: torch.Tensor) -> Any:
            calls.append(images.shape[2])
            if images.shape[2] > 8:
                raise RuntimeError("too large")
            return call(images)

        return compiled

    monkeypatch.setattr(torch_compiled.torch, "compile", compile_only_small)
    call, by, _ = compiled_by_torch(network, torch.randn(1, 3, 8, 8), {"small": {}})
    assert by == "small"
    large = torch.randn(1, 3, 16, 16)
    for _ in range(2):
        torch.testing.assert_close(call(large)["0"], large.relu())
    assert calls == [8, 8, 8, 16]


def test_a_card_has_graphs_and_a_processor_none() -> None:
    assert all("graph" in name for name in compilers_for(torch.device("cuda")))
    assert not any("graph" in name for name in compilers_for(torch.device("cpu")))
