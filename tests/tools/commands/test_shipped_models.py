"""The commands with the models that come with the packages: nothing but footage and a gallery has to be named."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from separate_processes import finish, run_program, start

from detection.detections import Detections
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from search.models.shipped import shipped_models
from search.pipeline import PersonSearch
from tools.main import main

PACKAGES = ("datasets", "reid", "detection", "search", "tools")


@pytest.fixture(scope="module")
def footage(square: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    for picture in sorted((square / "frames").iterdir())[:3]:
        shutil.copy(picture, folder)
    cv2.imwrite(str(folder.parent / "suspect.jpg"), cv2.imread(str(picture))[30:120, 40:80])
    return folder


def test_a_newcomer_types_two_commands(
    packages: Path, footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    index = ["index", str(footage), "--gallery", "people", "--minimum-confidence", "0"]
    assert main([*index, "--json", "index.json"]) == 0
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if line.startswith("models:")]
    assert lines == ["models: detector people (comes with personsearch), crop model people (comes with personsearch)"]
    figures = json.loads(Path("index.json").read_text())
    assert figures["run"]["sightings"] > 0
    crops = SphereReID.from_checkpoint(packages / "reid" / "weights" / "people.safetensors")
    assert figures["summary"]["embedded_by"]["model"] == crops.fingerprint()
    assert figures["models"]["detector"] == "shipped:detection/weights/people.safetensors"
    assert "look for somebody: personsearch find people --crop PICTURE" in printed.out
    assert main(index) == 0
    assert "look for somebody" not in capsys.readouterr().out, "once"
    assert main(["find", "people", "--crop", str(footage.parent / "suspect.jpg"), "--json", "answer.json"]) == 0
    assert json.loads(Path("answer.json").read_text())["sightings"]
    assert "`personsearch calibrate LABELED_DATA` makes one" in capsys.readouterr().out


def test_a_picture_of_nobody_is_told_where_a_detector_is_at_hand(
    packages: Path, footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    own = shutil.copy(packages / "detection" / "weights" / "people.safetensors", tmp_path / "own.safetensors")
    index = ["index", str(footage), "--gallery", "people", "--minimum-confidence", "0", "--detector", str(own)]
    assert main(index) == 0
    frame, crop = sorted(footage.iterdir())[0], footage.parent / "suspect.jpg"
    find = ["find", "people", "--crop", str(crop), "--frame", str(frame), "--box", "10,10,60,120"]
    capsys.readouterr()
    seen: list[tuple[int, ...]] = []
    detect = PersonSearch.detect

    def unsure(search: PersonSearch, images: list[np.ndarray]) -> list[Detections]:
        seen.extend(image.shape for image in images)
        return [Detections(one.boxes, one.scores * 0.4, one.embeddings) for one in detect(search, images)]

    monkeypatch.setattr(PersonSearch, "detect", unsure)
    assert main(find) == 0
    assert len(seen) == 2
    told = capsys.readouterr().out
    assert f"{crop}: Nobody was found in this picture: the answer shows what looks like it, whoever that is." in told
    assert f"{frame}: Nobody was found in this box: the answer" in told
    own.unlink()
    assert main(find) == 0, "a search needs no detector"
    assert "Nobody was found" not in capsys.readouterr().out


def test_a_gallery_keeps_its_own_models(
    packages: Path, footage: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = ["index", str(footage), "--gallery", str(tmp_path / "people"), "--json", str(tmp_path / "i.json")]
    assert main([*index, "--model", str(run)]) == 0
    assert "models:" not in capsys.readouterr().err
    assert main(index) == 0
    assert f"models: joint model {run.resolve() / 'model.safetensors'}" in capsys.readouterr().err
    assert json.loads((tmp_path / "i.json").read_text())["run"]["skipped"] == 3


def test_a_crop_model_of_ones_own_gets_the_shipped_detector(packages: Path, footage: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    torch.manual_seed(7)
    SphereReID(SphereReIDConfig(backbone="mobilenet_v2", dimension=12, height=32, width=16)).save(own)
    index = ["index", str(footage), "--gallery", str(tmp_path / "people"), "--second-stage", str(own)]
    assert main([*index, "--minimum-confidence", "0", "--json", str(tmp_path / "i.json")]) == 0
    figures = json.loads((tmp_path / "i.json").read_text())
    assert figures["summary"]["embedding_dim"] == 12
    assert figures["models"] == {
        "second_stage": str(own), "detector": "shipped:detection/weights/people.safetensors",
    }  # fmt: skip


def test_evaluation_and_calibration_take_the_shipped_models(
    packages: Path, square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(square), "--minimum-confidence", "0", "--json", str(tmp_path / "figures.json")]
    assert main(["evaluate", "search", *words]) == 0
    assert "models: detector people (comes with personsearch)" in capsys.readouterr().err
    assert main(["evaluate", "detection", *words[:1]]) == 0
    assert "models: detector people (comes with personsearch)\n" in capsys.readouterr().err
    status = main(["calibrate", *words])
    told = capsys.readouterr().err
    assert "models: detector people (comes with personsearch)" in told or status == 2
    assert "no model is given" not in told


def test_a_gallery_of_shipped_models_outlives_a_move_of_the_packages(
    repository: Path, stand_ins: Path, footage: Path, tmp_path: Path
) -> None:
    """In processes of their own, from a copy of the packages that stands somewhere else the second time."""
    here, there, people = tmp_path / "here", tmp_path / "there", str(tmp_path / "people")
    for name in PACKAGES:
        shutil.copytree(repository / name, here / name, ignore=shutil.ignore_patterns("*.safetensors"))
    shutil.copytree(stand_ins, here, dirs_exist_ok=True)

    def command(place: Path, *words: str) -> str:
        said = tmp_path / f"said_{place.name}"
        return finish(start(run_program, place, *words, said=said), said)

    command(here, "index", str(footage), "--gallery", people, "--minimum-confidence", "0")
    here.rename(there)
    assert "rank" in command(there, "find", people, "--crop", str(footage.parent / "suspect.jpg"))


def test_what_is_shipped_answers_as_it_is(footage: Path, tmp_path: Path) -> None:
    """Tests what is shipped: the two commands of a newcomer with the files that lie in the packages today."""
    index = ["index", str(footage), "--gallery", str(tmp_path / "people"), "--minimum-confidence", "0.06"]
    assert main([*index, "--json", str(tmp_path / "i.json")]) == 0
    figures = json.loads((tmp_path / "i.json").read_text())
    assert figures["models"] == shipped_models().to_dict()
    assert main(["find", str(tmp_path / "people"), "--crop", str(footage.parent / "suspect.jpg")]) == 0


def test_a_crop_model_is_exported_in_half_the_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(3)
    model = SphereReID(SphereReIDConfig(backbone="mobilenet_v2", dimension=8, height=32, width=16)).eval()
    model.save(tmp_path / "run" / "model.safetensors", notes={"data": "market1501 m", "seed": 0})
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    assert main(["export", str(tmp_path / "run"), str(whole), "--json", str(tmp_path / "e.json")]) == 0
    figures = json.loads((tmp_path / "e.json").read_text())
    assert figures["notes"] == {"data": "market1501 m", "seed": 0}
    assert figures["fingerprint"] == model.fingerprint()
    assert figures["bytes"] == whole.stat().st_size
    assert main(["export", str(tmp_path / "run"), str(half), "--half"]) == 0
    assert half.stat().st_size < 0.55 * whole.stat().st_size
    crop = (torch.rand(60, 24, 3) * 255).byte().numpy()
    before, after = (SphereReID.from_checkpoint(file, device="cpu").embed([crop])[0] for file in (whole, half))
    assert not torch.equal(before, after)
    assert float(before @ after) > 0.999
    capsys.readouterr()
    assert main(["export", str(tmp_path / "run"), str(half)]) == 2
    (tmp_path / "text.safetensors").write_text("no model")
    assert main(["export", str(tmp_path / "text.safetensors"), str(tmp_path / "t.safetensors")]) == 2
    assert "no readable safetensors file" in capsys.readouterr().err
