"""The head: its shape, and the face painted on it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.figures.body import Body
from datasets.figures.fabrics import Canvas, clouds
from datasets.figures.lofts import Part, around, closed_ends, grid, pillow, profile, rigid, smooth
from datasets.figures.looks import Look
from datasets.figures.skeleton import BONES, HEAD
from datasets.rendering import Material

Array = NDArray[np.float64]

# Height on the head (0 chin, 1 crown), half width, depth to the front, depth to the back; in heights of the head.
_SKULL = np.array(
    [
        (0.00, 0.110, 0.300, -0.020),
        (0.04, 0.190, 0.345, 0.040),
        (0.12, 0.250, 0.372, 0.150),
        (0.25, 0.292, 0.372, 0.300),
        (0.40, 0.322, 0.374, 0.400),
        (0.52, 0.336, 0.366, 0.440),
        (0.62, 0.342, 0.384, 0.452),
        (0.75, 0.334, 0.376, 0.440),
        (0.87, 0.278, 0.316, 0.374),
        (0.95, 0.186, 0.214, 0.258),
        (0.985, 0.105, 0.120, 0.150),
        (1.00, 0.020, 0.030, 0.030),
    ]
)


def face_angles(sides: int) -> Array:
    """Angles (sides + 1,) around the head, closer together in front."""
    even = around(sides)
    return even - 0.45 * np.sin(even)


def angle_of(u: Array) -> Array:
    """The angle around the head at a column share u of its texture."""
    even = (u - 0.5) * 2 * np.pi
    return even - 0.45 * np.sin(even)


def head_height(body: Body) -> float:
    """From the chin to the crown, meters."""
    return 0.132 * body.frame.stature * body.frame.head


def head_points(body: Body, angle: Array, level: Array, lift: Array | float = 0.0) -> Array:
    """Points (R, C, 3), meters at rest, on the head or `lift` head heights above its skin.

    Args:
        body: Whose head.
        angle: (C,) or (R, C) from straight ahead (0), positive to the left.
        level: (R, 1) or (R, C) from the chin (0) to the crown (1).
        lift: (R, C) or a number.
    """
    angle, level, lift = np.broadcast_arrays(np.atleast_2d(angle), level, lift)
    wide, front, back = profile(_SKULL, level)
    wide = wide * (1 + 0.05 * max(body.weight, 0) * (1.4 - level))
    wide, front, back = (value * (1 + lift / 0.36) for value in (wide, front, back))
    cosine, sine = np.cos(angle), np.sin(angle)
    power = 2 / 2.15
    along = np.sign(cosine) * np.abs(cosine) ** power
    across = np.sign(sine) * np.abs(sine) ** power
    tall = head_height(body)
    x = np.where(along > 0, front, back) * along
    z = level + lift * smooth(level, 0.45, 1.0)
    base = np.array([0.010 * body.frame.stature, 0, 0.868 * body.frame.stature])
    return np.stack([x, wide * across, z], -1) * tall + base


def _features(body: Body, angle: Array, level: Array) -> Array:
    """How far (in head heights) nose, brow, eye sockets, lips and chin stand out of the plain skull."""
    aside = np.abs(angle)
    nose = np.exp(-((aside / 0.15) ** 2)) * smooth(level, 0.60, 0.36) * smooth(level, 0.29, 0.34) * 0.105
    socket = -0.022 * np.exp(-(((aside - 0.40) / 0.17) ** 2) - ((level - 0.50) / 0.05) ** 2)
    brow = 0.010 * np.exp(-((aside / 0.6) ** 2) - ((level - 0.60) / 0.05) ** 2) * (1 - 0.6 * body.female)
    lips = 0.014 * np.exp(-((aside / 0.22) ** 2) - ((level - 0.205) / 0.035) ** 2)
    chin = 0.016 * np.exp(-((aside / 0.25) ** 2) - ((level - 0.06) / 0.05) ** 2)
    cheek = (0.012 + 0.02 * max(0.0, body.weight)) * np.exp(
        -(((aside - 0.8) / 0.35) ** 2) - ((level - 0.33) / 0.14) ** 2
    )
    return np.asarray((nose + socket + brow + lips + chin + cheek) * (1 - 0.4 * body.child))


def head(body: Body, look: Look, face: Material, skin: Material) -> list[Part]:
    """Head and ears."""
    rows, sides = body.count(24, 9), body.count(26, 12)
    level = np.concatenate([np.linspace(0, 0.9, rows - 4), [0.935, 0.965, 0.985, 1.0]])[:, None]
    angle = face_angles(sides)[None]
    rings = head_points(body, angle, level, _features(body, angle, level))
    part = grid(closed_ends(rings, top=False), rigid(HEAD, BONES), face)
    # Each ring lies at its own height, so its row in the texture is not the even one that `grid` gives.
    rows_v = np.concatenate([[0.0], level[:, 0]])
    part.uv[:, 1] = np.repeat(np.clip(rows_v, 0.005, 0.995), sides + 1)
    if look.headwear in ("headscarf", "hood", "beanie") or body.fineness < 0.6:
        return [part]
    tall, parts = head_height(body), [part]
    for sign in (-1.0, 1.0):
        place = head_points(body, np.array([sign * 1.68]), np.array([[0.45]]), 0.0)[0, 0]
        ear = pillow(place, (0.055 * tall, 0.03 * tall, 0.115 * tall), squareness=2, rows=6, sides=8)
        ear += np.array([-0.05, sign * 0.12, 0.0]) * (ear - place)[..., :1]
        parts.append(grid(ear, rigid(HEAD, BONES), skin))
    return parts


def _ellipse(angle: Array, level: Array, center: tuple[float, float], half: tuple[float, float], soft: float) -> Array:
    """1 inside an ellipse on both halves of the face, 0 outside, with an edge `soft` wide (in its own radii)."""
    distance = np.hypot((np.abs(angle) - center[0]) / half[0], (level - center[1]) / half[1])
    return smooth(distance, 1 + soft, 1 - soft)


def _blend(canvas: Canvas, share: Array, color: Array) -> None:
    canvas += ((color - canvas) * np.clip(share, 0, 1)[..., None]).astype(np.float32)


def painted_face(look: Look) -> Canvas:
    """The texture of the head, (H, W, 3) float 0 .. 255: eyes, brows, lips, cheeks, stubble, beard, mask."""
    rng = np.random.default_rng(look.seed + 1)
    shape = (112, 144)
    angle = np.broadcast_to(angle_of(np.linspace(0, 1, shape[1]))[None], shape)
    level = np.broadcast_to(np.linspace(1, 0, shape[0])[:, None], shape)
    skin = np.array(look.skin, dtype=np.float64)
    hair = np.array(look.hair_color, dtype=np.float64)
    canvas = np.broadcast_to(skin, (*shape, 3)).astype(np.float32).copy()
    canvas *= (1 + 0.02 * clouds(rng, shape, (9, 12)) + 0.012 * rng.normal(size=shape))[..., None].astype(np.float32)
    red = skin * np.array([1.03, 0.86, 0.84])
    _blend(canvas, 0.5 * _ellipse(angle, level, (0.62, 0.33), (0.3, 0.1), 0.8), red)  # cheeks
    _blend(canvas, 0.4 * _ellipse(angle, level, (0.0, 0.36), (0.13, 0.06), 0.6), red)  # tip of the nose
    shade = skin * 0.62
    _blend(canvas, 0.5 * _ellipse(angle, level, (0.38, 0.515), (0.22, 0.055), 0.7), shade)  # sockets
    _blend(canvas, 0.55 * _ellipse(angle, level, (0.0, 0.30), (0.16, 0.014), 0.7), shade * 0.8)  # under the nose
    _blend(canvas, 0.45 * _ellipse(angle, level, (0.0, 0.14), (0.16, 0.02), 0.8), shade)  # under the lip
    _blend(canvas, 0.7 * smooth(level, 0.05, -0.02), shade * 0.8)  # under the jaw
    _blend(canvas, 0.85 * _ellipse(angle, level, (0.385, 0.508), (0.115, 0.022), 0.35), np.array([214.0, 208, 202]))
    _blend(canvas, _ellipse(angle, level, (0.385, 0.510), (0.050, 0.026), 0.3), np.array([44.0, 30, 24]))
    _blend(canvas, 0.8 * _ellipse(angle, level, (0.385, 0.530), (0.135, 0.012), 0.6), skin * 0.25)  # lashes
    brow = 0.85 * _ellipse(angle, level + 0.10 * (np.abs(angle) - 0.4) ** 2, (0.40, 0.605), (0.19, 0.017), 0.5)
    _blend(canvas, brow * (0.55 if look.female else 0.85), 0.5 * hair + 0.2 * skin)
    made_up = rng.uniform(0.2, 0.9) if look.female and look.age != "child" else 0.0
    lips = skin * np.array([0.90, 0.66, 0.64]) * (1 - made_up) + made_up * np.array([150.0, 44, 50])
    _blend(canvas, 0.8 * _ellipse(angle, level, (0.0, 0.205), (0.19, 0.030), 0.35), lips)
    _blend(canvas, 0.8 * _ellipse(angle, level, (0.0, 0.207), (0.17, 0.006), 0.6), skin * 0.30)
    if look.age == "old":
        lines = np.abs(np.sin(level * 70)) * smooth(level, 0.62, 0.7) * smooth(np.abs(angle), 0.8, 0.4)
        _blend(canvas, 0.12 * lines + 0.35 * _ellipse(angle, level, (0.3, 0.26), (0.03, 0.08), 0.9), shade)
    if look.beard > 0.05:
        jaw = smooth(level + 0.05 * np.cos(2 * angle), 0.40, 0.30) * smooth(np.abs(angle), 1.75, 1.5)
        mouth = _ellipse(angle, level, (0.0, 0.205), (0.2, 0.028), 0.4)
        whiskers = (jaw - 0.75 * _ellipse(angle, level, (0.62, 0.36), (0.3, 0.09), 0.5)) * (1 - mouth)
        grain = 1 + 0.2 * rng.normal(size=shape)
        _blend(canvas, np.clip(1.1 * look.beard, 0, 0.92) * whiskers * grain, hair * 0.9)
    if look.mask:
        cover = smooth(level, 0.41, 0.39) * smooth(np.abs(angle), 1.1, 0.95)
        _blend(canvas, cover, np.array([[196.0, 214, 224], [232, 232, 230], [30, 30, 32]])[look.seed % 3])
    cap = smooth(level, 0.74, 0.80) * (look.hair not in ("bald",))
    _blend(
        canvas,
        np.maximum(0.6 * cap, 0.25 * smooth(np.abs(angle), 1.9, 2.2) * smooth(level, 0.15, 0.3))
        * (look.hair != "bald"),
        hair,
    )
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.6), dtype=np.float32)
