"""Model files: safetensors with the structure in their header, so that a file alone rebuilds its model, safely."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError

from detection.joint import PersonSearchRCNN
from detection.settings import DetectorConfig, EmbeddingConfig
from reid.devices import default_device
from reid.runs.weight_files import NoChance, model_file, read_weight_header, read_weights, write_weights

FORMAT = "personsearch-joint-1"


def save_model(
    path: Path, model: PersonSearchRCNN, *, notes: Mapping[str, object] | None = None, half: bool = False
) -> None:
    """Writes a joint model, whole or not at all: an interrupted write leaves the file that was there before.

    Args:
        path: The file to write, usually *.safetensors.
        model: The model. Its memory tables belong to training and are not written.
        notes: Anything worth knowing later (data, seed, command), JSON-able.
        half: Whether to store float16, half the size, with a rounding of about 1e-3 in each weight.
    """
    header = {
        "format": FORMAT,
        "detector": json.dumps(dataclasses.asdict(model.detector_config)),
        "embedding": json.dumps(dataclasses.asdict(model.embedding_config)),
        "notes": json.dumps(dict(notes or {})),
    }
    write_weights(path, model, header, half=half)


def load_model(path: Path | str, *, device: torch.device | str | None = None) -> PersonSearchRCNN:
    """Loads the model of a file, in evaluation mode.

    Args:
        path: The file, or the directory of a run.
        device: Where the model goes; None takes the GPU when there is one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a joint model of this project, or is damaged.
    """
    path = model_file(path)
    header = read_header(path)
    try:
        detector = DetectorConfig(**json.loads(header["detector"]))
        embedding = EmbeddingConfig(**json.loads(header["embedding"]))
        with NoChance():
            model = PersonSearchRCNN(detector, embedding)
        model.load_state_dict(read_weights(path))
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{path} does not fit this version of the project ({reason}); use the version that wrote it"
        ) from None
    model.to(default_device() if device is None else torch.device(device)).to(memory_format=torch.channels_last)
    return model.eval()


def read_header(path: Path | str) -> dict[str, str]:
    """Reads the header of a model file: format, detector, embedding and notes, the last three as JSON texts.

    Args:
        path: The file, or the directory of a run.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a joint model of this project.
    """
    return read_weight_header(path, FORMAT, made_by="train joint")
