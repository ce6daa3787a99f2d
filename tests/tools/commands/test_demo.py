"""The demo on a square small enough for a test, and what it refuses before it starts."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from search.gallery.description import read_description
from tools import recipe_files
from tools.main import main

SMALL = ["--persons", "8", "--minutes", "0.03", "--frame-width", "240", "--workers", "1"]


@pytest.fixture
def for_small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's recipes with networks that do not enlarge the frames of a small square: a quarter of the pixels."""
    small = {}
    for name in ("plaza", "people"):
        recipe = recipe_files.joint_preset(name)
        detector = dataclasses.replace(recipe.detector, min_size=180, max_size=360, train_sizes=())
        small[name] = dataclasses.replace(recipe, detector=detector)
    monkeypatch.setattr(recipe_files, "joint_preset", small.__getitem__)


@pytest.mark.parametrize("start", [[], pytest.param(["--from-scratch"], marks=pytest.mark.slow)])
def test_the_demo_ends_in_a_report_with_pictures(
    start: list[str], for_small_frames: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "report"
    words = ["demo", "--output", str(output), "--json", str(tmp_path / "demo.json"), "--epochs", "1", *start, *SMALL]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert f"report: {(output / 'report.html').resolve()}" in printed
    assert printed.rstrip().endswith(f"personsearch serve {output / 'gallery'}")
    assert "random ranking" in printed
    figures = json.loads((tmp_path / "demo.json").read_text())
    assert 0 <= figures["ap"] <= 1
    assert set(figures["search"]) >= {"mean_ap", "top1"}
    assert set(figures["random_ranking"]) >= {"mean_ap", "top1"}
    for name in ("report.html", "find.html"):
        page = (output / name).read_text(encoding="utf-8")
        assert "data:image/jpeg;base64" in page
        assert not re.search(r"(src|href)=.?https?://", page)
    report = (output / "report.html").read_text(encoding="utf-8")
    assert "Training loss" in report
    assert ("identity (OIM)" if start else "identity (Sphere)") in report
    assert ("the crop model that comes with it tells people apart" in report) is (not start)
    trained = str(output / "run" / "model.safetensors")
    noted = {"detector": trained, "second_stage": "shipped:reid/weights/people.safetensors"}
    assert read_description(output / "gallery").files.to_dict() == ({"model": trained} if start else noted)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--seed", "7"], "seed 7 is one of 0 to 99"),
        (["--epochs", "-1"], "epochs is -1"),
        (["--minutes", "0"], "minutes"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_rendered(
    words: list[str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--output", str(tmp_path / "report"), *words]) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "report" / "plaza" / "frames").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["demo", "--output", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_the_training_curve_shows_what_the_losses_were(tmp_path: Path) -> None:
    """Also where the total weighs the identity loss by less than one."""
    from search.pages.demo_page import training_curve

    detection = ("loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg")
    columns = ("step", "epoch", "learning_rate", "loss", *detection, "loss_identity", "people", "images_per_second")
    values = {name: "0.25" for name in columns} | {"loss_identity": "4.0", "loss": "1.8"}
    lines = [",".join(columns)]
    lines += [",".join((values | {"step": str(step)})[name] for name in columns) for step in (1, 2)]
    (tmp_path / "metrics.csv").write_text("\n".join(lines) + "\n")
    series = training_curve(tmp_path / "metrics.csv").series
    assert series["identity (OIM)"] == [(1.0, 4.0), (2.0, 4.0)]
    assert series["detection"] == [(1.0, 1.0), (2.0, 1.0)]
