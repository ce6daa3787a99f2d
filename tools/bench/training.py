"""personsearch bench training: frames a second and peak memory of training the joint model on this machine."""

import platform
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.samples import FrameSample
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig
from detection.settings import JOINT_LOSSES, JointTrainingConfig
from detection.training import JointTrainingTask
from reid.losses.criterion import LossConfig
from tools.outcome import Outcome, table
from tools.progress import Progress

if TYPE_CHECKING:
    from reid.runs.run import TrainingRun

PUBLISHED = "published for comparison: SeqNet's reference, ResNet-50 at 900 x 1500 with five frames, 28 GB of a GPU"

SMALLEST_SIDE = 32
"""Pixels of a frame's side, the coarsest stride of the network's maps and so the smallest input that it takes."""


def training(
    *,
    steps: int = 20,
    warmup_steps: int = 3,
    people: int = 5,
    frame_width: int = 1500,
    frame_height: int = 900,
    identities: int = 500,
    detector: DetectorConfig = DetectorConfig(),  # noqa: B008 - frozen
    embedding: EmbeddingConfig = EmbeddingConfig(),  # noqa: B008
    losses: LossConfig = JOINT_LOSSES,
    training: JointTrainingConfig = JointTrainingConfig(batch_size=5),  # noqa: B008
    seed: int = 0,
) -> Outcome:
    """Frames a second and peak memory of training the joint model, by default ResNet-50 at 900 x 1500, five frames.

    The frames are noise with boxes, written as JPEG files and read, decoded and augmented as those of a data set are,
    so the loader is measured too: it keeps up where both speeds are the same.

    Args:
        steps: that are measured.
        warmup_steps: before them, not measured.
        people: in each frame.
        frame_width: pixels, 32 or more.
        frame_height: pixels, 32 or more.
        identities: at most so many in the tables.
        detector: structure of the detector.
        embedding: structure of the embedding head.
        losses: the identity losses.
        training: the recipe; epochs and checkpoints are set by this command.
        seed: of frames and weights, 0 or more.
    """
    import dataclasses

    import torch

    from detection.start import start_model
    from reid.runs.processes import require_one_process
    from reid.runs.run import TrainingRun

    counts = {"steps": steps, "warmup_steps": warmup_steps, "people": people, "identities": identities}
    sides = {"frame_width": frame_width, "frame_height": frame_height}
    for smallest, values in ((1, counts), (SMALLEST_SIDE, sides), (0, {"seed": seed})):
        for name, value in values.items():
            if value < smallest:
                raise ValueError(f"{name} is {value}, expected {smallest} or more")
    require_one_process("bench training")
    model = start_model("none", detector, embedding, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        # One step more: after the last one the model is written.
        count = training.batch_size * (steps + warmup_steps + 1)
        samples = _frames(Path(folder), count, (frame_height, frame_width), people, identities, seed)
        config = dataclasses.replace(training, epochs=1, seed=seed, checkpoint_steps=count + 1)
        task = JointTrainingTask(model, samples, config=config, losses=losses)
        whole, network = _speeds(TrainingRun(task, Path(folder) / "run"), training.batch_size, warmup_steps)
    on_gpu = model.device.type == "cuda"
    peak = _peak_memory(on_gpu)
    figures: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if on_gpu else platform.processor() or platform.machine(),
        "backbone": detector.backbone,
        "input": [detector.min_size, detector.max_size],
        "batch_size": training.batch_size,
        "steps": steps,
        "frames_per_second": whole,
        "frames_per_second_network": network,
        "peak_memory_gigabytes": peak / 1e9,
        "torch": torch.__version__,
    }
    rows: list[list[object]] = [
        ["device", figures["device"]],
        ["backbone", detector.backbone],
        ["input", f"{detector.min_size} x {detector.max_size}, {training.batch_size} frames a step"],
        ["frames/s, with the loader", f"{whole:.2f}"],
        ["frames/s, network alone", f"{network:.2f}"],
        [f"peak memory, GB ({'of the GPU' if on_gpu else 'of the process'})", f"{peak / 1e9:.2f}"],
    ]
    return Outcome(f"{table(['training', 'joint model'], rows)}\n{PUBLISHED}", figures)


def _speeds(run: "TrainingRun[Any, Any]", batch_size: int, warmup_steps: int) -> tuple[float, float]:
    """Frames a second of all but the first steps and the last: with the loader, and of the network alone."""
    speeds: list[float] = []
    ends: list[float] = []
    with Progress("Training", unit="step") as progress:

        def after(step: int, total: int, figures: dict[str, float]) -> None:
            speeds.append(figures["images_per_second"])
            ends.append(time.perf_counter())
            progress(step, total, loss=figures["loss"])

        run.run(after)
    steps = len(ends) - 1 - warmup_steps
    whole = batch_size * steps / (ends[-2] - ends[warmup_steps - 1])
    return whole, float(np.median(speeds[warmup_steps:-1]))


def _peak_memory(on_gpu: bool) -> float:
    """Bytes: of the GPU what torch has reserved, elsewhere what the process has had."""
    import torch

    if on_gpu:
        return torch.cuda.max_memory_reserved()
    # ru_maxrss is in kilobytes, on macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _frames(
    folder: Path, count: int, size: tuple[int, int], people: int, identities: int, seed: int
) -> list[FrameSample]:
    """Frames of noise with boxes of people, as JPEG files."""
    import cv2

    generator = np.random.default_rng(seed)
    height, width = size
    samples = []
    for row in range(count):
        path = folder / f"frame{row}.jpg"
        # Noise in blocks compresses as a picture does.
        noise = generator.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        cv2.imwrite(str(path), cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))
        tall = generator.uniform(0.2, 0.6, people) * height
        corners = generator.uniform(0, 1, (people, 2)) * np.stack([width - 0.4 * tall, height - tall], axis=1)
        boxes = np.concatenate([corners, corners + np.stack([0.4 * tall, tall], axis=1)], axis=1).astype(np.float32)
        ids = (row * people + np.arange(people)) % identities
        samples.append(FrameSample(path.name, path, boxes, ids, camera=row % 5))
    return samples
