"""Which library computes the networks, and how precisely: settings alone, which cost nothing to import."""

import os
from dataclasses import dataclass
from typing import Literal, get_args

RuntimeName = Literal["auto", "torch", "openvino", "onnx"]

PrecisionName = Literal["auto", "float32", "bf16"]

LibraryName = Literal["torch", "openvino", "onnx"]

ComputedIn = Literal["float32", "bf16"]

VARIABLE = "PERSONSEARCH_RUNTIME"
"""The variable of the environment that says which library computes where a command is not told."""


@dataclass(frozen=True)
class Inference:
    """Which library computes the networks, and how precisely.

    Args:
        runtime: What computes the networks. OpenVINO does so on a processor, mostly in less time than torch does. auto
            takes OpenVINO where it is installed and was measured to be faster with these models on this machine; the
            first run measures for some seconds. onnx is ONNX Runtime, which computes in float32, as the files do that
            `models export-onnx` writes.
        precision: How precisely the networks compute: float32, or bf16 where the processor knows it, which takes about
            half the time. auto is bf16 where the processor knows it.

    Raises:
        ValueError: One of them is unknown.
    """

    runtime: RuntimeName = "auto"
    precision: PrecisionName = "auto"

    def __post_init__(self) -> None:
        if self.runtime not in get_args(RuntimeName):
            raise ValueError(f"runtime {self.runtime!r}, expected one of {', '.join(get_args(RuntimeName))}")
        if self.precision not in get_args(PrecisionName):
            raise ValueError(f"precision {self.precision!r}, expected one of {', '.join(get_args(PrecisionName))}")

    def named_runtime(self) -> RuntimeName:
        """The runtime; where it is auto, the one that the variable PERSONSEARCH_RUNTIME of the environment names.

        Raises:
            ValueError: The variable names none.
        """
        named = os.environ.get(VARIABLE, "auto")
        for one in get_args(RuntimeName):
            if named == one:
                return one if self.runtime == "auto" else self.runtime
        raise ValueError(f"{VARIABLE} is {named!r}, expected one of {', '.join(get_args(RuntimeName))}")


BY_TORCH = Inference("torch")
"""By torch, in the precision that models have by themselves."""
