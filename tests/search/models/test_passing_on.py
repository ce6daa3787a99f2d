"""A model file to pass on, whose weights may be averaged with those of another model."""

from pathlib import Path

import pytest
import torch

from detection.checkpoints import load_model, save_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import SphereReID
from search.models.passing_on import AveragedWith, pass_on
from tools.main import main

CROPS = SphereReIDConfig(backbone="mobilenet_v2", dimension=8, height=64, width=32, resize_height=64, resize_width=32)
DETECTOR = DetectorConfig(
    backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=8, anchor_sizes=((16,), (32,), (64,)), box_features=8
)  # fmt: skip


def crop_model(path: Path, seed: int, config: SphereReIDConfig = CROPS) -> SphereReID:
    torch.manual_seed(seed)
    model = SphereReID(config, precision="float32")
    model.save(path, notes={"seed": seed})
    return model


def joint_model(path: Path, seed: int) -> PersonSearchRCNN:
    torch.manual_seed(seed)
    model = PersonSearchRCNN(DETECTOR, EmbeddingConfig(dimension=8, channels=8), precision="float32")
    save_model(path, model, notes={"seed": seed})
    return model


def test_crop_models_are_averaged_by_their_shares(tmp_path: Path) -> None:
    new, old = crop_model(tmp_path / "new.safetensors", 1), crop_model(tmp_path / "old.safetensors", 2)
    averaged = AveragedWith(tmp_path / "old.safetensors", 0.25)
    written = pass_on(tmp_path / "new.safetensors", tmp_path / "both.safetensors", averaged=averaged)
    both, others = SphereReID.from_checkpoint(tmp_path / "both.safetensors").state_dict(), old.state_dict()
    for name, value in new.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(both[name], 0.75 * value + 0.25 * others[name], atol=1e-6), name
    assert written.notes == {"seed": 1, "averaged_with": {"fingerprint": old.fingerprint(), "share": 0.25}}
    assert written.fingerprint not in (new.fingerprint(), old.fingerprint())


def test_joint_models_are_averaged_and_a_learned_share_is_not_theirs(tmp_path: Path) -> None:
    new, old = joint_model(tmp_path / "new.safetensors", 1), joint_model(tmp_path / "old.safetensors", 2)
    averaged = AveragedWith(tmp_path / "old.safetensors")
    written = pass_on(tmp_path / "new.safetensors", tmp_path / "both.safetensors", averaged=averaged)
    both, others = load_model(tmp_path / "both.safetensors").state_dict(), old.state_dict()
    for name, value in new.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(both[name], (value + others[name]) / 2, atol=1e-6), name
    assert written.shares == 0


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_all_or_nothing_is_one_of_the_two(tmp_path: Path, share: float) -> None:
    models = [crop_model(tmp_path / f"{number}.safetensors", number) for number in (0, 1)]
    averaged = AveragedWith(tmp_path / "1.safetensors", share)
    written = pass_on(tmp_path / "0.safetensors", tmp_path / "both.safetensors", averaged=averaged)
    assert written.fingerprint == models[int(share)].fingerprint()


@pytest.mark.parametrize(
    ("other", "share", "line"),
    [
        ("gone.safetensors", "0.5", "does not exist"),
        ("joint.safetensors", "0.5", "a file written by `train crop`"),
        ("wide.safetensors", "0.5", "different structures"),
        ("crops.safetensors", "1.5", "expected 0 to 1"),
    ],
)
def test_what_cannot_be_averaged_is_refused_and_nothing_is_written(
    other: str, share: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crop_model(tmp_path / "crops.safetensors", 0)
    crop_model(tmp_path / "wide.safetensors", 0, SphereReIDConfig(backbone="mobilenet_v2", dimension=16))
    joint_model(tmp_path / "joint.safetensors", 0)
    words = [
        "export",
        tmp_path / "crops.safetensors",
        tmp_path / "both.safetensors",
        "--average-with",
        tmp_path / other,
    ]
    assert main([*map(str, words), "--average-share", share]) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "both.safetensors").exists()
