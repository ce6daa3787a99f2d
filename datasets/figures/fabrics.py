"""Cloth as a picture: weave, stripes, checks, denim, leather and what folds do to their brightness."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.figures.colors import Color, cloth_color, varied

Canvas = NDArray[np.float32]
PER_METER = 260  # pixels of a painted cloth


@dataclass(frozen=True)
class Fabric:
    """A cloth.

    Args:
        pattern: One of the names in this module's table of painters.
        colors: sRGB, 0 .. 255; the first is the ground.
        scale: The size of the pattern's repeat, as a factor.
        seed: Decides where the pattern's spots and threads lie.
    """

    pattern: str
    colors: tuple[Color, ...]
    scale: float
    seed: int


_COMMON = {"plain": 10.0, "melange": 1.6}
_PATTERNS: dict[str, dict[str, float]] = {
    "shirt": {
        **_COMMON,
        "hoops": 2.0,
        "two tone": 0.8,
        "dots": 0.3,
        "camouflage": 0.25,
        "gradient": 0.2,
        "floral": 0.3,
    },
    "buttoned": {"plain": 4, "checks": 1.6, "plaid": 1.6, "pinstripes": 1.4, "floral": 0.6, "dots": 0.3},
    "polo": {**_COMMON, "hoops": 2.0, "two tone": 1.2},
    "hoodie": {"plain": 7, "melange": 3, "two tone": 0.8, "camouflage": 0.2},
    "sweater": {"knit": 5, "melange": 3, "hoops": 2, "two tone": 0.7, "argyle": 0.5},
    "cardigan": {"knit": 4, "melange": 2, "plain": 1},
    "jacket": {
        "plain": 6,
        "leather": 1.4,
        "denim": 1.4,
        "two tone": 0.8,
        "melange": 0.6,
        "plaid": 0.3,
        "camouflage": 0.2,
    },
    "puffer": {"quilted": 8, "quilted two tone": 1.2},
    "vest": {"quilted": 3, "plain": 1},
    "coat": {"plain": 5, "melange": 2, "plaid": 0.5, "herringbone": 0.5},
    "blazer": {"plain": 5, "melange": 1, "pinstripes": 0.5, "checks": 0.3},
    "rain": {"plain": 1},
    "dress": {"plain": 5, "floral": 2.4, "dots": 0.8, "hoops": 0.8, "checks": 0.4, "gradient": 0.4},
    "skirt": {"plain": 5, "floral": 1, "plaid": 0.8, "pleats": 1.2, "denim": 0.8},
    "jeans": {"denim": 1},
    "trousers": {"plain": 9, "melange": 1.2, "pinstripes": 0.3, "checks": 0.25},
    "sweatpants": {"melange": 1, "plain": 3, "side stripe": 1.2},
    "shorts": {"plain": 4, "denim": 1.6, "side stripe": 0.5, "camouflage": 0.3, "checks": 0.3},
    "leggings": {"plain": 8, "floral": 0.3, "side stripe": 0.5},
    "scarf": {"plain": 3, "plaid": 1.6, "knit": 2, "hoops": 0.8},
    "headscarf": {"plain": 4, "floral": 1, "dots": 0.3},
    "beanie": {"knit": 4, "hoops": 0.7},
    "cap": {"plain": 5},
}


def draw_fabric(rng: np.random.Generator, kind: str, color: Color) -> Fabric:
    """A cloth of the given ground color such as a garment of this kind is made of; unknown kinds are plain."""
    table = _PATTERNS.get(kind, {"plain": 1.0})
    weights = np.array(list(table.values()))
    pattern = str(rng.choice(list(table), p=weights / weights.sum()))
    others = [cloth_color(rng, bool(rng.random() < 0.5)) for _ in range(2)]
    if pattern in ("hoops", "pinstripes", "checks", "dots") and abs(sum(others[0]) - sum(color)) < 150:
        others[0] = varied(rng, (230, 229, 226) if sum(color) < 380 else (32, 36, 54), 0.1)
    return Fabric(pattern, (color, *others), round(float(np.exp(rng.normal(0, 0.35))), 3), int(rng.integers(2**31)))


def draw_print(rng: np.random.Generator, chance: float) -> int:
    """A number that stands for a print, or 0 for none; `chance` is how likely there is one."""
    return int(rng.integers(1, 2**31)) if rng.random() < chance else 0


def clouds(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> Canvas:
    """Soft noise (H, W) of mean 0 and deviation 1, with about `cells` bumps along each side; it meets itself in u."""
    small = rng.normal(size=(max(2, cells[0]), max(2, cells[1]))).astype(np.float32)
    small = np.concatenate([small, small[:, :1]], axis=1)
    large = cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large / max(float(large.std()), 1e-6), dtype=np.float32)


def creases(rng: np.random.Generator, shape: tuple[int, int], per_meter: float) -> Canvas:
    """Light and dark sides (H, W), about -1 .. 1, of folds that run across a cloth in soft bows."""
    lines = np.zeros((shape[0] + 40, shape[1] + 40), np.float32)
    count = int(26 * shape[0] * shape[1] / per_meter**2 / 0.3) + 3
    start = rng.uniform(0, 1, (count, 2)) * lines.shape[::-1]
    heading = rng.normal(0, 0.75, count) + np.where(rng.random(count) < 0.5, 0.45, -0.45)
    length = rng.uniform(0.05, 0.22, count) * per_meter
    along = np.linspace(0, 1, 7)
    for place, turn, long, bow in zip(start, heading, length, rng.normal(0, 0.6, count), strict=True):
        angle = turn + bow * along
        path = place + np.stack([np.cos(angle), np.sin(angle)], -1) * (along * long)[:, None]
        width = max(1, int(rng.uniform(0.006, 0.016) * per_meter))
        cv2.polylines(lines, [np.rint(path).astype(np.int32)], False, float(rng.uniform(0.5, 1.0)), width, cv2.LINE_AA)
    soft = cv2.GaussianBlur(lines, (0, 0), 0.009 * per_meter)
    relief = soft[2:] - soft[:-2]
    relief = relief[19 : 19 + shape[0], 20 : 20 + shape[1]] / max(float(relief.std()), 1e-6)
    return np.asarray(np.clip(0.4 * relief, -1, 1), dtype=np.float32)


def _mixed(colors: tuple[Color, ...], share: NDArray[np.floating] | NDArray[np.bool_]) -> Canvas:
    """The first color where `share` (H, W) is 0, the second where it is 1."""
    first, second = (np.array(color, dtype=np.float32) for color in colors[:2])
    return np.asarray(first + (second - first) * share[..., None].astype(np.float32), dtype=np.float32)


# What a painter gets: the fabric, meters across (H, W), meters up (H, W), a generator. It gives colors (H, W, 3).
_Painter = Callable[[Fabric, Canvas, Canvas, np.random.Generator], Canvas]


def _plain(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    return np.broadcast_to(np.array(fabric.colors[0], dtype=np.float32), (*x.shape, 3)).copy()


def _melange(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    grain = cv2.GaussianBlur(rng.normal(size=x.shape).astype(np.float32), (0, 0), 0.8, sigmaY=0.5)
    return np.asarray(_plain(fabric, x, y, rng) * (1 + 0.22 * grain[..., None]), dtype=np.float32)


def _hoops(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    width, share = 0.05 * fabric.scale, rng.uniform(0.3, 0.6)
    return _mixed(fabric.colors, (y / width) % 1 < share)


def _pinstripes(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    width = 0.024 * fabric.scale
    return _mixed(fabric.colors, 0.75 * ((x / width) % 1 < rng.uniform(0.15, 0.5)))


def _checks(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    width = 0.03 * fabric.scale
    return _mixed(fabric.colors, 0.5 * ((x / width) % 1 < 0.5) + 0.5 * ((y / width) % 1 < 0.5))


def _plaid(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    width = 0.11 * fabric.scale
    a, b = (x / width) % 1, (y / width) % 1
    cloth = _mixed(fabric.colors, 0.5 * (abs(a - 0.3) < 0.17) + 0.5 * (abs(b - 0.3) < 0.17))
    thin = (0.6 * ((abs(a - 0.75) < 0.035) | (abs(b - 0.75) < 0.035)))[..., None]
    return np.asarray(cloth + (np.array(fabric.colors[2]) - cloth) * thin, dtype=np.float32)


def _argyle(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    width = 0.12 * fabric.scale
    diamond = abs((x / width) % 1 - 0.5) + abs((y / (1.5 * width)) % 1 - 0.5) < 0.42
    return _mixed(fabric.colors, diamond.astype(np.float32))


def _two_tone(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    level = rng.uniform(0.3, 0.75) * float(y.max())
    band = rng.uniform(0.05, 0.14) if rng.random() < 0.5 else 9.0
    return _mixed(fabric.colors, (y < level) & (y > level - band))


def _gradient(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    return _mixed(fabric.colors, np.clip(1.2 - 1.4 * y / float(y.max()), 0, 1))


def _dots(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    width = 0.035 * fabric.scale
    row = np.floor(y / width)
    spot = np.hypot((x / width + 0.5 * (row % 2)) % 1 - 0.5, (y / width) % 1 - 0.5) < 0.27
    return _mixed(fabric.colors, spot.astype(np.float32))


def _blotches(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    size = 0.05 * fabric.scale
    cells = (int(y.max() / size) + 2, int(x.max() / size) + 2)
    cloth = _mixed(fabric.colors, clouds(rng, x.shape, cells) > 0.55)
    other = (clouds(rng, x.shape, cells) > 0.9)[..., None]
    return np.where(other, np.array(fabric.colors[2], dtype=np.float32), cloth)


def _camouflage(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    greens = ((96, 92, 62), (58, 64, 44), (40, 36, 30))
    return _blotches(Fabric("", greens, 1.6 * fabric.scale, 0), x, y, rng)


def _denim(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    twill = 1 + 0.05 * np.sin((x + y) * (2 * np.pi / 0.008)) + 0.05 * rng.normal(size=x.shape)
    worn = 1 + 0.07 * clouds(rng, x.shape, (6, 8))
    return np.asarray(_plain(fabric, x, y, rng) * (twill * worn)[..., None], dtype=np.float32)


def _knit(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    rib = 1 + 0.09 * np.sin(x * (2 * np.pi / (0.012 * fabric.scale))) * (1 + 0.5 * np.sin(y * (2 * np.pi / 0.016)))
    return np.asarray(_plain(fabric, x, y, rng) * rib[..., None], dtype=np.float32)


def _quilted(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    """Bulges between stitched seams: light above, dark where they meet."""
    width = 0.085 * fabric.scale
    bulge = (y + 0.004 * clouds(rng, x.shape, (8, 16))) / width % 1
    light = 0.62 + 0.5 * np.sin(np.pi * bulge) ** 0.7 + 0.14 * (bulge - 0.5)
    base = _two_tone(fabric, x, y, rng) if "two tone" in fabric.pattern else _plain(fabric, x, y, rng)
    return np.asarray(base * light[..., None], dtype=np.float32)


def _herringbone(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    zigzag = np.abs((x / 0.03) % 2 - 1) * 0.03
    return _mixed(fabric.colors, 0.25 * (((y + zigzag) / 0.012) % 1 < 0.5))


def _pleats(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    fold = (x / (0.06 * fabric.scale)) % 1
    return np.asarray(_plain(fabric, x, y, rng) * (0.72 + 0.42 * fold)[..., None], dtype=np.float32)


def _side_stripe(fabric: Fabric, x: Canvas, y: Canvas, rng: np.random.Generator) -> Canvas:
    """A stripe on the outer side of each leg; a leg's outer side is a quarter around from its back, left and right."""
    share = x / float(x.max())
    edge = np.minimum(abs(share - 0.25), abs(share - 0.75))
    return _mixed((fabric.colors[0], (226, 226, 224)), (edge < 0.03) & (edge > 0.0))


_PAINTERS: dict[str, _Painter] = {
    "plain": _plain,
    "skin": _plain,
    "leather": _plain,
    "melange": _melange,
    "hoops": _hoops,
    "pinstripes": _pinstripes,
    "checks": _checks,
    "plaid": _plaid,
    "argyle": _argyle,
    "two tone": _two_tone,
    "gradient": _gradient,
    "dots": _dots,
    "floral": _blotches,
    "camouflage": _camouflage,
    "denim": _denim,
    "knit": _knit,
    "quilted": _quilted,
    "quilted two tone": _quilted,
    "herringbone": _herringbone,
    "pleats": _pleats,
    "side stripe": _side_stripe,
}


# How strongly folds show on a cloth, where not as on others.
_CREASED = {"leather": 0.3, "knit": 0.12, "quilted": 0.10, "quilted two tone": 0.10}


def woven(fabric: Fabric, width: float, height: float) -> Canvas:
    """A piece of cloth (H, W, 3), float 0 .. 255, `width` by `height` meters; row 0 is its upper edge.

    The brightness varies as it does on worn cloth: large soft shadows, and small creases.
    """
    shape = (max(8, int(height * PER_METER)), max(8, int(width * PER_METER)))
    rng = np.random.default_rng(fabric.seed)
    x = np.broadcast_to(np.linspace(0, width, shape[1], dtype=np.float32)[None], shape)
    y = np.broadcast_to(np.linspace(height, 0, shape[0], dtype=np.float32)[:, None], shape)
    cloth = _PAINTERS[fabric.pattern](fabric, x, y, rng)
    if fabric.pattern == "skin":
        return cloth
    tall, wide = int(height / 0.10) + 2, int(width / 0.09) + 2
    light = 1 + 0.035 * clouds(rng, shape, (tall, wide)) + 0.03 * clouds(rng, shape, (2 * tall, 2 * wide))
    light += 0.03 * rng.normal(size=shape).astype(np.float32)
    light += _CREASED.get(fabric.pattern, 0.24) * creases(rng, shape, PER_METER)
    if fabric.pattern == "leather":
        light += 0.12 * np.abs(clouds(rng, shape, (2 * tall, wide))) - 0.06
    return np.asarray(cloth * light[..., None], dtype=np.float32)


def as_texture(canvas: Canvas) -> NDArray[np.uint8]:
    """A painted canvas, float 0 .. 255, as a texture of bytes."""
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
