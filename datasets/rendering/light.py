"""What lights a place: the sun, the sky, the ground's reflection and lamps. All colors are linear light."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Lamp:
    """A lamp that shines in all directions.

    Args:
        position: (3,) meters.
        color: Linear red, green, blue that a white surface right below shows, before exposure.
        reach: Meters at which the light has fallen to half of that.
        size: The radius of the lamp in meters. Large lamps make soft shadows.

    Raises:
        ValueError: The reach is not above 0.
    """

    position: tuple[float, float, float]
    color: Color
    reach: float
    size: float = 0.2

    def __post_init__(self) -> None:
        if self.reach <= 0:
            raise ValueError(f"lamp has a reach of {self.reach} m; give a value above 0")


@dataclass(frozen=True)
class Light:
    """All the light of a place at one moment.

    Args:
        sun_direction: (3,) from the ground towards the sun, of any length; None where there is no sun.
        sun_color: Linear red, green, blue of a white surface that faces the sun, before exposure.
        sky_color: Light from above, or from the ceiling.
        ground_color: Light that the ground throws back up.
        lamps: Any number of lamps.
        exposure: Factor on everything. At 1 a white surface in light of 1 is just white.
        sun_softness: The half width of a shadow's soft edge in meters for each meter that the shadow is away from
            what casts it. 0.01 is a clear sky; 0.15 is the sun through thin cloud.
        infrared: Whether everything is lit by infrared light alone. Pictures are grey then.

    Raises:
        ValueError: The exposure is not above 0, or the sun has no direction.
    """

    sun_direction: tuple[float, float, float] | None
    sun_color: Color = (0.0, 0.0, 0.0)
    sky_color: Color = (0.5, 0.5, 0.5)
    ground_color: Color = (0.2, 0.2, 0.2)
    lamps: tuple[Lamp, ...] = ()
    exposure: float = 1.0
    sun_softness: float = 0.015
    infrared: bool = False

    def __post_init__(self) -> None:
        if self.exposure <= 0:
            raise ValueError(f"exposure is {self.exposure}; give a value above 0")
        if self.sun_direction is not None and math.hypot(*self.sun_direction) == 0:
            raise ValueError("sun_direction has length 0; give a direction, or None for no sun")


class Shining(NamedTuple):
    """A light for compiled loops.

    Args:
        sun: (3,) float32 of length 1 towards the sun.
        sun_color: (3,) float32; zeros without a sun.
        sky: (3,) float32.
        ground: (3,) float32.
        lamp_position: (L, 3) float32.
        lamp_color: (L, 3) float32.
        lamp_reach: (L,) float32.
    """

    sun: NDArray[np.float32]
    sun_color: NDArray[np.float32]
    sky: NDArray[np.float32]
    ground: NDArray[np.float32]
    lamp_position: NDArray[np.float32]
    lamp_color: NDArray[np.float32]
    lamp_reach: NDArray[np.float32]


def shining(light: Light) -> Shining:
    """A light for compiled loops, with its exposure already in its colors."""
    sun = np.asarray(light.sun_direction or (0.0, 0.0, 1.0), dtype=np.float64)
    by = light.exposure
    return Shining(
        (sun / np.linalg.norm(sun)).astype(np.float32),
        np.asarray(light.sun_color if light.sun_direction else (0, 0, 0), dtype=np.float32) * np.float32(by),
        np.asarray(light.sky_color, dtype=np.float32) * np.float32(by),
        np.asarray(light.ground_color, dtype=np.float32) * np.float32(by),
        np.array([lamp.position for lamp in light.lamps], dtype=np.float32).reshape(-1, 3),
        np.array([lamp.color for lamp in light.lamps], dtype=np.float32).reshape(-1, 3) * np.float32(by),
        np.array([lamp.reach for lamp in light.lamps], dtype=np.float32),
    )
