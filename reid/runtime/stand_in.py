"""What stands in a model's place while another library computes its network."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reid.crops.sphere_reid import SphereReID


class StandIn:
    """All that somebody asks of a model, answered by the model itself; who inherits says what computes.

    Its embeddings can be compared with those of the model, so its fingerprint is the model's.

    Args:
        model: The model of torch; it is put into evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        self.model = model.eval()

    @property
    def embedding_dim(self) -> int:
        """The length D of an embedding."""
        return int(self.model.embedding_dim)

    def fingerprint(self) -> str:
        """The fingerprint of the model."""
        return str(self.model.fingerprint())

    def to(self, device: torch.device) -> Self:
        """Returns the model, which computes where it was made to, wherever others do."""
        return self

    def eval(self) -> Self:
        """Returns the model, which knows no other mode."""
        return self


class CropStandIn(StandIn):
    """A crop model whose network another library computes.

    Args:
        model: The crop model, on the processor. What crops look like to the network stays its affair.
        network: Its network: crops (N, 3, H, W) uint8 to raw embeddings (N, D).
    """

    model: SphereReID

    def __init__(self, model: SphereReID, network: Callable[[Tensor], Tensor]) -> None:
        super().__init__(model)
        self.network = network

    def embed(self, crops: Sequence[NDArray[np.uint8]], *, batch_size: int = 64, mirrored: bool = True) -> Tensor:
        """Computes unit embeddings of crops, see `SphereReID.embed`."""
        return self.model.embed(crops, batch_size=batch_size, mirrored=mirrored, network=self.network)
