"""How people look: a limited wardrobe, so that some people differ in one or two things only."""

from dataclasses import dataclass, fields, replace

import numpy as np

Color = tuple[float, float, float]

HAIR_COLORS: dict[str, Color] = {
    "black": (0.08, 0.07, 0.07),
    "brown": (0.27, 0.17, 0.10),
    "blond": (0.78, 0.62, 0.35),
    "red": (0.52, 0.22, 0.10),
    "grey": (0.62, 0.62, 0.62),
}
SKIN_COLORS: dict[str, Color] = {
    "fair": (0.90, 0.72, 0.62),
    "olive": (0.78, 0.58, 0.44),
    "brown": (0.56, 0.38, 0.27),
    "dark": (0.34, 0.22, 0.16),
}
CLOTH_COLORS: dict[str, Color] = {
    "white": (0.90, 0.90, 0.88),
    "black": (0.10, 0.10, 0.11),
    "grey": (0.48, 0.48, 0.50),
    "red": (0.72, 0.12, 0.13),
    "orange": (0.88, 0.45, 0.12),
    "yellow": (0.90, 0.78, 0.22),
    "green": (0.16, 0.46, 0.24),
    "blue": (0.16, 0.32, 0.68),
    "sky": (0.50, 0.70, 0.88),
    "pink": (0.88, 0.52, 0.62),
    "violet": (0.42, 0.24, 0.54),
    "navy": (0.12, 0.15, 0.30),
}
LOWER_COLORS: dict[str, Color] = {
    "jeans": (0.26, 0.36, 0.52),
    "black": (0.10, 0.10, 0.11),
    "grey": (0.42, 0.42, 0.43),
    "beige": (0.72, 0.63, 0.48),
    "olive": (0.34, 0.34, 0.20),
    "wine": (0.42, 0.12, 0.18),
}
SHOE_COLORS: dict[str, Color] = {
    "black": (0.09, 0.08, 0.08),
    "white": (0.86, 0.86, 0.84),
    "brown": (0.36, 0.22, 0.13),
}
BAG_COLORS: dict[str, Color] = {
    "black": (0.11, 0.11, 0.12),
    "red": (0.66, 0.14, 0.14),
    "tan": (0.62, 0.43, 0.25),
    "teal": (0.10, 0.44, 0.46),
}
HAIR_STYLES = ("short", "long", "ponytail", "bald", "cap")
PATTERNS = ("plain", "hoops", "stripes", "checks", "print", "two-tone", "jacket")
LOWERS = ("trousers", "skirt", "shorts")
BAGS = ("none", "backpack", "shoulder bag", "handbag")


@dataclass(frozen=True)
class Look:
    """The stable appearance of one person; colors are names of the wardrobe.

    Args:
        hair_style: One of HAIR_STYLES.
        hair: One of HAIR_COLORS. A cap has the color `second`.
        skin: One of SKIN_COLORS.
        upper: Main color of the upper garment, one of CLOTH_COLORS.
        second: Color of stripes, print, lower half, shirt under the jacket, or cap.
        pattern: One of PATTERNS.
        long_sleeves: Whether the sleeves reach the hand.
        lower_kind: One of LOWERS.
        lower: One of LOWER_COLORS.
        shoes: One of SHOE_COLORS.
        bag: One of BAGS.
        bag_color: One of BAG_COLORS.
        height: The person's height in meters.
        build: A factor on the person's widths; 1 is average.
        bicycle: Whether the person rides through the square instead of walking.
        beard: Whether the person has a beard.
    """

    hair_style: str
    hair: str
    skin: str
    upper: str
    second: str
    pattern: str
    long_sleeves: bool
    lower_kind: str
    lower: str
    shoes: str
    bag: str
    bag_color: str
    height: float
    build: float
    bicycle: bool
    beard: bool

    def differences(self, other: "Look") -> list[str]:
        """Names of the attributes in which two looks differ; what cannot be seen does not count."""
        names = [field.name for field in fields(self) if getattr(self, field.name) != getattr(other, field.name)]
        if self.bag == other.bag == "none":
            names = [name for name in names if name != "bag_color"]
        if self.pattern == other.pattern == "plain" and "cap" not in (self.hair_style, other.hair_style):
            names = [name for name in names if name != "second"]
        return names


def _choose(rng: np.random.Generator, values: object, weights: tuple[float, ...] | None = None) -> str:
    names = list(values)  # type: ignore[call-overload]
    share = None if weights is None else np.asarray(weights) / np.sum(weights)
    return str(names[int(rng.choice(len(names), p=share))])


def draw_look(rng: np.random.Generator) -> Look:
    """One look at random."""
    upper = _choose(rng, CLOTH_COLORS)
    second = _choose(rng, [name for name in CLOTH_COLORS if name != upper])
    tall = rng.random() < 0.5
    hair_style = _choose(rng, HAIR_STYLES, (6, 0.8, 0.2, 1, 1.4) if tall else (2, 4.5, 3, 0, 0.8))
    lower_kind = _choose(rng, LOWERS, (6, 0, 1.4) if tall else (5, 3, 0.8))
    return Look(
        hair_style=hair_style,
        hair=_choose(rng, HAIR_COLORS, (4, 4, 2, 0.8, 1.2)),
        skin=_choose(rng, SKIN_COLORS, (4, 3, 2, 2)),
        upper=upper,
        second=second,
        pattern=_choose(rng, PATTERNS, (3.5, 1, 1, 1, 1.2, 1.2, 2)),
        long_sleeves=bool(rng.random() < 0.65),
        lower_kind=lower_kind,
        lower=_choose(rng, LOWER_COLORS, (3.5, 3, 1.5, 1.5, 1, 0.8)),
        shoes=_choose(rng, SHOE_COLORS),
        bag=_choose(rng, BAGS, (4, 3, 2, 0.4) if tall else (3, 2, 2, 2.5)),
        bag_color=_choose(rng, BAG_COLORS),
        height=round(float(np.clip(rng.normal(1.78 if tall else 1.66, 0.06), 1.5, 1.95)), 2),
        build=round(float(np.clip(rng.normal(1.0, 0.09), 0.86, 1.28)), 2),
        bicycle=bool(rng.random() < 0.06),
        beard=bool(tall and rng.random() < 0.25),
    )


def vary_look(rng: np.random.Generator, look: Look) -> Look:
    """A near double: the same clothes on another person, who differs in one or two things that can be seen."""
    other_hair = [name for name in HAIR_COLORS if name != look.hair]
    other_bags = [name for name in BAGS if name != look.bag]
    changes: dict[str, object]
    match int(rng.integers(4)):
        case 0 if look.hair_style not in ("bald", "cap"):
            changes = {"hair": _choose(rng, other_hair), "bag": _choose(rng, other_bags)}
        case 1:
            changes = {"lower": _choose(rng, [name for name in LOWER_COLORS if name != look.lower])}
        case 2:
            changes = {"pattern": _choose(rng, [name for name in PATTERNS if name != look.pattern])}
        case _:
            style = _choose(rng, [name for name in ("short", "long", "cap") if name != look.hair_style])
            changes = {"bag": _choose(rng, other_bags), "hair_style": style}
    return replace(look, **changes)  # type: ignore[arg-type]


def draw_looks(rng: np.random.Generator, count: int, double_share: float = 0.3) -> list[Look]:
    """Looks of `count` people, all different.

    Args:
        rng: The generator that decides what is left to chance.
        count: The number of people.
        double_share: The share of people who are near doubles of somebody earlier in the list. Raising it makes
            identity harder.
    """
    looks: list[Look] = []
    while len(looks) < count:
        is_double = bool(looks) and rng.random() < double_share
        look = vary_look(rng, looks[int(rng.integers(len(looks)))]) if is_double else draw_look(rng)
        if all(set(look.differences(other)) - {"height", "build", "shoes", "beard"} for other in looks):
            looks.append(look)
    return looks
