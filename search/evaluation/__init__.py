"""The published full-frame protocols, tracking figures, and the calibration of a verdict."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.evaluation.calibration import fit_calibration
    from search.evaluation.calibration_searches import searches_to_calibrate
    from search.evaluation.protocols import SearchMetrics, evaluate_reranked, evaluate_search, random_search
    from search.evaluation.query_sets import search_protocols
    from search.evaluation.splits import detect_split, embed_by_stages
    from search.evaluation.stages import compare_stages
    from search.evaluation.tracking_metrics import evaluate_across, evaluate_tracks
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "SearchMetrics",
    "compare_stages",
    "detect_split",
    "embed_by_stages",
    "evaluate_across",
    "evaluate_reranked",
    "evaluate_search",
    "evaluate_tracks",
    "fit_calibration",
    "random_search",
    "search_protocols",
    "searches_to_calibrate",
]

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
