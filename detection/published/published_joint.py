"""What joint models of others have in common here: a structure, a file, and the boxes that they are asked for."""

import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torchvision.ops import clip_boxes_to_image

from detection.canvas import SeesFrames
from detection.detections import Detections
from reid.devices import Precision, default_device
from reid.runs.weight_files import (
    NoChance,
    model_file,
    read_weight_header,
    read_weights,
    state_fingerprint,
    write_weights,
)


class JointConfig(Protocol):
    """What the structure of every such model says, a frozen dataclass each."""

    @property
    def dimension(self) -> int:
        """The length of an embedding."""

    @property
    def min_size(self) -> int:
        """The shorter side of the network's input in pixels."""

    @property
    def max_size(self) -> int:
        """The largest longer side of the network's input in pixels."""

    @property
    def score_threshold(self) -> float:
        """The confidence below which nobody is returned."""


Config = TypeVar("Config", bound=JointConfig)


class PublishedJoint(SeesFrames, nn.Module, ABC, Generic[Config]):
    """A joint model as others have published it, with the methods that every model of a search has.

    Args:
        config: The structure.
        precision: "auto" computes in bf16 where the device has it; "float32" never does.
    """

    program: ClassVar[str]
    """What its publishers call it."""
    file_format: ClassVar[str]
    """What the header of its files names."""
    structure: ClassVar[type]
    """The class of its structure."""

    def __init__(self, config: Config, precision: Precision = "auto") -> None:
        super().__init__()
        self.config = config
        self.precision: Precision = precision

    @property
    def embedding_dim(self) -> int:
        """The length D of an embedding."""
        return self.config.dimension

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def least_confidence(self) -> float:
        """The confidence below which `detect` returns nobody."""
        return self.config.score_threshold

    def fingerprint(self) -> str:
        """16 hexadecimal digits that two models share only if their weights and structure are equal."""
        return state_fingerprint(repr(self.config), self)

    @abstractmethod
    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Finds everybody in each image.

        Args:
            images: Each has shape [3, H, W], RGB in [0, 1]; sizes may differ.

        Returns:
            One Detections for each image, the most confident person first, with unit embeddings.
        """

    @torch.no_grad()
    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """Embeds the people in given boxes, seen in their full image as detections are.

        Args:
            images: Each has shape [3, H, W], RGB in [0, 1]; sizes may differ.
            boxes: One tensor of shape (N_i, 4) for each image, xyxy in its pixels.

        Returns:
            One float32 tensor of shape (N_i, D) for each image, its rows of unit length.

        Raises:
            ValueError: A box has no area inside its image, or there is not one set of boxes for each image.
        """
        if len(images) != len(boxes):
            raise ValueError(f"{len(images)} images but {len(boxes)} sets of boxes, expected one for each image")
        boxes = [torch.as_tensor(box, dtype=torch.float32, device=self.device).reshape(-1, 4) for box in boxes]
        for image, rows in zip(images, boxes, strict=True):
            inside = clip_boxes_to_image(rows, (int(image.shape[-2]), int(image.shape[-1])))
            if not (inside[:, 2:] > inside[:, :2]).all():
                raise ValueError(f"a box of {rows.tolist()} has no area inside its image of {tuple(image.shape[-2:])}")
        return self._embed(images, boxes) if images else []

    @abstractmethod
    def _embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """What `embed` gives, for at least one image and boxes that have been looked at."""

    def save(self, path: Path, *, notes: Mapping[str, object]) -> None:
        """Writes the model, whole or not at all.

        Args:
            path: The file, usually *.safetensors.
            notes: Anything worth knowing later, JSON-able.
        """
        config: Any = self.config
        header = {"format": self.file_format, "network": json.dumps(dataclasses.asdict(config))}
        write_weights(path, self, header | {"notes": json.dumps(dict(notes))})


Model = TypeVar("Model", bound=PublishedJoint[Any])


def load_published(kind: type[Model], path: Path | str, *, device: torch.device | str | None = None) -> Model:
    """Loads the model of a file, in evaluation mode.

    Args:
        kind: Which of the published models the file holds.
        path: The file.
        device: Where it goes; None takes the GPU when there is one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no such model of this project, or is damaged.
    """
    header = read_weight_header(path, kind.file_format, made_by="models import")
    try:
        with NoChance():
            model = kind(kind.structure(**json.loads(header["network"])))
        model.load_state_dict(read_weights(model_file(path)))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} does not fit this version of the project ({reason}); import it again") from None
    return model.to(default_device() if device is None else torch.device(device)).eval()
