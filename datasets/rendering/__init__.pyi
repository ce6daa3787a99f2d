"""The names that `__init__.py` imports when they are first used, for type checkers."""

from datasets.rendering.builders import box, cylinder, ground, quad
from datasets.rendering.camera import Camera
from datasets.rendering.light import Lamp, Light
from datasets.rendering.surface import Material, Surface, join, plain
from datasets.rendering.view import Picture, View

__all__ = [
    "Camera",
    "Lamp",
    "Light",
    "Material",
    "Picture",
    "Surface",
    "View",
    "box",
    "cylinder",
    "ground",
    "join",
    "plain",
    "quad",
]
