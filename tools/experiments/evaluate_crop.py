"""personsearch evaluate crop: every published crop protocol in one table, thresholds, and a page."""

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.catalog.table import CropFormat
from tools.experiments.crop_figures import command_words, figures_of, settings_of, text_of
from tools.options import CropOptions
from tools.outcome import Outcome
from tools.progress import Progress

if TYPE_CHECKING:
    from datasets.samples import CropSample
    from reid.crops.sphere_reid import SphereReID
    from reid.crops.splits import CropEmbeddings
    from reid.ranking.protocols import CropTask, ProtocolResult

REPORT_FILE = "report.html"
STORED = "embeddings"


@dataclass(frozen=True)
class Further:
    """What is measured beside the published protocols.

    Args:
        rerank: Whether to measure k-reciprocal re-ranking too (k1 20, k2 6, lambda 0.3).
        expand: Whether to measure query expansion too (10 neighbors, weights similarity cubed).
        multi_query: Whether to measure the average of all crops of a query's person and camera too. Without this option
            it is measured where market1501 has gt_bbox/.
        seed: The seed of the random ranking, 0 or more.
    """

    rerank: bool = False
    expand: bool = False
    multi_query: bool | None = None
    seed: int = 0


@dataclass(frozen=True)
class Embedding:
    """How the crops are embedded.

    Args:
        mirrored: Whether to average each embedding with that of the mirrored crop, which is twice the work.
        batch_size: How many crops go through the network together, 1 or more. More takes more memory.
        keep: Whether to keep the embeddings, so that a second evaluation of the same model and pictures starts at once.
        embeddings: The .npz file that keeps the embeddings. Without this option it lies in the folder embeddings/
            beside the model, or in your cache for a model that comes with personsearch, named by its fingerprint.
    """

    mirrored: bool = True
    batch_size: int = 64
    keep: bool = True
    embeddings: Path | None = None


def crop(
    model: Path,
    root: Path,
    *,
    format: CropFormat = "market1501",  # noqa: A002 - the option is called --format
    data: CropOptions = CropOptions(),  # noqa: B008 - frozen
    further: Further = Further(),
    embedding: Embedding = Embedding(),
    report: Path | None = None,
) -> Outcome:
    """Rank the gallery for every query by the crop model, and print the figures of every protocol beside chance.

    Rows: market1501 with the step AP of most papers and with the AP of the data set's own code; allshots; cuhk03's
    single gallery shot, the exact expectation; then what was asked for; then random ranking. Data without cameras
    leaves out the identical crop alone. CUHK03's classic figures are means over 20 folds with a model each: one call
    gives one fold (--data.fold). A crop that cannot be read is named and takes no part; the exit status is then 1.

    Args:
        model: The model.safetensors of a run of `train crop`, or the run's folder.
        root: The data set's folder, or the CSV file for --format csv.
        format: The layout of the data set; full frames are cut into crops.
        data: Which part of the data set is read.
        further: What is measured beside the published protocols.
        embedding: How the crops are embedded.
        report: The folder for report.html, a page with curves, rankings, thresholds and similarity maps.
    """
    from datasets import read_crops
    from datasets.files import write_whole
    from reid.crops.sphere_reid import SphereReID
    from reid.ranking.protocols import CropTask, evaluate_crops

    if report is not None:
        report.mkdir(parents=True, exist_ok=True)  # before the work, which must not end in a folder nobody can make
    query, left_out = read_crops(format, root, "query", **data.of(format))
    gallery, more_left_out = read_crops(format, root, "gallery", **data.of(format))
    CropTask.of(query, gallery)  # raises before the network has worked for nothing
    groups = _query_groups(format, root, query, further.multi_query, data)
    network = SphereReID.from_checkpoint(model)
    kept = _stored_file(model, network, embedding)
    seconds: dict[str, float] = {}
    with _timed(seconds, "embedding"):
        found = _embed(network, _each_once([*query, *gallery, *groups]), kept, embedding)
    asked, among = found.of(query), found.of(gallery)
    if not asked.samples or not among.samples:
        raise ValueError(
            f"no query or no gallery crop of {root} can be read, the first: {': '.join(found.failures[0])}"
        )
    task = CropTask.of(asked.samples, among.samples)
    with Progress("Ranking", unit="protocol") as progress:
        with _timed(seconds, "protocols"):
            evaluation = evaluate_crops(task, asked.embeddings, among.embeddings, seed=further.seed)
        progress(1)
        results = _further(task, asked, among, found.of(groups), further, seconds, progress)
    settings = settings_of(model, network, root, format=format, data=data, mirrored=embedding.mirrored)
    settings["data"]["seed of chance"] = str(further.seed)
    words = command_words(["evaluate", "crop", model, root, "--format", format], data=data, flat=[further, embedding])
    text = text_of(evaluation, results, seconds)
    if kept is not None:
        text += f"\nembeddings: {kept}"
    elif embedding.keep:
        text += f"\nthe embeddings are not kept: {_place_of(model)} cannot be written; --embeddings FILE names a place"
    if report is not None:
        from search.pages.crop_page import CropReport, crop_page

        times = {f"{step}, seconds": f"{value:.1f}" for step, value in seconds.items()}
        page = CropReport(
            f"{root.name}: crops ranked by {_run_name(model)}", evaluation, results, asked, among, network,
            {"Model": settings["model"], "Data": settings["data"], "Time": times, "Versions": settings["versions"]},
            [f"{words} --report {shlex.quote(str(report))}"], len(found.failures),
        )  # fmt: skip
        write_whole(report / REPORT_FILE, crop_page(page))
        text += f"\nreport: {report / REPORT_FILE}"
    figures = figures_of(evaluation, results, asked) | {"seconds": seconds, "settings": settings, "command_line": words}
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


def _stored_file(model: Path, network: "SphereReID", embedding: Embedding) -> Path | None:
    """Where the embeddings are kept; None where they are not."""
    if not embedding.keep or embedding.embeddings is not None:
        return embedding.embeddings
    folder = _place_of(model)
    if not os.access(folder / STORED if (folder / STORED).exists() else folder, os.W_OK):
        return None
    return folder / STORED / f"{network.fingerprint()}{'' if embedding.mirrored else '-not-mirrored'}.npz"


def _place_of(model: Path) -> Path:
    """Where a model's embeddings are kept: beside it, but in the user's cache for a model that comes with a package."""
    from reid.runs.weight_files import model_file
    from reid.runtime.kept import kept_folder
    from search.models.noted_paths import is_shipped

    file = model_file(model)
    if not is_shipped(file):
        return file.parent
    cache = kept_folder().parent
    with suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
    return cache


def _embed(
    network: "SphereReID", crops: "list[CropSample]", file: Path | None, embedding: Embedding
) -> "CropEmbeddings":
    from reid.crops.splits import embed_crops
    from reid.crops.stored_embeddings import embed_stored_crops

    how: dict[str, Any] = {"batch_size": embedding.batch_size, "mirrored": embedding.mirrored}
    with Progress("Embedding", unit="crop") as progress:
        if file is None:
            return embed_crops(network, crops, on_progress=progress, **how)
        return embed_stored_crops(network, crops, file, on_progress=progress, **how)


def _further(
    task: "CropTask",
    asked: "CropEmbeddings",
    among: "CropEmbeddings",
    grouped: "CropEmbeddings",
    further: Further,
    seconds: dict[str, float],
    progress: Progress,
) -> "list[ProtocolResult]":
    """The rows beside the protocols, all by the Market-1501 protocol."""
    from reid.crops.further_results import expanded_result, multi_query_result, reranked_result

    wanted = {
        "multi-query": (bool(grouped.samples), lambda: multi_query_result(task, asked, among, grouped)),
        "query expansion": (further.expand, lambda: expanded_result(task, asked, among)),
        "re-ranking": (further.rerank, lambda: reranked_result(task, asked, among)),
    }
    results = []
    for name, (is_wanted, measure) in wanted.items():
        if is_wanted:
            with _timed(seconds, name):
                results.append(measure())
            progress(len(results) + 1)
    return results


def _run_name(model: Path) -> str:
    """A run directory's name rather than that of the file, which is always the same."""
    return model.parent.name if model.name == "model.safetensors" and model.parent.name else model.name
