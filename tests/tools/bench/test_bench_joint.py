"""bench joint: the tables' trainings run once, go on, and come out as text, JSON and a page."""

import contextlib
import dataclasses
import io
import json
import shutil
from pathlib import Path

import pytest

from datasets import load_frames, load_queries
from detection.checkpoints import load_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig
from detection.settings import JointTrainingConfig
from tools.bench.joint_recipes import JointRecipe, JointRow, JointTable, joint_tables, loss_table, on_common_detector
from tools.bench.joint_runs import JointTables
from tools.bench.runs import TableRun
from tools.main import main

TINY = """
detector:
  backbone: resnet18
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
detector_epochs: 1
square: {seed: 300, persons: 8, minutes: 0.1, frame_width: 320}
"""


def words_of_losses(folder: Path, square: Path) -> list[str]:
    """The command that trains the table of losses into a folder."""
    (folder / "tiny.yaml").write_text(TINY)
    words = ["bench", "joint", "--config", str(folder / "tiny.yaml"), "--output", str(folder / "out")]
    return [*words, "--root", str(square), "--json", str(folder / "out.json"), "--tables", "[losses]"]


def keep_two_losses(patch: pytest.MonkeyPatch) -> None:
    """Leave two lines of the table of losses, for trainings take time."""

    def table(base: JointRecipe) -> JointTable:
        whole = loss_table(base)
        return dataclasses.replace(whole, rows=tuple(row for row in whole.rows if row.label in ("OIM", "Triplet")))

    patch.setattr("tools.bench.joint_recipes.joint_tables", lambda base: {"losses": table})


@pytest.fixture(scope="module")
def losses(square: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with the trainings of one seed, which tests copy, and what was printed."""
    folder = tmp_path_factory.mktemp("losses")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        keep_two_losses(patch)
        assert main([*words_of_losses(folder, square), "--seeds", "[0]"]) == 0
    return folder / "out", printed.getvalue()


def test_a_table_is_trained_once_and_more_seeds_can_follow(
    tmp_path: Path, square: Path, losses: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_two_losses(monkeypatch)
    words, (trained, printed) = words_of_losses(tmp_path, square), losses
    shutil.copytree(trained, tmp_path / "out")
    lines = {line.split("  ")[0]: line.split() for line in printed.splitlines()}
    assert lines["Triplet"][4] == "-", "no gain after a handful of steps"
    assert "No gain is told: trainings of " in printed
    trainings = sorted((tmp_path / "out" / "trainings").iterdir())
    assert len(trainings) == 3, "two lines on one detector"
    stamps = [(run / "model.safetensors").stat().st_mtime_ns for run in trainings]
    assert main([*words, "--seeds", "[0,1]"]) == 0
    assert [(run / "model.safetensors").stat().st_mtime_ns for run in trainings] == stamps
    figures = json.loads((tmp_path / "out.json").read_text())
    rows = figures["tables"]["losses"]
    assert [row["label"] for row in rows] == ["OIM", "Triplet"]
    assert all(len(row["figures"]) == 2 for row in rows)
    assert all(0 <= value <= 100 for row in rows for seed in row["figures"] for value in seed.values())
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Triplet" in page
    assert "±" in page
    assert "Still running" not in page
    assert "say nothing yet" in page


def test_a_line_that_diverges_is_a_dash_and_the_others_are_measured(
    tmp_path: Path, square: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_bad(base: JointRecipe) -> JointTable:
        bad = dataclasses.replace(base, training=dataclasses.replace(base.training, learning_rate=1e12))
        after = dataclasses.replace(base, start=bad, new_head=False)
        return JointTable("few", "Few", (JointRow("fine", base), JointRow("bad", bad), JointRow("after bad", after)))

    monkeypatch.setattr("tools.bench.joint_recipes.joint_tables", lambda base: {"few": one_bad})
    (tmp_path / "tiny.yaml").write_text(TINY.replace("detector_epochs: 1", "detector_epochs: 0"))
    words = ["bench", "joint", "--config", str(tmp_path / "tiny.yaml"), "--output", str(tmp_path / "out")]
    words += ["--root", str(square), "--seeds", "[0]", "--json", str(tmp_path / "out.json")]
    assert main(words) == 1
    shown = capsys.readouterr()
    lines = {line.split("  ")[0].strip(): line.split() for line in shown.out.splitlines()}
    assert lines["bad"][-4:] == lines["after bad"][-4:] == ["-", "-", "-", "-"]
    assert "-" not in lines["fine"]
    assert shown.err.count("lower learning_rate") == 1, "once, though another line begins on it"
    assert (tmp_path / "out" / "index.html").is_file()
    rows = json.loads((tmp_path / "out.json").read_text())["tables"]["few"]
    assert rows[1]["figures"] == [{"detection_ap": None, "mean_ap": None, "top1": None}]


def test_a_finished_training_of_other_settings_is_not_taken(
    tmp_path: Path,
    square: Path,
    capsys: pytest.CaptureFixture[str],
    losses: tuple[Path, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep_two_losses(monkeypatch)
    words = [*words_of_losses(tmp_path, square), "--seeds", "[0]"]
    shutil.copytree(losses[0], tmp_path / "out")
    for file in (tmp_path / "out" / "trainings").glob("*/training.json"):
        done = json.loads(file.read_text())
        done["recipe"]["losses"]["oim_queue"] = 77
        file.write_text(json.dumps(done))
    assert main(words) == 2
    assert "was trained with losses.oim_queue = 77, this call has" in capsys.readouterr().err


def test_a_table_that_does_not_exist_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "joint", "--output", str(tmp_path), "--tables", "[loses]"]) == 2
    assert "--tables loses is not known, expected some of losses, toim, parts, backbones" in capsys.readouterr().err


def test_ways_to_search_share_a_training_and_a_trunk_begins_on_a_detector_of_its_own(
    tmp_path: Path, square: Path
) -> None:
    detector = DetectorConfig(
        backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, anchor_sizes=((24,), (48,), (96,)),
        anchor_ratios=(2.5,), box_features=16, min_size=96, max_size=200, rpn_post_nms=10, box_batch=16,
    )  # fmt: skip
    embedding = EmbeddingConfig(dimension=16, pool_height=8, pool_width=4, channels=16)
    training = JointTrainingConfig(epochs=1, batch_size=8, workers=0)
    base = on_common_detector(JointRecipe(detector, embedding, training=training), 1)
    parts, trunks = (joint_tables(base)[key](base) for key in ("parts", "backbones"))
    stages = [row for row in parts.rows if row.recipe == base]
    swin = [row for row in trunks.rows if row.label == "swin_t"]
    train, gallery = (load_frames("custom", square, split) for split in ("train", "gallery"))
    run = TableRun(JointTables(train[:16], gallery, load_queries("custom", square)), tmp_path, seeds=[0])
    (results,) = run.run([(*stages, *swin)])
    assert [row.stage for row in stages] == ["joint alone", "class-weighted", "context", "k-reciprocal"]
    assert len({result.directory for result in results[:-1]}) == 1
    assert len({result.by_seed[0].figures["detection_ap"] for result in results[:-1]}) == 1
    assert len(list((tmp_path / "trainings").iterdir())) == 4, "two trunks, each a detector and a model on it"
    trunk = load_model(results[-1].directory).detector_config.backbone
    assert trunk == swin[0].recipe.detector.backbone == "swin_t"
    assert swin[0].recipe.start is not None
    assert load_model(run.directory(swin[0].recipe.start)).detector_config.backbone == "swin_t"
