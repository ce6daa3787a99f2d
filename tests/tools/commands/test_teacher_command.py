"""train joint --teacher: a run that learns from a crop model by the command, and what it refuses."""

import json
from pathlib import Path

import pytest
import torch

from detection.checkpoints import read_header
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import SphereReID
from tools.main import main


@pytest.fixture
def words(square: Path, tiny_recipe: Path, tmp_path: Path) -> list[str]:
    """The words of a short training beside a crop model, teacher.safetensors, whose embeddings have 16 numbers."""
    torch.manual_seed(0)
    structure = {"backbone": "mobilenet_v2", "height": 32, "width": 16, "resize_height": 32, "resize_width": 16}
    for name, dimension in (("teacher", 16), ("wider", 24)):
        SphereReID(SphereReIDConfig(network="B", dimension=dimension, **structure)).save(  # type: ignore[arg-type]
            tmp_path / f"{name}.safetensors"
        )
    return ["train", "joint", str(square), "--config", str(tiny_recipe), "--output", str(tmp_path / "run")]


def test_a_run_learns_from_the_teacher_alone_and_goes_on_with_what_it_kept(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = tmp_path / "teacher.safetensors"
    words += ["--teacher", str(teacher), "--losses.teacher", "1", "--losses.oim", "0"]
    assert main([*words, "--json", str(tmp_path / "train.json")]) == 0
    figures = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))
    assert 0 < figures["losses"]["loss_teacher"] < 2
    assert figures["losses"]["loss_identity"] == pytest.approx(figures["losses"]["loss_teacher"])
    run = tmp_path / "run"
    assert json.loads((run / "config.json").read_text(encoding="utf-8"))["teacher"] == str(teacher)
    print_of_teacher = SphereReID.from_checkpoint(teacher).fingerprint()
    assert json.loads(read_header(run)["notes"])["taught_by"] == print_of_teacher
    kept = (run / "teacher.npz").stat().st_mtime_ns
    assert main([*words, "--resume"]) == 0
    assert (run / "teacher.npz").stat().st_mtime_ns == kept
    other, fresh = tmp_path / "other.safetensors", SphereReID.from_checkpoint(teacher)
    with torch.no_grad():
        next(fresh.parameters()).add_(0.1)
    fresh.save(other)
    capsys.readouterr()
    changed = [str(other) if word == str(teacher) else word for word in words]
    assert main([*changed, "--resume"]) == 2  # and what the first one made is kept
    assert "learns from another teacher than" in capsys.readouterr().err.splitlines()[-1]
    assert (run / "teacher.npz").stat().st_mtime_ns == kept
    assert main(words) == 2  # a run is there, and stays


def test_what_does_not_go_together_is_refused_before_anything_is_written(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher, wider = (["--teacher", str(tmp_path / f"{name}.safetensors")] for name in ("teacher", "wider"))
    for more, said in (
        (teacher, "give --losses.teacher 1 too"),
        (["--losses.teacher", "1"], "there is no teacher; give --teacher too"),
        ([*wider, "--losses.teacher", "1"], "expected equally many; give --embedding.dimension 24"),
        (["--teacher", str(tmp_path / "none"), "--losses.teacher", "1"], "none"),
    ):
        assert main([*words, *more]) == 2
        assert said in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_a_crop_model_has_no_teacher(square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "crop", str(square), "--format", "custom", "--output", str(tmp_path / "run")]
    assert main([*words, "--losses.teacher", "1", "--network.backbone", "mobilenet_v2"]) == 2
    assert "a crop model learns from no teacher" in capsys.readouterr().err
