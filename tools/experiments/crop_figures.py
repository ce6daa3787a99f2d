"""What `evaluate crop` prints and writes: the table, the figures for programs, the settings, the command again."""

import platform
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.options import CropOptions
from tools.outcome import table

if TYPE_CHECKING:
    from reid.crops.sphere_reid import SphereReID
    from reid.crops.splits import CropEmbeddings
    from reid.ranking.protocols import CropEvaluation, ProtocolResult


def text_of(evaluation: "CropEvaluation", further: "Sequence[ProtocolResult]", seconds: dict[str, float]) -> str:
    """The table that people read, with thresholds and times."""
    from search.pages.crop_page import COLUMNS, figures_row, operating_points

    results = [*evaluation.results, *further]
    rows = [[one.name, *figures_row(one), one.queries] for one in results]
    rows += [[f"random ranking, {one.name}", *figures_row(one), one.queries] for one in evaluation.chance]
    text = table(["protocol", *COLUMNS, "queries"], rows)
    points = operating_points(evaluation)
    if points:
        header = ["threshold", "similarity", "strangers taken", "views missed"]
        lines = [
            [label, point.threshold, point.false_match_rate, point.false_non_match_rate]
            for label, point in points.items()
        ]
        text += "\n\n" + table(header, lines)
    times = ", ".join(f"{step} {value:.1f} s" for step, value in seconds.items())
    return f"{text}\n\n{times}"


def figures_of(
    evaluation: "CropEvaluation", further: "Sequence[ProtocolResult]", asked: "CropEmbeddings"
) -> dict[str, Any]:
    """Everything for programs; of single queries what the first protocol says."""
    from search.pages.crop_page import operating_points

    task, metrics = evaluation.task, evaluation.results[0].metrics
    return {
        "counts": {
            "queries": len(task.query_ids),
            "gallery": len(task.gallery_ids),
            "people": len(set(task.query_ids.tolist())),
            "cameras": len({*task.query_cameras, *task.gallery_cameras} - {None}),
            "pairs_same": int(evaluation.pairs.same.sum()),
            "pairs_different": int(evaluation.pairs.different.sum()),
        },
        "rows": [_record(one) for one in [*evaluation.results, *further]],
        "random_ranking": [_record(one) for one in evaluation.chance],
        "thresholds": operating_points(evaluation),
        "per_query": {
            "name": [sample.name for sample in asked.samples],
            "average_precision": metrics.average_precisions,
            "first_rank": metrics.first_ranks,
        },
    }


def settings_of(
    model: Path,
    network: "SphereReID",
    root: Path,
    *,
    format: str,  # noqa: A002 - the option is called --format
    data: CropOptions,
    mirrored: bool,
) -> dict[str, dict[str, str]]:
    """What was measured and how, for the page and the JSON; paths in full stand in the command."""
    config = network.config
    versions = {"Python": platform.python_version()}
    for name in ("personsearch", "torch", "torchvision", "numpy"):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    structure = {
        "file": "/".join(model.parts[-2:]),
        "fingerprint": network.fingerprint(),
        "network": f"{config.network}, {config.backbone}, last stride {config.last_stride}",
        "dimension": str(network.embedding_dim),
        "input": f"{config.resize_height} x {config.resize_width}, {config.test_view}",
        "embedding": "mean of crop and mirror image" if mirrored else "of the crop alone",
    }
    work = {"layout": format, "folder": root.name, **{name: str(value) for name, value in data.of(format).items()}}
    return {"model": structure, "data": work | {"device": str(network.device)}, "versions": versions}


def command_words(words: Sequence[object], *, data: CropOptions, flat: Sequence[Any]) -> str:
    """The command that gives the same figures again; options at their defaults are left out.

    Args:
        words: What the command begins with.
        data: The options that are typed with `--data.` before their name.
        flat: The dataclasses whose options have no prefix.
    """
    typed = [str(word) for word in words]
    for prefix, options in [("data.", data), *(("", one) for one in flat)]:
        for item in fields(options):
            value = getattr(options, item.name)
            if value != item.default:
                shown = str(value).lower() if isinstance(value, bool) else str(value)
                typed += [f"--{prefix}{item.name}".replace("_", "-"), shown]
    return shlex.join(["personsearch", *typed])


def _record(result: "ProtocolResult") -> dict[str, Any]:
    metrics = result.metrics
    return {
        "protocol": result.name,
        "queries": result.queries,
        "mean_ap": metrics.mean_ap,
        "mean_inp": metrics.mean_inp,
        "cmc": metrics.cmc,
    }
