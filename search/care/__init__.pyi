"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.care.compacting import compact
from search.care.inspection import Inspection, inspect
from search.care.merging import merge
from search.care.removal import Removal, delete_sightings
from search.care.repairing import Repair, repair
from search.care.second_look import add_second_stage

__all__ = [
    "Inspection",
    "Removal",
    "Repair",
    "add_second_stage",
    "compact",
    "delete_sightings",
    "inspect",
    "merge",
    "repair",
]
