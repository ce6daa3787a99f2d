"""Model files: safetensors with the structure in their header, so that a file alone rebuilds its model, safely."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.precision import default_device

FORMAT = "personsearch-joint-1"


def save_model(
    path: Path, model: PersonSearchRCNN, *, notes: Mapping[str, object] | None = None, half: bool = False
) -> None:
    """Write a joint model, whole or not at all: an interrupted write leaves the file that was there before.

    Args:
        path: the file to write, usually *.safetensors.
        model: the model; its memory tables belong to training and are not written.
        notes: anything worth knowing later (data, seed, command), JSON-able.
        half: store float16, half the size, with a rounding of about 1e-3 in each weight.
    """
    state = {}
    for name, value in model.state_dict().items():
        value = value.detach().cpu().contiguous()
        state[name] = value.half() if half and value.is_floating_point() else value
    header = {
        "format": FORMAT,
        "detector": json.dumps(dataclasses.asdict(model.detector_config)),
        "embedding": json.dumps(dataclasses.asdict(model.embedding_config)),
        "notes": json.dumps(dict(notes or {})),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        save_file(state, unfinished, metadata=header)
    except SafetensorError as error:
        raise OSError(f"{unfinished} could not be written ({error}); is the disk full?") from None
    unfinished.replace(path)


def load_model(path: Path | str, *, device: torch.device | str | None = None) -> PersonSearchRCNN:
    """The model of a file, in evaluation mode; on the GPU when there is one and no device is named.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a joint model of this project, or is damaged.
    """
    path = _model_file(path)
    header = read_header(path)
    try:
        model = PersonSearchRCNN(
            DetectorConfig(**json.loads(header["detector"])), EmbeddingConfig(**json.loads(header["embedding"]))
        )
        with safe_open(str(path), framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        model.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{path} does not fit this version of the project ({reason}); use the version that wrote it"
        ) from None
    model.to(default_device() if device is None else torch.device(device)).to(memory_format=torch.channels_last)
    return model.eval()


def read_header(path: Path | str) -> dict[str, str]:
    """The header of a model file: format, detector, embedding and notes, the last three JSON texts.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a joint model of this project.
    """
    path = _model_file(path)
    if not path.is_file():
        raise FileNotFoundError(f"model {path} does not exist; give the model.safetensors of a run of `train joint`")
    try:
        with safe_open(str(path), framework="pt") as file:
            header = dict(file.metadata() or {})
    except SafetensorError as error:
        raise ValueError(f"{path} is no readable safetensors file ({error}); copy it again or train it anew") from None
    if header.get("format") != FORMAT:
        raise ValueError(
            f"{path} has format {header.get('format')!r}, expected {FORMAT!r}: a file written by `train joint`"
        )
    return header


def fingerprint(model: PersonSearchRCNN) -> str:
    """16 hexadecimal digits that two models share only if their weights and structure are equal.

    A gallery stores it, so that a probe is never compared with embeddings of another model.
    """
    digest = hashlib.sha256(repr((model.detector_config, model.embedding_config)).encode())
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _model_file(path: Path | str) -> Path:
    path = Path(path)
    return path / "model.safetensors" if path.is_dir() else path
