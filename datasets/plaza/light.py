"""Three light periods of one day: long warm shadows, noon, and dusk with the lamps lit."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DAY_START = datetime(2024, 10, 23, tzinfo=UTC).timestamp()
"""Midnight of the recorded day, seconds since the epoch (UTC)."""

LAMP_HEIGHT = 4.2
LAMPS = np.array(
    [
        (-15.5, -11.6), (15.6, -10.4), (14.6, 11.7), (-13.4, 11.8), (1.2, -13.2),  # with a camera
        (-6.6, -0.4), (7.4, -0.6), (0.2, 6.6), (2.6, -5.6),
    ]
)  # fmt: skip
"""(9, 2) lamp posts on the ground, meters; the first five carry cameras 1 .. 5."""

_LAMP_COLOR = np.array([1.0, 0.76, 0.48])


@dataclass(frozen=True, eq=False)
class Period:
    """The light of one recording.

    Args:
        name: "morning", "noon" or "evening".
        start: The first second of the recording, in seconds since the epoch (UTC).
        sun: (3,) unit vector towards the sun.
        sun_color: (3,) light that falls on a face that looks into the sun.
        sky_color: (3,) light from all around.
        zenith: (3,) color of the sky overhead.
        horizon: (3,) color of the sky at the horizon, and of the haze.
        lamps: The strength of the lamps; at 0 they are off.
        grain: A factor on the noise of the cameras.
    """

    name: str
    start: float
    sun: Array
    sun_color: Array
    sky_color: Array
    zenith: Array
    horizon: Array
    lamps: float
    grain: float

    @property
    def ground_sun(self) -> Array:
        """(3,) sunlight on level ground; never less than 0.45 of the full light, or low suns leave no shadows."""
        return self.sun_color * max(float(self.sun[2]), 0.45)

    def shade(self, colors: Array, normals: Array, points: Array, sunlit: Array | float = 1.0) -> Array:
        """Lit colors of faces.

        Args:
            colors: (F, 3) diffuse.
            normals: (F, 3) unit.
            points: (F, 3) or (3,) where the faces are, meters.
            sunlit: (F,) or one share of the sun that reaches them.
        """
        facing = np.clip(normals @ self.sun * 0.85 + 0.15, 0, 1) * sunlit
        light = self.sky_color * (0.80 + 0.20 * normals[:, 2:3]) + facing[:, None] * self.sun_color
        if self.lamps:
            light = light + self.lamplight(points, normals)
        return colors * light

    def lamplight(self, points: Array, normals: Array | None = None) -> Array:
        """(..., 3) light of the lamps at points (..., 3) on faces with these normals, or on level ground."""
        total = np.zeros(points.shape[:-1])
        for x, y in LAMPS:
            towards = np.array([x, y, LAMP_HEIGHT]) - points
            square = np.sum(towards**2, axis=-1)
            if normals is None:
                facing = towards[..., 2] / np.sqrt(square)
            else:
                facing = np.clip(np.sum(towards * normals, -1) / np.sqrt(square) * 0.7 + 0.3, 0, 1)
            total = total + 7.5 * np.clip(facing, 0, 1) / (square + 3.0)
        return self.lamps * total[..., None] * _LAMP_COLOR


def _direction(azimuth: float, elevation: float) -> Array:
    """Unit vector towards a sun at compass azimuth and elevation, both in degrees."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.array([np.sin(a) * np.cos(e), np.cos(a) * np.cos(e), np.sin(e)])


PERIODS = (
    Period(
        "morning", DAY_START + 8.5 * 3600, _direction(118, 21), np.array([0.95, 0.74, 0.46]),
        np.array([0.52, 0.53, 0.60]), np.array([0.42, 0.58, 0.82]), np.array([0.95, 0.86, 0.72]), 0.0, 1.2,
    ),
    Period(
        "noon", DAY_START + 11 * 3600, _direction(172, 46), np.array([0.80, 0.77, 0.70]),
        np.array([0.56, 0.58, 0.63]), np.array([0.30, 0.50, 0.82]), np.array([0.80, 0.88, 0.95]), 0.0, 1.0,
    ),
    Period(
        "evening", DAY_START + 17 * 3600, _direction(255, 12), np.array([0.17, 0.10, 0.04]),
        np.array([0.44, 0.40, 0.42]), np.array([0.16, 0.18, 0.32]), np.array([0.72, 0.42, 0.26]), 1.0, 1.7,
    ),
)  # fmt: skip
"""The three recordings: 08:30, 11:00 and 17:00."""
