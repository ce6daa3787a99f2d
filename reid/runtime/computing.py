"""What computes a model: which library, how precisely and where, and how that is said to people."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from torch import nn

from reid.devices import has_bfloat16
from reid.runtime.settings import ComputedIn, LibraryName

Model = TypeVar("Model")

_LIBRARIES = {"torch": "PyTorch", "openvino": "OpenVINO", "onnx": "ONNX Runtime"}
_NUMBERS = {"float32": "32-bit numbers (float32)", "bf16": "16-bit numbers (bf16)", "int8": "8-bit numbers (int8)"}
_DEVICES = {"cpu": "the processor", "cuda": "the GPU"}


@dataclass(frozen=True)
class Computing:
    """What computes a model.

    >>> Computing("openvino", "bf16").words()
    'by OpenVINO on the processor in 16-bit numbers (bf16)'

    Args:
        library: The library.
        precision: The form of the numbers that most of the network is computed in.
        device: The kind of device, as torch calls it: "cpu" or "cuda".
        measured: Whether this was measured to be the fastest of several ways on this machine.
        note: What else is to be said of it, in words, "" where there is nothing.
    """

    library: LibraryName
    precision: ComputedIn
    device: str = "cpu"
    measured: bool = False
    note: str = ""

    def words(self) -> str:
        """The same as the end of a sentence."""
        where = _DEVICES.get(self.device, self.device)
        note = f" ({self.note})" if self.note else ""
        return f"by {_LIBRARIES[self.library]} on {where} in {_NUMBERS[self.precision]}{note}"

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them."""
        return asdict(self)


class Running(NamedTuple, Generic[Model]):
    """A model that is ready to compute.

    Args:
        model: The model.
        computing: What computes it.
    """

    model: Model
    computing: Computing


def by_torch(network: nn.Module, *, measured: bool = False, note: str = "") -> Computing:
    """How torch computes a network, in the precision that the network has chosen.

    Args:
        network: A network with weights. If it has no attribute `precision`, it computes in float32.
        measured: Whether this was measured to be the fastest way.
        note: As in `Computing`.
    """
    device = next(network.parameters()).device
    halved = getattr(network, "precision", "float32") == "auto" and has_bfloat16(device)
    return Computing("torch", "bf16" if halved else "float32", device.type, measured, note)


def computing_line(parts: Mapping[str, Computing]) -> str:
    """What computes the models of a search, as a sentence for people.

    >>> fast = Computing("openvino", "bf16", measured=True)
    >>> computing_line({"detector": fast, "crop model": fast})
    'the models are computed by OpenVINO on the processor in 16-bit numbers (bf16), the fastest way measured here'

    Args:
        parts: For each model's name in words what computes it, at least one.
    """
    ways = list(parts.values())
    end = ", the fastest way measured here" if all(one.measured for one in ways) else ""
    if len(ways) > 1 and all(one == ways[0] for one in ways):
        return f"the models are computed {ways[0].words()}{end}"
    said = [f"the {name} is computed {one.words()}" for name, one in parts.items()]
    return f"{', and '.join(said)}{end}"


def computing_to_dict(parts: Mapping[str, Computing]) -> dict[str, dict[str, Any]]:
    """What computes the models of a search, as JSON knows it; arguments as of `computing_line`."""
    return {name: one.to_dict() for name, one in parts.items()}
