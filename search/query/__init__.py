"""One question to a gallery: similarities, order, and the verdict on the answer."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.query.calibration_files import StoredCalibrations, store_calibrations, stored_calibrations
    from search.query.rank import EmbeddedProbe, rank_sightings
    from search.query.ranking import Ranking
    from search.query.rates import VerdictRates
    from search.query.results import RankedSightings
    from search.query.verdict import Calibration, Verdict
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


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

_HOMES = {
    "Calibration": "search.query.verdict",
    "EmbeddedProbe": "search.query.rank",
    "RankedSightings": "search.query.results",
    "Ranking": "search.query.ranking",
    "StoredCalibrations": "search.query.calibration_files",
    "Verdict": "search.query.verdict",
    "VerdictRates": "search.query.rates",
    "rank_sightings": "search.query.rank",
    "store_calibrations": "search.query.calibration_files",
    "stored_calibrations": "search.query.calibration_files",
}
