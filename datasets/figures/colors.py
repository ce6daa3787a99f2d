"""The colors of clothes, skin and hair, as often as they are met in a street."""

import colorsys
from collections.abc import Sequence

import numpy as np

Color = tuple[int, int, int]

SKIN_COLORS: dict[str, Color] = {
    "pale": (226, 183, 158),
    "light": (208, 160, 130),
    "tan": (180, 130, 98),
    "brown": (132, 90, 64),
    "dark": (84, 57, 44),
}
HAIR_COLORS: dict[str, Color] = {
    "black": (24, 21, 21),
    "dark brown": (46, 33, 26),
    "brown": (82, 56, 38),
    "blond": (172, 134, 84),
    "red": (134, 66, 34),
    "grey": (126, 123, 120),
    "white": (204, 201, 196),
    "dyed": (120, 40, 90),
}
# Cloth: color, weight.
_CLOTH: tuple[tuple[Color, float], ...] = (
    ((26, 26, 29), 22),  # black
    ((44, 45, 50), 8),  # charcoal
    ((86, 88, 92), 6),  # grey
    ((148, 149, 151), 7),  # light grey
    ((231, 231, 229), 14),  # white
    ((216, 208, 192), 3.5),  # cream
    ((32, 37, 52), 10),  # navy
    ((56, 76, 110), 5),  # blue
    ((134, 160, 188), 3.5),  # light blue
    ((186, 168, 138), 4),  # beige
    ((104, 76, 54), 3),  # brown
    ((70, 74, 52), 4),  # olive
    ((38, 66, 50), 2),  # dark green
    ((86, 36, 44), 3),  # burgundy
    ((156, 44, 46), 3),  # red
    ((214, 152, 164), 2),  # pink
    ((150, 118, 160), 1.2),  # lilac
    ((208, 176, 84), 1.3),  # yellow
    ((196, 108, 62), 0.8),  # orange
    ((48, 128, 128), 1.3),  # teal
    ((84, 142, 84), 0.9),  # green
    ((226, 58, 120), 0.5),  # magenta
    ((200, 232, 60), 0.5),  # high visibility
)
_JEANS: tuple[tuple[Color, float], ...] = (
    ((46, 53, 70), 5),
    ((76, 90, 112), 5),
    ((114, 130, 154), 3),
    ((158, 172, 190), 1.4),
    ((30, 31, 36), 3),
    ((82, 84, 88), 1.0),
    ((214, 212, 206), 0.5),
)
_TROUSERS: tuple[tuple[Color, float], ...] = (
    ((27, 27, 30), 7),
    ((50, 51, 56), 3),
    ((92, 92, 94), 2),
    ((34, 38, 52), 2.6),
    ((176, 156, 122), 2.2),
    ((122, 104, 78), 1.3),
    ((80, 80, 58), 1.4),
    ((86, 62, 46), 0.8),
    ((224, 221, 214), 0.8),
    ((100, 44, 48), 0.3),
    ((58, 84, 126), 0.7),
)
_BAGS: tuple[tuple[Color, float], ...] = (
    ((24, 24, 27), 8),
    ((62, 63, 68), 3),
    ((38, 43, 60), 2),
    ((92, 60, 38), 2.2),
    ((164, 122, 82), 1.6),
    ((122, 40, 44), 0.9),
    ((216, 206, 190), 1.0),
    ((78, 86, 58), 1.0),
    ((52, 98, 146), 0.9),
    ((206, 120, 146), 0.5),
    ((222, 160, 50), 0.5),
    ((46, 124, 112), 0.4),
)


def varied(rng: np.random.Generator, color: Color, amount: float) -> Color:
    """A color near to `color`: another hue, strength and brightness by about `amount` of each."""
    hue, strength, value = colorsys.rgb_to_hsv(*(part / 255 for part in color))
    hue = (hue + float(rng.normal(0, 0.09 * amount))) % 1
    strength = min(1.0, max(0.0, strength * float(np.exp(rng.normal(-0.1 * amount, 1.3 * amount)))))
    value = min(0.97, max(0.03, value * float(np.exp(rng.normal(0, amount)))))
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, strength, value))
    return red, green, blue


def _drawn(rng: np.random.Generator, table: Sequence[tuple[Color, float]], amount: float) -> Color:
    weights = np.array([weight for _, weight in table])
    return varied(rng, table[int(rng.choice(len(table), p=weights / weights.sum()))][0], amount)


def cloth_color(rng: np.random.Generator, female: bool, *, darker: bool = False) -> Color:
    """The color of a shirt or jacket. Women wear light and strong colors a little more often; coats are darker."""
    color = _drawn(rng, _CLOTH, 0.14)
    if (darker or not female) and sum(color) > 420 and rng.random() < (0.45 if darker else 0.15):
        color = _drawn(rng, _CLOTH[:9], 0.14)
    return color


def lower_color(rng: np.random.Generator, kind: str) -> Color:
    """The color of trousers or a skirt."""
    if kind == "skirt" and rng.random() < 0.5:
        return cloth_color(rng, True)
    denim = kind == "jeans" or (kind == "shorts" and rng.random() < 0.35)
    if kind == "leggings" and rng.random() < 0.75:
        return varied(rng, (26, 26, 29), 0.12)
    return _drawn(rng, _JEANS if denim else _TROUSERS, 0.12)


def bag_color(rng: np.random.Generator) -> Color:
    """The color of a bag, a suitcase or an umbrella."""
    return _drawn(rng, _BAGS, 0.14)


def shoe_color(rng: np.random.Generator, kind: str) -> Color:
    """The color of shoes."""
    white = 0.42 if kind == "sneaker" else 0.04
    if rng.random() < white:
        return varied(rng, (226, 225, 222), 0.05)
    if rng.random() < 0.68:
        return varied(rng, (28, 27, 28), 0.15)
    return _drawn(rng, _BAGS, 0.15) if kind == "sneaker" else varied(rng, (88, 66, 48), 0.22)
