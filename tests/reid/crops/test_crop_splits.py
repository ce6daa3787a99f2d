"""A crop model over a whole split: every crop once, in order, and what cannot be read is named."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datasets.crops import read_crop
from datasets.samples import CropSample
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from reid.crops.splits import crop_features, embed_crops


@pytest.fixture(scope="module")
def model() -> SphereReID:
    torch.manual_seed(0)
    config = SphereReIDConfig(
        network="D", backbone="resnet18", dimension=12, height=32, width=16, resize_height=32, resize_width=16
    )
    return SphereReID(config, precision="float32").eval()


@pytest.fixture
def crops(tmp_path: Path) -> list[CropSample]:
    rng = np.random.default_rng(0)
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), rng.integers(0, 256, (40, 20 + number, 3), dtype=np.uint8))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    names = ["0", "1", "broken", "2", "3", "4"]
    return [CropSample(tmp_path / f"{name}.png", row) for row, name in enumerate(names)]


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_embeddings_are_those_of_the_crops_one_by_one(
    model: SphereReID, crops: list[CropSample], batch_size: int
) -> None:
    steps: list[tuple[int, int]] = []
    found = embed_crops(
        model, crops, batch_size=batch_size, on_progress=lambda done, total: steps.append((done, total))
    )
    readable = [crop for crop in crops if crop.path.stem != "broken"]
    assert found.samples == readable
    assert [(name, bool(reason)) for name, reason in found.failures] == [(crops[2].name, True)]
    expected = torch.cat([model.embed([read_crop(crop)]) for crop in readable])
    torch.testing.assert_close(found.embeddings, expected, atol=1e-5, rtol=0)
    assert steps == [(min(start + batch_size, 6), 6) for start in range(0, 6, batch_size)]


def test_mirrored_views_are_averaged_unless_told_otherwise(model: SphereReID, crops: list[CropSample]) -> None:
    for mirrored in (True, False):
        found = embed_crops(model, crops[:1], mirrored=mirrored)
        torch.testing.assert_close(found.embeddings, model.embed([read_crop(crops[0])], mirrored=mirrored))
    assert torch.equal(
        embed_crops(model, crops[:1]).embeddings, embed_crops(model, crops[:1], mirrored=True).embeddings
    )


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_features_are_what_the_network_makes_of_the_view(
    model: SphereReID, crops: list[CropSample], batch_size: int
) -> None:
    found = crop_features(model, crops, batch_size=batch_size)
    assert found.rows == [0, 1, 3, 4, 5]
    views = np.stack([model.view(read_crop(crops[row])) for row in found.rows])
    with torch.no_grad():
        expected = model(torch.from_numpy(views).permute(0, 3, 1, 2))
    torch.testing.assert_close(found.features.features, expected.features, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.features.embedding, expected.embedding, atol=1e-4, rtol=1e-4)
    assert not found.features.embedding.requires_grad


def test_the_model_is_left_in_its_mode(model: SphereReID, crops: list[CropSample]) -> None:
    for training in (True, False):
        model.train(training)
        crop_features(model, crops[:2])
        assert model.training == training
        embed_crops(model, crops[:2])
        assert model.training == training


def test_nothing_readable_has_no_rows(model: SphereReID, crops: list[CropSample]) -> None:
    for samples in ([], crops[2:3]):
        assert embed_crops(model, samples).embeddings.shape == (0, 12)
        found = crop_features(model, samples)
        assert found.rows == []
        assert found.features.features.shape == (0, 512)
        assert found.features.embedding.shape == (0, 12)


def test_an_impossible_batch_size_is_named(model: SphereReID, crops: list[CropSample]) -> None:
    for call in (embed_crops, crop_features):
        with pytest.raises(ValueError, match="batch size 0, expected at least 1"):
            call(model, crops, batch_size=0)


def test_boxes_of_one_frame_are_cut(model: SphereReID, crops: list[CropSample]) -> None:
    whole = crops[0]
    part = dataclasses.replace(whole, box=np.array([2, 3, 12, 30], dtype=np.float32))
    found = embed_crops(model, [whole, part])
    picture = read_crop(whole)
    torch.testing.assert_close(found.embeddings[1:], model.embed([picture[3:30, 2:12]]), atol=1e-5, rtol=0)
