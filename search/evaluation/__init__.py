"""The published full-frame protocols, tracking figures, and the calibration of a verdict."""

from importlib import import_module

_HOMES = {
    "SearchMetrics": "search.evaluation.protocols",
    "compare_stages": "search.evaluation.stages",
    "detect_split": "search.evaluation.splits",
    "embed_by_stages": "search.evaluation.splits",
    "evaluate_across": "search.evaluation.tracking_metrics",
    "evaluate_reranked": "search.evaluation.protocols",
    "evaluate_search": "search.evaluation.protocols",
    "evaluate_tracks": "search.evaluation.tracking_metrics",
    "fit_calibration": "search.evaluation.calibration",
    "random_search": "search.evaluation.protocols",
    "search_protocols": "search.evaluation.query_sets",
    "searches_to_calibrate": "search.evaluation.calibration_searches",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
