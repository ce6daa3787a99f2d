"""personsearch demo: the whole way on a synthetic square, from rendering to one report."""

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.outcome import Outcome, table
from tools.progress import Progress

if TYPE_CHECKING:
    from search.models.model_files import ModelFiles
    from search.pages.demo_page import DemoResult
    from search.pipeline import PersonSearch
    from search.query.verdict import Calibration

SHIPPED_SEEDS = range(100)
"""Squares of these seeds may have trained the models that come with the project; the demo's must be another."""


def demo(
    *,
    output: Path | None = None,
    seed: int = 2026,
    persons: int = 80,
    minutes: float = 1.0,
    frame_width: int = 640,
    epochs: int = 0,
    from_scratch: bool = False,
    workers: int = 2,
) -> Outcome:
    """Render a square with five cameras, train on half of its people, find and evaluate the other half, write a report.

    It takes the models that come with the project, as `index` does. The detector learns from one half of the square
    for some minutes. The crop model, which tells people apart, stays as it is. All of it takes about five minutes on
    two cores, and nothing is downloaded.

    Args:
        output: The folder for the world, the run, the gallery and report.html, new or empty. Without this option it is
            the first of report, report-2, report-3 ... that is not there.
        seed: The seed of the square, 100 or more: those from 0 to 99 may have trained the shipped models.
        persons: How many people with an identity are in the square. Half of them are for training.
        minutes: How long the recording is for each camera and light period. Half of it is for training.
        frame_width: The width of the frames in pixels.
        epochs: How often the training frames are seen. 0 means twice from the shipped detector, 30 times from scratch.
        from_scratch: Whether to train a joint model from nothing instead, which finds people and tells them apart by
            itself. It takes about an hour on two cores.
        workers: How many processes render.
    """
    output = output or _new_folder()
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise FileExistsError(f"{output} exists and is not empty; remove it, or name another folder")
    if seed in SHIPPED_SEEDS and not from_scratch:
        raise ValueError(
            f"seed {seed} is one of 0 to 99 that the shipped models may have learned from; take 100 or more"
        )
    if epochs < 0:
        raise ValueError(f"epochs is {epochs}, expected 1 or more, or 0 for the usual number")
    from datasets.plaza import write_plaza
    from search.models.model_files import ModelFiles
    from search.models.shipped import shipped_models, shipped_start

    shipped, start = (None, None) if from_scratch else (shipped_models(), shipped_start())
    if shipped is not None and shipped.second_stage is None:
        raise FileNotFoundError(
            f"people.safetensors is missing beside {start}; install personsearch again, or give --from-scratch"
        )
    seconds: dict[str, float] = {}
    with _timed(seconds, "render"), Progress("1/4 rendering the square") as progress:
        world = write_plaza(
            output / "plaza",
            seed=seed,
            persons=persons,
            minutes=minutes,
            frame_width=frame_width,
            on_progress=progress,
            workers=workers,
        )
    with _timed(seconds, "train"):
        model_file = _train(output, start, seed=seed, epochs=epochs)
    files = ModelFiles(model_file) if shipped is None else ModelFiles(None, shipped.second_stage, str(model_file))
    result, search = _search(output, files, seconds)
    from datasets.files import write_whole
    from search.pages.demo_page import demo_page

    report = output / "report.html"
    write_whole(report, demo_page(output, result, world=world, seconds=seconds, from_scratch=from_scratch))
    _write_find_page(output, result, search)
    text = _text(result, seed, seconds) + f"\nreport: {report.resolve()}"
    text += f"\nsearch the square on a page in the browser: personsearch serve {output / 'gallery'}"
    figures = {
        "seed": seed,
        "world": world,
        "ap": result.ap,
        "recall": result.recall,
        "search": result.search,
        "random_ranking": result.chance,
        "verdicts": result.verdicts,
        "seconds": seconds,
        "report": report,
    }
    return Outcome(text, figures, [f"{name}: {reason}" for name, reason in result.failures])


def _write_find_page(output: Path, result: "DemoResult", search: "PersonSearch") -> None:
    """The page of `personsearch find` for the query that is found neither best nor worst."""
    from datasets.boxes import cut
    from datasets.files import write_whole
    from datasets.images import read_image
    from search.gallery.filters import Filters
    from search.pages.find_page import find_page
    from search.pages.page import MarkedBox, Picture, best_median_worst

    order = best_median_worst(result.search.average_precisions)
    query = result.queries[order[len(order) // 2]]
    assert query.box is not None
    frame = read_image({sample.name: sample.path for sample in result.samples}[str(query.frame)])
    filters = Filters(limit=24, exclude_frame=str(query.frame))
    with search.open_gallery(output / "gallery") as gallery:
        answer = search.find(gallery, frame=frame, box=query.box, filters=filters)
        page = find_page(
            answer,
            gallery,
            cut(frame, query.box),
            title=f"Where was person {query.person_id}?",
            probe_frame=Picture(frame, str(query.frame), [MarkedBox(query.box, "probe")]),
        )
    write_whole(output / "find.html", page)


def _text(result: "DemoResult", seed: int, seconds: dict[str, float]) -> str:
    rows: list[list[object]] = [
        ["detection AP@0.5", result.ap, None],
        ["detection recall", result.recall, None],
        ["search mAP across cameras", result.search.mean_ap, result.chance.mean_ap],
        ["search top-1", result.search.top1, result.chance.top1],
        ["search top-10", result.search.top10, result.chance.top10],
    ]
    if result.verdicts is not None and result.verdicts.held_out:
        whole = result.verdicts.held_out[-1]
        rows.append(["absent people called a match", whole.match.false_positive, None])
        rows.append(["present people called a match", whole.match.found, None])
    text = table(["on people and minutes never trained on", "figure", "random ranking"], rows)
    text += f"\n{len(result.queries)} queries over {len(result.samples)} frames, seed {seed}; "
    return text + ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())


def _train(output: Path, start: Path | None, *, seed: int, epochs: int) -> Path:
    """Train on the square's training half, from a model file or, for None, from nothing; the file of the result."""
    from datasets import load_frames
    from detection.start import start_model
    from detection.training import JointTrainingTask
    from reid.runs.files import write_config
    from reid.runs.run import TrainingRun
    from tools.recipe_files import joint_preset

    recipe = joint_preset("plaza" if start is None else "people")
    if start is not None:
        # Frames of one square are of one size and like one another, and so few steps leave no time for other ones.
        seen = dataclasses.replace(recipe.augmentation, scale=0.15, color=0.15)
        detector = dataclasses.replace(recipe.detector, train_sizes=())
        recipe = dataclasses.replace(recipe, detector=detector, augmentation=seen)
    usual = {"epochs": 30} if start is None else {"epochs": 2, "learning_rate": 0.0006}
    training = dataclasses.replace(recipe.training, seed=seed, **usual | ({"epochs": epochs} if epochs else {}))
    samples = load_frames("custom", output / "plaza", "train")
    weights = "none" if start is None else str(start)
    model = start_model(weights, recipe.detector, recipe.embedding, seed=seed)
    write_config(output / "run", {"weights": Path(weights).name, "training": dataclasses.asdict(training)})
    task = JointTrainingTask(model, samples, config=training, losses=recipe.losses, augmentation=recipe.augmentation)
    with Progress("2/4 training on the square", unit="step") as progress:
        run = TrainingRun(task, output / "run")
        summary = run.run(lambda done, total, figures: progress(done, total, loss=figures["loss"]))
    return summary.model_file


def _search(output: Path, files: "ModelFiles", seconds: dict[str, float]) -> "tuple[DemoResult, PersonSearch]":
    """Index the unseen half, then evaluate detection and search on it."""
    from datasets import load_frames, load_queries
    from detection.metrics import recall_and_ap
    from search.evaluation.protocols import evaluate_search, random_search
    from search.evaluation.splits import embed_queries
    from search.pages.demo_page import DemoResult
    from search.pipeline import PersonSearch

    samples = load_frames("custom", output / "plaza", "gallery")
    queries = load_queries("custom", output / "plaza")
    search = PersonSearch.from_files(files)
    with (
        _timed(seconds, "index"),
        search.open_gallery(output / "gallery", create=True) as gallery,
        Progress("3/4 indexing the unseen half") as progress,
    ):
        summary = search.index(
            output / "plaza" / "test.json", gallery, on_progress=lambda so_far: progress(so_far.frames, len(samples))
        )
        # What is evaluated is what was stored: one pass through the network serves both.
        found = gallery.detections()
    with _timed(seconds, "evaluate"):
        with Progress("4/4 embedding the probes", unit="probe") as progress:
            seen = embed_queries(search.model, queries, samples, on_progress=progress)
            queries, probes = seen.queries, seen.embeddings
        readable = [sample for sample in samples if sample.name in found]
        recall, ap = recall_and_ap([found[sample.name] for sample in readable], [sample.boxes for sample in readable])
        metrics = evaluate_search(found, queries, probes)
        chance = random_search(found, queries)
        verdicts = _calibrate(search, output / "gallery", (samples, found), (queries, probes))
    failures = [*summary.failures, *seen.failures]
    return DemoResult(samples, queries, found, probes, ap, recall, metrics, chance, verdicts, failures), search


def _calibrate(
    search: "PersonSearch", gallery: Path, sightings: tuple[Any, Any], probes: tuple[Any, Any]
) -> "Calibration | None":
    """Store in the gallery from which similarity on a person is there; None where there are too few people for it."""
    from search.evaluation.calibration import Searches, fit_calibration
    from search.evaluation.labelled_people import label_detections, people_of_queries, stacked_embeddings
    from search.gallery.footage import Footage
    from search.query.calibration_files import store_gallery_calibrations
    from search.query.ranking import Ranking
    from search.query.verdict import LabelledData

    queries, embeddings = probes
    searches = Searches(
        people_of_queries(queries), embeddings, label_detections(*sightings), stacked_embeddings(*sightings)
    )
    data = LabelledData("the demo's square", footage=Footage.of_samples(sightings[0], rendered=True))
    try:
        made = fit_calibration(searches, search.embedded_by, Ranking(), data).calibration
    except ValueError:
        return None
    store_gallery_calibrations(gallery, [made])
    return made


@contextlib.contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started


def _new_folder() -> Path:
    folders = (Path("report" if count == 1 else f"report-{count}") for count in itertools.count(1))
    return next(folder for folder in folders if not folder.exists())
