"""personsearch train: the joint model."""

import dataclasses
import logging
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

from datasets.augmentation import FrameAugmentation
from detection.settings import DetectorConfig, EmbeddingConfig
from detection.training import JOINT_LOSSES, JointTrainingConfig
from reid.losses.settings import LOSSES, LossConfig
from tools.outcome import Outcome, is_first_process, table
from tools.progress import Progress

_log = logging.getLogger(__name__)
FrameFormat = Literal["custom", "cuhk-sysu", "prw", "uestc-pr", "mot"]


def joint(
    root: Path,
    *,
    output: Path,
    format: FrameFormat = "custom",  # noqa: A002 - the option is called --format
    also: list[Path] | None = None,
    weights: str = "none",
    new_head: bool = False,
    resume: bool = False,
    detector: DetectorConfig = DetectorConfig(),  # noqa: B008 - frozen
    embedding: EmbeddingConfig = EmbeddingConfig(),  # noqa: B008
    losses: LossConfig = JOINT_LOSSES,
    training: JointTrainingConfig = JointTrainingConfig(),  # noqa: B008
    augmentation: FrameAugmentation = FrameAugmentation(),  # noqa: B008
    given: Collection[str] | None = None,
) -> Outcome:
    """Train the joint model: a detector that also embeds each person it finds.

    The output folder receives model.safetensors (for index, evaluate), resume.pt, metrics.csv, TensorBoard events and
    config.json. `--config small` is the recipe for machines without a GPU.

    Args:
        root: the data set's folder, or for the custom layout its training JSON.
        output: the run's folder.
        format: the data set's layout.
        also: more data sets of the same layout to train on: square2,square3; people and cameras of each are its own.
        weights: none, imagenet, coco, a .pth/.safetensors file of torchvision's structure, or a model.safetensors of
            this project whose weights are the start; the structure is then that file's, but for the options of
            detector and embedding that are given, where its weights fit.
        new_head: of that model.safetensors take the detector alone; the embedding head begins anew, and the structure
            is the one asked for, of which the detector's must be the file's.
        resume: go on from the last resume point of the output folder.
        detector: structure of the detector.
        embedding: structure of the embedding head.
        losses: the identity losses, added to those of the detector by their weights; the Sphere loss is off here. With
            --losses.oim 0 alone there is none, and the detector learns from boxes that need no identities.
        training: the recipe.
        augmentation: how far training frames depart from the recorded ones.
        given: the names of the options that were given, see `detection.start.start_model`.
    """
    from datasets import read_frames
    from datasets.layouts.joined import join_training_frames
    from detection.start import resumed_model, start_model
    from detection.training import JointTrainingTask
    from reid.runs.files import require_resume_point, write_config
    from reid.runs.processes import join_processes
    from reid.runs.run import TrainingRun

    fabric = join_processes()
    roots = [root, *(also or [])]
    _require_each_once(roots)
    read = {str(part): read_frames(format, part, "train") for part in roots}
    samples = join_training_frames({part: frames for part, (frames, _) in read.items()})
    _warn_of_idle_settings(losses, given or ())
    if resume:
        require_resume_point(output)
        model = resumed_model(output, weights, detector, embedding, new_head=new_head, given=given)
    else:
        model = start_model(weights, detector, embedding, seed=training.seed, new_head=new_head, given=given)
    notes = {"data": [f"{format} {part.name}" for part in roots], "weights": Path(weights).name, "seed": training.seed}
    task = JointTrainingTask(model, samples, config=training, losses=losses, augmentation=augmentation, notes=notes)
    run = TrainingRun(task, output, fabric=fabric)
    if resume:
        run.resume()
    elif is_first_process():
        settings = {
            "command": sys.argv[1:],
            "roots": [str(part) for part in roots],
            "format": format,
            "weights": weights,
            "new_head": new_head,
        }
        parts: dict[str, Any] = {"detector": model.detector_config, "embedding": model.embedding_config}
        parts |= {"losses": losses, "training": training, "augmentation": augmentation}
        write_config(output, settings | {name: dataclasses.asdict(part) for name, part in parts.items()})
    with Progress("Training", unit="step") as progress:
        summary = run.run(
            lambda done, total, figures: progress(done, total, loss=figures["loss"], identity=figures["loss_identity"])
        )
    rows: list[list[object]] = [
        ["frames", len(task.frames)],
        ["identities", task.identities],
        ["epochs", summary.epochs],
        ["steps", summary.steps],
        ["minutes", f"{summary.seconds / 60:.1f}"],
    ]
    rows += [[name, f"{value:.4f}"] for name, value in summary.losses.items()]
    text = table(["training", str(output)], rows) + f"\nmodel: {summary.model_file}"
    left_out = [line for _, lines in read.values() for line in lines]
    failures = left_out + [f"{name}: {reason}" for name, reason in summary.failures]
    sizes = {"identities": task.identities, "frames": len(task.frames)}
    return Outcome(text, dataclasses.asdict(summary) | sizes, failures)


def _require_each_once(roots: Sequence[Path]) -> None:
    twice = [str(part) for part in roots if sum(part.resolve() == other.resolve() for other in roots) > 1]
    if twice:
        raise ValueError(f"{twice[0]} is given twice, expected every data set once; leave it out of --also")


def _warn_of_idle_settings(losses: LossConfig, given: Collection[str]) -> None:
    """Name what was set of losses that are off."""
    for name in sorted(given):
        loss = next((one for one in LOSSES if name.startswith(f"losses.{one}_")), None)
        if loss is not None and not losses.weight(loss):
            _log.warning("--%s has no effect: the weight of %s is 0", name.replace("_", "-"), loss)
