"""Textures as the compiled loops read them: all materials in one array, each in ever smaller copies.

A far wall shows many texels in one pixel. It reads a smaller copy, in which they are averaged already, so nothing
flickers (Williams, "Pyramidal parametrics", SIGGRAPH 1983).
"""

import atexit
import contextlib
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast
from weakref import WeakKeyDictionary

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from datasets.rendering.surface import Material

GREY = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
"""How much red, green and blue contribute to brightness."""

_HERE = Path(__file__).parent
_VERSION = sha256(b"".join(file.read_bytes() for file in sorted(_HERE.glob("*.py")))).hexdigest()[:16]


def _place_to_keep() -> Path:
    """Where machine code is kept: beside this file, in the user's cache, else in a folder of this process alone."""
    for folder in (lambda: _HERE / "__pycache__", _user_cache):
        with contextlib.suppress(OSError, RuntimeError):  # a read-only installation; a user without a home
            place = folder()
            place.mkdir(parents=True, exist_ok=True)
            if os.access(place, os.W_OK):
                return place
    # Machine code that others could put into a place that all may write would be run.
    private = Path(tempfile.mkdtemp(prefix="personsearch-"))
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    return private


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "personsearch"


_KEPT = _place_to_keep()

MOST_LEVELS = 13

Function = TypeVar("Function", bound=Callable[..., Any])

Number = Any
"""A number in a compiled loop, whose kind the compiler finds."""

Triple = tuple[Any, Any, Any]
"""Three numbers in a compiled loop, such as a color or a point."""

_VALUES = np.arange(256, dtype=np.float64) / 255
TO_LINEAR = np.where(_VALUES <= 0.04045, _VALUES / 12.92, ((_VALUES + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""(256,) linear light of sRGB values."""


def _compiled(function: Function, inline: bool, makes_arrays: bool) -> Function:
    """A function as machine code, kept on disk for as long as no file of this room changes.

    The compiler looks for changes only in the function's own file, so the place on disk is named by all files.
    Where a function makes no arrays, nobody needs to count who uses them: counting takes most of the time of a loop
    that reads many of them.
    """
    config: Any = numba.config
    usual = config.CACHE_DIR
    config.CACHE_DIR = str(_KEPT / _VERSION)
    try:
        options: Any = {} if makes_arrays else {"_nrt": False}
        return cast(Function, numba.njit(cache=True, error_model="numpy", forceinline=inline, **options)(function))
    finally:
        config.CACHE_DIR = usual


def compiled(function: Function) -> Function:
    """A function as machine code."""
    return _compiled(function, inline=False, makes_arrays=True)


def looping(function: Function) -> Function:
    """A function as machine code that writes into arrays but makes none, not even for a moment."""
    return _compiled(function, inline=False, makes_arrays=False)


def inlined(function: Function) -> Function:
    """A short function as machine code that makes no arrays, copied into every compiled function that calls it."""
    return _compiled(function, inline=True, makes_arrays=False)


class Textures(NamedTuple):
    """Materials for compiled loops.

    Args:
        texels: (N, 4) uint8 sRGB and cover, all copies of all textures one after the other.
        first: (M, MOST_LEVELS) int64, where each copy begins in `texels`.
        size: (M, MOST_LEVELS, 2) int32, height and width of each copy.
        levels: (M,) int32, how many copies there are.
        gloss: (M,) float32.
        emission: (M,) float32.
        cutout: (M,) bool, whether it has holes.
    """

    texels: NDArray[np.uint8]
    first: NDArray[np.int64]
    size: NDArray[np.int32]
    levels: NDArray[np.int32]
    gloss: NDArray[np.float32]
    emission: NDArray[np.float32]
    cutout: NDArray[np.bool_]


_STEPS = np.linspace(0, 1, 1 << 16)
_TO_SRGB = np.rint(np.where(_STEPS <= 0.0031308, _STEPS * 12.92, 1.055 * _STEPS ** (1 / 2.4) - 0.055) * 255).astype(
    np.uint8
)  # (65536,) sRGB values of linear light in even steps: looked up, because powers are slow

_KNOWN: WeakKeyDictionary[Material, dict[bool, list[NDArray[np.uint8]]]] = WeakKeyDictionary()


def to_srgb(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Linear light in [0, 1], any shape, as sRGB uint8."""
    step = np.clip(linear, 0, 1) * np.float32(len(_TO_SRGB) - 1) + np.float32(0.5)
    return np.asarray(_TO_SRGB[step.astype(np.uint16)])


def pack(materials: Sequence[Material], infrared: bool) -> Textures:
    """Materials as compiled loops read them.

    Args:
        materials: Any number.
        infrared: Whether they are lit by infrared light, under which everything is grey.
    """
    count = len(materials)
    first = np.zeros((count, MOST_LEVELS), dtype=np.int64)
    size = np.ones((count, MOST_LEVELS, 2), dtype=np.int32)
    copies = [_copies(material, infrared) for material in materials]
    begin = 0
    for place, levels in enumerate(copies):
        for level, picture in enumerate(levels):
            first[place, level], size[place, level] = begin, picture.shape[:2]
            begin += picture.shape[0] * picture.shape[1]
    return Textures(
        np.concatenate([np.zeros((0, 4), np.uint8), *(each.reshape(-1, 4) for levels in copies for each in levels)]),
        first,
        size,
        np.array([len(levels) for levels in copies], dtype=np.int32),
        np.array([material.gloss for material in materials], dtype=np.float32),
        np.array([material.emission for material in materials], dtype=np.float32),
        np.array([material.texture.shape[2] == 4 for material in materials], dtype=np.bool_),
    )


class Packed:
    """Materials that come back from picture to picture, packed once and kept.

    Args:
        infrared: Whether they are lit by infrared light, under which everything is grey.
    """

    def __init__(self, infrared: bool) -> None:
        self._infrared = infrared
        self._materials: list[Material] = []
        self._rows: dict[int, int] = {}
        self._texels = np.zeros((1 << 16, 4), np.uint8)
        self._textures = pack([], infrared)

    def pack(self, materials: Sequence[Material]) -> tuple[Textures, NDArray[np.int32]]:
        """Materials as compiled loops read them, among all that were packed before.

        Args:
            materials: Any number of different ones.

        Returns:
            All of them, and in which row each of `materials` is.
        """
        new = [each for each in materials if id(each) not in self._rows]
        if new:
            self._rows |= {id(each): len(self._materials) + place for place, each in enumerate(new)}
            self._materials += new  # nobody else gets the number of a material that is kept
            self._textures = self._joined(pack(new, self._infrared))
        return self._textures, np.array([self._rows[id(each)] for each in materials], dtype=np.int32)

    def _joined(self, more: Textures) -> Textures:
        known = self._textures
        begin, end = len(known.texels), len(known.texels) + len(more.texels)
        if end > len(self._texels):
            larger = np.empty((2 * end, 4), dtype=np.uint8)
            larger[:begin] = known.texels
            self._texels = larger
        self._texels[begin:end] = more.texels
        return Textures(
            self._texels[:end],
            np.concatenate([known.first, more.first + begin]),
            *(np.concatenate(pair) for pair in zip(known[2:], more[2:], strict=True)),
        )


def _copies(material: Material, infrared: bool) -> list[NDArray[np.uint8]]:
    """The texture (H, W, 4) in full size, half size and so on down to one texel."""
    known = _KNOWN.setdefault(material, {})
    if infrared not in known:
        known[infrared] = _smaller_and_smaller(material, infrared)
    return known[infrared]


def _smaller_and_smaller(material: Material, infrared: bool) -> list[NDArray[np.uint8]]:
    whole: Any = _linear(material.texture)
    if infrared:
        whole[..., :3] = np.minimum(whole[..., :3] @ GREY * np.float32(material.infrared), 1)[..., None]
    levels = []
    while True:
        levels.append(_stored(whole))
        height, width = whole.shape[:2]
        if max(height, width) == 1 or len(levels) == MOST_LEVELS:
            return levels
        smaller = (max(1, width // 2), max(1, height // 2))
        whole = cv2.resize(whole, smaller, interpolation=cv2.INTER_AREA)


@compiled
def _linear(texture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A texture (H, W, 3) or (H, W, 4) as linear light and cover in [0, 1], (H, W, 4)."""
    height, width, channels = texture.shape
    linear = np.ones((height, width, 4), dtype=np.float32)
    for y in range(height):
        for x in range(width):
            for k in range(3):
                linear[y, x, k] = TO_LINEAR[texture[y, x, k]]
            if channels == 4:
                linear[y, x, 3] = np.float32(texture[y, x, 3]) / np.float32(255)
    return linear


@compiled
def _stored(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Linear light and cover in [0, 1], (H, W, 4), as sRGB and cover in bytes."""
    stored = np.empty(linear.shape, dtype=np.uint8)
    for y in range(linear.shape[0]):
        for x in range(linear.shape[1]):
            for k in range(3):
                light = min(max(linear[y, x, k], np.float32(0)), np.float32(1))
                stored[y, x, k] = _TO_SRGB[int(light * np.float32(len(_TO_SRGB) - 1) + np.float32(0.5))]
            stored[y, x, 3] = round(linear[y, x, 3] * np.float32(255))
    return stored


@inlined
def level_of(textures: Textures, material: int, across: Number, grow: Number, spread: Number) -> int:
    """Which copy to read, a whole number.

    Args:
        textures: The materials.
        material: Which of them.
        across: Area of the pixel in texture repeats squared.
        grow: Length of the pixel's longer side in texture repeats.
        spread: In [0, 1), what is added before rounding down. Neighbors with different values hide where a copy ends.
    """
    height, width = textures.size[material, 0]
    texels = max(math.sqrt(across * height * width), grow * 0.25 * math.sqrt(float(height * width)))
    if texels <= 1:
        return 0
    return min(int(math.log2(texels) - 0.25 + spread), textures.levels[material] - 1)


@inlined
def _mix(
    texels: NDArray[np.uint8], places: tuple[int, int, int, int], shares: tuple[Number, Number, Number, Number], k: int
) -> Number:
    """Channel k of four texels in linear light, each with its share."""
    return (
        shares[0] * TO_LINEAR[texels[places[0], k]]
        + shares[1] * TO_LINEAR[texels[places[1], k]]
        + shares[2] * TO_LINEAR[texels[places[2], k]]
        + shares[3] * TO_LINEAR[texels[places[3], k]]
    )


@inlined
def read(textures: Textures, material: int, level: int, u: Number, v: Number) -> Triple:
    """Linear red, green, blue of a texture at (u, v), from the four texels around."""
    begin = textures.first[material, level]
    height, width = textures.size[material, level, 0], textures.size[material, level, 1]
    texels = textures.texels
    if height == 1 and width == 1:
        return TO_LINEAR[texels[begin, 0]], TO_LINEAR[texels[begin, 1]], TO_LINEAR[texels[begin, 2]]
    x = (u - math.floor(u)) * width - np.float32(0.5)
    y = (1 - (v - math.floor(v))) * height - np.float32(0.5)
    left, upper = math.floor(x), math.floor(y)
    to_right, to_lower = np.float32(x - left), np.float32(y - upper)
    # Beyond an edge the texture begins anew; both places lie at most one texel beyond.
    x0, y0 = left + width if left < 0 else left, upper + height if upper < 0 else upper
    x1, y1 = x0 + 1 if x0 + 1 < width else 0, y0 + 1 if y0 + 1 < height else 0
    a, b = begin + y0 * width + x0, begin + y0 * width + x1
    c, d = begin + y1 * width + x0, begin + y1 * width + x1
    wa, wb = (1 - to_right) * (1 - to_lower), to_right * (1 - to_lower)
    shares = (wa, wb, (1 - to_right) * to_lower, to_right * to_lower)
    places = (a, b, c, d)
    return _mix(texels, places, shares, 0), _mix(texels, places, shares, 1), _mix(texels, places, shares, 2)


@inlined
def covers(textures: Textures, material: int, level: int, u: Number, v: Number) -> bool:
    """Whether a texture with holes has something at (u, v)."""
    height, width = textures.size[material, level, 0], textures.size[material, level, 1]
    x = min(int((u - math.floor(u)) * width), width - 1)
    y = min(int((1 - (v - math.floor(v))) * height), height - 1)
    return textures.texels[textures.first[material, level] + y * width + x, 3] >= 128
