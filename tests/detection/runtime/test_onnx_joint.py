"""The joint model as an ONNX file against the model itself."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from detection.checkpoints import save_model
from detection.detections import Detections
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.runtime.onnx_joint import NOBODY, OnnxJoint, exported
from detection.runtime.running import running_joint
from detection.settings import DetectorConfig
from reid.runtime.onnx_files import OnnxNetwork
from reid.runtime.settings import Inference

pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "personsearch" / "runtime"


def pictures(*sizes: tuple[int, int]) -> list[torch.Tensor]:
    """Noise of 8 bits, [3, H, W] in [0, 1]."""
    return [torch.randint(0, 256, (3, *size)).float() / 255 for size in sizes]


def seeing(model: PersonSearchRCNN) -> PersonSearchRCNN:
    with torch.no_grad():
        model.detector.roi_heads.box_predictor.cls_score.weight *= 20
        model.detector.roi_heads.box_predictor.cls_score.bias[:] = torch.tensor([0.0, 1.0])
    model.detector.roi_heads.score_thresh = 0.3
    return model.eval()


def same(found: list[Detections], expected: list[Detections]) -> None:
    assert sum(map(len, expected)) > 5
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.boxes, other.boxes, rtol=0, atol=0.05)
        torch.testing.assert_close(one.scores, other.scores, rtol=0, atol=1e-3)
        assert one.embeddings is not None
        assert other.embeddings is not None
        assert len(one) == 0 or (one.embeddings * other.embeddings).sum(1).min() > 0.9999


def crowd(detector: DetectorConfig, embedding: EmbeddingConfig) -> PersonSearchRCNN:
    """So many proposals that those of a frame are cut to their number, and people are parts of others."""
    changed = dataclasses.replace(detector, rpn_post_nms=12, part_share=0.3, detections_per_frame=6, nms_threshold=0.9)
    return PersonSearchRCNN(changed, embedding)


VARIANTS: dict[str, Callable[[DetectorConfig, EmbeddingConfig], PersonSearchRCNN]] = {
    "plain": PersonSearchRCNN,
    "a crowd": crowd,
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
    torch.manual_seed(2)
    model = seeing(VARIANTS[kind](tiny_detector, tiny_embedding))
    by = OnnxJoint(model)
    images = pictures((96, 128), (96, 128), (96, 128), (120, 90), (37, 211))
    same(by.detect(images), [found for image in images for found in model.detect([image])])
    boxes = [torch.tensor([[10.0, 10, 40, 80], [0, 0, 90, 70]]), torch.zeros(0, 4), torch.tensor([[-5.0, 5, 30, 100]])]
    for one, other in zip(by.embed(images[:3], boxes), model.embed(images[:3], boxes), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)
    assert by.fingerprint() == model.fingerprint()
    assert by.embedding_dim == model.embedding_dim
    assert by.least_confidence == model.least_confidence
    assert by.eval().to(torch.device("cpu")) is by
    assert by.detect([]) == []


def test_nobody_is_found_where_nobody_is_sure(tiny_model: PersonSearchRCNN) -> None:
    tiny_model.detector.roi_heads.score_thresh = 1.0
    by = OnnxJoint(tiny_model.eval())
    (found,) = by.detect(pictures((96, 128)))
    assert len(found) == 0
    assert found.embeddings is not None
    assert found.embeddings.shape == (0, 24)
    with pytest.raises(ValueError, match="has no area inside the image"):
        by.embed(pictures((96, 128)), [torch.tensor([[200.0, 0, 210, 10]])])
    with pytest.raises(ValueError, match="expected one for each image"):
        by.embed(pictures((96, 128)), [])


def test_the_file_is_kept_and_its_notes_say_what_it_is(
    tiny_model: PersonSearchRCNN, tmp_path: Path, own_cache: Path
) -> None:
    import onnx

    model = seeing(tiny_model)
    images = pictures((96, 128))
    first = running_joint(model, Inference("onnx")).model.detect(images)
    (kept,) = own_cache.iterdir()
    before = kept.stat().st_mtime_ns
    same(running_joint(model, Inference("onnx", "float32")).model.detect(images), first)
    assert kept.stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="--runtime onnx, which computes in float32"):
        running_joint(model, Inference("onnx", "bf16"))

    save_model(tmp_path / "model.safetensors", model)
    exported(tmp_path / "model.safetensors", tmp_path / "model.onnx")
    notes = {one.key: json.loads(one.value) for one in onnx.load(str(tmp_path / "model.onnx")).metadata_props}
    assert notes["fingerprint"] == model.fingerprint()
    assert notes["kind"] == "joint model"
    frames = np.zeros((2, 50, 60, 3), dtype=np.uint8)
    results = OnnxNetwork(tmp_path / "model.onnx", 1)(frames=frames, given=NOBODY)
    assert [len(one.shape) for one in results] == [2, 1, 2, 1, 2]
