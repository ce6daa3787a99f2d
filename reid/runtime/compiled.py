"""Networks of torch, converted and compiled by OpenVINO for a processor."""

import contextlib
import functools
import logging
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from datasets.files import whole_file
from reid.devices import has_bfloat16
from reid.runtime.eight_bits import quantized
from reid.runtime.kept import VERSION, kept_folder
from reid.runtime.settings import ComputedIn, Inference, PrecisionName
from reid.runtime.silent import has_openvino, silent_openvino

_log = logging.getLogger(__name__)

_HINTS = {"float32": "f32", "bf16": "bf16"}


def require_openvino() -> None:
    """Says in one line what is to be installed where OpenVINO is missing.

    Raises:
        ValueError: It is missing.
    """
    if not has_openvino():
        raise ValueError(
            "--runtime openvino needs OpenVINO, which is not installed; `pip install 'personsearch[fast]'` installs it"
        )


def require_float32(inference: Inference) -> None:
    """Refuses another precision than the one in which ONNX Runtime computes.

    Args:
        inference: What was asked for.

    Raises:
        ValueError: It is another one.
    """
    if inference.precision not in ("auto", "float32"):
        raise ValueError(
            f"--precision {inference.precision} is asked for with --runtime onnx, which computes in float32; leave "
            "--precision out"
        )


def computed_in(precision: PrecisionName) -> Literal["float32", "bf16"]:
    """Gives the precision that networks compute in on this processor.

    Args:
        precision: What was asked for; "auto" is bf16 where the processor computes it itself. Of int8 it is what
            computes those layers that are not in 8-bit numbers.

    Raises:
        ValueError: bf16 was asked for, and the processor does not know it.
    """
    known = has_bfloat16(torch.device("cpu"))
    if precision == "bf16" and not known:
        raise ValueError("--precision bf16 is asked for, but this processor computes no bf16; leave --precision out")
    return "bf16" if known and precision != "float32" else "float32"


class TypicalInputs(NamedTuple):
    """Inputs of a network, by which 8-bit numbers are chosen.

    Args:
        name: What stands for them in the name of a file.
        read: Gives them, a tensor each.
        exact: Modules of the network, by their names, that keep their numbers.
    """

    name: str
    read: Callable[[], Sequence[Tensor]]
    exact: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Source:
    """A network to compile.

    Args:
        module: The network of torch in evaluation mode, on the processor; it takes tensors and gives a tuple of them.
        examples: Tensors that it can be called with.
        free: For each of them the axes that may have any length; the others keep the example's.
        name: A name for the file that keeps the converted network: two networks of one name are the same.
        typical: What 8-bit numbers are chosen by, None where there are none.
    """

    module: nn.Module
    examples: tuple[Tensor, ...]
    free: Sequence[Sequence[int]]
    name: str
    typical: TypicalInputs | None = None


class Network:
    """A compiled network. Several threads may call it.

    Args:
        compiled: What OpenVINO compiled.
    """

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._of_thread = threading.local()

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """Computes what the network of torch computes.

        Args:
            inputs: Tensors on the processor, of the types that the network was compiled for.

        Returns:
            The results. Their memory belongs to the network: this thread's next call writes over it.
        """
        request = getattr(self._of_thread, "request", None)
        if request is None:
            request = self._of_thread.request = self._compiled.create_infer_request()
        given: list[np.ndarray[Any, Any]] = [one.detach().contiguous().numpy() for one in inputs]
        request.infer(given, share_inputs=True, share_outputs=True)
        return [torch.from_numpy(request.get_output_tensor(row).data) for row in range(len(self._compiled.outputs))]


def compiled(source: Source, precision: ComputedIn, threads: int) -> Network:
    """Compiles a network; the first time it is converted, which takes a second, and kept in the user's cache.

    Args:
        source: The network.
        precision: What it computes in. OpenVINO chooses for itself where it is not told. In int8 the layers that have
            no 8-bit numbers compute in bf16 where the processor knows it.
        threads: How many threads compute, 1 or more.
    """
    if precision == "int8":
        network, hint = _in_8_bits(source), _HINTS[computed_in("auto")]
    else:
        network, hint = _kept(source.name, lambda: _converted(source)), _HINTS[precision]
    options = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    return Network(_core().compile_model(network, "CPU", options))


@functools.cache
def _core() -> Any:
    return silent_openvino().Core()


def _in_8_bits(source: Source) -> Any:
    """The network in 8-bit numbers, from the user's cache where it is there."""
    assert source.typical is not None
    name, read, exact = source.typical
    return _kept(f"{source.name}-int8-{name}-{version('nncf')}", lambda: quantized(_converted(source), read(), exact))


def _kept(name: str, make: Callable[[], Any]) -> Any:
    """A converted network, from the user's cache where it is there."""
    try:
        path = kept_folder() / f"{name}-{version('openvino')}-{VERSION}.xml"
    except RuntimeError:  # a user without a home
        return make()
    if path.is_file():
        try:
            return _core().read_model(path)
        except RuntimeError as error:
            _log.debug("%s cannot be read and is made anew: %s", path, error)
    network = make()
    try:
        _keep(network, path)
    except (OSError, RuntimeError) as error:
        _log.debug("%s is not kept: %s", path, error)
    return network


def _keep(network: Any, path: Path) -> None:
    """Write the network's two files; the one that names the other is there last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as description, whole_file(path.with_suffix(".bin")):
        silent_openvino().save_model(network, description, compress_to_fp16=False)


def _converted(source: Source) -> Any:
    """OpenVINO's network, by the front end alone: the tools around it would report what they convert."""
    openvino = silent_openvino()
    decoder = openvino.frontend.pytorch.ts_decoder.TorchScriptPythonDecoder
    with torch.no_grad(), _quietly():
        traced = decoder(source.module, example_input=source.examples, trace_kwargs={"check_trace": False})
    reader = openvino.frontend.FrontEndManager().load_by_framework("pytorch")
    network = reader.convert(reader.load(traced))
    for given, example, free in zip(network.inputs, source.examples, source.free, strict=True):
        shape = [-1 if axis in free else length for axis, length in enumerate(example.shape)]
        given.get_node().set_partial_shape(openvino.PartialShape(shape))
    network.validate_nodes_and_infer_types()
    return network


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep back what the tracer says about itself to programmers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
