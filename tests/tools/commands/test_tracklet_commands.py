"""index --tracklets as its user types it: what it says, what the gallery says, and what does not go together."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from detection.checkpoints import save_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from tools.main import main


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained joint model: good for nothing but the way of the data."""
    torch.manual_seed(0)
    structure = DetectorConfig(
        backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, anchor_sizes=((24,), (48,), (96,)),
        anchor_ratios=(2.5,), box_features=32, min_size=120, max_size=240, rpn_post_nms=20, score_threshold=0.0,
        detections_per_frame=6,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("model") / "joint.safetensors"
    save_model(path, PersonSearchRCNN(structure, EmbeddingConfig(dimension=16, channels=16)))
    return path


def test_a_gallery_of_averaged_sightings(
    square: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    footage = tmp_path / "footage"
    footage.mkdir()
    for picture in sorted((square / "frames").iterdir())[:3]:
        shutil.copy(picture, footage)
    words = ["index", str(footage), "--gallery", str(tmp_path / "people"), "--model", str(model)]
    words += ["--minimum-confidence", "0", "--camera", "7"]
    more = ["--tracklets", "--tracklet-blend", "0.7", "--tracklet-lookahead", "2", "--tracker.maximum_gap", "3"]
    assert main([*words, *more, "--json", str(tmp_path / "index.json")]) == 0
    assert "tracklets they make" in capsys.readouterr().out
    figures = json.loads((tmp_path / "index.json").read_text())
    assert figures["tracklets"]["blend"] == figures["summary"]["embedded_by"]["tracklet_blend"] == 0.7
    assert figures["tracklets"]["tracker"]["maximum_gap"] == 3
    assert figures["run"]["frames"] == 3
    assert 0 < figures["run"]["tracklets"] <= figures["run"]["sightings"]
    assert json.loads((tmp_path / "people" / "gallery.json").read_text())["embedded_by"]["tracklet_blend"] == 0.7
    assert main(words) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "was indexed with --tracklets and --tracklet-blend 0.7; give both again" in line
    # Whoever reads the gallery need not know.
    probe = ["--frame", str(square / "frames" / sorted(p.name for p in (square / "frames").iterdir())[0])]
    find = ["find", str(tmp_path / "people"), "--model", str(model), *probe, "--box", "40,30,80,120"]
    assert main([*find, "--include-own-frame"]) == 0
    assert main([*words, *more, "--tracklet-blend", "2"]) == 2
    assert "blend 2.0, expected a share" in capsys.readouterr().err


def test_frames_that_are_no_footage_have_no_tracklets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "search", str(tmp_path), "--format", "cuhk-sysu", "--model", "m.safetensors", "--tracklets"]
    assert main(words) == 2
    assert "cuhk-sysu's frames are single pictures" in capsys.readouterr().err
