"""personsearch bench training: frames a second and peak memory of training the joint model, beside a plain loop."""

import dataclasses
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from detection.settings import JointTrainingConfig
from tools.bench.speed.machine import load_average, peak_megabytes
from tools.bench.speed.measured import Run
from tools.bench.trainings.loops import Timed, compared, our_loop, plain_loop
from tools.outcome import Outcome, table
from tools.recipe_files import JointModelOptions

if TYPE_CHECKING:
    from datasets.samples import FrameSample
    from detection.joint import PersonSearchRCNN
    from detection.training import JointTrainingTask

PUBLISHED = "published for comparison: SeqNet's reference, ResNet-50 at 900 x 1500 with five frames, 28 GB of a GPU"

SMALLEST_SIDE = 32
"""Pixels of a frame's side, the coarsest stride of the network's maps and so the smallest input that it takes."""


def _require_at_least(smallest: int, **values: int) -> None:
    for name, value in values.items():
        if value < smallest:
            raise ValueError(f"{name} is {value}, expected {smallest} or more")


@dataclass(frozen=True)
class NoiseFrames:
    """The frames that are trained on: noise with boxes of people.

    Args:
        people: The number of people in each frame.
        frame_width: The width of a frame in pixels, 32 or more.
        frame_height: The height of a frame in pixels, 32 or more.
        identities: The number of people in the tables, at most.
    """

    people: int = 5
    frame_width: int = 1500
    frame_height: int = 900
    identities: int = 500

    def __post_init__(self) -> None:
        _require_at_least(1, people=self.people, identities=self.identities)
        _require_at_least(SMALLEST_SIDE, frame_width=self.frame_width, frame_height=self.frame_height)


def training(
    *,
    steps: int = 20,
    warmup_steps: int = 3,
    frames: NoiseFrames = NoiseFrames(),
    recipe: JointModelOptions = JointModelOptions(training=JointTrainingConfig(batch_size=5)),  # noqa: B008
    seed: int = 0,
    against_plain: bool = True,
    profile: bool = False,
    compare: Path | None = None,
) -> Outcome:
    """Frames a second and peak memory of training the joint model, by default ResNet-50 at 900 x 1500, five frames.

    The frames are noise with boxes, written as JPEG files and read, decoded and augmented as those of a data set are,
    so the loader is measured too: it keeps up where both speeds are the same. Beside it a plain loop trains the same
    network on the same frames: of torchvision's parts, in float32, with frames that are read when they are needed. The
    mean losses of both say whether they learn alike.

    Args:
        steps: The steps that are measured, 1 or more.
        warmup_steps: The steps before them, which are not measured, 1 or more.
        frames: The frames.
        recipe: The model and its training; epochs and checkpoints are set by this command.
        seed: The seed of frames and weights, 0 or more.
        against_plain: Train the plain loop too.
        profile: Say where the time of a step goes instead: its stages, and the operations that take most of it.
        compare: A file that --json of an earlier run wrote. What is slower than then, beyond noise, is named, and
            the exit status is 1.
    """
    from reid.runs.interruption import TrainingInterrupted
    from reid.runs.processes import require_one_process
    from reid.runs.run import TrainingRun

    _require_at_least(1, steps=steps, warmup_steps=warmup_steps)
    _require_at_least(0, seed=seed)
    require_one_process("bench training")
    settings = {"frames": dataclasses.asdict(frames), "recipe": dataclasses.asdict(recipe), "plain": against_plain}
    run, load = Run.of("bench training", settings, compare), load_average()
    pictures = recipe.training.batch_size
    with tempfile.TemporaryDirectory() as folder:
        # One step more: after the last one the model is written.
        samples = _written(Path(folder), pictures * (steps + warmup_steps + 1), frames, seed)
        task = _task(recipe, samples, seed)
        try:
            if profile:
                return _profiled(task, Path(folder) / "run", warmup_steps, run, load)
            ours = our_loop(TrainingRun(task, Path(folder) / "run"), pictures, warmup_steps)
        except TrainingInterrupted:
            raise KeyboardInterrupt("interrupted; nothing was measured") from None
        figures = _figures(recipe, steps, ours, on_gpu=task.model.device.type == "cuda")
        plain = plain_loop(_task(recipe, samples, seed, plain=True), pictures, warmup_steps) if against_plain else None
    figures["plain"] = None if plain is None else plain._asdict()
    measured = compared(ours, plain, "frames/s")
    text = f"{table(['training', 'joint model'], _rows(figures))}\n{PUBLISHED}"
    return run.outcome(text, figures, measured, ("torch", "torchvision"), load=load)


def _profiled(task: "JointTrainingTask", folder: Path, warmup_steps: int, run: Run, load: float | None) -> Outcome:
    """Where the time of a step goes."""
    from tools.bench.trainings.stages import profiled

    model: Any = task.model
    heads = [model.detector.roi_heads, *([] if model.refinement is None else [model.refinement])]
    parts = {
        "frames resized": [model.transform],
        "trunk": [model.detector.backbone.body],
        "pyramid": [model.detector.backbone.fpn],
        "boxes proposed": [model.detector.rpn],
        "boxes sampled": [one.box_roi_pool for one in heads],
        "box heads": [part for one in heads for part in (one.box_head, one.box_predictor)],
        "people embedded": [model.embedding_head],
        "identity losses": [task.criterion],
    }
    found = profiled(task, parts, folder, warmup_steps)
    return run.outcome(found.text(), {"profile": found}, [], ("torch", "torchvision"), load=load)


def _task(
    recipe: JointModelOptions, samples: Sequence["FrameSample"], seed: int, *, plain: bool = False
) -> "JointTrainingTask":
    from detection.start import start_model
    from detection.training import JointTrainingTask

    model = start_model("none", recipe.detector, recipe.embedding, seed=seed)
    config = dataclasses.replace(recipe.training, epochs=1, seed=seed, checkpoint_steps=len(samples) + 1)
    if plain:
        model = _of_torchvisions_parts(model)
        model.precision, config = "float32", dataclasses.replace(config, workers=0)
    return JointTrainingTask(model, samples, config=config, losses=recipe.losses, augmentation=recipe.augmentation)


def _of_torchvisions_parts(model: "PersonSearchRCNN") -> "PersonSearchRCNN":
    """The same network with torchvision's own norms, weights and maps in the layout that torch gives them."""
    import torch
    from torchvision.ops import FrozenBatchNorm2d

    for module in list(model.modules()):
        for name, part in module.named_children():
            if isinstance(part, FrozenBatchNorm2d):
                norm = FrozenBatchNorm2d(len(part.weight), eps=part.eps).to(part.weight.device)
                norm.load_state_dict(part.state_dict())
                setattr(module, name, norm)
    model.detector.backbone.body.register_forward_pre_hook(lambda _, given: (given[0].contiguous(),))
    return model.to(memory_format=torch.contiguous_format)


def _figures(recipe: JointModelOptions, steps: int, ours: Timed, *, on_gpu: bool) -> dict[str, Any]:
    import torch

    detector = recipe.detector
    return {
        "device": torch.cuda.get_device_name() if on_gpu else platform.processor() or platform.machine(),
        "backbone": detector.backbone,
        "input": [detector.min_size, detector.max_size],
        "batch_size": recipe.training.batch_size,
        "steps": steps,
        "frames_per_second": ours.whole,
        "frames_per_second_network": ours.network,
        "loss": ours.loss,
        "peak_memory_gigabytes": _peak_memory(on_gpu) / 1e9,
        "memory_of": "the GPU" if on_gpu else "the process",
        "torch": torch.__version__,
    }


def _rows(figures: dict[str, Any]) -> list[list[object]]:
    smaller, larger = figures["input"]
    rows: list[list[object]] = [
        ["device", figures["device"]],
        ["backbone", figures["backbone"]],
        ["input", f"{smaller} x {larger}, {figures['batch_size']} frames a step"],
        ["frames/s, with the loader", f"{figures['frames_per_second']:.2f}"],
        ["frames/s, network alone", f"{figures['frames_per_second_network']:.2f}"],
        ["loss, mean of the steps", f"{figures['loss']:.3f}"],
        [f"peak memory, GB (of {figures['memory_of']})", f"{figures['peak_memory_gigabytes']:.2f}"],
    ]
    if (plain := figures["plain"]) is not None:
        rows += [
            ["frames/s of a plain loop", f"{plain['whole']:.2f}"],
            ["times as fast as that", f"{figures['frames_per_second'] / plain['whole']:.2f}"],
            ["loss of a plain loop", f"{plain['loss']:.3f}"],
        ]
    return rows


def _peak_memory(on_gpu: bool) -> float:
    """Bytes: of the GPU what torch has reserved, elsewhere what the process has had."""
    import torch

    if on_gpu:
        return torch.cuda.max_memory_reserved()
    return peak_megabytes() * 2**20


def _written(folder: Path, count: int, frames: NoiseFrames, seed: int) -> "list[FrameSample]":
    """Frames of noise with boxes of people, as JPEG files."""
    import cv2

    from datasets.samples import FrameSample

    generator = np.random.default_rng(seed)
    height, width, people = frames.frame_height, frames.frame_width, frames.people
    samples = []
    for row in range(count):
        path = folder / f"frame{row}.jpg"
        # Noise in blocks compresses as a picture does.
        noise = generator.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        cv2.imwrite(str(path), cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))
        tall = generator.uniform(0.2, 0.6, people) * height  # [P]
        corners = generator.uniform(0, 1, (people, 2)) * np.stack([width - 0.4 * tall, height - tall], axis=1)
        boxes = np.concatenate([corners, corners + np.stack([0.4 * tall, tall], axis=1)], axis=1)  # [P, 4] xyxy
        ids = (row * people + np.arange(people)) % frames.identities
        samples.append(FrameSample(path.name, path, boxes.astype(np.float32), ids, camera=row % 5))
    return samples
