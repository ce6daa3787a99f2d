"""A joint model that looks twice: at each frame, and at the frame mirrored."""

from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from datasets.images import as_tensor
from detection.detections import Detections
from detection.runtime.stand_in import PersonStandIn


class EmbeddingModel(Protocol):
    """What a second look needs of a model; `detection.joint.PersonSearchRCNN` has it."""

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """(N_i, D) unit embeddings of boxes (N_i, 4)."""


class MirroredModel(PersonStandIn):
    """A joint model whose every embedding is averaged with that of the mirrored frame.

    Its fingerprint is the model's; that embeddings are mirrored, `EmbeddedBy` says.

    Args:
        model: in evaluation mode.
    """

    def to(self, device: torch.device) -> Self:
        """Move the model to a device, and return the mirrored one."""
        self.model = self.model.to(device)
        return self

    def eval(self) -> Self:
        """Put the model into evaluation mode, and return the mirrored one."""
        self.model = self.model.eval()
        return self

    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Everybody in each image [3, H, W] in [0, 1], on the processor."""
        found = [one.to("cpu") for one in self.model.detect(images)]
        plain = [one.embeddings for one in found if one.embeddings is not None]
        both = with_mirrored(self.model, images, [one.boxes for one in found], plain)
        return [one.with_embeddings(rows) for one, rows in zip(found, both, strict=True)]

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """(N_i, D) unit embeddings of boxes (N_i, 4) xyxy in images [3, H, W] in [0, 1]."""
        return with_mirrored(self.model, images, boxes, self.model.embed(images, boxes))


def mirrored_embeddings(model: EmbeddingModel, image: NDArray[np.uint8], detections: Detections) -> Detections:
    """Average each embedding with that of the mirrored frame, so that it matters less which way a person walks.

    A gallery and its probes must be treated alike: `PersonSearch(model, mirrored=True)` sees to it, and marks its
    galleries. Costs one more pass through the network.

    Args:
        model: the joint model that made the detections, in evaluation mode.
        image: (H, W, 3) uint8 RGB, the frame.
        detections: what the model found in it, with embeddings; boxes in its pixels.

    Returns:
        The same boxes and scores with unit embeddings (N, D).

    Raises:
        ValueError: the detections have no embeddings.
    """
    if detections.embeddings is None:
        raise ValueError("detections without embeddings cannot be averaged; take those of model.detect()")
    if not len(detections):
        return detections
    rows = with_mirrored(model, [as_tensor(image)], [detections.boxes], [detections.embeddings])
    return detections.with_embeddings(rows[0])


def with_mirrored(
    model: EmbeddingModel, images: list[Tensor], boxes: list[Tensor], embeddings: list[Tensor]
) -> list[Tensor]:
    """Embeddings averaged with those of the mirrored images, of unit length.

    Args:
        model: in evaluation mode.
        images: [3, H, W] each, RGB in [0, 1].
        boxes: (N_i, 4) xyxy pixels of each image.
        embeddings: (N_i, D) of those boxes.
    """
    flipped = [mirror(rows, image.shape[-1]) for image, rows in zip(images, boxes, strict=True)]
    mirrored = model.embed([image.flip(-1) for image in images], flipped)
    return [
        functional.normalize(plain + other.to(plain.device), dim=1)
        for plain, other in zip(embeddings, mirrored, strict=True)
    ]


def mirror(boxes: Tensor, width: int) -> Tensor:
    """Boxes (N, 4) xyxy of a frame `width` pixels wide, where they lie in the mirrored frame."""
    x1, y1, x2, y2 = boxes.unbind(1)
    return torch.stack([width - x2, y1, width - x1, y2], dim=1)
