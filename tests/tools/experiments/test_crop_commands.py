"""train crop and bench tables as a user types them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.main import main

SMALL = """
network: {backbone: mobilenet_v2, dimension: 16, height: 64, width: 32, resize_height: 72, resize_width: 36}
training: {epochs: 2, persons: 2, images: 2, warmup_epochs: 1, workers: 0, evaluate_epochs: 1}
"""
SCALE = """
scale: {backbone: mobilenet_v2, height: 32, width: 16, epochs: 1, toim_epochs: 1, weights: none}
"""


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Three people seen by two cameras, two pictures each, in Market-1501's folders."""
    root = tmp_path / "market"
    generator = np.random.default_rng(0)
    for folder, people in (("bounding_box_train", (2, 7, 9)), ("bounding_box_test", (1, 3, 5)), ("query", (1, 3, 5))):
        (root / folder).mkdir(parents=True)
        for person in people:
            color = generator.integers(0, 256, 3)
            for camera in (1, 2):
                for picture in (0, 1) if folder != "query" else (2,):
                    image = np.clip(color + generator.normal(0, 30, (128, 64, 3)), 0, 255).astype(np.uint8)
                    name = f"{person:04d}_c{camera}s1_{picture:06d}_00.jpg"
                    cv2.imwrite(str(root / folder / name), image)
    return root


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(SMALL)
    return path


def test_a_training_is_evaluated_resumed_and_never_overwritten(
    market: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    words = ["train", "crop", str(market), "--config", str(recipe), "--output", str(output)]
    assert main([*words, "--json", str(tmp_path / "run.json")]) == 0
    figures = json.loads((tmp_path / "run.json").read_text())
    assert (figures["identities"], figures["crops"], figures["steps"]) == (3, 12, 4)
    assert "crops/s" in capsys.readouterr().out
    for name in ("model.safetensors", "resume.pt", "metrics.csv", "config.json", "tensorboard", "evaluation.csv"):
        assert (output / name).exists(), name
    assert main(words) == 2
    assert "--resume" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert main([*words, "--resume", "--training.epochs", "5"]) == 2
    assert "epochs" in capsys.readouterr().err


def test_a_broken_crop_is_named_and_the_status_is_1(
    market: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = market / "bounding_box_train" / "0002_c1s1_000000_00.jpg"
    broken.write_bytes(b"no picture")
    (market / "bounding_box_train" / "somebody.jpg").write_bytes(broken.read_bytes())
    words = ["train", "crop", str(market), "--config", str(recipe), "--output", str(tmp_path / "run")]
    assert main([*words, "--training.images", "4"]) == 1
    said = capsys.readouterr().err
    assert broken.name in said
    assert "somebody.jpg" in said


@pytest.mark.parametrize(("words", "said"), [
    (["--network.network", "E"], "network"),
    (["--losses.sphere", "0"], "every loss has the weight 0"),
    (["--data.fold", "3"], "for cuhk03"),
    (["--weights", "nothing.pth"], "is no file"),
    (["--training.initialize-tables", "true"], "toim"),
    (["--training.optimiser", "adam"], "optimiser"),
])  # fmt: skip
def test_wrong_words_are_named(
    market: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    command = ["train", "crop", str(market), "--config", str(recipe), "--output", str(tmp_path / "run"), *words]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_a_folder_without_crops_is_named(tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    command = ["train", "crop", str(tmp_path / "empty"), "--config", str(recipe), "--output", str(tmp_path / "run")]
    assert main(command) == 2
    assert "bounding_box_train" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_tables_are_trained_once_and_shown_beside_the_papers(
    market: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scale.yaml").write_text(SCALE)
    words = [
        "bench",
        "tables",
        str(market),
        "--config",
        str(tmp_path / "scale.yaml"),
        "--output",
        str(tmp_path / "out"),
    ]
    words += ["--tables", "sphere-5,sphere-4", "--cross", f"market1501={market}"]
    assert main([*words, "--json", str(tmp_path / "tables.json")]) == 0
    printed = capsys.readouterr().out
    assert "93.7" in printed
    assert "with bias > without bias" in printed
    figures = json.loads((tmp_path / "tables.json").read_text())
    assert [row["label"] for row in figures["tables"]["sphere-5"]["rows"]] == ["center 32x16", "whole 36x18"]
    assert len(list((tmp_path / "out" / "trainings").iterdir())) == 2
    page = (tmp_path / "out" / "index.html").read_text()
    assert "SphereReID, Table 5" in page
    assert "94.4" in page
    assert main([*words, "--tables", "sphere-6"]) == 2
    assert "sphere-6" in capsys.readouterr().err
