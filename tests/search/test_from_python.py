"""A search made from Python, in five lines, without the command line."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from separate_processes import finish, start

from detection.checkpoints import save_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from search import Gallery, PersonSearch, Ranking
from search.gallery.description import read_description
from search.models.model_files import ModelFiles

FIVE_LINES = """
from search import Filters, PersonSearch, Ranking
search = PersonSearch.from_checkpoint({model!r}, device="cpu")
gallery = search.open_gallery({gallery!r}, create=True)
search.index({footage!r}, gallery, minimum_confidence=0)
answer = search.find(gallery, crop=picture, filters=Filters(limit=3), ranking=Ranking(class_weighted=True))
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with joint.safetensors and crops.safetensors, tiny and untrained."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    structure = DetectorConfig(
        backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, anchor_sizes=((16,), (32,), (64,)),
        box_features=16, min_size=96, max_size=128, rpn_post_nms=6, score_threshold=0.01,
    )  # fmt: skip
    save_model(folder / "joint.safetensors", PersonSearchRCNN(structure, EmbeddingConfig(dimension=8, channels=16)))
    crops = SphereReID(SphereReIDConfig(backbone="mobilenet_v2", dimension=12, height=32, width=16))
    crops.save(folder / "crops.safetensors")
    return folder


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    random = np.random.default_rng(0)
    for number in range(2):
        assert cv2.imwrite(str(folder / f"{number}.png"), random.integers(0, 255, (96, 128, 3), dtype=np.uint8))
    return folder


def test_five_lines_of_python_search_without_the_command_line(models: Path, footage: Path, tmp_path: Path) -> None:
    lines = FIVE_LINES.format(
        model=str(models / "joint.safetensors"), gallery=str(tmp_path / "people"), footage=str(footage)
    ).strip()
    assert len(lines.splitlines()) == 5
    code = f"""
import sys
assert not [name for name in sys.modules if name.split(".")[0] in ("search", "tools")]
import numpy as np
picture = np.full((60, 24, 3), 90, dtype=np.uint8)
{lines}
assert len(answer) == 3, answer
assert not [name for name in sys.modules if name.split(".")[0] == "tools"]
"""
    finish(start(exec, code, {}, said=tmp_path / "said"), tmp_path / "said")


@pytest.fixture
def gallery(models: Path, footage: Path, tmp_path: Path) -> Path:
    """A gallery of both stages, mirrored."""
    files = ModelFiles(models / "joint.safetensors", models / "crops.safetensors")
    search = PersonSearch.from_files(files, device="cpu", mirrored=True)
    with search.open_gallery(tmp_path / "people", create=True) as made:
        search.index(footage, made, minimum_confidence=0.0)
        assert len(made)
    return tmp_path / "people"


def test_a_gallery_knows_its_models(gallery: Path, models: Path) -> None:
    picture = np.full((60, 24, 3), 90, dtype=np.uint8)
    noted = read_description(gallery).files
    assert noted == ModelFiles((models / "joint.safetensors").resolve(), (models / "crops.safetensors").resolve())
    known, named = PersonSearch.from_gallery(gallery, device="cpu"), PersonSearch.from_gallery(gallery, noted)
    assert known.embedded_by == named.embedded_by == read_description(gallery).embedded_by
    answers = [one.find(Gallery.open(gallery), crop=picture) for one in (known, named)]
    assert answers[0] == answers[1]
    assert len(answers[0])
    alone = PersonSearch.from_gallery(gallery, ModelFiles(models / "joint.safetensors"))
    assert alone.second_stage is None
    assert alone.find(Gallery.open(gallery), crop=picture) != answers[0]


def test_models_that_moved_are_named_and_others_are_refused(gallery: Path, models: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.safetensors"
    crops = models / "crops.safetensors"
    crops.rename(moved)
    try:
        with pytest.raises(
            FileNotFoundError, match=r"crops\.safetensors, which is not there any more; .*--second-stage"
        ):
            PersonSearch.from_gallery(gallery)
        assert PersonSearch.from_gallery(gallery, ModelFiles(None, moved)).second_stage is not None
    finally:
        moved.rename(crops)
    torch.manual_seed(1)
    other = tmp_path / "other.safetensors"
    SphereReID(SphereReIDConfig(backbone="mobilenet_v2", dimension=12, height=32, width=16)).save(other)
    with pytest.raises(
        ValueError, match="indexed with another second stage than the one given: their weights"
    ) as caught:
        PersonSearch.from_gallery(gallery, ModelFiles(None, other))
    assert str(crops.resolve()) in str(caught.value)
    with pytest.raises(ValueError, match="expected"):
        PersonSearch.from_gallery(gallery, ModelFiles(other))


def test_a_gallery_of_a_detector_knows_its_crop_model(models: Path, footage: Path, tmp_path: Path) -> None:
    files = ModelFiles(None, models / "crops.safetensors", str(models / "joint.safetensors"))
    search = PersonSearch.from_files(files, device="cpu", score_threshold=0.01)
    with search.open_gallery(tmp_path / "people", create=True) as made:
        search.index(footage, made, minimum_confidence=0.0)
    assert read_description(tmp_path / "people").files.detector == str((models / "joint.safetensors").resolve())
    found = PersonSearch.from_gallery(tmp_path / "people")
    assert found.second_stage is None
    assert found.embedded_by == search.embedded_by
    picture = np.full((60, 24, 3), 90, dtype=np.uint8)
    with found.open_gallery(tmp_path / "people") as gallery:
        assert len(found.find(gallery, crop=picture))
        with pytest.raises(ValueError, match="a crop model finds nobody"):
            found.find(gallery, frame=picture, box=[2, 2, 20, 50], ranking=Ranking(context=True))
