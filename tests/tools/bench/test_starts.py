"""Tables from several starts: names of starts, lines beside each other, by the commands as a user types them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datasets.samples import CropSample
from detection.settings import DetectorConfig, EmbeddingConfig
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import SphereReID
from tools.bench.crop_runs import first_persons
from tools.bench.joint_recipes import JointRecipe, JointTable, joint_tables, loss_table
from tools.bench.runs import RowResult, SeedResult
from tools.bench.starts import beside_each_other, start_names
from tools.main import main

STRUCTURE = {"backbone": "mobilenet_v2", "height": 32, "width": 16, "resize_height": 36, "resize_width": 18}
SCALE = "scale: {backbone: mobilenet_v2, height: 32, width: 16, epochs: 1, toim_epochs: 1, weights: none}"
JOINT = """
detector:
  backbone: mobilenet_v2
  pyramid_levels: [1, 2]
  pyramid_channels: 16
  anchor_sizes: [[24], [48], [96]]
  anchor_ratios: [2.5]
  box_features: 16
  min_size: 96
  max_size: 200
  rpn_post_nms: 10
  box_batch: 16
embedding: {dimension: 16, pool_height: 8, pool_width: 4, channels: 16}
training: {epochs: 1, batch_size: 8, workers: 0}
"""


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Four people seen by two cameras, two pictures each, in Market-1501's folders."""
    root = tmp_path / "market"
    generator = np.random.default_rng(0)
    for folder, people in (("bounding_box_train", (2, 7, 9, 11)), ("bounding_box_test", (0, 1, 3)), ("query", (1, 3))):
        (root / folder).mkdir(parents=True)
        for person in people:
            for name in (f"{person:04d}_c{camera}s1_00000{picture}_00.jpg" for camera in (1, 2) for picture in (0, 1)):
                image = generator.integers(0, 256, (40, 20, 3)).astype(np.uint8)
                cv2.imwrite(str(root / folder / name), image)
    return root


@pytest.fixture
def trunk(tmp_path: Path) -> Path:
    """A trunk of torchvision's names with weights of its own."""
    torch.manual_seed(5)
    path = tmp_path / "deep" / "trunk.pth"
    path.parent.mkdir()
    torch.save(SphereReID(SphereReIDConfig(**STRUCTURE)).backbone.state_dict(), path)  # type: ignore[arg-type]
    return path


def row(label: str, *values: float) -> RowResult[float]:
    by_seed = {seed: SeedResult(value, seconds=1.0, loss=0.0) for seed, value in enumerate(values)}
    return RowResult(label, by_seed, steps=1, directory=Path())


def test_tables_of_each_start_are_paired_line_by_line() -> None:
    results = [[row("a", 1, 3), row("b", 5)], [row("a", 7), row("b")], [row("c", 9)], [row("c", 11)]]
    found = beside_each_other(["T", "T", "U", "U"], results, ["x", "y"], lambda one: {
        "AP": [seed.figures for seed in one.by_seed.values()]
    })  # fmt: skip
    assert [one.title for one in found] == [f"{name}: the starts beside each other" for name in "TU"]
    assert found[0].columns == ["", "AP x", "AP y"]
    assert found[0].rows == [["a", "2.0 ± 1.0", "7.0"], ["b", "5.0", "..."]]
    assert found[1].rows == [["c", "9.0", "11.0"]]
    assert beside_each_other(["T"], results[:1], ["x"], lambda _: {}) == []


@pytest.mark.parametrize("starts", [[], ["none", "none"], ["a/trunk.pth", "b/trunk.pth"]])
def test_starts_of_one_name_are_refused(starts: list[str]) -> None:
    with pytest.raises(ValueError, match="each once and files of different names"):
        start_names(starts)


def test_the_first_people_are_those_of_the_lowest_identities() -> None:
    crops = [CropSample(Path(f"{row}.jpg"), person, camera=1) for row, person in enumerate((4, -1, 2, 4, 9, 0))]
    assert [one.person_id for one in first_persons(crops, 2)] == [2, 0]
    assert first_persons(crops, 99) == [one for one in crops if one.person_id >= 0]
    assert first_persons(crops, 0) == crops


def test_crop_tables_from_two_starts_stand_beside_each_other(
    market: Path, trunk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scale.yaml").write_text(SCALE)
    words = ["bench", "tables", str(market), "--config", str(tmp_path / "scale.yaml"), "--tables", "sphere-4"]
    words += ["--output", str(tmp_path / "out"), "--json", str(tmp_path / "out.json"), "--scale.persons", "3"]
    assert main(words) == 0
    alone = {run.name for run in (tmp_path / "out" / "trainings").iterdir()}
    assert "beside each other" not in capsys.readouterr().out
    assert main([*words, "--weights", f"none,{trunk}"]) == 0
    runs = [*(tmp_path / "out" / "trainings").iterdir()]
    assert len(runs) == 4
    assert alone < {run.name for run in runs}, "those from nothing are done already"
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["weights"] == ["none", str(trunk)]
    assert list(figures["tables"]) == ["sphere-4, from nothing", "sphere-4, from trunk"]
    text = capsys.readouterr().out.partition("the starts beside each other")[2]
    assert "rank-1 from nothing" in text
    assert "mAP from trunk" in text
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Table 4: the starts beside each other" in page
    assert "from trunk" in page
    assert main([*words, "--weights", "none,none"]) == 2
    assert "each once" in capsys.readouterr().err
    assert main([*words, "--scale.persons", "-1"]) == 2
    assert "scale.persons -1" in capsys.readouterr().err


def test_fewer_people_are_searched_for_and_nobody_else_is_in_the_gallery(market: Path, tmp_path: Path) -> None:
    (tmp_path / "scale.yaml").write_text(SCALE)
    words = ["bench", "tables", str(market), "--config", str(tmp_path / "scale.yaml"), "--tables", "sphere-5"]
    words += ["--output", str(tmp_path / "out"), "--json", str(tmp_path / "out.json")]
    assert main([*words, "--scale.test-persons", "1"]) == 0
    rows = json.loads((tmp_path / "out.json").read_text())["tables"]["sphere-5"]["rows"]
    assert all(one["figures"]["market1501"][0]["rank1"] == 100 for one in rows), "one person alone is always found"


def test_joint_models_from_two_starts_and_from_a_teacher(
    square: Path, trunk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def table(base: JointRecipe) -> JointTable:
        rows = tuple(row for row in loss_table(base).rows if row.label in ("OIM", "Teacher"))
        return JointTable("losses", "Losses", rows)

    monkeypatch.setattr("tools.bench.joint_recipes.joint_tables", lambda base: {"losses": table})
    for dimension in (16, 24):
        teacher = SphereReID(SphereReIDConfig(dimension=dimension, **STRUCTURE))  # type: ignore[arg-type]
        teacher.save(tmp_path / f"teacher{dimension}.safetensors")
    (tmp_path / "tiny.yaml").write_text(JOINT)
    words = ["bench", "joint", "--config", str(tmp_path / "tiny.yaml"), "--output", str(tmp_path / "out")]
    words += ["--root", str(square), "--seeds", "0", "--weights", f"none,{trunk}", "--json", str(tmp_path / "o.json")]
    assert main([*words, "--teacher", str(tmp_path / "teacher16.safetensors")]) == 0
    assert len(list((tmp_path / "out" / "trainings").iterdir())) == 4
    assert (tmp_path / "out" / "teacher.npz").is_file(), "embedded once for all lines"
    text = capsys.readouterr().out
    assert "losses: the starts beside each other" in text
    assert "top-1 from trunk" in text
    tables = json.loads((tmp_path / "o.json").read_text())["tables"]
    assert {key: [one["label"] for one in rows] for key, rows in tables.items()} == {
        "losses, from nothing": ["OIM", "Teacher"],
        "losses, from trunk": ["OIM", "Teacher"],
    }
    assert main([*words, "--teacher", str(tmp_path / "teacher24.safetensors")]) == 2
    assert "--embedding.dimension 24" in capsys.readouterr().err


def test_only_lines_that_listen_to_a_teacher_are_trained_anew_with_another() -> None:
    plain, first, second = (JointRecipe(DetectorConfig(), EmbeddingConfig(), teacher=one) for one in ("", "a", "b"))
    assert "Teacher" not in {row.label for row in joint_tables(plain)["losses"](plain).rows}
    keys = [
        {row.label: row.recipe.key() for row in joint_tables(base)["losses"](base).rows} for base in (first, second)
    ]
    changed = {label for label in keys[0] if keys[0][label] != keys[1][label]}
    assert changed == {"Teacher", "OIM + Teacher", "TOIM + Teacher", "Sphere + Teacher"}
