"""The ten kinds of places."""

from collections.abc import Callable

import numpy as np

from datasets.worlds import indoors, outdoors
from datasets.worlds.scenery import Place

PLACES: dict[str, Callable[[np.random.Generator], Place]] = {
    "street": outdoors.street,
    "square": outdoors.square,
    "car park": outdoors.car_park,
    "stairs": outdoors.stairs,
    "park": outdoors.park,
    "hall": indoors.hall,
    "corridor": indoors.corridor,
    "shop": indoors.shop,
    "platform": indoors.platform,
    "office": indoors.office,
}
"""What draws a place of each kind."""

SHARES = {
    "street": 0.2, "square": 0.14, "car park": 0.08, "stairs": 0.06, "park": 0.1, "hall": 0.12, "corridor": 0.07,
    "shop": 0.1, "platform": 0.07, "office": 0.06,
}  # fmt: skip
"""How often each kind is drawn."""


def draw_kind(rng: np.random.Generator) -> str:
    """A kind of place; streets and squares are the most frequent."""
    kinds = list(SHARES)
    return kinds[int(rng.choice(len(kinds), p=list(SHARES.values())))]


def draw_place(rng: np.random.Generator) -> Place:
    """A place of any kind."""
    return PLACES[draw_kind(rng)](rng)
