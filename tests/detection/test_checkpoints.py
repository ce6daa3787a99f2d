"""Model files: whole, safe, and enough to rebuild the model."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from detection.checkpoints import load_model, read_header, save_model
from detection.joint import PersonSearchRCNN
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import SphereReID


def test_a_file_alone_rebuilds_its_model(tmp_path: Path, tiny_model: PersonSearchRCNN) -> None:
    save_model(tmp_path / "model.safetensors", tiny_model, notes={"seed": 3})
    for given in (tmp_path / "model.safetensors", str(tmp_path / "model.safetensors"), tmp_path):
        loaded = load_model(given, device="cpu")
        assert loaded.fingerprint() == tiny_model.fingerprint()
    assert loaded.detector_config == tiny_model.detector_config
    assert read_header(tmp_path / "model.safetensors")["notes"] == '{"seed": 3}'


def test_weights_that_are_read_are_not_drawn_first(tmp_path: Path, tiny_model: PersonSearchRCNN) -> None:
    save_model(tmp_path / "joint.safetensors", tiny_model)
    SphereReID(SphereReIDConfig(backbone="resnet18")).save(tmp_path / "crop.safetensors")
    chance = torch.get_rng_state()
    for load in (load_model, SphereReID.from_checkpoint):
        load(tmp_path / ("joint.safetensors" if load is load_model else "crop.safetensors"), device="cpu")
        assert torch.equal(torch.get_rng_state(), chance)


def test_half_precision_halves_the_file(tmp_path: Path, tiny_model: PersonSearchRCNN) -> None:
    save_model(tmp_path / "full.safetensors", tiny_model)
    save_model(tmp_path / "half.safetensors", tiny_model, half=True)
    sizes = [(tmp_path / name).stat().st_size for name in ("half.safetensors", "full.safetensors")]
    assert sizes[0] < 0.6 * sizes[1]
    loaded = load_model(tmp_path / "half.safetensors", device="cpu")
    assert all(value.dtype == torch.float32 for value in loaded.parameters())
    for name, value in tiny_model.named_parameters():
        torch.testing.assert_close(dict(loaded.named_parameters())[name], value, atol=1e-3, rtol=1e-3)


def test_two_models_share_a_fingerprint_only_if_they_are_equal(tiny_model: PersonSearchRCNN) -> None:
    before = tiny_model.fingerprint()
    assert before == tiny_model.fingerprint()
    with torch.no_grad():
        tiny_model.embedding_head.project.bias[0] += 1e-6
    assert tiny_model.fingerprint() != before


def test_files_that_are_no_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"give the model\.safetensors"):
        load_model(tmp_path / "missing.safetensors")
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path)
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ValueError, match="no readable safetensors file"):
        load_model(tmp_path / "text.safetensors")
    header = {"format": "personsearch-joint-1", "detector": '{"hue": 1}', "embedding": "{}", "notes": "{}"}
    save_file({"weight": torch.ones(2)}, tmp_path / "newer.safetensors", metadata=header)
    with pytest.raises(ValueError, match="does not fit this version"):
        load_model(tmp_path / "newer.safetensors")
    save_file({"weight": torch.ones(2)}, tmp_path / "wrong.safetensors", metadata=header | {"detector": "{}"})
    with pytest.raises(ValueError, match="does not fit this version"):
        load_model(tmp_path / "wrong.safetensors")
    save_file({"weight": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="has format None, expected 'personsearch-joint-1'"):
        load_model(tmp_path / "other.safetensors")


def test_an_interrupted_write_leaves_the_file_that_was_there(
    tmp_path: Path, tiny_model: PersonSearchRCNN, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(tmp_path / "model.safetensors", tiny_model)
    before = (tmp_path / "model.safetensors").read_bytes()

    def half_a_file(state: object, path: Path, metadata: object) -> None:
        path.write_bytes(before[:100])
        raise OSError("No space left on device")

    monkeypatch.setattr("reid.runs.weight_files.save_file", half_a_file)
    with pytest.raises(OSError, match="No space"):
        save_model(tmp_path / "model.safetensors", tiny_model)
    assert (tmp_path / "model.safetensors").read_bytes() == before
