"""What things are made of: triangles in space, and the pictures that are wrapped around them.

World coordinates are meters with z up; the ground is z = 0. Texture coordinates count repeats: u grows to the right
of the texture's picture and v grows upwards, so (0, 0) is its lower left corner and (1, 1) its upper right corner.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Material:
    """How a surface looks.

    Args:
        texture: (H, W, 3) uint8 sRGB RGB. It repeats without end in both directions. A fourth channel, (H, W, 4),
            tells what is there: where it is below 128 the surface has a hole, as between the leaves of a tree.
        gloss: 0 is matt like cloth, 1 is a polished car. Above 0 the surface shows highlights and mirrors its
            surroundings weakly.
        emission: Light that the surface gives off by itself, as a factor on its texture. 0 gives none.
        infrared: Factor on the surface's grey under infrared light. Many dark clothes are bright there.

    Raises:
        ValueError: The texture is no uint8 picture with 3 or 4 channels, or gloss is outside [0, 1].
    """

    texture: NDArray[np.uint8]
    gloss: float = 0.0
    emission: float = 0.0
    infrared: float = 1.0

    def __post_init__(self) -> None:
        texture = self.texture
        if texture.dtype != np.uint8 or texture.ndim != 3 or texture.shape[2] not in (3, 4) or texture.size == 0:
            raise ValueError(f"texture is {texture.dtype} {texture.shape}; give uint8 (H, W, 3) or (H, W, 4)")
        if not 0 <= self.gloss <= 1:
            raise ValueError(f"gloss is {self.gloss}; give a value in [0, 1]")


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles with a material each. Both sides of every triangle are seen.

    Args:
        vertices: (V, 3) float32, meters.
        normals: (V, 3) float32, length 1. Neighbors that share a normal look smooth.
        uv: (V, 2) float32, texture repeats.
        triangles: (F, 3) int32 indices of vertices.
        material: (F,) int16 indices into `materials`.
        materials: The materials that the triangles use.

    Raises:
        ValueError: Two of the arrays do not fit each other.
    """

    vertices: Floats
    normals: Floats
    uv: Floats
    triangles: NDArray[np.int32]
    material: NDArray[np.int16]
    materials: tuple[Material, ...]

    def __post_init__(self) -> None:
        count, faces = len(self.vertices), len(self.triangles)
        wanted: tuple[tuple[str, NDArray[Any], tuple[int, ...], type], ...] = (
            ("vertices", self.vertices, (count, 3), np.float32),
            ("normals", self.normals, (count, 3), np.float32),
            ("uv", self.uv, (count, 2), np.float32),
            ("triangles", self.triangles, (faces, 3), np.int32),
            ("material", self.material, (faces,), np.int16),
        )
        for name, array, shape, dtype in wanted:
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"{name} is {array.dtype} {array.shape}; give {np.dtype(dtype)} {shape}")
        if faces and not 0 <= self.triangles.min() <= self.triangles.max() < count:
            raise ValueError(f"triangles name vertices up to {self.triangles.max()}; there are {count}")
        if faces and not 0 <= self.material.min() <= self.material.max() < len(self.materials):
            raise ValueError(f"material goes up to {self.material.max()}; there are {len(self.materials)} materials")

    def moved(self, turn: float = 0.0, to: ArrayLike = (0.0, 0.0, 0.0)) -> Surface:
        """The same surface turned about the z axis at the origin, then moved.

        Args:
            turn: Radians, counter-clockwise seen from above.
            to: (3,) meters; where the origin goes.
        """
        cos, sin = math.cos(turn), math.sin(turn)
        rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], dtype=np.float32)
        vertices = self.vertices @ rotation.T + np.asarray(to, dtype=np.float32)
        normals = self.normals @ rotation.T
        return Surface(vertices, normals, self.uv, self.triangles, self.material, self.materials)


def join(surfaces: Sequence[Surface]) -> Surface:
    """One surface of several. Equal material objects are kept once.

    Args:
        surfaces: Any number of surfaces; none gives an empty surface.
    """
    if not surfaces:
        return Surface(
            np.zeros((0, 3), np.float32),
            np.zeros((0, 3), np.float32),
            np.zeros((0, 2), np.float32),
            np.zeros((0, 3), np.int32),
            np.zeros(0, np.int16),
            (),
        )
    places: dict[int, int] = {}
    materials: list[Material] = []
    triangles, material, first = [], [], 0
    for surface in surfaces:
        for each in surface.materials:
            if id(each) not in places:
                places[id(each)] = len(materials)
                materials.append(each)
        order = np.array([places[id(each)] for each in surface.materials], dtype=np.int16)
        triangles.append(surface.triangles + np.int32(first))
        material.append(order[surface.material] if len(order) else surface.material)
        first += len(surface.vertices)
    return Surface(
        np.concatenate([surface.vertices for surface in surfaces]),
        np.concatenate([surface.normals for surface in surfaces]),
        np.concatenate([surface.uv for surface in surfaces]),
        np.concatenate(triangles),
        np.concatenate(material),
        tuple(materials),
    )


def plain(color: ArrayLike, *, gloss: float = 0.0, emission: float = 0.0, infrared: float = 1.0) -> Material:
    """A material of one color.

    Args:
        color: sRGB red, green, blue, 0 .. 255.
        gloss: As in `Material`.
        emission: As in `Material`.
        infrared: As in `Material`.
    """
    texture = np.clip(np.rint(np.asarray(color, dtype=np.float64)), 0, 255).astype(np.uint8).reshape(1, 1, 3)
    return Material(texture, gloss, emission, infrared)
