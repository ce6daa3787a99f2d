"""Reading a published checkpoint safely: tensors alone, whatever else was stored beside them is named and left."""

import hashlib
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

_WRAPPERS = ("state_dict", "model", "net", "network", "model_state_dict")
"""Names under which training programs store the weights, beside the state of their optimizer and other things."""

_PREFIXES = ("module.", "model.")
"""What several processes, or a module around the network, write in front of every name."""

_SCALAR = np._core.multiarray.scalar  # type: ignore[attr-defined]
_NUMBERS = [
    _SCALAR,
    (_SCALAR, "numpy.core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "bool")),
]
"""NumPy's numbers, which training programs store as the best figure so far; they are values and run nothing."""


@dataclass(frozen=True)
class PublishedFile:
    """The weights of a published checkpoint.

    Args:
        path: The file.
        state: Name -> tensor, without what several processes write in front of every name.
        beside: What was stored beside the weights and is not read, such as "optimizer".
        sha256: The hash of the file, 64 hexadecimal digits.
    """

    path: Path
    state: Mapping[str, Tensor]
    beside: tuple[str, ...]
    sha256: str


def read_published(path: Path) -> PublishedFile:
    """The weights of a .pth or .safetensors file. Nothing in the file is executed.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, holds objects other than tensors and plain values, or holds no weights.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file, expected a published checkpoint (.pth, .pt, .tar or .safetensors)")
    content = _content(path)
    beside: list[str] = []
    while not _is_state(content):
        inner = next((name for name in _WRAPPERS if isinstance(content.get(name), Mapping)), None)
        if inner is None:
            found = ", ".join(map(str, list(content)[:5])) or "nothing"
            raise ValueError(
                f"{path} holds no weights by name: it has {found}; expected a state dict, or one under "
                f"{', '.join(_WRAPPERS)}"
            )
        beside += [str(name) for name in content if name != inner]
        content = content[inner]
    state = dict(content)
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return PublishedFile(path, state, tuple(beside), digest)


def _content(path: Path) -> Mapping[str, Any]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(_NUMBERS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f" ({named[1]})" if named else ""
        raise ValueError(
            f"{path} holds Python objects{what} beside its weights, which could run programs of a stranger and are not "
            "loaded; where you trust its source, load it there and write the weights alone: "
            "torch.save(model.state_dict(), 'weights.pth')"
        ) from None
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise ValueError(f"{path} cannot be read as a checkpoint ({reason}); copy or download it again") from None
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} holds {type(content).__name__}, expected weights by name: a state dict")
    return content


def _is_state(content: Mapping[str, Any]) -> bool:
    return bool(content) and all(isinstance(value, Tensor) for value in content.values())
