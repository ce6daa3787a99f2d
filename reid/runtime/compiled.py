"""Networks of torch, converted and compiled by OpenVINO for a processor."""

import contextlib
import functools
import importlib
import importlib.util
import logging
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from datasets.files import whole_file
from reid.devices import has_bfloat16
from reid.runtime.kept import VERSION, kept_folder
from reid.runtime.settings import ComputedIn, Inference, PrecisionName

_log = logging.getLogger(__name__)

_REPORTER = "openvino_telemetry"
"""The library by which OpenVINO reports to its makers."""

_HINTS = {"float32": "f32", "bf16": "bf16"}


def has_openvino() -> bool:
    """Says whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None


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


def computed_in(precision: PrecisionName) -> ComputedIn:
    """Gives the precision that networks compute in on this processor.

    Args:
        precision: What was asked for; "auto" is bf16 where the processor computes it itself.

    Raises:
        ValueError: bf16 was asked for, and the processor does not know it.
    """
    known = has_bfloat16(torch.device("cpu"))
    if precision == "bf16" and not known:
        raise ValueError("--precision bf16 is asked for, but this processor computes no bf16; leave --precision out")
    return "bf16" if known and precision != "float32" else "float32"


@dataclass(frozen=True, eq=False)
class Source:
    """A network to compile.

    Args:
        module: The network of torch in evaluation mode, on the processor; it takes tensors and gives a tuple of them.
        examples: Tensors that it can be called with.
        free: For each of them the axes that may have any length; the others keep the example's.
        name: A name for the file that keeps the converted network: two networks of one name are the same.
    """

    module: nn.Module
    examples: tuple[Tensor, ...]
    free: Sequence[Sequence[int]]
    name: str


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
        precision: What it computes in. OpenVINO chooses for itself where it is not told.
        threads: How many threads compute, 1 or more.
    """
    options = {"INFERENCE_PRECISION_HINT": _HINTS[precision], "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    return Network(_core().compile_model(_kept(source), "CPU", options))


@functools.cache
def silent_openvino() -> Any:
    """OpenVINO, imported so that it reports nothing.

    As it is, its import alone forks this process and tells its makers over the network that it was used. What does
    that is a library of its own; where it cannot be imported, OpenVINO puts a stand-in in its place.
    """
    known = sys.modules.get(_REPORTER)
    sys.modules[_REPORTER] = None  # type: ignore[assignment]
    try:
        openvino = importlib.import_module("openvino")
        importlib.import_module("openvino.frontend.pytorch.ts_decoder")
    finally:
        del sys.modules[_REPORTER]
        if known is not None:
            sys.modules[_REPORTER] = known
    return openvino


@functools.cache
def _core() -> Any:
    return silent_openvino().Core()


def _kept(source: Source) -> Any:
    """The converted network, from the user's cache where it is there."""
    try:
        path = kept_folder() / f"{source.name}-{version('openvino')}-{VERSION}.xml"
    except RuntimeError:  # a user without a home
        return _converted(source)
    if path.is_file():
        try:
            return _core().read_model(path)
        except RuntimeError as error:
            _log.debug("%s cannot be read and is made anew: %s", path, error)
    network = _converted(source)
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
