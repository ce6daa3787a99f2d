"""personsearch models: the list, the cards, and the import of published checkpoints as it is typed."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torchvision.models import resnet18
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_fpn

from detection.checkpoints import save_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from reid.crops.sphere_reid import SphereReID
from search.models.known_models import card_of, described, named_model, shipped_files
from tools.main import main

PAGE = Path(__file__).resolve().parents[3] / "docs" / "searching.md"


def bag_of_tricks(file: Path) -> None:
    """The names and shapes of reid-strong-baseline with a ResNet-18."""
    torch.manual_seed(0)
    trunk = {f"base.{name}": value for name, value in resnet18(weights=None).state_dict().items() if "fc." not in name}
    norm = {f"bottleneck.{name}": value for name, value in torch.nn.BatchNorm1d(512).state_dict().items()}
    torch.save(trunk | norm | {"classifier.weight": torch.zeros(751, 512)}, file)


def joint(file: Path, **notes: Any) -> None:
    torch.manual_seed(0)
    structure = DetectorConfig(
        backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, anchor_sizes=((24,), (48,), (96,)),
        anchor_ratios=(2.5,), box_features=32, min_size=96, max_size=180,
    )  # fmt: skip
    save_model(file, PersonSearchRCNN(structure, EmbeddingConfig(dimension=16, channels=16)), notes=notes)


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    return refusal_of(capsys, "models", *words)


def refusal_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_the_list_has_shipped_models_and_those_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    joint(tmp_path / "runs" / "first" / "model.safetensors", data=["custom hall", "custom gate"], seed=1)
    (tmp_path / "runs" / "other.safetensors").write_bytes(b"of another program")
    assert main(["models", "list", "--json", "figures.json"]) == 0
    printed = capsys.readouterr().out
    figures = json.loads((tmp_path / "figures.json").read_text())
    names = [one["name"] for one in figures["models"]]
    assert names == ["detection/people", "detection/plaza", "reid/people", "runs/first"]
    own = figures["models"][-1]
    assert (own["kind"], own["trunk"], own["dimension"]) == ("joint model", "resnet18", 16)
    assert own["seen"] == "custom hall custom gate"
    assert own["sees"] == "frames of 96"
    assert "2,754 people" in figures["models"][0]["seen"]
    assert figures["models"][2]["sees"] == "crops of 192 x 96"
    for one in figures["models"]:
        assert one["fingerprint"] in printed
    assert main(["models", "list", "--folder", "runs/first"]) == 0
    assert "is no folder, expected one with models" in refusal(capsys, "list", "--folder", "away")


def test_a_damaged_model_is_named_and_the_others_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    joint(tmp_path / "a" / "model.safetensors")
    content = (tmp_path / "a" / "model.safetensors").read_bytes()
    renamed = content.replace(b"embedding_head", b"embedding_hand")
    (tmp_path / "a" / "model.safetensors").write_bytes(renamed)
    assert main(["models", "list", "--folder", "a"]) == 1
    printed = capsys.readouterr()
    assert "does not fit this version" in printed.err
    assert "detection/people" in printed.out


def test_cards_are_printed_or_made_of_the_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "card", "reid/people"]) == 0
    assert capsys.readouterr().out.strip() == shipped_files()["reid/people"].with_suffix(".md").read_text().strip()
    joint(tmp_path / "run" / "model.safetensors", data="custom hall", seed=4)
    assert main(["models", "card", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    for text in ("resnet18, frames of 96", "custom hall", "**seed**: 4", "min_size 96", "dimension 16"):
        assert text in printed, text
    assert described(named_model(str(tmp_path / "run"))).fingerprint in printed
    assert "model away does not exist, expected detection/people, detection/plaza, reid/people" in refusal(
        capsys, "card", "away"
    )
    (tmp_path / "x.safetensors").write_bytes(b"x")
    assert "is no readable safetensors file" in refusal(capsys, "card", str(tmp_path / "x.safetensors"))


def test_an_imported_model_is_told_listed_and_searched_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands of docs/searching.md, as they stand there."""
    monkeypatch.chdir(tmp_path)
    chapter = PAGE.read_text(encoding="utf-8").split("## Models that others have published\n")[1].split("\n## ")[0]
    commands = [
        shlex.split(line) for line in re.findall(r"^    personsearch (models .*)$", chapter, flags=re.MULTILINE)
    ]
    assert [words[1] for words in commands] == ["import", "card", "list"]
    Path("runs").mkdir()
    bag_of_tricks(tmp_path / commands[0][2])
    assert main([*commands[0], "--json", "figures.json"]) == 0
    printed = capsys.readouterr().out
    for text in (
        "a crop model, imported from",
        "left out, because only training needs them: classifier.weight",
        "assumed: crops of",
    ):
        assert text in printed, text
    output = Path(commands[0][3])
    figures = json.loads(Path("figures.json").read_text())["imported"]
    assert figures["notes"]["people"] == 751
    assert SphereReID.from_checkpoint(output, device="cpu").embed([np.zeros((128, 64, 3), np.uint8)]).shape == (1, 512)
    assert [main(words) for words in commands[1:]] == [0, 0]
    printed = capsys.readouterr().out
    assert "751 people; which ones, the file does not say" in printed
    assert figures["fingerprint"] in printed
    assert card_of(output) == output.with_suffix(".md").read_text().strip()
    assert f"{output} exists; remove it" in refusal(capsys, *commands[0][1:])


def test_what_import_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, output = str(tmp_path / "a.pth"), str(tmp_path / "own.safetensors")
    assert "is no file, expected a published checkpoint" in refusal(capsys, "import", file, output)
    assert "expected .safetensors" in refusal(capsys, "import", file, str(tmp_path / "own.pth"))
    torch.save(torch.nn.Linear(2, 2), file)
    line = refusal(capsys, "import", file, output)
    assert "holds Python objects" in line
    assert "torch.save(model.state_dict()" in line
    torch.save({"patch_embed.proj.weight": torch.zeros(1)}, file)
    assert "cannot be imported: the network has a transformer" in refusal(capsys, "import", file, output)
    bag_of_tricks(Path(file))
    assert "last_stride is 5, expected 1 or 2" in refusal(capsys, "import", file, output, "--last-stride", "5")
    assert not Path(output).exists()


def test_an_imported_detector_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    network = fasterrcnn_mobilenet_v3_large_fpn(weights=None, weights_backbone=None, num_classes=2)
    torch.save({"model": network.state_dict()}, tmp_path / "people.pth")
    output = tmp_path / "people.safetensors"
    words = ["models", "import", str(tmp_path / "people.pth"), str(output), "--min-size", "64", "--max-size", "96"]
    assert main(words) == 0
    assert "a detector, imported from" in capsys.readouterr().out
    cv2.imwrite(str(tmp_path / "a.png"), np.full((64, 96, 3), 90, np.uint8))
    image = {"id": 1, "file_name": "a.png", "width": 96, "height": 64}
    person = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 5, 20, 50]}
    categories = [{"id": 1, "name": "person"}]
    content = {"images": [image], "annotations": [person], "categories": categories}
    (tmp_path / "test.json").write_text(json.dumps(content))
    figures = tmp_path / "figures.json"
    assert main(["evaluate", "detection", str(tmp_path), "--model", str(output), "--json", str(figures)]) == 0
    assert json.loads(figures.read_text())["boxes"] == 1
    assert described(output).dimension is None
    refused = refusal_of(
        capsys, "evaluate", "detection", str(tmp_path), "--model", str(output), "--minimum-confidence", "0.01"
    )
    assert "score threshold 0.01, expected 0.05 to 1" in refused
