"""Searches and trainings that cannot be what was meant: one line before any work."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from detection.checkpoints import save_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from tools.main import main


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A model that knows nothing; nobody gets as far as using it."""
    torch.manual_seed(0)
    detector = DetectorConfig(
        backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, anchor_sizes=((24,), (48,), (96,)),
        anchor_ratios=(2.5,), box_features=16, min_size=96, max_size=200,
    )  # fmt: skip
    embedding = EmbeddingConfig(dimension=16, pool_height=8, pool_width=4, channels=16)
    save_model(tmp_path / "model" / "model.safetensors", PersonSearchRCNN(detector, embedding), notes={})
    return tmp_path / "model"


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_queries_without_anybody_to_find_are_named_before_the_detection(
    square: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = tmp_path / "one_camera"
    shutil.copytree(square, world)
    for name in ("train", "test", "queries"):
        content = json.loads((world / f"{name}.json").read_text())
        for record in content if name == "queries" else content["images"]:
            record["camera_id"] = 1
        (world / f"{name}.json").write_text(json.dumps(content))
    assert main(["evaluate", "search", str(world), "--model", str(run)]) == 2
    assert "has no query with somebody to find (other cameras)" in last_line(capsys)


@pytest.mark.parametrize("threshold", ["0.001", "7", "-1"])
def test_a_threshold_that_the_model_cannot_serve_is_refused(
    square: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], threshold: str
) -> None:
    line = f"score threshold {threshold}, expected 0.05 to 1: below 0.05 the model returns nobody"
    assert main(["evaluate", "detection", str(square), "--model", str(run), f"--minimum-confidence={threshold}"]) == 2
    assert line in last_line(capsys)
    words = ["index", str(square / "test.json"), "--gallery", str(tmp_path / "people"), "--model", str(run)]
    assert main([*words, f"--minimum-confidence={threshold}"]) == 2
    assert line in last_line(capsys)
    assert not (tmp_path / "people").exists()


def test_a_data_set_is_indexed_by_a_splits_file_whose_times_count(
    square: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--gallery", str(tmp_path / "people"), "--model", str(run)]
    assert main(["index", str(square), *words]) == 2
    assert f"{square} is a data set; give a split's frames, {square / 'test.json'}" in last_line(capsys)
    assert main(["index", str(square / "test.json"), *words, "--start-time", "2026-05-01T08:00"]) == 2
    assert "write 'timestamp' into its images" in last_line(capsys)


def test_nothing_to_resume_is_said_as_it_is(
    square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    words = ["train", "joint", str(square), "--config", "small"]
    assert main([*words, "--output", str(tmp_path / "run"), "--resume"]) == 2
    assert "nothing to resume; start without --resume" in last_line(capsys)
    assert "--losses.toim-scale has no effect" not in caplog.text
    assert main([*words, "--output", str(tmp_path / "run"), "--resume", "--losses.toim-scale", "3"]) == 2
    assert "--losses.toim-scale has no effect: the weight of toim is 0" in caplog.text
    assert main([*words, "--output", str(tmp_path / "run"), "--also", str(square)]) == 2
    assert "is given twice" in last_line(capsys)
