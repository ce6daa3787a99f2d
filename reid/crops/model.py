"""What a search asks of a crop model, whichever library computes it."""

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class CropModel(Protocol):
    """A model that embeds cut-out pictures of people: `SphereReID`, or one whose network another library computes."""

    @property
    def embedding_dim(self) -> int:
        """The length D of an embedding."""

    def embed(self, crops: Sequence[NDArray[np.uint8]], *, batch_size: int = 64, mirrored: bool = True) -> Tensor:
        """Computes unit embeddings of crops.

        Args:
            crops: Each is (H, W, 3) uint8 RGB, of any size.
            batch_size: How many crops go through the network together, 1 or more.
            mirrored: Whether to average with the embedding of the mirrored crop.

        Returns:
            (N, D) float32 on the processor, rows of unit length.

        Raises:
            ValueError: A crop is no uint8 RGB picture with pixels, or the batch size is below 1.
        """

    def fingerprint(self) -> str:
        """16 hexadecimal digits that two models share only if their embeddings can be compared."""

    def to(self, device: torch.device) -> Self:
        """Moves the network to a device, and returns the model."""

    def eval(self) -> Self:
        """Puts the network into evaluation mode, and returns the model."""
