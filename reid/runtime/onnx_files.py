"""Networks as ONNX files: written once, and computed by ONNX Runtime."""

import importlib.util
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets.files import whole_file
from reid.runtime.kept import VERSION, kept_folder

OPSET = 17

Array = NDArray[Any]


def require_onnx(what: str) -> None:
    """Says in one line what is to be installed where ONNX or its runtime is missing.

    Args:
        what: What needs them.

    Raises:
        ValueError: One of them is missing.
    """
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"{what} needs {' and '.join(missing)}, which is not installed; `pip install 'personsearch[onnx]'` "
            "installs it"
        )


@dataclass(frozen=True, eq=False)
class OnnxSource:
    """A network to write as an ONNX file.

    Args:
        module: The network in evaluation mode, on the processor.
        examples: Tensors that it can be called with, by the names that they have in the file.
        results: The names of what it gives.
        free: For each name the axes that may have any length, and what they are called.
        notes: What the file says about the model, JSON-able.
    """

    module: nn.Module
    examples: Mapping[str, Tensor]
    results: Sequence[str]
    free: Mapping[str, Mapping[int, str]]
    notes: Mapping[str, object]


def write_onnx(source: OnnxSource, file: Path) -> None:
    """Writes a network as an ONNX file, whole or not at all.

    Args:
        source: The network.
        file: The file; its folder must exist.

    Raises:
        ValueError: onnx is not installed.
        OSError: The file cannot be written.
    """
    require_onnx("an ONNX file")
    import onnx

    with whole_file(file) as unfinished:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer speaks to programmers
            torch.onnx.export(
                source.module,
                tuple(source.examples.values()),
                unfinished,
                dynamo=False,
                opset_version=OPSET,
                input_names=list(source.examples),
                output_names=list(source.results),
                dynamic_axes={name: dict(axes) for name, axes in source.free.items()},
            )
        written = onnx.load(str(unfinished))
        onnx.helper.set_model_props(written, {name: json.dumps(value) for name, value in source.notes.items()})
        onnx.checker.check_model(written)
        onnx.save(written, str(unfinished))


class OnnxNetwork:
    """An ONNX file that ONNX Runtime computes on the processor. Several threads may call it.

    Args:
        file: The file.
        threads: How many threads compute, 1 or more.
    """

    def __init__(self, file: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def __call__(self, **inputs: Array) -> list[Array]:
        """Gives the results of inputs by their names, in the file's order."""
        return [np.asarray(one) for one in self._session.run(None, inputs)]


def kept_onnx(source: OnnxSource, name: str) -> OnnxNetwork:
    """The network by ONNX Runtime; its file is written once and kept in the user's cache.

    Args:
        source: The network.
        name: A name for the file: two networks of one name are the same.

    Raises:
        ValueError: onnx or onnxruntime is not installed.
        OSError: The file cannot be written.
    """
    require_onnx("--runtime onnx")
    file = kept_folder() / f"{name}-{version('torch')}-{VERSION}.onnx"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_onnx(source, file)
    return OnnxNetwork(file, torch.get_num_threads())
