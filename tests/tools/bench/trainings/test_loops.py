"""The plain loop trains what this project's loop trains: the losses are the same, step by step."""

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_tasks import CROPS, JOINT, crop_task, joint_task
from torchvision.ops import FrozenBatchNorm2d

from detection.backbones import FrozenNorm
from detection.joint import PersonSearchRCNN
from reid.runs.run import TrainingRun
from tools.bench.speed.limits import operations_of
from tools.bench.trainings import training
from tools.bench.trainings.loops import PLAIN, Timed, compared, our_loop, plain_loop
from tools.main import main


@pytest.mark.parametrize(("made", "pictures"), [(joint_task, 2), (crop_task, 6)])
def test_both_loops_have_the_same_losses(tmp_path: Path, made: Any, pictures: int) -> None:
    ours = our_loop(TrainingRun(made(tmp_path / "own", plain=False), tmp_path / "run"), pictures, 1)
    task = made(tmp_path / "plain", plain=True)
    plain = plain_loop(task, pictures, 1)
    # Where the layout of maps differs, the last digits do, and now and then another box is drawn.
    assert plain.loss == pytest.approx(ours.loss, rel=0.01)
    assert min(*ours[:2], *plain[:2]) > 0


def test_the_plain_network_is_built_of_torchvisions_norms_and_says_the_same() -> None:
    torch.manual_seed(0)
    own = PersonSearchRCNN(dataclasses.replace(JOINT.detector, frozen_norm=True), JOINT.embedding, precision="float32")
    plain = training._of_torchvisions_parts(copy.deepcopy(own))
    kinds = [
        {type(module) for module in one.modules() if isinstance(module, FrozenBatchNorm2d)} for one in (own, plain)
    ]
    assert kinds == [{FrozenNorm}, {FrozenBatchNorm2d}]
    frame = torch.from_numpy(np.random.default_rng(0).random((3, 64, 96), dtype=np.float32))
    box = [torch.tensor([[10.0, 5, 40, 60]])]
    with torch.no_grad():
        found = [one.eval().embed([frame], box)[0] for one in (own, plain)]
    torch.testing.assert_close(*found, atol=1e-4, rtol=1e-3)


def test_without_a_plain_loop_nothing_is_compared() -> None:
    ours = Timed(whole=3.0, network=4.0, loss=1.0)
    assert [(one.asked_ratio, one.baseline, one.limit) for one in compared(ours, None, "frames/s")] == [
        (None, "", None)
    ] * 2
    with_loader, network = compared(ours, Timed(2.0, 2.0, 1.0, operations=1e9), "frames/s")
    assert (with_loader.baseline, with_loader.ratio, with_loader.asked_ratio) == (PLAIN, 1.5, 1.3)
    assert (network.ratio, network.asked_ratio) == (2.0, None)
    assert network.reached is not None
    assert 0 < network.reached < 1


def test_the_operations_of_a_picture_are_counted_forward_and_backward(tmp_path: Path) -> None:
    task = crop_task(tmp_path / "plain", plain=True)
    picture = torch.rand(1, 3, CROPS.network.height, CROPS.network.width)
    forward = operations_of(lambda: task.model.eval()(picture))
    counted = plain_loop(task, 6, 1).operations
    assert counted is not None
    assert 2 * forward < counted < 3.2 * forward


def test_crop_training_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tiny.yaml").write_text(
        "network: {backbone: resnet18, height: 32, width: 16, resize_height: 34, resize_width: 18}\n"
        "training: {persons: 3, images: 2, workers: 0}\nsteps: 2\nwarmup_steps: 1\n"
    )
    words = ["bench", "crop-training", "--config", str(tmp_path / "tiny.yaml")]
    assert main([*words, "--json", str(tmp_path / "bench.json")]) == 0
    figures = json.loads((tmp_path / "bench.json").read_text())
    assert figures["plain"]["loss"] == pytest.approx(figures["ours"]["loss"], rel=0.02)
    assert figures["measured"][0]["baseline_value"] == figures["plain"]["whole"]
    assert "crops of 32 x 16" in capsys.readouterr().out
    assert main([*words, "--steps", "0"]) == 2
    assert capsys.readouterr().err == "personsearch: steps is 0, expected 1 or more\n"
