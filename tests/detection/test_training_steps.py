"""What each step of a joint training is given: its learning rate, its size, frames without what is to be ignored."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.samples import FrameSample
from datasets.transforms import FrameAugmentation, FrameTransform
from detection.joint import PersonSearchRCNN
from detection.loader import GREY, TrainingFrames
from detection.settings import DetectorConfig, EmbeddingConfig, JointTrainingConfig
from detection.training import JointTrainingTask
from reid.losses.settings import LossConfig
from reid.runs.run import TrainingRun

LOSSES = LossConfig(sphere=0, oim=1, oim_queue=5)


def task(model: PersonSearchRCNN, frames: list[FrameSample], **changes: int) -> JointTrainingTask:
    config = JointTrainingConfig(batch_size=3, learning_rate=2e-3, workers=0, **changes)
    return JointTrainingTask(model, frames, config=config, losses=LOSSES)


def test_the_rate_warms_up_and_falls_to_a_hundredth(tiny_model: PersonSearchRCNN, frames: list[FrameSample]) -> None:
    share = task(tiny_model, frames, epochs=40, warmup_steps=8).rate_share
    assert [share(step) for step in range(9)] == pytest.approx([0.125 * (step + 1) for step in range(8)] + [1])
    assert share(64) == pytest.approx(0.505)
    assert share(119) < 0.011
    short = task(tiny_model, frames, epochs=10, warmup_steps=200).rate_share
    assert [short(0), short(1), short(2)] == pytest.approx([1 / 3, 2 / 3, 1]), "a tenth of the 30 steps at most"


def test_every_step_has_the_rate_and_the_size_of_its_number(
    tmp_path: Path, frames: list[FrameSample], tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    detector = dataclasses.replace(tiny_detector, train_sizes=(64, 80))
    trained = task(PersonSearchRCNN(detector, tiny_embedding, precision="float32"), frames, epochs=1, seed=5)
    seeds = []
    run = TrainingRun(trained, tmp_path)
    run.run(lambda step, total, figures: seeds.append(list(trained.model.transform.size_seed)))
    assert seeds == [[5, 0], [5, 1], [5, 2]]
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    assert rates == pytest.approx([2e-3 * trained.rate_share(step) for step in range(3)], rel=1e-4)
    assert rates[0] == rates[1] > rates[2], "a warm-up of one step, then the cosine"


def test_a_frame_comes_without_what_its_data_set_says_to_ignore(frames: list[FrameSample]) -> None:
    region = np.array([[70.0, 60, 120, 90]], dtype=np.float32)
    plain = FrameAugmentation(flip=0, scale=0, color=0)
    sample = dataclasses.replace(frames[8], ignore=region)
    assert not len(sample.boxes)
    loaded = TrainingFrames([frames[8], sample], FrameTransform(plain), seed=0, cameras={})
    (before, _), (after, _) = loaded[0, 0], loaded[0, 1]
    inside = torch.zeros(96, 128, dtype=torch.bool)
    inside[60:90, 70:120] = True
    assert (after[:, inside] == GREY).all()
    assert torch.equal(before[:, ~inside], after[:, ~inside])
    assert not (before[:, inside] == GREY).all()
