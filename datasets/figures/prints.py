"""What is printed on shirts and jackets: words, numbers, signs and pictures."""

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.figures.colors import Color, cloth_color

Canvas = NDArray[np.float32]
_LETTERS = "ABCDEFGHIKLMNOPRSTUVWXY"


def draw_print(rng: np.random.Generator, chance: float) -> int:
    """A number that stands for a print, or 0 for none; `chance` is how likely there is one."""
    return int(rng.integers(1, 2**31)) if rng.random() < chance else 0


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
