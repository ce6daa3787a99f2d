"""What a search asks of a model that finds people and tells them apart, whichever networks stand behind it."""

from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detection.detections import Detections


class PeopleFinder(Protocol):
    """What finds people in frames; it need not tell them apart."""

    @property
    def least_confidence(self) -> float:
        """The confidence below which `detect` returns nobody, in [0, 1]; 0 where nobody is held back."""

    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Finds everybody in each image.

        Args:
            images: Each has shape [3, H, W], RGB in [0, 1]; sizes may differ.

        Returns:
            One Detections for each image, the most confident person first.
        """


class PersonModel(Protocol):
    """A model that detects people and embeds them.

    `detection.joint.PersonSearchRCNN` is one, a detector beside a crop model is another. Whoever searches knows no
    more of a model than what is written here.
    """

    @property
    def embedding_dim(self) -> int:
        """The length D of an embedding."""

    @property
    def least_confidence(self) -> float:
        """The confidence below which `detect` returns nobody, in [0, 1]; 0 where nobody is held back."""

    @property
    def sees_surroundings(self) -> bool:
        """Whether an embedding also depends on what surrounds the box.

        A joint model looks at whole frames, so a box in its frame and a cut-out crop of it have different embeddings,
        and a mirrored frame is a second view. A crop model sees the same pixels in both cases, and mirrors by itself.
        """

    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Finds everybody in each image.

        Args:
            images: Each has shape [3, H, W], RGB in [0, 1]; sizes may differ.

        Returns:
            One Detections for each image, the most confident person first, with unit embeddings.
        """

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """Embeds the people in given boxes.

        Args:
            images: Each has shape [3, H, W], RGB in [0, 1]; sizes may differ.
            boxes: One tensor of shape (N_i, 4) for each image, xyxy in its pixels.

        Returns:
            One float32 tensor of shape (N_i, D) for each image, its rows of unit length.

        Raises:
            ValueError: A box shows nothing of its image.
        """

    def view(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Says how a picture of one person is shown to this model.

        Args:
            picture: (H, W, 3) uint8 RGB, of any size.

        Returns:
            The image to embed, (H', W', 3) uint8 RGB, and the box of the person in it, (4,) float32 xyxy.

        Raises:
            ValueError: The picture has no pixel, or is no RGB picture.
        """

    def fingerprint(self) -> str:
        """16 hexadecimal digits that two models share only if their embeddings can be compared."""

    def to(self, device: torch.device) -> Self:
        """Moves the networks to a device, and returns the model."""

    def eval(self) -> Self:
        """Puts the networks into evaluation mode, and returns the model."""
