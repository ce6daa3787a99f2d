"""The joint model as an ONNX file against the model itself."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from joint_variants import VARIANTS, Near, require_same_embeddings, require_same_model, seeing

from detection.checkpoints import save_model
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.runtime.onnx_joint import NOBODY, OnnxJoint, exported
from detection.runtime.running import running_joint
from detection.settings import DetectorConfig
from reid.runtime.onnx_files import OnnxNetwork
from reid.runtime.settings import Inference

pytest.importorskip("onnxruntime")


pytestmark = pytest.mark.usefixtures("own_cache")


def pictures(*sizes: tuple[int, int]) -> list[torch.Tensor]:
    """Noise of 8 bits, [3, H, W] in [0, 1]."""
    return [torch.randint(0, 256, (3, *size)).float() / 255 for size in sizes]


def sure(model: PersonSearchRCNN) -> PersonSearchRCNN:
    """A model that sees somebody in noise more often than not."""
    with torch.no_grad():
        model.detector.roi_heads.box_predictor.cls_score.bias[:] = torch.tensor([0.0, 1.0])
    return seeing(model)


def crowd(detector: DetectorConfig, embedding: EmbeddingConfig) -> PersonSearchRCNN:
    """So many proposals that those of a frame are cut to their number, and people are parts of others."""
    changed = dataclasses.replace(detector, rpn_post_nms=12, part_share=0.3, detections_per_frame=6, nms_threshold=0.9)
    return PersonSearchRCNN(changed, embedding)


NEAR = Near(boxes=0.05, scores=1e-3, cosine=1e-4)


@pytest.mark.parametrize("kind", [*VARIANTS, "a crowd"])
def test_it_finds_and_embeds_what_the_model_does(
    kind: str, tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    torch.manual_seed(2)
    model = sure({**VARIANTS, "a crowd": crowd}[kind](tiny_detector, tiny_embedding))
    by = OnnxJoint(model)
    images = pictures((96, 128), (96, 128), (96, 128), (120, 90), (37, 211))
    NEAR.require(by.detect(images), [found for image in images for found in model.detect([image])])
    require_same_embeddings(by, model, images[:3])
    require_same_model(by, model)


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

    model = sure(tiny_model)
    images = pictures((96, 128))
    first = running_joint(model, Inference("onnx")).model.detect(images)
    (kept,) = own_cache.iterdir()
    before = kept.stat().st_mtime_ns
    NEAR.require(running_joint(model, Inference("onnx", "float32")).model.detect(images), first)
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
