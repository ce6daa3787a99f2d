"""Who somebody is to the eye: build, skin, hair, clothes and what is carried."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from datasets.figures.colors import (
    HAIR_COLORS,
    SKIN_COLORS,
    Color,
    bag_color,
    cloth_color,
    lower_color,
    shoe_color,
    varied,
)
from datasets.figures.fabrics import Fabric, draw_fabric, draw_print

Age = Literal["child", "adult", "old"]


@dataclass(frozen=True)
class Garment:
    """One piece of clothing.

    Args:
        kind: "shirt", "buttoned", "jacket", "puffer", "coat", "hoodie", "dress", "trousers", "shorts", "skirt" ...
        fabric: The cloth.
        sleeves: Where the sleeves end: 0 at the shoulder, 1 at the wrist.
        sleeve_fabric: The cloth of the sleeves, None where it is the same.
        hem: Where the garment ends below, as a share of the stature above the ground.
        ease: How far the cloth stands off the body, meters.
        front, back: The prints on the chest and on the back, as numbers for `fabrics.printed`; 0 for none.
        open: Whether it hangs open in front.
        hood: Whether it has a hood, which lies on the back.
    """

    kind: str
    fabric: Fabric
    sleeves: float = 0.0
    sleeve_fabric: Fabric | None = None
    hem: float = 0.5
    ease: float = 0.008
    front: int = 0
    back: int = 0
    open: bool = False
    hood: bool = False


@dataclass(frozen=True)
class Look:
    """Everything that makes one person recognizable.

    Args:
        seed: Decides what is left to chance when the look is painted: the place of a fold, the letters of a print.
        age: "child", "adult" or "old".
        female: Whether the body is a woman's.
        height: Meters from the soles to the crown.
        weight: 0 is average, -1 thin, 2 very heavy.
        skin, hair_color: sRGB, 0 .. 255.
        hair: "bald", "short", "crop", "curly", "long", "bob", "ponytail", "bun" or "fringe".
        headwear: "", "cap", "beanie", "hat", "headscarf", "hood" or "helmet".
        headwear_fabric: Its cloth.
        beard: 0 shaved .. 1 full.
        glasses: "", "glasses" or "sunglasses".
        mask: Whether a white or blue mask covers mouth and nose.
        top: What is worn on the body: a shirt, a blouse, a dress.
        over: A jacket or coat over it, or None.
        lower: Trousers, shorts or a skirt; under a dress the legs or tights.
        shoes: "sneaker", "shoe", "boot" or "sandal".
        shoe_color, sole_color: sRGB, 0 .. 255.
        scarf: The cloth of a scarf, or None.
        bag: "", "backpack", "shoulder bag", "crossbody", "handbag", "shopping", "tote", "briefcase".
        bag_fabric: Its cloth.
        left_handed: Whether bags and phone are on the left.
        gear: "", "stroller", "suitcase", "umbrella", "trolley" or "bicycle": large things, which `gear` draws.
        gear_color: sRGB, 0 .. 255.
    """

    seed: int
    age: Age
    female: bool
    height: float
    weight: float
    skin: Color
    hair: str
    hair_color: Color
    headwear: str
    headwear_fabric: Fabric
    beard: float
    glasses: str
    mask: bool
    top: Garment
    over: Garment | None
    lower: Garment
    shoes: str
    shoe_color: Color
    sole_color: Color
    scarf: Fabric | None
    bag: str
    bag_fabric: Fabric
    left_handed: bool
    gear: str
    gear_color: Color


def pick(rng: np.random.Generator, choices: dict[str, float]) -> str:
    """One of the names, as often as its weight says."""
    weights = np.array(list(choices.values()))
    return str(rng.choice(list(choices), p=weights / weights.sum()))


def _age(rng: np.random.Generator) -> Age:
    ages: dict[str, Age] = {"child": "child", "adult": "adult", "old": "old"}
    return ages[pick(rng, {"child": 0.08, "adult": 0.78, "old": 0.14})]


def _height(rng: np.random.Generator, age: Age, female: bool) -> float:
    if age == "child":
        return round(float(rng.uniform(0.98, 1.5)), 3)
    mean = (1.65 if female else 1.78) - (0.03 if age == "old" else 0)
    return round(float(np.clip(rng.normal(mean, 0.068), 1.45, 2.02)), 3)


def _top(rng: np.random.Generator, female: bool, warm: float) -> Garment:
    """The shirt; `warm` is how warm the day is, in [0, 1]."""
    kind = pick(
        rng,
        {
            "shirt": 4.5,
            "buttoned": 1.6,
            "polo": 0.4 + warm,
            "hoodie": 2.8 * (1.06 - warm),
            "sweater": 2.8 * (1.03 - warm),
            "tank": 0.8 * warm,
        },
    )
    short = rng.random() < (0.2 + 0.7 * warm)
    match kind:
        case "tank":
            sleeves = 0.0
        case "shirt" | "polo":
            sleeves = float(rng.uniform(0.3, 0.5)) if short else 1.0
        case "buttoned":
            sleeves = float(rng.uniform(0.35, 0.6)) if short and rng.random() < 0.5 else 1.0
        case _:
            sleeves = 1.0
    fabric = draw_fabric(rng, kind, cloth_color(rng, female))
    ease = {"hoodie": 0.022, "sweater": 0.016, "tank": 0.005}.get(kind, 0.009) + float(rng.uniform(0, 0.014))
    cropped = female and rng.random() < 0.15
    plain = fabric.pattern in ("plain", "melange", "gradient", "two tone")
    printed = plain and kind in ("shirt", "hoodie", "sweater", "tank")
    return Garment(
        kind=kind,
        fabric=fabric,
        sleeves=sleeves,
        sleeve_fabric=draw_fabric(rng, kind, cloth_color(rng, female)) if plain and rng.random() < 0.09 else None,
        hem=float(rng.uniform(0.56, 0.59) if cropped else rng.uniform(0.455, 0.515)),
        ease=ease,
        front=draw_print(rng, 0.5 if printed else 0.12 if plain else 0.0),
        back=draw_print(rng, 0.3 if printed else 0.08 if plain else 0.0),
        hood=kind == "hoodie",
    )


def _over(rng: np.random.Generator, female: bool, warm: float) -> Garment | None:
    if rng.random() < 0.08 + 0.9 * warm:
        return None
    kind = pick(
        rng,
        {
            "jacket": 3,
            "puffer": 2.2,
            "coat": 1.6,
            "blazer": 1.4,
            "hoodie": 1.2,
            "cardigan": 1.0,
            "vest": 0.5,
            "rain": 0.6,
        },
    )
    fabric = draw_fabric(rng, kind, cloth_color(rng, female, darker=True))
    hem = {"coat": rng.uniform(0.26, 0.42), "blazer": 0.45, "rain": rng.uniform(0.38, 0.48)}.get(kind)
    ease = {"puffer": 0.034, "coat": 0.024, "blazer": 0.02, "cardigan": 0.018, "rain": 0.03}.get(kind, 0.019)
    contrast = kind in ("jacket", "hoodie", "puffer", "vest") and rng.random() < 0.16
    return Garment(
        kind=kind,
        fabric=fabric,
        sleeves=0.0 if kind == "vest" else 1.0,
        sleeve_fabric=draw_fabric(rng, kind, cloth_color(rng, female)) if contrast else None,
        hem=float(hem if hem is not None else rng.uniform(0.46, 0.52)),
        ease=ease + float(rng.uniform(-0.004, 0.012)),
        front=draw_print(rng, 0.15),
        back=draw_print(rng, 0.2 if kind in ("jacket", "hoodie", "vest", "rain") else 0.0),
        open=bool(rng.random() < {"blazer": 0.75, "cardigan": 0.8, "rain": 0.2, "puffer": 0.3}.get(kind, 0.45)),
        hood=kind == "hoodie" or (kind in ("jacket", "puffer", "rain", "coat") and rng.random() < 0.4),
    )


def _lower(rng: np.random.Generator, female: bool, warm: float) -> Garment:
    choices = {"jeans": 4.0, "trousers": 2.6, "sweatpants": 1.0, "shorts": 1.9 * warm}
    if female:
        choices |= {"leggings": 1.6, "skirt": 0.7 + 0.5 * warm}
    kind = pick(rng, choices)
    fabric = draw_fabric(rng, kind, lower_color(rng, kind))
    hem = {"shorts": rng.uniform(0.28, 0.40), "skirt": rng.uniform(0.10, 0.40)}.get(kind, rng.uniform(0.03, 0.062))
    cut = float(rng.choice([0.004, 0.012, 0.024], p=[0.45, 0.38, 0.17]))
    ease = {"leggings": 0.001, "sweatpants": 0.02, "skirt": float(rng.uniform(0.01, 0.11))}.get(kind, cut)
    if kind == "shorts":
        ease = float(rng.uniform(0.012, 0.03))
    return Garment(kind=kind, fabric=fabric, hem=float(hem), ease=ease)


def _dressed(rng: np.random.Generator, top: Garment, lower: Garment, skin: Color) -> tuple[Garment, Garment]:
    """The same clothes with a dress in the place of the shirt, and legs that are bare or in tights under it."""
    long = rng.random() < 0.35
    dress = replace(
        top,
        kind="dress",
        fabric=draw_fabric(rng, "dress", cloth_color(rng, True)),
        hem=float(rng.uniform(0.08, 0.2) if long else rng.uniform(0.24, 0.36)),
        ease=float(rng.uniform(0.02, 0.12)),
        hood=False,
        sleeve_fabric=None,
        front=0,
        back=0,
    )
    tights = Fabric("plain", ((28, 27, 30),), 1.0, 0) if rng.random() < 0.4 else Fabric("skin", (skin,), 1.0, 0)
    return dress, replace(lower, kind="legs", fabric=tights, ease=0.0005, hem=0.04)


def _hair(rng: np.random.Generator, age: Age, female: bool) -> tuple[str, Color]:
    if female:
        style = pick(rng, {"long": 3.2, "ponytail": 2.2, "bob": 1.8, "bun": 1.2, "short": 0.7, "curly": 0.8})
    else:
        style = pick(rng, {"short": 4, "crop": 2.2, "fringe": 1.4, "curly": 0.7, "bald": 0.9, "long": 0.25, "bun": 0.1})
    if age == "old" and not female and rng.random() < 0.4:
        style = "bald"
    name = pick(
        rng, {"black": 3.2, "dark brown": 3.6, "brown": 2.2, "blond": 1.5, "red": 0.3, "grey": 0.5, "dyed": 0.1}
    )
    if age == "old" and rng.random() < 0.8:
        name = pick(rng, {"grey": 2.0, "white": 1.2})
    return style, varied(rng, HAIR_COLORS[name], 0.12)


def _headwear(rng: np.random.Generator, age: Age, female: bool, over: Garment | None, top: Garment) -> str:
    hooded = (over.hood if over is not None else top.hood) and rng.random() < 0.1
    if hooded:
        return "hood"
    cold = over is not None
    choices = {"": 10.0, "cap": 1.1 if not female else 0.4, "beanie": 1.0 * cold, "hat": 0.2, "helmet": 0.05}
    if female and age != "child":
        choices["headscarf"] = 0.55
    return pick(rng, choices)


def draw_look(rng: np.random.Generator, warm: float | None = None) -> Look:
    """The look of a stranger. Clothes are as dark, plain and alike as they are in a street.

    Args:
        rng: Decides everything.
        warm: How warm the day is, 0 for winter coats .. 1 for shorts and bare arms; None draws a day for each look.

    Raises:
        ValueError: warm is outside [0, 1].
    """
    drawn = float(rng.random())
    warm = drawn if warm is None else warm
    if not 0 <= warm <= 1:
        raise ValueError(f"warm is {warm}; give a value in [0, 1]")
    age, female = _age(rng), bool(rng.random() < 0.5)
    top, over, lower = _top(rng, female, warm), _over(rng, female, warm), _lower(rng, female, warm)
    tone = pick(rng, {"pale": 3.2, "light": 3.4, "tan": 1.8, "brown": 1.2, "dark": 1.0})
    skin = varied(rng, SKIN_COLORS[tone], 0.06)
    if female and rng.random() < 0.16:
        top, lower = _dressed(rng, top, lower, skin)
    hair, hair_color = _hair(rng, age, female)
    if tone in ("brown", "dark"):
        hair_color = varied(rng, HAIR_COLORS["black" if age != "old" else "grey"], 0.12)
    headwear = _headwear(rng, age, female, over, top)
    light_sole = rng.random() < 0.55
    shoes = pick(rng, {"sneaker": 5, "shoe": 2.4, "boot": 1.6 * (1.2 - warm), "sandal": 0.9 * warm})
    bags = {"": 4.6, "backpack": 2.4, "shoulder bag": 1.1, "crossbody": 1.0, "tote": 0.6, "shopping": 0.7}
    bags |= {"handbag": 1.3} if female else {"briefcase": 0.35}
    bag = pick(rng, bags if age != "child" else {"": 5, "backpack": 3})
    gear = pick(rng, {"": 20, "stroller": 0.7, "suitcase": 1.1, "umbrella": 0.9, "trolley": 0.25, "bicycle": 0.4})
    over_head = over if over is not None else top
    return Look(
        seed=int(rng.integers(1, 2**31)),
        age=age,
        female=female,
        height=_height(rng, age, female),
        weight=round(float(np.clip(rng.normal(0.1, 0.5) + (rng.random() < 0.12) * rng.uniform(0.6, 1.4), -1, 2)), 2),
        skin=skin,
        hair=hair,
        hair_color=hair_color,
        headwear=headwear,
        headwear_fabric=over_head.fabric
        if headwear == "hood"
        else draw_fabric(rng, headwear, cloth_color(rng, female)),
        beard=0.0 if female or age == "child" else float(max(0, rng.normal(0.05, 0.45))),
        glasses=pick(rng, {"": 6, "glasses": 1.3, "sunglasses": 0.5 * warm + 0.1}),
        mask=bool(rng.random() < 0.03),
        top=top,
        over=over,
        lower=lower,
        shoes=shoes,
        shoe_color=shoe_color(rng, shoes),
        sole_color=varied(rng, (225, 224, 220) if light_sole and shoes == "sneaker" else (38, 35, 33), 0.1),
        scarf=draw_fabric(rng, "scarf", cloth_color(rng, female)) if over is not None and rng.random() < 0.2 else None,
        bag=bag,
        bag_fabric=draw_fabric(rng, bag, bag_color(rng)),
        left_handed=bool(rng.random() < 0.5),
        gear=gear if age != "child" else "",
        gear_color=bag_color(rng),
    )


def near_double(rng: np.random.Generator, look: Look) -> Look:
    """Another person in nearly the same clothes, who differs in two or three things that a careful eye sees."""
    other = draw_look(rng)
    changes: list[dict[str, object]] = [
        {"bag": other.bag, "bag_fabric": other.bag_fabric},
        {"shoes": other.shoes, "shoe_color": other.shoe_color, "sole_color": other.sole_color},
        {"lower": replace(look.lower, fabric=replace(look.lower.fabric, colors=other.lower.fabric.colors))},
        {"top": replace(look.top, front=other.top.front, back=other.top.back)},
        {"over": None if look.over is None else replace(look.over, open=not look.over.open)},
        {"weight": other.weight, "height": round(look.height + float(rng.normal(0, 0.05)), 3)},
    ]
    if look.lower.kind == "legs":
        del changes[2]
    changed: dict[str, object] = {"seed": other.seed, "skin": look.skin, "glasses": other.glasses, "gear": ""}
    for place in rng.choice(len(changes), size=int(rng.integers(2, 4)), replace=False):
        changed |= changes[int(place)]
    if other.female == look.female:
        changed |= {"hair": other.hair, "hair_color": other.hair_color}
    return replace(look, **changed)  # type: ignore[arg-type]
