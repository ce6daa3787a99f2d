"""Published weights: torchvision's own, downloaded once, or a file in torchvision's structure."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models import WeightsEnum


def download_weights(known: Mapping[str, WeightsEnum], weights: str, backbone: str) -> dict[str, Tensor]:
    """The state dict of torchvision's weights, from torch's cache or over the network.

    Args:
        known: The weights of each backbone that has some.
        weights: The name of the weights, for the errors.
        backbone: The backbone whose weights are wanted.

    Raises:
        ConnectionError: The weights are not in the cache and cannot be downloaded.
        ValueError: There are none of this backbone.
    """
    if backbone not in known:
        raise ValueError(f"torchvision has no {weights} weights of {backbone}, expected one of {', '.join(known)}")
    try:
        return dict(known[backbone].get_state_dict(progress=True, check_hash=True))
    except OSError as error:
        raise ConnectionError(
            f"weights {weights!r} of {backbone} could not be downloaded ({error}); connect to the network once, "
            f"or give a file: --weights PATH, or train from nothing: --weights none"
        ) from None


def read_weight_file(weights: str) -> dict[str, Tensor]:
    """The state dict of a .pth or .safetensors file.

    Args:
        weights: The file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or holds something else.
    """
    path = Path(weights)
    if not path.is_file():
        raise FileNotFoundError(f"weights {weights} is no file, expected none, imagenet, coco or a .pth/.safetensors")
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"weights {weights} cannot be read as plain tensors ({reason})") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"weights {weights} holds no plain state dict, expected names with tensors")
    return state


def is_classifier(state: Mapping[str, Tensor]) -> bool:
    """Says whether weights are those of a classifier, as torchvision's of ImageNet are, and not of a detector.

    Args:
        state: Names and tensors; torchvision's detectors have a part called "backbone", its classifiers have none.
    """
    return not any(name.startswith("backbone.") for name in state)


def trunk_of_classifier(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leaves the layers that classify out of a classifier's weights, and names the others as its trunk does.

    Args:
        state: Names and tensors of torchvision's classifier. A ResNet classifies with "fc", the others with
            "classifier" or "head" and all that stands beside their "features".

    Returns:
        Names, without "features." in front, and tensors.

    Example:
        >>> weight = torch.zeros(1)
        >>> sorted(trunk_of_classifier({"features.0.weight": weight, "classifier.1.weight": weight}))
        ['0.weight']
        >>> sorted(trunk_of_classifier({"conv1.weight": weight, "fc.weight": weight}))
        ['conv1.weight']
    """
    trunk = {name.removeprefix("features."): value for name, value in state.items() if name.startswith("features.")}
    return trunk or {name: value for name, value in state.items() if not name.startswith("fc.")}
