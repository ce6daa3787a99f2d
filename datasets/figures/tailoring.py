"""Garments as pictures: cloth with seams, buttons, zips, pockets, prints, and shadow where cloth lies in shadow."""

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.figures.colors import Color, cloth_color
from datasets.figures.fabrics import Canvas, woven
from datasets.figures.lofts import smooth
from datasets.figures.looks import Garment, Look

Array = NDArray[np.float64]
_LETTERS = "ABCDEFGHIKLMNOPRSTUVWXY"


class _Piece:
    """A canvas with u across (0.5 is the front) and meters down from the collar."""

    def __init__(self, canvas: Canvas, height: float) -> None:
        self.canvas = canvas
        rows, columns = canvas.shape[:2]
        self.u = ((np.arange(columns) + 0.5) / columns)[None]
        self.down = ((np.arange(rows) + 0.5) / rows * height)[:, None]
        self.height = height

    def shade(self, share: Array, factor: float = 0.55) -> None:
        """Darkens (or, with a factor above 1, lightens) where `share` (H, W) is 1."""
        self.canvas *= (1 + (factor - 1) * np.clip(share, 0, 1))[..., None].astype(np.float32)

    def ink(self, share: Array, color: tuple[float, ...]) -> None:
        """Colors where `share` (H, W) is 1."""
        target = np.array(color, dtype=np.float32)
        self.canvas += (target - self.canvas) * np.clip(share, 0, 1)[..., None].astype(np.float32)


def _line(distance: Array, half: float) -> Array:
    return smooth(np.abs(distance), half, 0.5 * half)


def _front(piece: _Piece, garment: Garment, look: Look, width: float) -> None:
    """What is sewn on the front: buttons, a zip, lapels, pockets, strings, a tie."""
    rng = np.random.default_rng(look.seed + 7)
    across, down = (piece.u - 0.5) * width, piece.down
    middle = np.abs(across)
    match garment.kind:
        case "buttoned":
            piece.shade(_line(across - 0.016, 0.003) * (down > 0), 0.7)
            spots = _line(np.hypot(across, (down + 0.03) % 0.085 - 0.042), 0.006)
            piece.ink(spots, (225, 222, 214) if sum(garment.fabric.colors[0]) < 380 else (120, 118, 112))
            if rng.random() < 0.5:
                _pocket(piece, across - 0.085, down - 0.14, 0.055, 0.06)
            if not look.female and look.age == "adult" and rng.random() < 0.2:
                tie = smooth(middle, 0.018 + 0.03 * 1.0, 0.016 + 0.03) * (middle < 0.018 + 0.045 * down)
                piece.ink(
                    tie * (middle < 0.042) * (down < 0.46), tuple(float(part) for part in garment.fabric.colors[2])
                )
        case "polo":
            piece.shade(_line(across, 0.016) * (down < 0.14), 0.82)
        case "jacket" | "puffer" | "rain" | "vest" if not garment.open:
            metal = (150, 150, 150) if rng.random() < 0.5 else (28, 28, 30)
            piece.ink(0.8 * _line(across, 0.006) * (down > 0), metal)
            piece.shade(_line(middle - 0.014, 0.003) * (down > 0), 0.65)
        case "coat" | "blazer" if not garment.open:
            opening = smooth(middle, 0.105 * (1 - down / 0.30), 0.105 * (1 - down / 0.30) - 0.006) * (down < 0.30)
            piece.ink(opening, tuple(float(part) for part in look.top.fabric.colors[0]))
            piece.shade(_line(middle - 0.105 * (1 - down / 0.30), 0.006) * (down < 0.30), 0.5)
            piece.shade(_line(across - 0.02, 0.003) * (down > 0.28), 0.6)
            spots = _line(np.hypot(across, (down - 0.30) % 0.12 - 0.03), 0.011) * (down > 0.30) * (down < 0.66)
            piece.shade(spots, 0.45)
        case "cardigan" if not garment.open:
            piece.shade(_line(across, 0.02) * (down > 0), 0.8)
        case "hoodie":
            low = piece.height - down
            pouch = (
                (middle < 0.13)
                & (low > 0.05)
                & (low < 0.24)
                & (middle < 0.05 + 0.16 * (1.0 - (low - 0.05) / 0.19) + 0.05)
            )
            edge = pouch ^ (
                (middle < 0.122) & (low > 0.058) & (low < 0.232) & (middle < 0.092 + 0.16 * (1 - (low - 0.05) / 0.19))
            )
            piece.shade(edge.astype(np.float64), 0.7)
            if look.over is not garment:
                piece.ink(0.8 * _line(middle - 0.035, 0.005) * (down > 0.03) * (down < 0.2), (215, 215, 212))
        case _:
            pass
    if garment.kind in ("jacket", "puffer", "rain", "coat", "vest", "blazer"):
        low = piece.height - down
        slant = _line(middle - 0.125 + 0.25 * (low - 0.14), 0.005) * (low > 0.08) * (low < 0.22)
        piece.shade(slant, 0.5)
        if garment.kind == "jacket" and rng.random() < 0.4:
            _pocket(piece, across - 0.09, down - 0.17, 0.06, 0.07)
            _pocket(piece, across + 0.09, down - 0.17, 0.06, 0.07)
        if garment.kind in ("vest", "rain") and min(garment.fabric.colors[0][:2]) > 150 > garment.fabric.colors[0][2]:
            for level in (0.24, 0.36):
                piece.ink(_line(down - level, 0.028) + 0 * across, (206, 208, 210))


def _pocket(piece: _Piece, across: Array, down: Array, half: float, tall: float) -> None:
    inside = (np.abs(across) < half) & (np.abs(down) < tall)
    core = (np.abs(across) < half - 0.004) & (np.abs(down) < tall - 0.004)
    piece.shade((inside & ~core).astype(np.float64), 0.68)
    piece.shade(((np.abs(across) < half) & (np.abs(down + tall - 0.014) < 0.004)).astype(np.float64), 0.7)


def _shadows(piece: _Piece, collar: bool) -> None:
    """Shadow under the arms, along the side seams, inside the hem and below the collar."""
    side = np.minimum(np.abs(piece.u - 0.25), np.abs(piece.u - 0.75))
    armpit = smooth(side, 0.12, 0.0) * smooth(piece.down, 0.10, 0.16) * smooth(piece.down, 0.42, 0.24)
    piece.shade(armpit, 0.62)
    piece.shade(smooth(side, 0.10, 0.0) * smooth(piece.down, 0.1, 0.2), 0.84)
    piece.shade(_line(side, 0.003) * (piece.down > 0.2), 0.75)
    low = piece.height - piece.down
    piece.shade(_line(low - 0.022, 0.003) + 0 * piece.u, 0.72)
    piece.shade(smooth(low, 0.05, 0.0) + 0 * piece.u, 0.86)
    if collar:
        piece.shade(smooth(piece.down, 0.035, 0.0) + 0 * piece.u, 0.75)


def trunk_picture(look: Look, garment: Garment, stature: float, width: float) -> Canvas:
    """The texture of what covers the trunk; u = 0.5 is the front.

    Args:
        look: Whose it is.
        garment: Which garment.
        stature: Meters, as in the skeleton.
        width: How far it reaches around the trunk, meters.
    """
    height = (0.847 - garment.hem) * stature
    canvas = woven(garment.fabric, width, height)
    piece = _Piece(canvas, height)
    scale = (canvas.shape[1] / width, canvas.shape[0] / height)
    ground = garment.fabric.colors[0]
    chest = min(0.8, 0.21 / height)
    if not garment.open:
        printed(canvas, garment.front, 0.5, chest, scale, ground)
    rolled = np.roll(canvas, canvas.shape[1] // 2, axis=1)
    printed(rolled, garment.back, 0.5, 0.9 * chest, scale, ground)
    canvas[:] = np.roll(rolled, -(canvas.shape[1] // 2), axis=1)
    _front(piece, garment, look, width)
    _shadows(piece, garment.kind not in ("puffer", "dress"))
    return canvas


def sleeve_picture(look: Look, garment: Garment, stature: float) -> Canvas:
    """The texture of both sleeves; v rises from the cuff to the shoulder."""
    fabric = garment.sleeve_fabric if garment.sleeve_fabric is not None else garment.fabric
    height = max(0.08, garment.sleeves * 0.31 * stature + 0.05)
    canvas = woven(fabric, 0.40, height)
    piece = _Piece(canvas, height)
    rng = np.random.default_rng(look.seed + 11)
    low = piece.height - piece.down
    if garment.kind in ("hoodie", "sweater", "jacket", "polo", "shirt") and rng.random() < 0.12:
        for edge in (0.19, 0.31):  # stripes down the outer side
            piece.ink(_line(piece.u - edge, 0.02) + _line(piece.u - 0.5 - edge, 0.02) + 0 * low, (228, 228, 226))
    piece.shade(_line(low - 0.03, 0.003) + 0 * piece.u, 0.7)
    piece.shade(smooth(low, 0.03, 0.0) + 0 * piece.u, 0.8)
    elbow = 0.85 + 0.15 * np.cos(2 * np.pi * piece.u)
    piece.shade(0.6 * elbow * smooth(np.abs(low - 0.5 * height), 0.05, 0.0) * (garment.sleeves > 0.8), 0.88)
    return canvas


def leg_picture(look: Look, garment: Garment, stature: float) -> Canvas:
    """The texture of trouser legs (and, above, of the seat); u = 0.5 is the front."""
    height = (0.6 - garment.hem) * stature
    canvas = woven(garment.fabric, 0.58, height)
    piece = _Piece(canvas, height)
    rng = np.random.default_rng(look.seed + 13)
    low, front = piece.height - piece.down, np.cos(2 * np.pi * (piece.u - 0.5))
    knee = (0.285 - garment.hem) * stature
    if garment.fabric.pattern == "denim":
        fade = rng.uniform(0.0, 0.5) * smooth(front, 0.3, 1) * smooth(low, knee - 0.2, knee + 0.2)
        piece.canvas += (np.array([196, 206, 216], dtype=np.float32) - piece.canvas) * (fade * 0.5)[..., None].astype(
            np.float32
        )
        if rng.random() < 0.06:
            piece.ink(
                smooth(np.hypot((piece.u - 0.5) * 0.5, low - knee), 0.05, 0.03),
                tuple(float(part) for part in look.skin),
            )
        piece.shade(_line(np.minimum(np.abs(piece.u - 0.25), np.abs(piece.u - 0.75)), 0.008) + 0 * low, 0.8)
    if garment.kind in ("trousers", "sweatpants") and rng.random() < 0.4:
        piece.shade(_line(piece.u - 0.5, 0.006) * (low < 0.6), 1.18)
    inner = np.minimum(np.abs(piece.u - 0.25), np.abs(piece.u - 0.75))
    piece.shade(smooth(inner, 0.16, 0.0) * smooth(low, 0.9 * height - 0.3, 0.9 * height), 0.72)
    piece.shade(smooth(piece.down, 0.12, 0.0) + 0 * piece.u, 0.82)
    crease = np.abs(np.sin(low * 55 + 2 * np.sin(piece.u * 12))) * smooth(low, 0.22, 0.0)
    if garment.kind not in ("shorts", "leggings"):
        piece.shade(crease * (0.5 + 0.5 * np.abs(front)), 0.82)
    piece.shade(0.5 * smooth(-front, 0.4, 1) * smooth(np.abs(low - knee), 0.07, 0.01), 0.75)
    piece.shade(_line(low - 0.02, 0.0025) + 0 * piece.u, 0.7)
    return canvas


def skirt_picture(garment: Garment, stature: float) -> Canvas:
    """The texture of a skirt."""
    height = (0.625 - garment.hem) * stature
    canvas = woven(garment.fabric, 1.0 + 4 * garment.ease, height)
    piece = _Piece(canvas, height)
    rng = np.random.default_rng(garment.fabric.seed + 3)
    falls = np.sin(8 * 2 * np.pi * piece.u + rng.uniform(0, 6)) * smooth(piece.down, 0.1, 0.4)
    piece.shade(0.5 + 0.5 * falls, 1 - 0.22 * min(1.0, 12 * garment.ease))
    piece.shade(smooth(piece.down, 0.04, 0.03) + 0 * piece.u, 0.8)
    return canvas


def shoe_picture(look: Look) -> Canvas:
    """The texture of a shoe: the sole at the left and right edge, the upper in the middle, toes at the upper edge."""
    canvas = np.broadcast_to(np.array(look.shoe_color, dtype=np.float32), (64, 96, 3)).copy()
    piece = _Piece(canvas, 1.0)
    rng = np.random.default_rng(look.seed + 17)
    toe = 1 - piece.down
    if look.shoes == "sneaker":
        if rng.random() < 0.7:
            other = (230, 230, 228) if sum(look.shoe_color) < 420 else (40, 42, 48)
            piece.ink(
                _line((np.abs(piece.u - 0.5) - 0.2) - 0.5 * (toe - 0.45), 0.03) * (np.abs(toe - 0.45) < 0.12), other
            )
        laces = _line((toe * 22) % 1 - 0.5, 0.3) * (np.abs(piece.u - 0.5) < 0.07) * (np.abs(toe - 0.6) < 0.16)
        piece.ink(0.8 * laces, (225, 225, 222))
    if look.shoes == "sandal":
        straps = (np.abs(toe - 0.62) < 0.06) | (np.abs(toe - 0.3) < 0.05)
        piece.ink(~straps * np.ones_like(piece.u), tuple(float(part) for part in look.skin))
    sole = smooth(np.abs(piece.u - 0.5), 0.345, 0.36) + 0 * toe
    piece.ink(sole, tuple(float(part) for part in look.sole_color))
    piece.shade(_line(np.abs(piece.u - 0.5) - 0.34, 0.012) + 0 * toe, 0.5)
    return canvas


def _word(rng: np.random.Generator, most: int) -> str:
    return "".join(rng.choice(list(_LETTERS), size=int(rng.integers(2, most + 1))))


def _text(rng: np.random.Generator, mask: NDArray[np.uint8], line: int, lines: int) -> None:
    """Writes one of several lines of text over the whole width of a mask."""
    high, wide = mask.shape
    text = _word(rng, 8) if rng.random() < 0.75 else str(int(rng.integers(1, 100)))
    font = int(rng.choice([cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX]))
    size, _ = cv2.getTextSize(text, font, 1.0, 2)
    scale = min(0.92 * wide / size[0], 0.8 * high / lines / size[1])
    size, _ = cv2.getTextSize(text, font, scale, 2)
    place = ((wide - size[0]) // 2, int((line + 0.85) * high / lines))
    cv2.putText(mask, text, place, font, scale, 255, max(1, int(scale * 2.4)), cv2.LINE_AA)


def _sign(rng: np.random.Generator, mask: NDArray[np.uint8]) -> None:
    """Draws a sign: a disk, a ring, a polygon, bars or a blot."""
    high, wide = mask.shape
    center, radius = (wide // 2, high // 2), int(0.42 * min(high, wide))
    match int(rng.integers(5)):
        case 0:
            cv2.circle(mask, center, radius, 255, -1, cv2.LINE_AA)
            cv2.circle(mask, center, int(radius * rng.uniform(0.2, 0.7)), 0, -1, cv2.LINE_AA)
        case 1:
            corners = int(rng.integers(3, 7))
            angle = np.arange(2 * corners) * np.pi / corners + rng.uniform(0, 6)
            reach = np.where(np.arange(2 * corners) % 2 == 0, 1, rng.uniform(0.35, 0.9)) * radius
            points = np.stack([center[0] + reach * np.cos(angle), center[1] + reach * np.sin(angle)], -1)
            cv2.fillPoly(mask, [points.astype(np.int32)], 255, cv2.LINE_AA)
        case 2:
            for row in range(int(rng.integers(2, 4))):
                top = int((0.1 + 0.3 * row) * high)
                cv2.rectangle(mask, (int(0.05 * wide), top), (int(0.95 * wide), top + int(0.15 * high)), 255, -1)
        case 3:
            mask[:] = 255
        case _:
            blot = cv2.GaussianBlur(rng.normal(size=mask.shape), (0, 0), max(1.0, 0.09 * wide))
            mask[blot > 0.3 * blot.std()] = 255


def printed(canvas: Canvas, seed: int, u: float, v: float, per_meter: tuple[float, float], ground: Color) -> None:
    """Prints on a canvas in place.

    Args:
        canvas: (H, W, 3) float 0 .. 255, row 0 is the upper edge.
        seed: From `draw_print`; 0 prints nothing.
        u: Where the middle of a large print lies, as a share of the width.
        v: Where the middle of a large print lies, as a share of the height from above.
        per_meter: Pixels per meter across and down.
        ground: The color of the cloth: the print is lighter or darker.
    """
    if not seed:
        return
    rng = np.random.default_rng(seed)
    small = rng.random() < 0.25
    size = (
        (rng.uniform(0.05, 0.08), rng.uniform(0.03, 0.06))
        if small
        else (rng.uniform(0.14, 0.28), rng.uniform(0.07, 0.3))
    )
    wide, high = int(size[0] * per_meter[0]), int(size[1] * per_meter[1])
    u += float(rng.choice([-1, 1])) * 0.085 if small else float(rng.normal(0, 0.004))
    v += -0.06 if small else 0.0
    left, top = int(u * canvas.shape[1] - wide / 2), int(v * canvas.shape[0] - (0.5 if small else 0.38) * high)
    top = max(0, top)
    target = canvas[top : top + high, max(0, left) : left + wide]
    if target.shape[0] < 4 or target.shape[1] < 4:
        return
    dark = sum(ground) < 330
    inks = [(232, 232, 230) if dark else (30, 32, 40), cloth_color(rng, True), cloth_color(rng, True)]
    if rng.random() < 0.5 and abs(sum(inks[1]) - sum(ground)) > 120:
        inks.reverse()
    mask = np.zeros(target.shape[:2], np.uint8)
    if rng.random() < 0.4:
        _sign(rng, mask)
        target += (np.array(inks[1], dtype=np.float32) - target) * (mask[..., None] / np.float32(255)) * 0.92
        mask[:] = 0
    lines = int(rng.integers(1, 4))
    for line in range(lines):
        _text(rng, mask, line, lines)
    target += (np.array(inks[0], dtype=np.float32) - target) * (mask[..., None] / np.float32(255)) * 0.92
