"""The joint model with a trunk that torch has compiled, against the model itself."""

import pytest
import torch
from joint_variants import VARIANTS, Near, require_same_embeddings, require_same_model, seeing

from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.runtime import torch_joint
from detection.runtime.running import running_joint
from detection.runtime.torch_joint import TorchJoint, compiled_by_torch_joint
from detection.settings import DetectorConfig
from reid.runtime.settings import Inference

STAND_IN = {"a stand-in": {"backend": "aot_eager"}}


@pytest.mark.parametrize(
    "kind",
    ["by the trunk", "refined", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("plain", "by the norm"))],
)
def test_it_finds_and_embeds_what_the_model_does(
    kind: str, tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    torch.manual_seed(1)
    model = seeing(VARIANTS[kind](tiny_detector, tiny_embedding))
    model.precision = "float32"
    by, name, failed = compiled_by_torch_joint(model, (96, 128), STAND_IN)
    assert isinstance(by, TorchJoint)
    assert (name, failed) == ("a stand-in", ())
    images = [torch.rand(3, 96, 128) for _ in range(5)]  # a whole part of four, and one that is filled up
    Near().require(by.detect(images), model.detect(images))
    other = [torch.rand(3, 70, 200), torch.rand(3, 120, 90), torch.rand(3, 96, 128)]
    Near().require(by.detect(other), model.detect(other))
    require_same_embeddings(by, model, other)
    require_same_model(by, model)


def test_a_graph_that_writes_over_its_results_does_no_harm(tiny_model: PersonSearchRCNN) -> None:
    """As a CUDA graph does, which gives the same memory in each call."""
    model = seeing(tiny_model)
    memory: dict[str, torch.Tensor] = {}

    def both(frames: torch.Tensor) -> tuple[dict[str, torch.Tensor], ...]:
        found = model.detector.backbone.both(frames)  # type: ignore[operator]
        kept: list[dict[str, torch.Tensor]] = []
        for number, maps in enumerate(found):
            for name, one in maps.items():
                memory.setdefault(f"{number} {name}", torch.empty_like(one)).copy_(one)
            kept.append({name: memory[f"{number} {name}"] for name in maps})
        return tuple(kept)

    images = [torch.rand(3, 96, 128) for _ in range(9)]
    Near().require(TorchJoint(model, both).detect(images), model.detect(images))


def test_it_is_asked_for_and_falls_back_by_itself(
    tiny_model: PersonSearchRCNN, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = seeing(tiny_model)
    monkeypatch.setattr(torch_joint, "compilers_for", lambda device: STAND_IN)
    by, computing = running_joint(model, Inference("compiled", "float32"))
    assert isinstance(by, TorchJoint)
    assert computing.words() == "by PyTorch on the processor in 32-bit numbers (float32) (compiled to a stand-in)"
    monkeypatch.setattr(torch_joint, "compilers_for", lambda device: {"one": {"backend": "no such backend"}})
    by, computing = running_joint(model, Inference("compiled", "float32"))
    assert by is model
    assert computing.library == "torch"
    assert computing.note.startswith("not compiled, as that failed; one: ")
