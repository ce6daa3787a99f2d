"""Where faults are planted and which tests should notice, the faults that once survived, and changes that are none."""

from typing import NamedTuple


class Area(NamedTuple):
    """A source file and the tests that should notice a fault in it, the quickest first.

    Args:
        file: The source file, from the repository's root.
        tests: Test files, or single tests as FILE::NAME.
    """

    file: str
    tests: tuple[str, ...]


class PlantedFault(NamedTuple):
    """One fault in words of the source, tried on every run.

    Args:
        name: What the project does wrong with it.
        file: The source file, from the repository's root.
        old: A text that occurs once in the file.
        new: What stands there instead.
        tests: The tests that should notice.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


class Equivalent(NamedTuple):
    """A change after which the program does the same, so that no test could notice.

    Args:
        file: The source file, from the repository's root.
        within: The source line in which the change begins, without indentation.
        change: The change, as the table of survivors shows it.
        reason: Why nothing can be noticed.
    """

    file: str
    within: str
    change: str
    reason: str


AREAS: tuple[Area, ...] = (
    Area("reid/runs/optimizer.py", ("tests/reid/crops/test_crop_training.py", "tests/detection/test_training.py")),
    Area("datasets/samplers.py", ("tests/datasets/test_samplers.py",)),
    Area("reid/losses/oim.py", ("tests/reid/losses/test_paper_settings.py", "tests/reid/losses/test_oim_loss.py")),
    Area("reid/losses/toim.py", ("tests/reid/losses/test_paper_settings.py", "tests/reid/losses/test_toim_loss.py")),
    Area("reid/losses/memory.py", ("tests/reid/losses/test_paper_settings.py", "tests/reid/losses/test_memory.py")),
    Area(
        "reid/losses/classifiers.py",
        (
            "tests/reid/losses/test_paper_settings.py",
            "tests/reid/losses/test_sphere_loss.py",
            "tests/reid/losses/test_classifiers_and_metric.py",
        ),
    ),
    Area(
        "reid/losses/metric.py",
        ("tests/reid/losses/test_paper_settings.py", "tests/reid/losses/test_classifiers_and_metric.py"),
    ),
    Area("reid/losses/rows.py", ("tests/reid/losses/test_rows.py", "tests/reid/losses/test_criterion.py")),
    Area("reid/losses/criterion.py", ("tests/reid/losses/test_criterion.py",)),
    Area("reid/ranking/metrics.py", ("tests/reid/ranking/test_rank_metrics.py",)),
    Area("reid/ranking/sides.py", ("tests/reid/ranking/test_sides.py",)),
    Area("reid/ranking/rerank.py", ("tests/reid/ranking/test_rerank.py",)),
    Area("reid/ranking/open_set.py", ("tests/reid/ranking/test_open_set.py",)),
    Area("detection/metrics.py", ("tests/detection/test_metrics.py",)),
    Area("search/evaluation/protocols.py", ("tests/search/evaluation/test_protocols.py",)),
    Area("search/query/rank.py", ("tests/search/gallery/test_gallery.py", "tests/search/query/test_class_weighted.py")),
    Area("search/query/verdict.py", ("tests/search/query/test_verdict.py",)),
    Area("search/gallery/filters.py", ("tests/search/gallery/test_gallery.py",)),
)

PLANTED: tuple[PlantedFault, ...] = ()

_AUTOCAST = "with torch.autocast(device_type=rows.device.type, enabled=False):"
_IN_FLOAT32_ANYWAY = "autocast computes norms and distances in float32 by itself"

EQUIVALENT: tuple[Equivalent, ...] = (
    Equivalent("reid/losses/toim.py", _AUTOCAST, ", enabled=False -> nothing", _IN_FLOAT32_ANYWAY),
    Equivalent("reid/losses/metric.py", _AUTOCAST, ", enabled=False -> nothing", _IN_FLOAT32_ANYWAY),
)
