"""The names that `__init__.py` imports when they are first used, for type checkers."""

from datasets.rendering.builders import box, cylinder, ground, quad
from datasets.rendering.camera import Camera
from datasets.rendering.surface import Material, Surface, join, plain

__all__ = [
    "Camera",
    "Material",
    "Surface",
    "box",
    "cylinder",
    "ground",
    "join",
    "plain",
    "quad",
]
