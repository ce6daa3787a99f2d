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
    monkeypatch.setattr("reid.runtime.silent.has_nncf", lambda: False)
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
    monkeypatch.setattr("reid.runtime.silent.has_nncf", lambda: False)
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


@pytest.mark.slow
def test_8_bit_numbers_have_a_row_where_nncf_is(
    joint: Path, crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nncf", reason="the extra `fast` installs NNCF")
    monkeypatch.setattr("reid.runtime.compiled.computed_in", lambda precision: "float32")  # fewer ways take less time
    pictures = np.random.default_rng(0).integers(0, 256, (2, 90, 160, 3), dtype=np.uint8)
    monkeypatch.setattr("tools.bench.speed.inference._pictures", lambda count, width: list(pictures[:count]))
    monkeypatch.setattr("tools.bench.speed.inference.peak", lambda precision: {"int8": 2e9}.get(precision, 1e9))
    file = tmp_path / "figures.json"
    words = ["bench", "inference", "--model", str(joint), "--crop-model", str(crops), "--frames", "2", "--rounds", "1"]
    assert main([*words, "--json", str(file)]) == 0
    (row,) = [one for one in json.loads(file.read_text())["ways"] if one["precision"] == "int8"]
    assert row["way"] == "OpenVINO int8"
    assert row["share_of_peak"] == pytest.approx(row["operations"] / row["processor_seconds"] / 2e9)
    (tmp_path / "gate").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "gate" / f"{number}.png"), pictures[0])
    words = ["bench", "index", "--source", str(tmp_path / "gate"), "--model", str(joint), "--rounds", "1"]
    assert main([*words, "--json", str(file)]) == 0
    last = json.loads(file.read_text())["measured"][-1]
    assert (last["name"], last["asked_ratio"], last["limit"]) == ("index by OpenVINO int8", 3.0, None)


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


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor in place of a graphics card, and a way to compile that needs no compiler."""
    for module in ("inference", "indexing"):
        monkeypatch.setattr(f"tools.bench.speed.{module}.found_card", lambda: torch.device("cpu"))
    ways = {"a broken compiler": {"backend": _broken}, "a stand-in": {"backend": "aot_eager"}}
    monkeypatch.setattr("detection.runtime.torch_joint.compilers_for", lambda device: ways)
    monkeypatch.setattr("tools.bench.speed.card.TOGETHER", 2)
    monkeypatch.setattr("tools.bench.speed.card._best", lambda device: "float32")


def _broken(graph: object, examples: object) -> object:
    raise RuntimeError("no compiler is installed")


@pytest.mark.usefixtures("card")
def test_a_card_is_measured_in_frames_on_the_clock(
    joint: Path, crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 90, 160, 3), dtype=np.uint8)
    monkeypatch.setattr("tools.bench.speed.inference._pictures", lambda count, width: list(pictures[:count]))
    words = ["bench", "inference", "--model", str(joint), "--crop-model", str(crops), "--frames", "3"]
    file = tmp_path / "figures.json"
    assert main([*words, "--rounds", "2", "--device", "cuda", "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    names = ["torch float32, one at a time", "torch float32, 2 at a time", "compiled float32, 2 at a time"]
    assert [row["way"] for row in figures["ways"]] == names
    for row in figures["ways"]:
        assert row["frames_per_second"] == pytest.approx(max(row["repeats"]))
        assert row["share_of_peak"] > 0
    assert figures["ways"][0]["ratio"] == 1
    assert [one["name"] for one in figures["measured"]] == [f"joint model, {name}" for name in names[1:]]
    said = capsys.readouterr().out
    assert "compiled to a stand-in; a broken compiler: BackendCompilerFailed" in said
    assert "no compiler is installed" in said


@pytest.mark.usefixtures("card")
def test_indexing_on_a_card_reads_cameras_side_by_side(joint: Path, tmp_path: Path) -> None:
    from search.cases.film import film

    picture = np.random.default_rng(0).integers(0, 256, (108, 192, 3), dtype=np.uint8)
    for camera in ("gate", "hall", "yard"):
        (tmp_path / "cameras" / camera).mkdir(parents=True)
        with film(tmp_path / "cameras" / camera / "one.mp4", width=192, height=108, rate=1.0) as written:
            written.show(picture, 5.0)
    words = ["bench", "index", "--source", str(tmp_path / "cameras"), "--model", str(joint), "--rounds", "1"]
    file = tmp_path / "figures.json"
    assert main([*words, "--device", "cuda", "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    assert [row["way"].split(",")[0] for row in figures["ways"]] == [
        "torch float32",
        "torch float32",
        "compiled float32",
    ]
    frames = {row["frames"] for row in figures["ways"]}
    assert len(frames) == 1
    assert frames.pop() >= 15
    assert figures["notes"][0].startswith("compiled float32, 2 at a time: compiled to a stand-in")


def test_without_a_card_it_is_said_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for bench in ("inference", "index"):
        assert main(["bench", bench, "--device", "cuda"]) == 2
        assert "torch finds no graphics card here; leave --device out" in capsys.readouterr().err
        assert main(["bench", bench, "--untrained", "true", "--model", "mine"]) == 2
        assert "--model mine is given with --untrained" in capsys.readouterr().err


def test_the_untrained_model_is_the_one_of_the_field(tmp_path: Path) -> None:
    from detection.checkpoints import load_model
    from tools.bench.speed.card import untrained_joint

    model = load_model(untrained_joint(tmp_path), device="cpu")
    config = model.detector_config
    assert (config.backbone, config.min_size, config.max_size) == ("resnet50", 900, 1500)
    again = load_model(untrained_joint(tmp_path), device="cpu")
    assert again.fingerprint() == model.fingerprint()
