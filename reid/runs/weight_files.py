"""Model files: safetensors with the structure in their header, so that a file alone rebuilds its model, safely."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from datasets.files import whole_file
from reid.runs.files import MODEL_FILE

_DRAWN = {torch.Tensor.normal_, torch.Tensor.uniform_, nn.init.kaiming_uniform_, nn.init.normal_, nn.init.uniform_}
"""What the layers of torch and torchvision fill their weights with chance by."""


_BRING_MODELS = ("detection", "reid")
"""The packages that bring model files."""


class NoChance(TorchFunctionMode):
    """Within it, layers begin with zeros instead of chance, because all weights are read from a file afterwards.

    Drawing a ResNet-18's weights takes longer than reading them. Only for models whose whole state is loaded then.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Called by torch for every operation within."""
        named = dict(kwargs or {})
        if func not in _DRAWN:
            return func(*args, **named)
        with torch.no_grad():
            return (*args, *named.values())[0].zero_()


def write_weights(path: Path, model: nn.Module, header: Mapping[str, str], *, half: bool = False) -> None:
    """Write a model's state, whole or not at all: an interrupted write leaves the file that was there before.

    Args:
        path: The file to write, usually *.safetensors.
        model: The model, whose parameters and buffers are written.
        header: What the file keeps beside the weights; its entry "format" names what the file holds.
        half: Whether float16 is stored, which halves the size and rounds each weight by about a thousandth.

    Raises:
        OSError: The file could not be written.
    """
    state = {}
    for name, value in model.state_dict().items():
        value = value.detach().cpu().contiguous()
        state[name] = value.half() if half and value.is_floating_point() else value
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with whole_file(path) as unfinished:
            save_file(state, unfinished, metadata=dict(header))
    except SafetensorError as error:
        raise OSError(f"{path} could not be written ({error}); is the disk full?") from None


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a model file, on the processor."""
    with safe_open(str(path), framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping


def read_weight_header(path: Path | str, format_name: str, *, made_by: str) -> dict[str, str]:
    """The header of a model file; a folder stands for the model.safetensors in it.

    Args:
        path: A file or the folder of a run.
        format_name: The format that the header must name.
        made_by: The command that writes such files, for the error.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds something else.
    """
    return read_any_header(path, (format_name,), made_by=f"`{made_by}`")


def read_any_header(path: Path | str, formats: Sequence[str], *, made_by: str) -> dict[str, str]:
    """The header of a model file of one of several formats; a folder stands for the model.safetensors in it.

    Args:
        path: A file or the folder of a run.
        formats: The formats of which the header must name one.
        made_by: The commands that write such files, for the error.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds something else.
    """
    path = model_file(path)
    if not path.is_file():
        raise FileNotFoundError(f"model {path} does not exist; give the model.safetensors of a run of {made_by}")
    try:
        with safe_open(str(path), framework="pt") as file:
            header = dict(file.metadata() or {})
    except SafetensorError as error:
        raise ValueError(f"{path} is no readable safetensors file ({error}); copy it again or train it anew") from None
    if header.get("format") not in formats:
        expected = " or ".join(map(repr, formats))
        raise ValueError(
            f"{path} has format {header.get('format')!r}, expected {expected}: a file written by {made_by}"
        )
    return header


@torch.no_grad()
def average_weights(model: nn.Module, other: nn.Module, share: float) -> None:
    """Moves a model's weights towards those of another one that it was trained from, or that began where it began.

    Such an average often knows new places better than either (Wortsman et al., "Robust fine-tuning of zero-shot
    models", CVPR 2022). Models that began apart have no common average, and lose what they know.

    Args:
        model: The model, which is changed: its parameters and buffers become (1 - share) of its own and share of the
            other's. Whole numbers, such as BatchNorm's count of batches, stay its own.
        other: A model of the same structure.
        share: What the other counts, from 0 to 1.

    Raises:
        ValueError: The share is not from 0 to 1, or the other has another structure.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share of the other model is {share:g}, expected 0 to 1")
    state, weights = model.state_dict(), other.state_dict()
    shapes, others = ({name: value.shape for name, value in one.items()} for one in (state, weights))
    if shapes != others:
        raise ValueError(
            "the two models have different structures, expected an earlier or later state of the same training"
        )
    for name, value in state.items():
        if value.is_floating_point():
            value.copy_((1 - share) * value.double() + share * weights[name].double())


def state_fingerprint(structure: str, model: nn.Module) -> str:
    """16 hexadecimal digits that two models share only if their weights and structure are equal.

    Args:
        structure: The structure in words, as JSON for example.
        model: The model, whose parameters and buffers count.
    """
    digest = hashlib.sha256(structure.encode())
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def model_file(path: Path | str) -> Path:
    """The file itself, the model.safetensors in the folder of a run, or the file that comes with a package.

    >>> model_file("reid/people").name
    'people.safetensors'

    Args:
        path: A file, the folder of a run, or a name that `personsearch models list` prints, such as reid/people.
    """
    path = Path(path)
    if path.is_dir():
        return path / MODEL_FILE
    if path.exists() or len(path.parts) != 2 or path.parts[0] not in _BRING_MODELS:
        return path
    shipped = Path(str(files(path.parts[0]))) / "weights" / f"{path.name}.safetensors"
    return shipped if shipped.is_file() else path


def is_model_file(path: Path | str, format_name: str) -> bool:
    """Whether this is a folder, or a file whose header names a format.

    Args:
        path: A file or the folder of a run.
        format_name: The format.
    """
    path = Path(path)
    if path.is_dir():
        return True
    if path.suffix != ".safetensors" or not path.is_file():
        return False
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return format_name.encode() in file.read(min(length, 1 << 20))
