"""What a camera makes of light: exposure, noise, compression. Each camera has settings of its own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.rendering.view import Picture


@dataclass(frozen=True)
class Recorder:
    """The electronics of one camera.

    Args:
        gain: The brightness that an ordinary picture gets, linear.
        noise: The standard deviation of the noise at medium grey, of 255.
        quality: The quality of its JPEG files.
    """

    gain: float
    noise: float
    quality: int

    def record(self, picture: Picture, rng: np.random.Generator) -> tuple[NDArray[np.uint8], int]:
        """A picture (H, W, 3) uint8 RGB as the camera gives it, and the JPEG quality it is stored with."""
        level = float(np.median(picture.image)) + 0.02
        linear = np.clip(picture.image * np.clip(self.gain / level, 0.5, 3.0), 0, 1)
        shown = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        noisy = shown + self.noise * rng.standard_normal(shown.shape[:2], dtype=np.float32)[..., None]
        return np.clip(noisy, 0, 255).astype(np.uint8), self.quality


def draw_recorder(rng: np.random.Generator) -> Recorder:
    """The electronics of a camera that somebody may have hung up."""
    return Recorder(float(rng.uniform(0.12, 0.3)), float(rng.uniform(0.5, 7)), int(rng.integers(45, 95)))
