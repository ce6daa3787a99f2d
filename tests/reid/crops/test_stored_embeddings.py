"""Stored embeddings: nothing is computed twice, and nothing stale is used."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datasets.samples import CropSample
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from reid.crops.splits import embed_crops
from reid.crops.stored_embeddings import embed_stored_crops


def network(seed: int) -> SphereReID:
    torch.manual_seed(seed)
    config = SphereReIDConfig(
        network="A", backbone="mobilenet_v2", height=32, width=16, resize_height=32, resize_width=16
    )
    return SphereReID(config).eval()


@pytest.fixture(scope="module")
def model() -> SphereReID:
    return network(0)


@pytest.fixture
def crops(tmp_path: Path) -> list[CropSample]:
    rng = np.random.default_rng(0)
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), rng.integers(0, 256, (40, 20, 3), dtype=np.uint8))
    samples = [CropSample(tmp_path / f"{number}.png", number) for number in range(5)]
    return [*samples, CropSample(tmp_path / "4.png", 7, box=np.array([2, 3, 12, 30], dtype=np.float32))]


class Counter:
    """Counts the crops that were embedded."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self, done: int, total: int) -> None:
        self.done = done


def test_a_second_time_nothing_is_embedded(model: SphereReID, crops: list[CropSample], tmp_path: Path) -> None:
    file = tmp_path / "new" / "kept.npz"
    plain = embed_crops(model, crops)
    first = embed_stored_crops(model, crops, file)
    counter = Counter()
    second = embed_stored_crops(model, crops[::-1], file, on_progress=counter)
    assert counter.done == 0
    assert torch.equal(first.embeddings, plain.embeddings)
    assert torch.equal(second.embeddings, plain.embeddings.flip(0))
    assert second.samples == crops[::-1]
    assert [path.name for path in file.parent.iterdir()] == ["kept.npz"]


def test_only_what_is_new_or_changed_is_embedded(model: SphereReID, crops: list[CropSample], tmp_path: Path) -> None:
    file = tmp_path / "kept.npz"
    embed_stored_crops(model, crops[:4], file)
    cv2.imwrite(str(crops[1].path), np.full((30, 10, 3), 90, dtype=np.uint8))
    counter = Counter()
    found = embed_stored_crops(model, crops, file, batch_size=1, on_progress=counter)
    assert counter.done == 3
    assert torch.allclose(found.embeddings, embed_crops(model, crops).embeddings, atol=1e-6)


def test_another_model_or_another_view_starts_anew(model: SphereReID, crops: list[CropSample], tmp_path: Path) -> None:
    file = tmp_path / "kept.npz"
    embed_stored_crops(model, crops, file)
    for other, mirrored in ((network(1), True), (model, False)):
        counter = Counter()
        found = embed_stored_crops(other, crops, file, mirrored=mirrored, on_progress=counter)
        assert counter.done == len(crops)
        assert torch.equal(found.embeddings, embed_crops(other, crops, mirrored=mirrored).embeddings)


def test_a_broken_crop_is_named_each_time(model: SphereReID, crops: list[CropSample], tmp_path: Path) -> None:
    crops[2].path.write_bytes(b"")
    crops[3].path.unlink()
    for _ in range(2):
        found = embed_stored_crops(model, crops, tmp_path / "kept.npz")
        assert [name for name, _ in found.failures] == [crops[2].name, crops[3].name]
        assert found.samples == [crops[0], crops[1], crops[4], crops[5]]
        assert len(found.embeddings) == 4


def test_another_file_is_refused_and_left_alone(model: SphereReID, crops: list[CropSample], tmp_path: Path) -> None:
    file = tmp_path / "kept.npz"
    for content in (b"a letter", b"", b"PK\x03\x04 half a zip"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="no file of stored embeddings"):
            embed_stored_crops(model, crops, file)
        assert file.read_bytes() == content
    np.savez(file, other=np.zeros(3))
    with pytest.raises(ValueError, match="no file of stored embeddings"):
        embed_stored_crops(model, crops, file)
