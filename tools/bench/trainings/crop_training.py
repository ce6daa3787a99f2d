"""personsearch bench crop-training: crops a second of training the crop model, beside a plain loop."""

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.bench.speed.machine import load_average
from tools.bench.speed.measured import Run
from tools.bench.trainings.loops import Timed, compared, our_loop, plain_loop
from tools.outcome import Outcome, table
from tools.recipe_files import CropModelOptions

if TYPE_CHECKING:
    from torch import nn

    from datasets.samples import CropSample
    from reid.crops.training import CropTrainingTask

CAMERAS = 6


def crop_training(
    *,
    steps: int = 10,
    warmup_steps: int = 2,
    recipe: CropModelOptions = CropModelOptions(),  # noqa: B008 - frozen
    seed: int = 0,
    profile: bool = False,
    compare: Path | None = None,
) -> Outcome:
    """Crops a second of training the crop model, by default SphereReID's ResNet-50.

    The crops are noise, written as JPEG files and read, decoded and augmented as those of a data set are. Beside it a
    plain loop trains the same network on the same crops: in float32, in the layout that torch gives weights and maps,
    with crops that are read when they are needed. The mean losses of both say whether they learn alike.

    Args:
        steps: The steps that are measured, 1 or more.
        warmup_steps: The steps before them, which are not measured, 1 or more.
        recipe: The model and its training; epochs, sampler and checkpoints are set by this command.
        seed: The seed of crops and weights, 0 or more.
        profile: Say where the time of a step goes instead: its stages, and the operations that take most of it.
        compare: A file that --json of an earlier run wrote. What is slower than then, beyond noise, is named, and
            the exit status is 1.
    """
    from reid.runs.interruption import TrainingInterrupted
    from reid.runs.processes import require_one_process
    from reid.runs.run import TrainingRun

    for name, value, least in (("steps", steps, 1), ("warmup_steps", warmup_steps, 1), ("seed", seed, 0)):
        if value < least:
            raise ValueError(f"{name} is {value}, expected {least} or more")
    require_one_process("bench crop-training")
    run, load = Run.of("bench crop-training", {"recipe": dataclasses.asdict(recipe)}, compare), load_average()
    crops = recipe.training.persons * recipe.training.images
    with tempfile.TemporaryDirectory() as folder:
        # One step more: after the last one the model is written.
        samples = _written(Path(folder), crops * (steps + warmup_steps + 1), recipe, seed)
        try:
            task = _task(recipe, samples, seed)
            if profile:
                return _profiled(task, Path(folder) / "run", warmup_steps, run, load)
            ours = our_loop(TrainingRun(task, Path(folder) / "run"), crops, warmup_steps)
        except TrainingInterrupted:
            raise KeyboardInterrupt("interrupted; nothing was measured") from None
        plain = plain_loop(_task(recipe, samples, seed, plain=True), crops, warmup_steps)
    figures = {"recipe": recipe, "steps": steps, "ours": ours._asdict(), "plain": plain._asdict()}
    measured = compared(ours, plain, "crops/s")
    return run.outcome(_text(recipe, ours, plain), figures, measured, ("torch", "torchvision"), load=load)


def _text(recipe: CropModelOptions, ours: Timed, plain: Timed) -> str:
    network = recipe.network
    rows: list[list[object]] = [
        ["network", f"{network.backbone}, crops of {network.height} x {network.width}"],
        ["crops/s, with the loader", f"{ours.whole:.1f}"],
        ["crops/s, network alone", f"{ours.network:.1f}"],
        ["loss, mean of the steps", f"{ours.loss:.3f}"],
        ["crops/s of a plain loop", f"{plain.whole:.1f}"],
        ["times as fast as that", f"{ours.whole / plain.whole:.2f}"],
        ["loss of a plain loop", f"{plain.loss:.3f}"],
    ]
    return table(["training", "crop model"], rows)


def _profiled(task: "CropTrainingTask", folder: Path, warmup_steps: int, run: Run, load: float | None) -> Outcome:
    """Where the time of a step goes."""
    from tools.bench.trainings.stages import profiled

    model = task.model
    parts: dict[str, Sequence[nn.Module]] = {
        "trunk": [model.backbone], "pooling and embedding": [model.pooling, model.head],
        "identity losses": [task.criterion],
    }  # fmt: skip
    found = profiled(task, parts, folder, warmup_steps)
    return run.outcome(found.text(), {"profile": found}, [], ("torch", "torchvision"), load=load)


def _task(
    recipe: CropModelOptions, samples: Sequence["CropSample"], seed: int, *, plain: bool = False
) -> "CropTrainingTask":
    import torch

    from reid.crops.start import start_crop_model
    from reid.crops.training import CropTrainingTask

    model = start_crop_model("none", recipe.network, seed=seed)
    changes: dict[str, Any] = {
        "epochs": 1, "small_epochs": 0, "sampler": "shuffled", "seed": seed, "checkpoint_steps": len(samples) + 1,
    }  # fmt: skip
    if plain:
        model.precision = "float32"
        # Weights and maps in the layout that torch gives them.
        model.backbone.register_forward_pre_hook(lambda _, given: (given[0].contiguous(),))
        model = model.to(memory_format=torch.contiguous_format)
        changes["workers"] = 0
    config = dataclasses.replace(recipe.training, **changes)
    return CropTrainingTask(model, samples, config=config, losses=recipe.losses, augmentation=recipe.augmentation)


def _written(folder: Path, count: int, recipe: CropModelOptions, seed: int) -> "list[CropSample]":
    """Crops of noise, as JPEG files; each person has as many as a batch shows of one."""
    import cv2

    from datasets.samples import CropSample

    random = np.random.default_rng(seed)
    height, width = recipe.network.height, recipe.network.width
    samples = []
    for row in range(count):
        # Noise in blocks compresses as a picture does.
        noise = random.integers(0, 256, (max(1, height // 8), max(1, width // 8), 3), dtype=np.uint8)
        path = folder / f"{row:06}.jpg"
        cv2.imwrite(str(path), cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))
        samples.append(CropSample(path, row // recipe.training.images, camera=row % CAMERAS))
    return samples
