"""Any model that finds people, by the format that its file names."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from detection.checkpoints import FORMAT as JOINT
from detection.checkpoints import load_model
from detection.model import PersonModel
from detection.published.coco_detector import FORMAT as DETECTOR
from detection.published.coco_detector import CocoDetector, load_coco_detector
from detection.published.seqnet import FORMAT as SEQNET
from detection.published.seqnet import load_seqnet
from reid.runs.weight_files import read_any_header

_MADE_BY = "`train joint` or `models import`"
_PERSON_MODELS: Mapping[str, Callable[..., Any]] = {JOINT: load_model, SEQNET: load_seqnet}


def load_person_model(path: Path | str, *, device: torch.device | str | None = None) -> PersonModel:
    """A model that finds people and embeds them, in evaluation mode: a joint model of this project, or SeqNet.

    Args:
        path: The file, or the folder of a run.
        device: Where it goes; None takes the GPU when there is one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds something else, or is damaged.
    """
    header = read_any_header(path, tuple(_PERSON_MODELS), made_by=_MADE_BY)
    model: PersonModel = _PERSON_MODELS[header["format"]](path, device=device)
    return model


def load_any_detector(path: Path | str, *, device: torch.device | str | None = None) -> PersonModel | CocoDetector:
    """What finds people, in evaluation mode: a model of `load_person_model`, or an imported detector.

    Args:
        path: The file, or the folder of a run.
        device: Where it goes; None takes the GPU when there is one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds something else, or is damaged.
    """
    header = read_any_header(path, (*_PERSON_MODELS, DETECTOR), made_by=_MADE_BY)
    if header["format"] == DETECTOR:
        return load_coco_detector(path, device=device)
    return load_person_model(path, device=device)
