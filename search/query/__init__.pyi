"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.query.calibration_files import StoredCalibrations, store_calibrations, stored_calibrations
from search.query.rank import EmbeddedProbe, rank_sightings
from search.query.ranking import Ranking
from search.query.rates import VerdictRates
from search.query.results import RankedSightings
from search.query.verdict import Calibration, Verdict

__all__ = [
    "Calibration",
    "EmbeddedProbe",
    "RankedSightings",
    "Ranking",
    "StoredCalibrations",
    "Verdict",
    "VerdictRates",
    "rank_sightings",
    "store_calibrations",
    "stored_calibrations",
]
