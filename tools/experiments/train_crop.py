"""personsearch train crop: the crop model."""

import dataclasses
import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from datasets.catalog.table import CropFormat
from datasets.samples import CropSample
from tools.experiments.train import RESUME, told_how_to_go_on, training_text
from tools.options import CropOptions
from tools.outcome import Outcome, is_first_process
from tools.progress import Progress, say
from tools.recipe_files import CropModelOptions

if TYPE_CHECKING:
    from reid.crops.training import CropTrainingTask


def crop(
    root: Path,
    *,
    output: Path,
    format: CropFormat = "market1501",  # noqa: A002 - the option is called --format
    weights: str = "shipped",
    resume: bool = False,
    data: CropOptions = CropOptions(),  # noqa: B008 - frozen
    recipe: CropModelOptions = CropModelOptions(),  # noqa: B008
    given: Collection[str] | None = None,
) -> Outcome:
    """Train the crop model: SphereReID by default; --config toim and bag_of_tricks are the other papers' recipes.

    The output folder receives model.safetensors (for evaluate crop, index --second-stage), resume.pt, metrics.csv,
    TensorBoard events, config.json and, with --training.evaluate-epochs, evaluation.csv. Ctrl-C finishes the step and
    keeps it: `--resume` goes on from there. Where nothing else is asked for, the crop model that comes with
    personsearch is trained on. `--config crop_small` is a recipe from nothing for machines without a GPU.

    Example:
        personsearch train crop Market-1501-v15.09.15 --output runs/market

    Args:
        root: The data set's folder, or the CSV file for --format csv.
        output: The folder of the run.
        format: The layout of the data set; full frames are cut into crops.
        weights: The starting weights: shipped, which is the crop model that comes with personsearch; none, imagenet, a
            .pth/.safetensors file of torchvision's structure, or a model.safetensors of this command. With a model the
            structure is the model's, but for the options of the network that are given, where its weights fit. Where
            they do not fit the shipped model, and it is not asked for, the training starts from none.
        resume: Whether to go on from the last resume point of the output folder.
        data: Which part of the data set is read.
        recipe: What the model is made of and how it is trained.
        given: The names of the options that were given, see `reid.crops.start.start_crop_model`.
    """
    from datasets import read_crops
    from reid.crops.evaluation_log import PeriodicEvaluation
    from reid.crops.sphere_reid import SphereReID
    from reid.runs.files import write_config
    from reid.runs.processes import join_processes
    from reid.runs.run import TrainingRun

    fabric = join_processes()
    samples, left_out = read_crops(format, root, "train", **data.of(format))
    if not resume:
        weights = _decided(weights, recipe, given)
    task = _task(samples, output, weights, recipe, resume, given, data=f"{format} {root.name}")
    run = TrainingRun(task, output, fabric=fabric)
    if resume:
        run.resume()
    elif is_first_process():
        made_of = dataclasses.asdict(dataclasses.replace(recipe, network=task.model.config))
        settings: dict[str, Any] = {"command": sys.argv[1:], "root": str(root), "format": format, "weights": weights}
        write_config(output, settings | made_of)
    evaluation = None
    if every := recipe.training.evaluate_epochs:
        query, gallery = (read_crops(format, root, part, **data.of(format))[0] for part in ("query", "gallery"))
        evaluation = PeriodicEvaluation(cast(SphereReID, run.saved_model), output, query, gallery, every=every)
    with told_how_to_go_on(RESUME), Progress("Training", unit="step") as progress:
        summary = run.run(lambda done, total, figures: progress(done, total, loss=figures["loss"]), on_epoch=evaluation)
    sizes = {"crops": len(task.crops), "identities": task.identities}
    speed = task.loader_speed()
    facts: dict[str, object] = {
        **sizes,
        "network, crops/s": f"{summary.images_per_second:.0f}",
        "loader, crops/s of one thread": f"{speed:.0f}",
    }
    figures = dataclasses.asdict(summary) | sizes | {"loader_images_per_second": speed}
    failures = left_out + [f"{name}: {reason}" for name, reason in summary.failures]
    return Outcome(training_text(output, summary, facts), figures, failures)


def _task(
    samples: Sequence[CropSample],
    output: Path,
    weights: str,
    recipe: CropModelOptions,
    resume: bool,
    given: Collection[str] | None,
    *,
    data: str,
) -> "CropTrainingTask":
    """The training, with the model that it starts from or goes on with."""
    from reid.crops.sphere_reid import FORMAT
    from reid.crops.start import resumed_crop_model, start_crop_model
    from reid.crops.training import CropTrainingTask
    from reid.runs.files import require_resume_point
    from reid.runs.starts import SHIPPED
    from reid.runs.weight_files import is_model_file, read_weight_header

    seed = recipe.training.seed
    if resume:
        require_resume_point(output)
        brought = weights == SHIPPED or is_model_file(weights, FORMAT)
        model = resumed_crop_model(output, recipe.network, given=given if brought else None)
        header = read_weight_header(output, FORMAT, made_by="train crop")
        started_from = json.loads(header["notes"]).get("weights", weights)
    else:
        model = start_crop_model(weights, recipe.network, seed=seed, given=given)
        started_from = Path(weights).name
    return CropTrainingTask(
        model,
        samples,
        config=recipe.training,
        losses=recipe.losses,
        augmentation=recipe.augmentation,
        notes={"data": data, "weights": started_from, "seed": seed},
    )


def _decided(weights: str, recipe: CropModelOptions, given: Collection[str] | None) -> str:
    """The shipped model's file in place of its name, or none; a line says which."""
    from reid.crops.start import choose_crop_weights
    from reid.runs.starts import SHIPPED
    from search.models.shipped import shipped_models

    if weights != SHIPPED:
        return weights
    chosen = choose_crop_weights(weights, shipped_models().second_stage, recipe.network, given=given)
    say(chosen.said)
    return chosen.weights
