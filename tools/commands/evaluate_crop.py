"""personsearch evaluate crop: every published crop protocol in one table, thresholds, and a page."""

import platform
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from importlib.metadata import PackageNotFoundError, version
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.options import CropFormat, CropOptions
from tools.outcome import Outcome, table
from tools.progress import Progress

if TYPE_CHECKING:
    from datasets.samples import CropSample
    from reid.crops.sphere_reid import SphereReID
    from reid.crops.splits import CropEmbeddings
    from reid.ranking.protocols import CropEvaluation, CropTask, ProtocolResult

REPORT_FILE = "report.html"


def crop(
    model: Path,
    root: Path,
    *,
    format: CropFormat = "market1501",  # noqa: A002 - the option is called --format
    data: CropOptions = CropOptions(),  # noqa: B008 - frozen
    rerank: bool = False,
    expand: bool = False,
    multi_query: bool | None = None,
    mirrored: bool = True,
    batch_size: int = 64,
    seed: int = 0,
    embeddings: Path | None = None,
    report: Path | None = None,
) -> Outcome:
    """Rank the gallery for every query by the crop model, and print the figures of every protocol beside chance.

    Rows: market1501 with the step AP of most papers and with the AP of the data set's own code; allshots; cuhk03's
    single gallery shot, the exact expectation; then what was asked for; then random ranking. Data without cameras
    leaves out the identical crop alone. CUHK03's classic figures are means over 20 folds with a model each: one call
    gives one fold (--data.fold). A crop that cannot be read is named and takes no part; the exit status is then 1.

    Args:
        model: model.safetensors of a `train crop` run, or its folder.
        root: the data set's folder; the CSV file for --format csv.
        format: the data set's layout; those of full frames are cut into crops.
        data: which part of the data set.
        rerank: also with k-reciprocal re-ranking (k1 20, k2 6, lambda 0.3).
        expand: also with query expansion (10 neighbors, weights similarity cubed).
        multi_query: also with all crops of a query's person and camera averaged; by default where market1501 has
            gt_bbox/.
        mirrored: average each embedding with that of the mirrored crop; twice the work.
        batch_size: crops a forward pass.
        seed: of the random ranking.
        embeddings: keep embeddings in this .npz file, and take from it those of the same model and pictures.
        report: write report.html with curves, rankings, thresholds and similarity maps into this folder.
    """
    from datasets import read_crops
    from reid.crops.sphere_reid import SphereReID
    from reid.ranking.protocols import CropTask, evaluate_crops
    from search.pages.crop_page import CropReport, write_crop_report

    if report is not None:
        report.mkdir(parents=True, exist_ok=True)  # before the work, which must not end in a folder nobody can make
    query, left_out = read_crops(format, root, "query", **data.of(format))
    gallery, more_left_out = read_crops(format, root, "gallery", **data.of(format))
    CropTask.of(query, gallery)  # raises before the network has worked for nothing
    groups = _query_groups(format, root, query, multi_query, data)
    network = SphereReID.from_checkpoint(model)
    seconds: dict[str, float] = {}
    with _timed(seconds, "embedding"):
        found = _embed(network, _each_once([*query, *gallery, *groups]), embeddings, batch_size, mirrored)
    asked, among = _part(found, query), _part(found, gallery)
    if not asked.samples or not among.samples:
        raise ValueError(
            f"no query or no gallery crop of {root} can be read, the first: {': '.join(found.failures[0])}"
        )
    with _timed(seconds, "protocols"):
        task = CropTask.of(asked.samples, among.samples)
        evaluation = evaluate_crops(task, asked.embeddings, among.embeddings, seed=seed)
    further = _further(task, asked, among, _part(found, groups), rerank=rerank, expand=expand, seconds=seconds)
    text = _text(evaluation, further, seconds)
    facts = _facts(model, network, root, format=format, data=data, mirrored=mirrored, seed=seed)
    command = _command(
        model, root, format, data, rerank=rerank, expand=expand, multi_query=multi_query, mirrored=mirrored, seed=seed
    )
    if report is not None:
        times = {f"{step}, seconds": f"{value:.1f}" for step, value in seconds.items()}
        page = CropReport(
            f"{root.name}: crops ranked by {_run_name(model)}", evaluation, further, asked, among, network,
            {"Model": facts["model"], "Data": facts["data"], "Time": times, "Versions": facts["versions"]},
            [f"{command} --report {shlex.quote(str(report))}"], len(found.failures),
        )  # fmt: skip
        write_crop_report(report / REPORT_FILE, page)
        text += f"\nreport: {report / REPORT_FILE}"
    figures = _figures(evaluation, further, asked) | {"seconds": seconds, "settings": facts, "command_line": command}
    return Outcome(text, figures, [*left_out, *more_left_out, *(": ".join(failure) for failure in found.failures)])


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - start


def _query_groups(
    format: str,  # noqa: A002
    root: Path,
    query: "list[CropSample]",
    wanted: bool | None,
    data: CropOptions,
) -> "list[CropSample]":
    """The crops of the multi-query protocol; none where it is not wanted, or not given and cannot be had."""
    from datasets import DatasetNotFoundError
    from datasets.layouts.market1501 import load_query_groups

    possible = format == "market1501" and data.split_by == "files"
    if wanted and not possible:
        raise ValueError(
            f"--multi-query is given for {format}, but only market1501's official split has crops for it; leave it out"
        )
    if wanted is False or not possible:
        return []
    try:
        groups = load_query_groups(root, query)
    except DatasetNotFoundError:
        if wanted:
            raise
        return []
    return _each_once([crop for group in groups for crop in group])


def _each_once(crops: "list[CropSample]") -> "list[CropSample]":
    """A crop that several splits hold passes the network once: the first of each name, in order."""
    first: dict[str, CropSample] = {}
    for one in crops:
        first.setdefault(one.name, one)
    return list(first.values())


def _embed(
    network: "SphereReID", crops: "list[CropSample]", file: Path | None, batch_size: int, mirrored: bool
) -> "CropEmbeddings":
    from reid.crops.splits import embed_crops
    from reid.crops.stored_embeddings import embed_stored_crops

    with Progress("Embedding", unit="crop") as progress:
        if file is None:
            return embed_crops(network, crops, batch_size=batch_size, mirrored=mirrored, on_progress=progress)
        return embed_stored_crops(network, crops, file, batch_size=batch_size, mirrored=mirrored, on_progress=progress)


def _part(found: "CropEmbeddings", samples: "list[CropSample]") -> "CropEmbeddings":
    """Those of a split that could be embedded."""
    from reid.crops.splits import CropEmbeddings

    row_of = {sample.name: row for row, sample in enumerate(found.samples)}
    readable = [sample for sample in samples if sample.name in row_of]
    return CropEmbeddings(readable, found.embeddings[[row_of[sample.name] for sample in readable]])


def _further(
    task: "CropTask",
    asked: "CropEmbeddings",
    among: "CropEmbeddings",
    grouped: "CropEmbeddings",
    *,
    rerank: bool,
    expand: bool,
    seconds: dict[str, float],
) -> "list[ProtocolResult]":
    """The rows beside the protocols, all by the Market-1501 protocol."""
    from reid.crops.splits import multi_query
    from reid.ranking.expansion import expand_queries
    from reid.ranking.protocols import MARKET
    from reid.ranking.rerank import k_reciprocal

    results = []
    query, gallery = asked.embeddings, among.embeddings
    if grouped.samples:
        with _timed(seconds, "multi-query"):
            named = replace(MARKET, name="market1501, multi-query")
            results.append(task.rank(multi_query(asked, grouped), gallery, named))
    if expand:
        with _timed(seconds, "query expansion"):
            named = replace(MARKET, name="market1501, query expansion")
            results.append(task.rank(expand_queries(query, gallery), gallery, named))
    if rerank:
        with _timed(seconds, "re-ranking"):
            named = replace(MARKET, name="market1501, re-ranking")
            results.append(task.rank_distances(k_reciprocal(query, gallery), named))
    return results


def _text(evaluation: "CropEvaluation", further: "list[ProtocolResult]", seconds: dict[str, float]) -> str:
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


def _figures(evaluation: "CropEvaluation", further: "list[ProtocolResult]", asked: "CropEmbeddings") -> dict[str, Any]:
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


def _record(result: "ProtocolResult") -> dict[str, Any]:
    metrics = result.metrics
    return {
        "protocol": result.name,
        "queries": result.queries,
        "mean_ap": metrics.mean_ap,
        "mean_inp": metrics.mean_inp,
        "cmc": metrics.cmc,
    }


def _facts(
    model: Path,
    network: "SphereReID",
    root: Path,
    *,
    format: str,  # noqa: A002
    data: CropOptions,
    mirrored: bool,
    seed: int,
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
    work |= {"seed of chance": str(seed), "device": str(network.device)}
    return {"model": structure, "data": work, "versions": versions}


def _command(model: Path, root: Path, format: str, data: CropOptions, **options: Any) -> str:  # noqa: A002
    """The command that gives these figures again; options at their defaults are left out."""
    defaults = signature(crop).parameters
    given = {f"data.{item.name}": (getattr(data, item.name), item.default) for item in fields(data)}
    given |= {name: (value, defaults[name].default) for name, value in options.items()}
    words = ["personsearch", "evaluate", "crop", str(model), str(root), "--format", format]
    for name, (value, default) in given.items():
        if value != default:
            words += [f"--{name.replace('_', '-')}", str(value).lower()]
    return shlex.join(words)


def _run_name(model: Path) -> str:
    """A run directory's name rather than that of the file, which is always the same."""
    return model.parent.name if model.name == "model.safetensors" and model.parent.name else model.name
