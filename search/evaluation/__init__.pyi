"""The names that `__init__.py` imports when they are first used, for type checkers."""

from search.evaluation.calibration import fit_calibration
from search.evaluation.calibration_searches import searches_to_calibrate
from search.evaluation.protocols import SearchMetrics, evaluate_reranked, evaluate_search, random_search
from search.evaluation.query_sets import search_protocols
from search.evaluation.splits import detect_split, embed_by_stages
from search.evaluation.stages import compare_stages
from search.evaluation.tracking_metrics import evaluate_across, evaluate_tracks

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
