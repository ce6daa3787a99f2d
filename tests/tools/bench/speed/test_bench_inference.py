"""What looking at frames costs: the figures of every library, and of indexing from end to end."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from detection.checkpoints import save_model
from detection.joint import PersonSearchRCNN
from detection.settings import DetectorConfig, EmbeddingConfig
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from tools.bench.speed import ways
from tools.bench.speed.ways import in_turns, peak
from tools.main import main


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def joint(tmp_path: Path) -> Path:
    detector = DetectorConfig(
        backbone="mobilenet_v2", pyramid_levels=(1, 2), pyramid_channels=8, anchor_sizes=((16,), (32,), (64,)),
        box_features=8, min_size=64, max_size=96, rpn_post_nms=10,
    )  # fmt: skip
    embedding = EmbeddingConfig(dimension=8, pool_height=4, pool_width=2, channels=32)
    save_model(tmp_path / "joint.safetensors", PersonSearchRCNN(detector, embedding))
    return tmp_path / "joint.safetensors"


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    config = SphereReIDConfig(
        backbone="mobilenet_v2", dimension=8, height=32, width=16, resize_height=32, resize_width=16
    )
    SphereReID(config).save(tmp_path / "crops.safetensors")
    return tmp_path / "crops.safetensors"


def test_every_library_and_precision_has_its_row(
    joint: Path, crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("reid.runtime.compiled.has_bfloat16", lambda device: False)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 90, 160, 3), dtype=np.uint8)
    monkeypatch.setattr("tools.bench.speed.inference._pictures", lambda count, width: list(pictures[:count]))
    monkeypatch.setattr("tools.bench.speed.inference.peak", lambda precision: 1e9)
    words = ["bench", "inference", "--model", str(joint), "--crop-model", str(crops), "--frames", "2"]
    file = tmp_path / "figures.json"
    assert main([*words, "--rounds", "1", "--json", str(file)]) == 0
    rows = json.loads(file.read_text())["ways"]
    assert [row["way"] for row in rows] == [
        "torch float32, one at a time",
        "torch float32, 2 at a time",
        "OpenVINO float32",
        "torch float32, one at a time",
        "torch float32, 16 at a time",
        "OpenVINO float32",
    ]
    for row in rows:
        assert row["ratio"] == pytest.approx(row["eager_seconds"] / row["processor_seconds"])
        assert row["share_of_peak"] == pytest.approx(row["operations"] / row["processor_seconds"] / 1e9)
    assert [rows[at]["ratio"] for at in (0, 3)] == [1, 1]
    assert rows[0]["operations"] == rows[2]["operations"] > 1e6
    measured = json.loads(file.read_text())["measured"]
    assert [one["name"] for one in measured][1] == "joint model, a frame, OpenVINO float32"
    assert torch.get_num_threads() == 1
    assert main([*words, "--rounds", "0"]) == 2
    assert "expected 1 or more of each" in capsys.readouterr().err


def test_indexing_is_measured_from_end_to_end(joint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reid.runtime.compiled.has_bfloat16", lambda device: False)
    (tmp_path / "gate").mkdir()
    for row in range(3):
        picture = np.random.default_rng(row).integers(0, 256, (60, 90, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "gate" / f"{row}.png"), picture)
    words = ["bench", "index", "--source", str(tmp_path / "gate"), "--model", str(joint), "--rounds", "1"]
    file = tmp_path / "figures.json"
    assert main([*words, "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    names = ["torch float32, one at a time", "torch float32, 4 at a time", "OpenVINO float32"]
    assert [(row["way"], row["frames"]) for row in figures["ways"]] == [(name, 3) for name in names]
    assert figures["ways"][0]["ratio"] == 1
    last = figures["ways"][2]
    assert last["ratio"] == pytest.approx(last["frames_per_second"] / figures["ways"][0]["frames_per_second"])


def test_ways_take_turns_and_the_warming_call_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    now, calls = [0.0], []
    monkeypatch.setattr(ways.time, "process_time", lambda: now[0])
    monkeypatch.setattr(ways.time, "perf_counter", lambda: 2 * now[0])

    def way(name: str, seconds: float) -> None:
        calls.append(name)
        now[0] += seconds

    taken = in_turns({"a": lambda: way("a", 1.0), "b": lambda: way("b", 3.0)}, 2)
    assert calls == ["a", "b"] * 3
    assert taken["a"].processor == (1.0, 1.0)
    assert taken["b"].wall == (6.0, 6.0)


def test_the_peak_is_that_of_a_product() -> None:
    assert 1e8 < peak("float32", size=128, rounds=3) < 1e14
