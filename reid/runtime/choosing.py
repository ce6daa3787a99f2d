"""Which library computes a model: the one that was asked for, or the one that is the fastest on this machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from reid.devices import Precision
from reid.runtime.compiled import computed_in, require_float32, require_openvino
from reid.runtime.computing import Computing, Running, by_torch
from reid.runtime.eight_bits import require_typical
from reid.runtime.measuring import Way, fastest, thread_counts
from reid.runtime.settings import ComputedIn, Inference
from reid.runtime.silent import has_openvino

Model = TypeVar("Model")


@dataclass(frozen=True)
class Choices(Generic[Model]):
    """How a model can be computed, beside torch, and what is measured to choose.

    Args:
        name: A name for the model in the form of a file's name: two models of one name are the same.
        by_onnx: Makes the model by ONNX Runtime.
        by_openvino: Makes the model by OpenVINO: of the precision, the number of threads, and how many pictures go
            through the network together.
        work: Prepares the work that is measured, which is then done with a model.
        batches: How many pictures go through the network together, each number that is worth trying.
        by_compiling: Makes the model whose network torch has compiled; it gives the model and a note in words about it.
            None where torch computes it as ever.
    """

    name: str
    by_onnx: Callable[[], Model]
    by_openvino: Callable[[ComputedIn, int, int], Model]
    work: Callable[[], Callable[[Model], object]]
    batches: Sequence[int] = (1,)
    by_compiling: Callable[[], tuple[Model, str]] | None = None


def chosen(model: Any, inference: Inference, choices: Choices[Model]) -> Running[Model]:
    """The model, computed by the library that was asked for, or by the one that is the fastest here.

    Args:
        model: The model of torch. Its precision is set; where another library computes, it goes to the processor.
        inference: What was asked for.
        choices: How else it can be computed.

    Raises:
        ValueError: The library is not installed, it or the processor does not know the precision, or int8 has no
            frames to choose its numbers by.
    """
    runtime = inference.named_runtime()
    if inference.precision == "int8":
        require_typical(inference)
        runtime = "openvino"
    if runtime == "onnx":
        require_float32(inference)
        model.to("cpu")
        return Running(choices.by_onnx(), Computing("onnx", "float32"))
    if runtime == "openvino":
        require_openvino()
        model.to("cpu")
    if model.device.type != "cpu":
        model.precision = "float32" if inference.precision == "float32" else "auto"
        return _by_torch(model, runtime, choices)
    precision: ComputedIn = "int8" if inference.precision == "int8" else computed_in(inference.precision)
    model.precision = _named(precision)
    if runtime in ("torch", "compiled") or not has_openvino():
        return _by_torch(model, runtime, choices)
    ways = {
        f"openvino {threads} {batch}": _openvino_way(choices, precision, threads, batch)
        for threads in thread_counts()
        for batch in choices.batches
    }
    if runtime == "auto":
        ways |= {f"torch {one}": _torch_way(model, choices, one) for one in {"float32", precision}}
    best = fastest(f"{choices.name}-{precision}-{runtime}", ways).split()
    if best[0] == "torch":
        model.precision = _named(best[1])
        return Running(model, by_torch(model, measured=True))
    by = choices.by_openvino(precision, int(best[1]), int(best[2]))
    return Running(by, Computing("openvino", precision, measured=runtime == "auto"))


def _by_torch(model: Any, runtime: str, choices: Choices[Model]) -> Running[Model]:
    if runtime != "compiled" or choices.by_compiling is None:
        return Running(model, by_torch(model))
    by, note = choices.by_compiling()
    return Running(by, by_torch(model, note=note))


def _named(precision: str) -> Precision:
    return "auto" if precision == "bf16" else "float32"


def _openvino_way(choices: Choices[Model], precision: ComputedIn, threads: int, batch: int) -> Callable[[], Way]:
    def prepare() -> Way:
        by, work = choices.by_openvino(precision, threads, batch), choices.work()
        return lambda: work(by)

    return prepare


def _torch_way(model: Any, choices: Choices[Model], precision: str) -> Callable[[], Way]:
    def prepare() -> Way:
        work = choices.work()

        def look() -> object:
            model.precision = _named(precision)
            return work(model)

        return look

    return prepare
