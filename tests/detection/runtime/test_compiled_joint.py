"""The joint model by compiled networks against the model itself."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from joint_variants import VARIANTS, Near, require_same_embeddings, require_same_model, seeing
from torchvision.ops import box_iou

from datasets.images import as_tensor
from detection.detections import Detections
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.runtime.joint import compiled_joint
from detection.settings import DetectorConfig
from reid.runtime.settings import TypicalFrames

pytestmark = pytest.mark.usefixtures("own_cache")


def pictures(*sizes: tuple[int, int]) -> list[torch.Tensor]:
    return [torch.rand(3, *size) for size in sizes]


@pytest.mark.parametrize("kind", VARIANTS)
def test_it_finds_and_embeds_what_the_model_does(
    kind: str, tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    torch.manual_seed(1)
    model = seeing(VARIANTS[kind](tiny_detector, tiny_embedding))
    model.precision = "float32"
    images = pictures((96, 128), (70, 200), (120, 90))
    by = compiled_joint(model, "float32", threads=1, batch=3)
    Near().require(by.detect(images), model.detect(images))
    if kind == "plain":  # padded together and alone a frame is not quite the same, so the batches must be
        by.batch = 1
        Near().require(by.detect(images), [found for image in images for found in model.detect([image])])
        by.batch = 3
    require_same_embeddings(by, model, images)
    require_same_model(by, model)


def test_threads_do_not_get_in_each_others_way(tiny_model: PersonSearchRCNN) -> None:
    by = compiled_joint(seeing(tiny_model), "float32", threads=1, batch=1)
    images = pictures((96, 128), (96, 128), (128, 96), (96, 96))
    alone = [by.detect([image])[0] for image in images]
    found: dict[int, list[Detections]] = {}

    def look(row: int) -> None:
        found[row] = [by.detect([images[row]])[0] for _ in range(4)]

    threads = [threading.Thread(target=look, args=(row,)) for row in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for row, several in found.items():
        assert all(torch.equal(one.boxes, alone[row].boxes) for one in several)
        assert all(torch.equal(one.scores, alone[row].scores) for one in several)


def test_a_converted_network_is_kept_and_a_damaged_one_is_made_anew(
    tiny_model: PersonSearchRCNN, own_cache: Path
) -> None:
    model = seeing(tiny_model)
    images = pictures((96, 128))
    expected = compiled_joint(model, "float32", threads=1, batch=1).detect(images)
    kept = sorted(own_cache.iterdir())
    assert {file.suffix for file in kept} == {".xml", ".bin"}
    assert len(kept) == 6  # frames, boxes, embeddings
    assert all(model.fingerprint() in file.name for file in kept)
    before = {file: file.stat().st_mtime_ns for file in kept}
    Near().require(compiled_joint(model, "float32", threads=1, batch=1).detect(images), expected)
    assert {file: file.stat().st_mtime_ns for file in kept} == before
    for file in kept:
        file.write_bytes(b"half a fi")
    Near().require(compiled_joint(model, "float32", threads=1, batch=1).detect(images), expected)
    assert all(file.stat().st_size > 100 for file in kept)


def test_without_a_place_to_keep_it_the_network_is_made_each_time(
    tiny_model: PersonSearchRCNN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "taken"))
    by = compiled_joint(seeing(tiny_model), "float32", threads=1, batch=1)
    assert len(by.detect(pictures((96, 128)))) == 1


def test_in_8_bits_people_are_found_about_where_they_are(tiny_model: PersonSearchRCNN, own_cache: Path) -> None:
    pytest.importorskip("nncf", reason="the extra `fast` installs NNCF")
    model = seeing(tiny_model)
    generator = np.random.default_rng(0)
    frames = [generator.integers(0, 256, (96, 128, 3), dtype=np.uint8) for _ in range(4)]
    by = compiled_joint(model, "int8", threads=1, batch=1, typical=TypicalFrames("noise", lambda: frames))
    images = [as_tensor(frame) for frame in frames]
    boxes = [torch.tensor([[10.0, 10, 40, 80], [30, 20, 90, 70]])] * 4
    alike = (torch.cat(by.embed(images, boxes)) * torch.cat(model.embed(images, boxes))).sum(1)
    assert 0.95 < alike.min() < 0.99999
    for one, other in zip(by.detect(images), model.detect(images), strict=True):
        assert box_iou(one.boxes, other.boxes).amax(0).median() > 0.6
    assert len(list(own_cache.glob("joint-*-int8-noise-*.xml"))) == 1
    assert not list(own_cache.glob("boxes*int8*"))
