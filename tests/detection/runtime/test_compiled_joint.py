"""The joint model by compiled networks against the model itself."""

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from detection.detections import Detections
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.runtime.joint import compiled_joint
from detection.settings import DetectorConfig


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "personsearch" / "runtime"


def pictures(*sizes: tuple[int, int]) -> list[torch.Tensor]:
    return [torch.rand(3, *size) for size in sizes]


def seeing(model: PersonSearchRCNN) -> PersonSearchRCNN:
    """The model in evaluation mode, sure enough of something in noise."""
    with torch.no_grad():
        model.detector.roi_heads.box_predictor.cls_score.weight *= 20
    model.detector.roi_heads.score_thresh = 0.3
    return model.eval()


def same(found: list[Detections], expected: list[Detections]) -> None:
    assert sum(map(len, expected)) > 5
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.boxes, other.boxes, rtol=0, atol=0.01)
        torch.testing.assert_close(one.scores, other.scores, rtol=0, atol=1e-4)
        assert one.embeddings is not None
        assert other.embeddings is not None
        torch.testing.assert_close((one.embeddings * other.embeddings).sum(1), torch.ones(len(one)), atol=1e-5, rtol=0)


VARIANTS: dict[str, Callable[[DetectorConfig, EmbeddingConfig], PersonSearchRCNN]] = {
    "plain": PersonSearchRCNN,
    "refined": lambda detector, embedding: PersonSearchRCNN(detector, dataclasses.replace(embedding, refined=True)),
    "by the trunk": lambda detector, embedding: PersonSearchRCNN(
        detector, dataclasses.replace(embedding, source="trunk", level=2)
    ),
    "by the norm": lambda detector, embedding: PersonSearchRCNN(
        detector, dataclasses.replace(embedding, norm_aware=True, score_by="norm")
    ),
}


@pytest.mark.parametrize("kind", VARIANTS)
def test_it_finds_and_embeds_what_the_model_does(
    kind: str, tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    torch.manual_seed(1)
    model = seeing(VARIANTS[kind](tiny_detector, tiny_embedding))
    model.precision = "float32"
    images = pictures((96, 128), (70, 200), (120, 90))
    by = compiled_joint(model, "float32", threads=1, batch=3)
    same(by.detect(images), model.detect(images))
    if kind == "plain":  # padded together and alone a frame is not quite the same, so the batches must be
        by.batch = 1
        same(by.detect(images), [found for image in images for found in model.detect([image])])
        by.batch = 3
    boxes = [torch.tensor([[10.0, 10, 40, 80], [0, 0, 90, 70]]), torch.zeros(0, 4), torch.tensor([[5.0, 5, 30, 100]])]
    for one, other in zip(by.embed(images, boxes), model.embed(images, boxes), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)
    assert by.fingerprint() == model.fingerprint()
    assert by.embedding_dim == model.embedding_dim
    assert by.least_confidence == model.least_confidence
    assert by.eval().to(torch.device("cpu")) is by
    assert by.detect([]) == []
    assert by.embed([], []) == []


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
    same(compiled_joint(model, "float32", threads=1, batch=1).detect(images), expected)
    assert {file: file.stat().st_mtime_ns for file in kept} == before
    for file in kept:
        file.write_bytes(b"half a fi")
    same(compiled_joint(model, "float32", threads=1, batch=1).detect(images), expected)
    assert all(file.stat().st_size > 100 for file in kept)


def test_without_a_place_to_keep_it_the_network_is_made_each_time(
    tiny_model: PersonSearchRCNN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "taken"))
    by = compiled_joint(seeing(tiny_model), "float32", threads=1, batch=1)
    assert len(by.detect(pictures((96, 128)))) == 1
