"""personsearch train crop: the crop model."""

import dataclasses
import sys
from pathlib import Path
from typing import Any, cast

from datasets.augmentation import CropAugmentation
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import SphereReID
from reid.crops.training import CropTrainingConfig
from reid.losses.settings import LossConfig
from tools.options import CropFormat, CropOptions
from tools.outcome import Outcome, is_first_process, table
from tools.progress import Progress


def crop(
    root: Path,
    *,
    output: Path,
    format: CropFormat = "market1501",  # noqa: A002 - the option is called --format
    weights: str = "none",
    resume: bool = False,
    data: CropOptions = CropOptions(),  # noqa: B008 - frozen
    network: SphereReIDConfig = SphereReIDConfig(),  # noqa: B008
    losses: LossConfig = LossConfig(),  # noqa: B008
    training: CropTrainingConfig = CropTrainingConfig(),  # noqa: B008
    augmentation: CropAugmentation = CropAugmentation(),  # noqa: B008
) -> Outcome:
    """Train the crop model: SphereReID by default; --config toim and bag_of_tricks are the other papers' recipes.

    The output folder receives model.safetensors (for evaluate crop, index --second-stage), resume.pt, metrics.csv,
    TensorBoard events, config.json and, with --training.evaluate-epochs, evaluation.csv. `--config crop_small` is the
    recipe for machines without a GPU.

    Args:
        root: the data set's folder; the CSV file for --format csv.
        output: the run's folder.
        format: the data set's layout; those of full frames are cut into crops.
        weights: none, imagenet, a .pth/.safetensors file of torchvision's structure, or a model.safetensors of this
            command.
        resume: go on from the last resume point of the output folder.
        data: which part of the data set.
        network: structure of the network.
        losses: what is minimized.
        training: the recipe.
        augmentation: how far training crops depart from the recorded ones.
    """
    from datasets import read_crops
    from reid.crops.evaluation_log import PeriodicEvaluation
    from reid.crops.start import resumed_crop_model, start_crop_model
    from reid.crops.training import CropTrainingTask
    from reid.runs.files import require_resume_point, write_config
    from reid.runs.processes import join_processes
    from reid.runs.run import TrainingRun

    fabric = join_processes()
    samples, left_out = read_crops(format, root, "train", **data.of(format))
    if resume:
        require_resume_point(output)
    model = resumed_crop_model(output, network) if resume else start_crop_model(weights, network, seed=training.seed)
    notes = {"data": f"{format} {root.name}", "weights": Path(weights).name, "seed": training.seed}
    task = CropTrainingTask(model, samples, config=training, losses=losses, augmentation=augmentation, notes=notes)
    run = TrainingRun(task, output, fabric=fabric)
    if resume:
        run.resume()
    elif is_first_process():
        parts: dict[str, Any] = {
            "network": model.config,
            "losses": losses,
            "training": training,
            "augmentation": augmentation,
        }
        settings: dict[str, Any] = {"command": sys.argv[1:], "root": str(root), "format": format, "weights": weights}
        write_config(output, settings | {name: dataclasses.asdict(part) for name, part in parts.items()})
    evaluation = None
    if training.evaluate_epochs:
        query, gallery = (read_crops(format, root, part, **data.of(format))[0] for part in ("query", "gallery"))
        kept = cast(SphereReID, run.saved_model)
        evaluation = PeriodicEvaluation(kept, output, query, gallery, every=training.evaluate_epochs)
    with Progress("Training", unit="step") as progress:
        summary = run.run(lambda done, total, figures: progress(done, total, loss=figures["loss"]), on_epoch=evaluation)
    speed = task.loader_speed()
    rows: list[list[object]] = [
        ["crops", len(task.crops)],
        ["identities", task.identities],
        ["epochs", summary.epochs],
        ["steps", summary.steps],
        ["minutes", f"{summary.seconds / 60:.1f}"],
        ["network, crops/s", f"{summary.images_per_second:.0f}"],
        ["loader, crops/s of one thread", f"{speed:.0f}"],
    ]
    rows += [[name, f"{value:.4f}"] for name, value in summary.losses.items()]
    text = table(["training", str(output)], rows) + f"\nmodel: {summary.model_file}"
    failures = left_out + [f"{name}: {reason}" for name, reason in summary.failures]
    facts = {"identities": task.identities, "crops": len(task.crops), "loader_images_per_second": speed}
    return Outcome(text, dataclasses.asdict(summary) | facts, failures)
