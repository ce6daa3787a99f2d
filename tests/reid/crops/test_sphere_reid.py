from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from reid.crops.backbones import build_backbone
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig

SMALL = {"backbone": "resnet18", "dimension": 16, "height": 32, "width": 16, "resize_height": 36, "resize_width": 18}


def small(**changes: object) -> SphereReID:
    torch.manual_seed(0)
    return SphereReID(SphereReIDConfig(**{**SMALL, **changes})).eval()  # type: ignore[arg-type]


def crops(count: int, seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 256, (40 + 5 * row, 20 + row, 3), dtype=np.uint8) for row in range(count)]


def kinds(model: SphereReID) -> list[str]:
    head = model.head if isinstance(model.head, nn.Sequential) else [model.head]
    return [type(layer).__name__ for layer in head]


@pytest.mark.parametrize(("network", "layers", "dimension"), [
    ("A", ["Identity"], 512),
    ("B", ["Linear"], 16),
    ("C", ["Linear", "BatchNorm1d"], 16),
    ("D", ["BatchNorm1d", "Dropout", "Linear", "BatchNorm1d"], 16),
    ("bnneck", ["BatchNorm1d"], 512),
])  # fmt: skip
def test_the_networks_of_the_papers(network: str, layers: list[str], dimension: int) -> None:
    model = small(network=network)
    assert kinds(model) == layers
    assert model.embedding_dim == dimension
    features = model(torch.rand(2, 3, 32, 16))
    assert features.features.shape == (2, 512)
    assert features.embedding.shape == (2, dimension)
    assert features.embedding.dtype == torch.float32


def test_the_defaults_are_the_papers() -> None:
    model = SphereReID()
    assert kinds(model) == ["BatchNorm1d", "Dropout", "Linear", "BatchNorm1d"]
    assert (model.feature_dim, model.embedding_dim) == (2048, 1024)
    assert model.head[1].p == 0.25
    assert model.head[2].bias is not None
    assert small(bias=False).head[2].bias is None
    assert not small(network="bnneck").head.bias.requires_grad


@pytest.mark.parametrize(("backbone", "channels"), [
    ("resnet18", 512), ("resnet50", 2048), ("mobilenet_v2", 1280), ("efficientnet_b0", 1280),
])  # fmt: skip
def test_the_channels_of_a_trunk(backbone: str, channels: int) -> None:
    trunk, told = build_backbone(backbone)
    assert told == channels
    assert trunk(torch.rand(2, 3, 64, 32)).shape == (2, channels, 2, 1)


@pytest.mark.parametrize("backbone", ["resnet18", "mobilenet_v2", "efficientnet_b0"])
def test_strides(backbone: str) -> None:
    picture = torch.rand(2, 3, 64, 32)
    sizes = {
        (last, inner): tuple(build_backbone(backbone, last_stride=last, stride=inner)[0](picture).shape[-2:])
        for last, inner in ((2, 2), (1, 2), (1, 1))
    }
    assert sizes == {(2, 2): (2, 1), (1, 2): (4, 2), (1, 1): (16, 8)}


@pytest.mark.parametrize(("backbone", "training", "height", "expected"), [
    ("resnet18", True, 64, torch.bfloat16), ("mobilenet_v2", True, 32, torch.float32),
    ("mobilenet_v2", True, 192, torch.bfloat16), ("efficientnet_b0", True, 192, torch.float32),
    ("mobilenet_v2", False, 32, torch.bfloat16),
    # Its maps are one pixel wide before the last stage, where gradients in bf16 are NaN now and then.
    ("resnet18", True, 32, torch.float32), ("resnet18", False, 32, torch.bfloat16),
])  # fmt: skip
def test_depthwise_trunks_train_in_float32_and_embed_in_bf16(
    monkeypatch: pytest.MonkeyPatch, backbone: str, training: bool, height: int, expected: torch.dtype
) -> None:
    """On a processor that has bf16, where its gradients would be slower or wrong; nowhere if float32 is asked for."""
    monkeypatch.setattr("reid.devices.has_bfloat16", lambda device: True)
    types: list[torch.dtype] = []
    model = small(backbone=backbone).train(training)
    model.backbone.register_forward_hook(lambda _, __, maps: types.append(maps.dtype))
    model(torch.rand(2, 3, height, height // 2))
    model.precision = "float32"
    model(torch.rand(2, 3, height, height // 2))
    assert types == [expected, torch.float32]


@pytest.mark.parametrize("backbone", ["resnet18", "mobilenet_v2", "efficientnet_b0"])
def test_frozen_layers_are_all_before_stride_8_and_learn_nothing(backbone: str) -> None:
    model = small(backbone=backbone, frozen_early=True).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    sizes = {}
    for name, layer in model.backbone.named_children():
        layer.register_forward_hook(lambda _, __, maps, name=name: sizes.update({name: maps.shape[-1]}))
    optimizer = torch.optim.SGD([value for value in model.parameters() if value.requires_grad], lr=0.1)
    model(torch.rand(4, 3, 64, 64)).embedding.square().sum().backward()
    optimizer.step()
    changed = {
        name.split(".")[1]
        for name, value in model.state_dict().items()
        if name.startswith("backbone") and not torch.equal(value, before[name])
    }
    assert changed == {name for name, size in sizes.items() if size < 16}
    assert not any(module.training for module in model.eval().modules())
    thawed = small(backbone=backbone).train()
    assert all(module.training for module in thawed.modules())
    assert all(value.requires_grad for value in thawed.parameters())


def test_embeddings_are_unit_rows_whatever_the_batch_and_the_size_of_crops() -> None:
    model = small()
    pictures = crops(5)
    one_by_one = torch.cat([model.embed([picture]) for picture in pictures])
    together = model.embed(pictures, batch_size=2)
    assert together.shape == (5, 16)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(5))
    assert (together * one_by_one).sum(1).min() > 0.999  # bf16 trunks differ in the last digits
    assert model.embed([]).shape == (0, 16)


def test_mirrored_crops_have_the_same_embedding() -> None:
    model = small()
    picture = crops(1)[0]
    flipped = np.ascontiguousarray(picture[:, ::-1])
    assert (model.embed([picture]) * model.embed([flipped])).sum() > 0.999
    assert (model.embed([picture], mirrored=False) * model.embed([flipped], mirrored=False)).sum() < 0.999


def test_embedding_leaves_the_training_mode_and_the_statistics_alone() -> None:
    model = small().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.embed(crops(3))
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_views() -> None:
    picture = crops(1)[0]
    assert small().view(picture).shape == (36, 18, 3)
    center = small(test_view="center").view(picture)
    assert center.shape == (32, 16, 3)
    np.testing.assert_array_equal(center, small().view(picture)[2:34, 1:17])


def test_uint8_and_float_crops_are_the_same() -> None:
    model = small()
    whole = torch.randint(0, 256, (2, 3, 32, 16), dtype=torch.uint8)
    torch.testing.assert_close(model(whole).embedding, model(whole.float() / 255).embedding)


def test_fingerprints_of_earlier_versions_hold() -> None:
    """Galleries name their models by them, so a new choice that is not made must leave them as they were."""
    model = SphereReID(SphereReIDConfig(backbone="resnet18", dimension=12, height=32, width=16))
    for value in model.state_dict().values():
        value.zero_()
    assert model.fingerprint() == "9d6e6b2accbb26e3"


def test_a_file_alone_rebuilds_the_model(tmp_path: Path) -> None:
    model = small(network="C", dropout=0.1)
    model.save(tmp_path / "run" / "model.safetensors", notes={"seed": 0})
    for path in (tmp_path / "run", tmp_path / "run" / "model.safetensors"):
        other = SphereReID.from_checkpoint(path, device="cpu")
        assert other.config == model.config
        assert not other.training
        assert other.fingerprint() == model.fingerprint()
        torch.testing.assert_close(other.embed(crops(3)), model.embed(crops(3)))
    assert small(network="C", dropout=0.2).fingerprint() != model.fingerprint()


def test_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="train crop"):
        SphereReID.from_checkpoint(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(ValueError, match="no readable safetensors"):
        SphereReID.from_checkpoint(tmp_path / "text.safetensors")
    joint = Path(__file__).parents[3] / "detection" / "weights" / "plaza.safetensors"
    with pytest.raises(ValueError, match="train crop"):
        SphereReID.from_checkpoint(joint)


@pytest.mark.parametrize("changes", [
    {"network": "E"}, {"dropout": 1.0}, {"dimension": 0}, {"resize_height": 20}, {"backbone": "vgg"},
    {"last_stride": 3},
])  # fmt: skip
def test_wrong_structures_are_named(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"expected|raise"):
        small(**changes)


@pytest.mark.parametrize("crop", [
    np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8),
])  # fmt: skip
def test_wrong_crops_are_named(crop: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        small().embed([crop])
