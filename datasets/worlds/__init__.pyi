"""The names that `__init__.py` imports when they are first used, for type checkers."""

from datasets.worlds.places import PLACES, draw_place
from datasets.worlds.scenery import Place
from datasets.worlds.world import WorldsSummary, write_worlds

__all__ = ["PLACES", "Place", "WorldsSummary", "draw_place", "write_worlds"]
