"""A model and a gallery that tests of several commands share."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from stand_ins import write_stand_ins

from search.models import noted_paths
from tools.main import main

TINY = """
detector:
  backbone: resnet18
  pyramid_levels: [1, 2]
  pyramid_channels: 16
  anchor_sizes: [[24], [48], [96]]
  anchor_ratios: [2.5]
  box_features: 32
  min_size: 120
  max_size: 240
  rpn_post_nms: 20
  box_batch: 16
embedding: {dimension: 16, pool_height: 8, pool_width: 4, channels: 16}
training: {epochs: 1, batch_size: 4, workers: 0}
losses: {oim_queue: 8}
"""


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of `run` in a file of its own."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_plaza(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model of the square for small frames: it sees a quarter of the pixels, the rest is as shipped."""
    from detection.checkpoints import load_model, save_model

    model = load_model(repository / "detection" / "weights" / "plaza.safetensors")
    model.detector_config = dataclasses.replace(model.detector_config, min_size=180, max_size=360)
    file = tmp_path_factory.mktemp("shipped") / "plaza.safetensors"
    save_model(file, model, half=True)
    return file


@pytest.fixture(scope="module")
def run(square: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained for one epoch by the command; good for nothing but the way of the data."""
    (square.parent / "tiny.yaml").write_text(TINY)
    folder = tmp_path_factory.mktemp("trained") / "run"  # one for each module: the square is shared by all of them
    words = ["train", "joint", str(square), "--config", str(square.parent / "tiny.yaml"), "--output", str(folder)]
    assert main([*words, "--json", str(folder.parent / "train.json")]) == 0
    return folder


@pytest.fixture(scope="module")
def gallery(square: Path, run: Path) -> Path:
    """Everything the untrained model takes for a person; it is never sure, so its threshold is low."""
    from search.pipeline import PersonSearch

    folder = run.parent / "gallery"
    search = PersonSearch.from_checkpoint(run)
    with search.open_gallery(folder, create=True) as store:
        search.index(square / "test.json", store, minimum_confidence=0.0)
    return folder


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two stand-ins, for tests to copy."""
    site = tmp_path_factory.mktemp("stand_ins")
    write_stand_ins(site / "detection", site / "reid")
    return site


@pytest.fixture
def packages(stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the packages bring the two stand-ins."""
    shutil.copytree(stand_ins, tmp_path / "site")
    monkeypatch.setattr(noted_paths, "files", lambda package: tmp_path / "site" / package)
    return tmp_path / "site"
