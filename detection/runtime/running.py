"""What finds people, by the library that was asked for or by the one that is the fastest on this machine."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from detection.checkpoints import FORMAT, load_model
from detection.detections import Detections
from detection.joint import PersonSearchRCNN
from detection.model import PeopleFinder, PersonModel
from detection.published.loading import load_any_detector
from detection.published.loading import loader_of as loader_by_torch
from detection.runtime.joint import compiled_joint
from detection.runtime.onnx_joint import OnnxJoint
from detection.runtime.torch_joint import compiled_by_torch_joint
from detection.runtime.whole import STRIDE
from reid.runs.weight_files import is_model_file, model_file
from reid.runtime.choosing import Choices, chosen
from reid.runtime.computing import Running, by_torch
from reid.runtime.settings import Inference

MEASURED_FRAMES = 2
"""So many frames of noise are looked at to measure; each way looks at one after another, or at both at once."""


def loader_of(path: Path | str) -> Callable[..., PersonModel]:
    """What loads a model that finds people and embeds them, in evaluation mode: called with the path and a device.

    Args:
        path: The file, or the folder of a run.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds something else, or is damaged.
    """
    return load_model if is_model_file(model_file(path), FORMAT) else loader_by_torch(path)


def running(path: Path | str, model: Any, inference: Inference) -> Running[PersonModel]:
    """A model that was loaded, by the library that was asked for.

    Args:
        path: The file that it was loaded from.
        model: What `loader_of` loaded.
        inference: What was asked for. Models that others have published are computed by torch.

    Raises:
        ValueError: The library cannot compute it, or is not installed.
    """
    if is_model_file(model_file(path), FORMAT):
        return running_joint(model, inference)
    require_torch(path, inference)
    return Running(cast(PersonModel, model), by_torch(model))


def load_detector(
    path: Path | str, inference: Inference, *, device: torch.device | str | None = None
) -> Running[PeopleFinder]:
    """What finds people, by the library that was asked for: a model of `loader_of`, or an imported detector.

    Args:
        path: The file, or the folder of a run.
        inference: What was asked for. Detectors of torchvision are computed by torch.
        device: Where the model goes; None takes the GPU when there is one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds something else, or the library cannot compute it, or is not installed.
    """
    if is_model_file(model_file(path), FORMAT):
        joint, computing = running_joint(load_model(path, device=device), inference)
        return Running(BoxesAlone(joint), computing)
    detector: Any = load_any_detector(path, device=device)
    require_torch(path, inference)
    return Running(detector, by_torch(detector))


class BoxesAlone(nn.Module):
    """A joint model that finds people and embeds nobody.

    Args:
        model: The joint model, whatever computes it.
    """

    def __init__(self, model: PersonModel) -> None:
        super().__init__()
        self.model: Any = model

    @property
    def least_confidence(self) -> float:
        """The confidence below which `detect` returns nobody."""
        return float(self.model.least_confidence)

    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Finds everybody in each image [3, H, W] in [0, 1], the most confident first, without embeddings."""
        found: list[Detections] = self.model.detect(images, embeds=False)
        return found


def require_torch(path: Path | str, inference: Inference) -> None:
    """Refuses a library that cannot compute a model which others have published.

    Args:
        path: The model's file or name.
        inference: What was asked for.

    Raises:
        ValueError: Something else than torch was asked for, or another precision than the model's own.
    """
    if inference.runtime not in ("auto", "torch"):
        raise ValueError(
            f"--runtime {inference.runtime} computes models of `train joint` and crop models, and {path} is a model "
            "that others have published; leave --runtime out"
        )
    if inference.precision != "auto":
        raise ValueError(
            f"--precision {inference.precision} is for models of `train joint` and crop models, and {path} is a model "
            "that others have published; leave --precision out"
        )


def running_joint(model: PersonSearchRCNN, inference: Inference) -> Running[PersonModel]:
    """The joint model, computed by the library that was asked for, or by the one that is the fastest here.

    Args:
        model: The joint model. Its precision is set.
        inference: What was asked for.

    Raises:
        ValueError: The library is not installed, or the processor does not know the precision.
    """

    def work() -> Callable[[PersonModel], object]:
        frames = _noise(model)
        return lambda by: by.detect(frames)

    return chosen(
        model,
        inference,
        Choices[PersonModel](
            f"joint-{model.fingerprint()}",
            lambda: OnnxJoint(model),
            lambda precision, threads, batch: compiled_joint(model, precision, threads, batch, inference.typical),
            work,
            batches=(1, MEASURED_FRAMES),
            by_compiling=lambda: _compiled(model),
        ),
    )


def _compiled(model: PersonSearchRCNN) -> tuple[PersonModel, str]:
    """The model with a trunk that torch has compiled, for frames of 16 to 9, and what came of it in words."""
    config = model.detector_config
    scale = min(config.min_size / 9, config.max_size / 16)
    height, width = (STRIDE * math.ceil(round(side * scale) / STRIDE) for side in (9, 16))
    found, by, failed = compiled_by_torch_joint(model, (height, width))
    said = f"compiled to {by}" if by else "not compiled, as that failed"
    return found, "; ".join([said, *failed])


def _noise(model: PersonSearchRCNN) -> list[torch.Tensor]:
    """Frames [3, H, W] of noise, in the size in which the network takes wide frames."""
    config = model.detector_config
    height = config.min_size
    width = min(config.max_size, round(height * 16 / 9))
    return list(torch.rand(MEASURED_FRAMES, 3, height, width, generator=torch.Generator().manual_seed(0)))
