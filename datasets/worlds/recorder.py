"""What a camera makes of light: weather in front of it, electronics, compression. Each has settings of its own."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datasets.rendering.sensing import Sensor, draw_sensor, sense
from datasets.rendering.surface import Surface
from datasets.rendering.video import through_video
from datasets.rendering.view import Picture
from datasets.rendering.weather import Weather, draw_weather, through, wet

Bytes = NDArray[np.uint8]

_VIDEO = 0.3
_CLEAR = 0.4
_FLAT = 0.9


@dataclass(frozen=True)
class Recorder:
    """The electronics of one camera and the weather in front of it.

    Args:
        sensor: Its settings.
        weather: What is between the camera and the place.
        video: The constant rate factor of the video it records; None where it takes single pictures.
    """

    sensor: Sensor
    weather: Weather
    video: int | None

    def record(self, pictures: list[Picture], rng: np.random.Generator) -> list[Bytes]:
        """The pictures (H, W, 3) uint8 RGB that the camera stores, in the same order."""
        shown = [
            sense(through(picture.image, picture.depth, self.weather, rng), self.sensor, rng) for picture in pictures
        ]
        return shown if self.video is None else through_video(shown, self.video, group=1)


def draw_recorder(rng: np.random.Generator, indoor: bool, infrared: bool) -> Recorder:
    """The electronics of a camera that somebody may have hung up.

    Args:
        rng: The source of chance.
        indoor: Whether there is no weather; the lens may still be dirty.
        infrared: Whether it sees no colors.
    """
    weather = draw_weather(rng)
    if indoor or rng.random() < _CLEAR:
        weather = replace(weather, fog=0.0, rain=0.0, snow=0.0, drops=0)
    video = int(rng.integers(24, 37)) if rng.random() < _VIDEO else None
    return Recorder(draw_sensor(rng, grey=infrared), weather, video)


def rained_on(surface: Surface) -> Surface:
    """A place after rain: what lies flat is darker and shines."""
    flat = np.abs(surface.normals[surface.triangles[:, 0], 2]) > _FLAT
    level = np.zeros(len(surface.materials))
    count = np.bincount(surface.material, minlength=len(surface.materials))
    np.add.at(level, surface.material, flat)
    materials = tuple(
        wet(material, 0.8) if 2 * lying > all_of_it else material
        for material, lying, all_of_it in zip(surface.materials, level, count, strict=True)
    )
    return replace(surface, materials=materials)
