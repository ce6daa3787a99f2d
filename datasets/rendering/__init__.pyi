"""The names that `__init__.py` imports when they are first used, for type checkers."""

from datasets.rendering.builders import box, cylinder, ground, quad
from datasets.rendering.camera import Camera
from datasets.rendering.light import Lamp, Light
from datasets.rendering.sensing import Sensor, draw_sensor, sense
from datasets.rendering.surface import Material, Surface, join, plain
from datasets.rendering.video import through_video
from datasets.rendering.view import Picture, View
from datasets.rendering.weather import Weather, draw_weather, through, wet

__all__ = [
    "Camera",
    "Lamp",
    "Light",
    "Material",
    "Picture",
    "Sensor",
    "Surface",
    "View",
    "Weather",
    "box",
    "cylinder",
    "draw_sensor",
    "draw_weather",
    "ground",
    "join",
    "plain",
    "quad",
    "sense",
    "through",
    "through_video",
    "wet",
]
