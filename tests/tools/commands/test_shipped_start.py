"""What a training starts from where nobody names weights: the shipped models, if they fit what is asked for."""

import itertools
import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml

from detection.checkpoints import load_model, read_header
from reid.crops.sphere_reid import FORMAT, SphereReID, SphereReIDConfig
from reid.runs.weight_files import read_weight_header
from tools.main import main

STANDING = ["--training.learning-rate", "1e-12", "--training.epochs", "1", "--training.workers", "0"]


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Two people seen by two cameras, two pictures each, in Market-1501's folder of training."""
    folder = tmp_path / "market" / "bounding_box_train"
    folder.mkdir(parents=True)
    for person in (2, 7):
        for camera in (1, 2):
            for picture in (0, 1):
                noise = np.random.default_rng(person).integers(0, 256, (64, 32, 3)).astype(np.uint8)
                cv2.imwrite(str(folder / f"{person:04d}_c{camera}s1_{picture:06d}_00.jpg"), noise)
    return folder.parent


class Joint:
    """`train joint` into one folder."""

    def __init__(self, square: Path, output: Path) -> None:
        self.words = ["train", "joint", str(square), "--output", str(output), *STANDING]
        self.output = output

    def started_from(self) -> Any:
        return json.loads(read_header(self.output)["notes"])["weights"]


class Crop:
    """`train crop` into one folder."""

    def __init__(self, market: Path, output: Path) -> None:
        few = ["--training.persons", "2", "--training.images", "2"]
        self.words = ["train", "crop", str(market), "--output", str(output), *STANDING, *few]
        self.output = output

    def started_from(self) -> Any:
        return json.loads(read_weight_header(self.output, FORMAT, made_by="")["notes"])["weights"]


@pytest.fixture
def joint(square: Path, tmp_path: Path) -> Joint:
    return Joint(square, tmp_path / "run")


@pytest.fixture
def crop(market: Path, tmp_path: Path) -> Crop:
    return Crop(market, tmp_path / "run")


def starts(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("start: ")]


def test_the_joint_model_goes_on_from_the_shipped_one(
    packages: Path, joint: Joint, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*joint.words, "--detector.min-size", "100", "--losses.oim-queue", "8"]) == 0
    assert starts(capsys) == ["start: people, which comes with personsearch (resnet18 on frames of 100 pixels)"]
    assert joint.started_from() == "people.safetensors"
    shipped = load_model(packages / "detection" / "weights" / "people.safetensors", device="cpu")
    trained = load_model(joint.output, device="cpu")
    assert trained.embedding_config == shipped.embedding_config
    assert (trained.detector_config.min_size, trained.detector_config.max_size) == (100, 240)
    for name, value in shipped.named_parameters():
        torch.testing.assert_close(trained.get_parameter(name), value, atol=1e-6, rtol=1e-6)
    assert main([*joint.words, "--detector.min-size", "100", "--losses.oim-queue", "8", "--resume"]) == 0
    assert joint.started_from() == "people.safetensors", "what a resumed run keeps"
    assert main([*joint.words, "--detector.min-size", "90", "--losses.oim-queue", "8", "--resume"]) == 2
    assert "detector.min_size = 100, this call has 90" in capsys.readouterr().err


def test_another_structure_begins_at_random_and_a_line_says_why(
    packages: Path, joint: Joint, capsys: pytest.CaptureFixture[str]
) -> None:
    other = ["--embedding.dimension", "8", "--losses.oim-queue", "8"]
    assert main([*joint.words, *other, "--weights", "shipped"]) == 2
    assert "has embedding.dimension = 16, not 8; its weights do not fit that" in capsys.readouterr().err
    detector = {
        "backbone": "resnet18",
        "pyramid_levels": [1, 2],
        "pyramid_channels": 8,
        "min_size": 96,
        "max_size": 160,
    }
    detector["anchor_sizes"] = [[24], [48], [96]]
    whole = yaml.safe_dump({"detector": detector, "embedding": {"dimension": 8, "channels": 8}})
    (joint.output.parent / "own.yaml").write_text(whole)
    assert main([*joint.words, "--config", str(joint.output.parent / "own.yaml")]) == 0
    (line,) = starts(capsys)
    assert line.startswith("start: random weights, because people, which comes with personsearch, has detector.")
    assert line.endswith("; see --weights")
    assert joint.started_from() == "none"
    assert load_model(joint.output, device="cpu").embedding_dim == 8


def test_so_many_frames_are_drawn(
    packages: Path, joint: Joint, square: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = joint.output.parent / "run.json"
    words = [*joint.words, "--losses.oim-queue", "8", "--json", str(figures)]
    assert main([*words, "--frames", "4"]) == 0
    assert json.loads(figures.read_text())["frames"] == 4
    config = json.loads((joint.output / "config.json").read_text())
    assert (config["frames"], config["training"]["trunk_rate"]) == (4, 1.0)
    assert main([*words, "--frames", "3", "--resume"]) == 2
    every = len(json.loads((square / "train.json").read_text())["images"])
    capsys.readouterr()
    assert main([*words, "--frames", str(every + 1)]) == 2
    assert f"{every + 1} frames are asked for, expected 1 to {every}" in capsys.readouterr().err


def test_the_trunk_of_the_shipped_model_learns_slowly_unless_a_rate_is_given(
    packages: Path, joint: Joint, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*joint.words[:5], "--training.epochs", "1", "--training.workers", "0", "--losses.oim-queue", "8"]
    words += ["--frames", "3"]
    assert main(words) == 0
    assert json.loads((joint.output / "config.json").read_text())["training"]["trunk_rate"] == 0.3
    assert "learns at 0.3 of the learning rate; --training.trunk-rate changes that" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0, "with the same rate, unasked"


def test_a_new_head_goes_on_the_shipped_detector(
    packages: Path, joint: Joint, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*joint.words, "--new-head", "--embedding.dimension", "8", "--embedding.channels", "8"]) == 0
    assert starts(capsys)[0].startswith("start: people")
    trained = load_model(joint.output, device="cpu")
    assert trained.embedding_dim == 8
    shipped = load_model(packages / "detection" / "weights" / "people.safetensors", device="cpu")
    assert trained.detector_config == shipped.detector_config
    again = [*joint.words, "--new-head", "--embedding.dimension", "8", "--embedding.channels", "8", "--resume"]
    assert main(again) == 0


def test_weights_that_are_named_are_taken(packages: Path, joint: Joint, capsys: pytest.CaptureFixture[str]) -> None:
    """The recipes of the papers and of older runs: nothing of the shipped model enters them."""
    small = {"detector": vars(load_model(packages / "detection" / "weights" / "people.safetensors").detector_config)}
    small = json.loads(json.dumps(small))
    (joint.output.parent / "own.yaml").write_text(yaml.safe_dump({"weights": "none", **small}))
    assert main([*joint.words, "--config", str(joint.output.parent / "own.yaml")]) == 0
    assert starts(capsys) == []
    assert joint.started_from() == "none"


def test_the_crop_model_goes_on_from_the_shipped_one(
    packages: Path, crop: Crop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*crop.words, "--network.dropout", "0.1"]) == 0
    shipped = SphereReID.from_checkpoint(packages / "reid" / "weights" / "people.safetensors", device="cpu")
    told = f"start: people, which comes with personsearch ({shipped.config.backbone} on crops of 64 x 64 pixels)"
    assert starts(capsys) == [told]
    assert crop.started_from() == "people.safetensors"
    trained = SphereReID.from_checkpoint(crop.output, device="cpu")
    assert (trained.config.dropout, trained.config.dimension) == (0.1, 8)
    for name, value in shipped.named_parameters():
        torch.testing.assert_close(trained.get_parameter(name), value, atol=1e-6, rtol=1e-6)
    assert main([*crop.words, "--network.dropout", "0.1", "--resume"]) == 0
    assert crop.started_from() == "people.safetensors"
    assert main([*crop.words, "--network.dropout", "0.2", "--resume"]) == 2
    assert "network.dropout = 0.1, this call has 0.2" in capsys.readouterr().err


def test_another_crop_structure_begins_at_random(
    packages: Path, crop: Crop, capsys: pytest.CaptureFixture[str]
) -> None:
    other = ["--network.dimension", "12", "--network.backbone", "mobilenet_v2"]
    assert main([*crop.words, *other, "--weights", "shipped"]) == 2
    assert "network.dimension = 8, not 12; its weights do not fit that" in capsys.readouterr().err
    sizes = ["--network.height", "64", "--network.width", "64"]
    assert main([*crop.words, *other, *sizes]) == 0
    (line,) = starts(capsys)
    assert "people, which comes with personsearch, has network.dimension = 8, not 12; see --weights" in line
    assert crop.started_from() == "none"


def test_without_a_shipped_crop_model_it_begins_at_random(
    packages: Path, crop: Crop, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = packages / "reid" / "weights" / "people.safetensors"
    shipped.rename(packages / "detection" / "weights" / "plaza.safetensors")  # what it holds does not matter
    small = ["--network.backbone", "mobilenet_v2", "--network.height", "64", "--network.width", "64"]
    assert main([*crop.words, *small, "--weights", "shipped"]) == 2
    assert "no crop model comes with this installation" in capsys.readouterr().err
    assert main([*crop.words, *small]) == 0
    assert "no crop model comes with this installation" in starts(capsys)[0]


def test_a_model_file_of_ones_own_brings_its_structure(crop: Crop, tmp_path: Path) -> None:
    sizes = {"height": 64, "width": 64, "resize_height": 64, "resize_width": 64}
    config = SphereReIDConfig(backbone="mobilenet_v2", dimension=5, **sizes)
    SphereReID(config).save(tmp_path / "own.safetensors")
    assert main([*crop.words, "--weights", str(tmp_path / "own.safetensors")]) == 0
    assert SphereReID.from_checkpoint(crop.output).config == config


def make(repository: Path, target: str, folder: Path, *words: str) -> list[list[str]]:
    """The commands of `personsearch` that a target of the Makefile types, taken down by a stand-in in its place."""
    typed = folder / "typed.json"
    program = folder / "bin" / "personsearch"
    program.parent.mkdir(exist_ok=True)
    (folder / "pyproject.toml").touch()
    os.utime(folder / "pyproject.toml", (0, 0))
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$*\" >> {typed}\n")
    program.chmod(0o755)
    # Nothing is installed: the stamp is there already, and newer than pyproject.toml.
    options = [f"BIN={program.parent}", f"INSTALLED={program}", f"VENV={folder}"]
    ended = subprocess.run(
        ["make", "-C", str(folder), "-f", str(repository / "Makefile"), target, *options, *words], capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return [shlex.split(line) for line in typed.read_text().splitlines()]


@pytest.mark.parametrize("target", ["weights", "plaza_weights", "labelled_frames"])
def test_make_types_commands_that_there_are(
    target: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.parsing import Call

    commands = make(repository, target, tmp_path)
    assert len(commands) >= 5
    monkeypatch.setattr(Call, "run", lambda call: 0)
    for words in commands:
        assert "--worlds" in words or main(words) == 0, words


def test_make_weights_learns_the_share_of_the_pair_that_it_exports_on_other_people(
    repository: Path, tmp_path: Path
) -> None:
    commands = make(repository, "weights", tmp_path)
    *_, rendered, learned = commands
    assert learned[0] == "calibrate"
    assert "--learn-second-weight" in learned
    assert learned[1] == rendered[2], "the share is learned on the worlds that were rendered for it"
    told = dict(itertools.pairwise(learned))
    assert [told["--model"], told["--second-stage"]] == [one[2] for one in commands if one[0] == "export"]
    *trained_on, of_share = [dict(itertools.pairwise(one))["--seed"] for one in commands if "--worlds" in one]
    assert trained_on
    assert of_share not in trained_on, "nobody in them trained the models"


def test_every_start_gets_the_same_frames_and_steps(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "runs" / "labelled" / "none-50").mkdir(parents=True)
    (tmp_path / "runs" / "labelled" / "none-50" / "search.json").write_text("{}")
    (tmp_path / "runs" / "labelled" / "shipped-100").mkdir()
    (tmp_path / "runs" / "labelled" / "shipped-100" / "resume.pt").write_text("")
    words = ["DATA=my_data", "FRAMES=50 100", "STARTS=shipped some/trunk.safetensors none"]
    trainings = [one for one in make(repository, "labelled_frames", tmp_path, *words) if one[0] == "train"]
    assert [one[2] for one in trainings] == ["my_data"] * 5, "what is finished is not done again"
    told = [(dict(itertools.pairwise(one)), "--resume" in one) for one in trainings]
    assert [Path(one["--output"]).name for one, _ in told] == [
        "shipped-50", "shipped-100", "trunk-50", "trunk-100", "none-100",
    ]  # fmt: skip
    assert [resumed for _, resumed in told] == [False, True, False, False, False]
    assert {int(one["--training.epochs"]) * int(one["--frames"]) for one, _ in told} == {4000}
    assert {one["--weights"] for one, _ in told} == {"shipped", "some/trunk.safetensors", "none"}
