"""One question to a gallery: similarities, order, and the verdict on the answer."""

from importlib import import_module

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

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
