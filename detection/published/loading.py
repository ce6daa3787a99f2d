"""Any model that finds people, by the format that its file names."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from detection.checkpoints import FORMAT as JOINT
from detection.checkpoints import load_model
from detection.model import PersonModel
from detection.published.coco_detector import FORMAT as DETECTOR
from detection.published.coco_detector import CocoDetector, load_coco_detector
from detection.published.nae import Nae
from detection.published.oim import Oim
from detection.published.published_joint import load_published
from detection.published.seqnet import SeqNet
from reid.runs.weight_files import read_any_header

_MADE_BY = "`train joint` or `models import`"
PUBLISHED = tuple(kind.file_format for kind in (SeqNet, Nae, Oim))
"""The formats of the joint models that others have published."""

_PERSON_MODELS: Mapping[str, Callable[..., Any]] = {
    JOINT: load_model,
    **{kind.file_format: partial(load_published, kind) for kind in (SeqNet, Nae, Oim)},
}


def load_person_model(path: Path | str, *, device: torch.device | str | None = None) -> PersonModel:
    """A model that finds people and embeds them, in evaluation mode: a joint model of this project, SeqNet, NAE or OIM.

    Args:
        path: The file, or the folder of a run.
        device: Where it goes; None takes the GPU when there is one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds something else, or is damaged.
    """
    return loader_of(path)(path, device=device)


def loader_of(path: Path | str) -> Callable[..., PersonModel]:
    """What `load_person_model` calls for a file, with the same arguments.

    Args:
        path: The file, or the folder of a run.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds something else, or is damaged.
    """
    return _PERSON_MODELS[read_any_header(path, tuple(_PERSON_MODELS), made_by=_MADE_BY)["format"]]


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
