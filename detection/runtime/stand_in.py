"""What stands in the place of a model that finds and embeds people."""

import numpy as np
from numpy.typing import NDArray

from detection.model import PersonModel
from reid.runtime.stand_in import StandIn


class PersonStandIn(StandIn):
    """A model in front of another one that finds and embeds people; who inherits says how.

    Args:
        model: The other one.
    """

    model: PersonModel

    @property
    def least_confidence(self) -> float:
        """The confidence below which `detect` returns nobody."""
        return self.model.least_confidence

    @property
    def sees_surroundings(self) -> bool:
        """Whether an embedding also depends on what surrounds the box."""
        return self.model.sees_surroundings

    def view(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Says how a picture (H, W, 3) uint8 RGB of one person is shown to the model, see `PersonModel.view`."""
        return self.model.view(picture)
