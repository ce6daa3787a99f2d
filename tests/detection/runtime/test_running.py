"""Which library computes a joint model."""

from pathlib import Path

import pytest
import torch

from detection.checkpoints import load_model, save_model
from detection.joint import PersonSearchRCNN
from detection.model import PersonModel
from detection.published.coco_detector import CocoConfig, build_coco_detector, save_coco_detector
from detection.runtime.joint import CompiledJoint
from detection.runtime.running import load_detector, loader_of, require_torch, running, running_joint
from reid.runtime import choosing
from reid.runtime.computing import Computing
from reid.runtime.settings import Inference, RuntimeName

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def file(tiny_model: PersonSearchRCNN, tmp_path: Path) -> Path:
    save_model(tmp_path / "model.safetensors", tiny_model)
    return tmp_path / "model.safetensors"


def load_person_model(file: Path, inference: Inference, *, device: str) -> PersonModel:
    return running(file, loader_of(file)(file, device=device), inference).model


def test_the_library_that_is_asked_for_computes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def first(name: str, ways: dict[str, object]) -> str:
        asked.append(ways)
        return list(ways)[-1]

    monkeypatch.setattr(choosing, "fastest", first)
    by = load_person_model(file, Inference("openvino", "float32"), device="cpu")
    assert isinstance(by, CompiledJoint)
    assert by.batch == 2
    plain = load_person_model(file, Inference("torch", "float32"), device="cpu")
    assert isinstance(plain, PersonSearchRCNN)
    assert plain.precision == "float32"
    assert by.fingerprint() == plain.fingerprint()
    assert all(name.startswith("openvino") for ways in asked for name in ways)


@pytest.mark.parametrize("runtime", ["torch", "openvino", "onnx"])
def test_a_joint_model_that_only_finds_people_embeds_nobody(
    runtime: RuntimeName, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "fastest", lambda name, ways: next(iter(ways)))
    finder = load_detector(file, Inference(runtime, "float32"), device="cpu").model
    images = [torch.randint(0, 256, (3, 96, 128)).float() / 255]
    model = load_model(file, device="cpu")
    model.precision = "float32"
    (found,), (expected,) = finder.detect(images), model.detect(images)
    assert len(found) == len(expected) > 0
    torch.testing.assert_close(found.boxes, expected.boxes, rtol=0, atol=0.05)
    assert runtime == "onnx" or found.embeddings is None
    assert finder.least_confidence == model.least_confidence


def test_auto_takes_what_is_faster(tiny_model: PersonSearchRCNN, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONSEARCH_RUNTIME", "auto")
    tiny_model.eval()
    for wanted, kind in (("torch", PersonSearchRCNN), ("openvino", CompiledJoint)):
        monkeypatch.setattr(
            choosing, "fastest", lambda name, ways, wanted=wanted: next(way for way in ways if way.startswith(wanted))
        )
        model, computing = running_joint(tiny_model, Inference())
        assert isinstance(model, kind)
        assert computing.library == wanted
        assert computing.measured
    monkeypatch.setattr(choosing, "has_openvino", lambda: False)
    model, computing = running_joint(tiny_model, Inference(precision="float32"))
    assert model is tiny_model
    assert computing == Computing("torch", "float32", measured=False)


def test_it_is_measured_on_frames_of_the_networks_size(
    tiny_model: PersonSearchRCNN, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    monkeypatch.setenv("PERSONSEARCH_RUNTIME", "auto")
    seen: list[tuple[int, ...]] = []
    detect = PersonSearchRCNN.detect

    def noted(self: PersonSearchRCNN, images: list[torch.Tensor], *options: object, **named: object) -> object:
        seen.extend(tuple(image.shape) for image in images)
        return detect(self, images, *options, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(PersonSearchRCNN, "detect", noted)
    running_joint(tiny_model.eval(), Inference(precision="float32"))
    assert set(seen) == {(3, 96, 160)}
    assert len(list(own_cache.glob("joint-*.json"))) == 1


def test_models_of_others_are_computed_by_torch(tmp_path: Path) -> None:
    config = CocoConfig("fasterrcnn_mobilenet_v3_large_fpn", 2, person=1)
    file = tmp_path / "detector.safetensors"
    save_coco_detector(file, build_coco_detector(config), {})
    assert load_detector(file, Inference(), device="cpu").model.least_confidence == pytest.approx(0.05)
    with pytest.raises(ValueError, match="--runtime openvino computes models of `train joint`"):
        load_detector(file, Inference("openvino"), device="cpu")
    with pytest.raises(ValueError, match="leave --precision out"):
        require_torch("coco", Inference("torch", "float32"))
    with pytest.raises(FileNotFoundError):
        loader_of(tmp_path / "none.safetensors")
