"""Which library computes the networks, and how precisely: settings alone, which cost nothing to import."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

RuntimeName = Literal["auto", "torch", "compiled", "openvino", "onnx"]

PrecisionName = Literal["auto", "float32", "bf16", "int8"]

LibraryName = Literal["torch", "openvino", "onnx"]

ComputedIn = Literal["float32", "bf16", "int8"]

VARIABLE = "PERSONSEARCH_RUNTIME"
"""The variable of the environment that says which library computes where a command is not told."""


@dataclass(frozen=True)
class TypicalFrames:
    """Frames like those that will be looked at: by them the range of 8-bit numbers is chosen.

    Args:
        name: What stands for the footage in the name of a file: a network is made once for each name.
        read: Reads the frames, (H, W, 3) uint8 RGB each, at most 300. It is called where no network is kept yet.
    """

    name: str
    read: "Callable[[], Sequence[NDArray[np.uint8]]]"


@dataclass(frozen=True)
class Inference:
    """Which library computes the networks, and how precisely.

    Args:
        runtime: What computes the networks. OpenVINO does so on a processor, mostly in less time than torch does. auto
            takes OpenVINO where it is installed and was measured to be faster with these models on this machine; the
            first run measures for some seconds. compiled is torch that compiles the trunk of a joint model, for
            graphics cards, which takes up to some minutes at the start; where that fails torch computes as ever. onnx
            is ONNX Runtime, which computes in float32, as the files do that `models export-onnx` writes.
        precision: How precisely the networks compute: float32, or bf16 where the processor knows it, which takes about
            half the time. auto is bf16 where the processor knows it. int8 has OpenVINO compute what sees the frames in
            8-bit numbers; what judges boxes and embeds people computes as under auto.
        typical: The frames that the range of 8-bit numbers is chosen by, which int8 needs.

    Raises:
        ValueError: One of them is unknown.
    """

    runtime: RuntimeName = "auto"
    precision: PrecisionName = "auto"
    typical: TypicalFrames | None = None

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
