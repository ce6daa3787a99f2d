"""Trunks under the pyramid: their maps, gradients, published names, and the joint model over them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from torchvision.ops import FrozenBatchNorm2d

from detection.backbones import FrozenNorm, NormedPyramid, build_pyramid, has_layer_norm
from detection.checkpoints import load_model, save_model
from detection.joint import PersonSearchRCNN
from detection.pretrained import IMAGENET, load_pretrained, pretrained_structure
from detection.settings import BACKBONES, DetectorConfig, EmbeddingConfig
from detection.start import start_model

FAMILIES = ("convnext_tiny", "swin_t", "swin_v2_t")
EMBEDDING = EmbeddingConfig(dimension=8, pool_height=4, pool_width=2, channels=8)


def structure(backbone: str, **changes: object) -> DetectorConfig:
    values: dict[str, object] = {
        "backbone": backbone, "pyramid_levels": (1, 2), "pyramid_channels": 16, "anchor_sizes": ((16,), (32,), (64,)),
        "anchor_ratios": (2.0,), "box_features": 16, "min_size": 64, "max_size": 96, "rpn_post_nms": 20,
        "box_batch": 16, "score_threshold": 0.0,
    }  # fmt: skip
    return DetectorConfig(**{**values, **changes})


def pyramid(backbone: str, levels: tuple[int, ...]) -> nn.Module:
    torch.manual_seed(0)
    structured = build_pyramid(backbone, levels, channels=8, pyramid_norm=False, frozen_norm=False, norm_epsilon=1e-5)
    return structured.eval()


@pytest.mark.parametrize("backbone", FAMILIES)
def test_maps_have_strides_4_to_32_and_are_those_of_torchvisions_stages(backbone: str) -> None:
    """Each map is torchvision's own stage, normalized over its channels, (N, C, H, W) whatever Swin gives."""
    network = pyramid(backbone, (1, 2, 3, 4))
    assert isinstance(network, NormedPyramid)
    # Neither square nor a multiple of Swin's windows of 7 or 8 patches.
    image = torch.rand(2, 3, 64, 96)
    fed: dict[str, torch.Tensor] = {}
    network.fpn.register_forward_pre_hook(lambda _, inputs: fed.update(inputs[0]))
    with torch.no_grad():
        maps = network(image)
        places, expected = image, {}
        for name, module in network.body.named_children():
            places = module(places)
            expected[name] = places
    assert {name: tuple(one.shape) for name, one in maps.items()} == {
        "0": (2, 8, 16, 24), "1": (2, 8, 8, 12), "2": (2, 8, 4, 6), "3": (2, 8, 2, 3), "pool": (2, 8, 1, 2),
    }  # fmt: skip
    for level, name in enumerate(("0", "1", "2", "3")):
        stage = expected[str(2 * level + 1)]
        stage = stage if stage.shape[1] == fed[name].shape[1] else stage.permute(0, 3, 1, 2)
        normal = (stage - stage.mean(1, keepdim=True)) / (stage.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        torch.testing.assert_close(fed[name], normal, atol=1e-4, rtol=1e-4)
        assert fed[name].shape[1] == 96 * 2**level
        assert fed[name].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("backbone", FAMILIES)
def test_later_stages_are_dropped_and_the_memory_layout_changes_nothing(backbone: str) -> None:
    network = pyramid(backbone, (1, 2))
    assert [name for name, _ in network.body.named_children()] == ["0", "1", "2", "3"]
    image = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        plain = network(image)
        network.to(memory_format=torch.channels_last)
        again = network(image.contiguous(memory_format=torch.channels_last))
    for name, one in plain.items():
        torch.testing.assert_close(again[name], one, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("backbone", FAMILIES)
def test_the_joint_model_trains_detects_and_comes_back_from_its_file(tmp_path: Path, backbone: str) -> None:
    torch.manual_seed(0)
    model = PersonSearchRCNN(structure(backbone), EMBEDDING, precision="float32")
    target = {
        "boxes": torch.tensor([[10.0, 10.0, 40.0, 60.0]]), "labels": torch.ones(1, dtype=torch.int64),
        "person_index": torch.tensor([3]), "camera_index": torch.tensor([0]),
    }  # fmt: skip
    result = model.train().losses([torch.rand(3, 64, 80)], [target])
    assert set(result.person_index.tolist()) == {3}
    total = sum(result.detection.values()) + result.embeddings.square().mean(dim=0)[0]
    assert torch.isfinite(total)
    total.backward()
    without = [
        name for name, value in model.named_parameters() if value.grad is None or not value.grad.isfinite().all()
    ]
    assert without == []

    save_model(tmp_path / "model.safetensors", model)
    again = load_model(tmp_path / "model.safetensors", device="cpu")
    image = torch.rand(3, 70, 90)
    again.precision = "float32"
    (own,), (other,) = model.eval().detect([image]), again.detect([image])
    assert len(own)
    torch.testing.assert_close(other.boxes, own.boxes, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(other.embeddings, own.embeddings, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("backbone", FAMILIES)
def test_a_file_of_torchvisions_classifier_fills_the_trunk(tmp_path: Path, backbone: str) -> None:
    """Nothing of the trunk is missing, the stem and the first stage do not train, the rest does."""
    torch.manual_seed(1)
    published = getattr(models, backbone)(weights=None).state_dict()
    save_file({name: value.contiguous() for name, value in published.items()}, tmp_path / "own.safetensors")
    weights = str(tmp_path / "own.safetensors")
    config = structure(backbone, pyramid_levels=(2, 3))
    assert pretrained_structure(config, weights) == pretrained_structure(config, "imagenet")
    model = start_model(weights, config, EMBEDDING, seed=0)
    assert model.detector_config.frozen_norm
    assert model.detector_config.pyramid_norm
    body = model.detector.backbone.body
    for name, value in body.state_dict().items():
        assert torch.equal(value.cpu(), published[f"features.{name}"]), name
    frozen = {name.split(".")[0] for name, value in body.named_parameters() if not value.requires_grad}
    trained = {name.split(".")[0] for name, value in body.named_parameters() if value.requires_grad}
    assert (frozen, trained) == ({"0", "1"}, {"2", "3", "4", "5"})
    assert all(value.requires_grad for value in model.detector.backbone.norms.parameters())


@pytest.mark.parametrize(("backbone", "ends", "widths"), [
    ("mobilenet_v2", (3, 6, 13, 18), (24, 32, 96, 1280)), ("efficientnet_b0", (2, 3, 5, 8), (24, 40, 112, 1280)),
])  # fmt: skip
def test_a_row_of_blocks_gives_its_last_map_of_each_stride(
    backbone: str, ends: tuple[int, ...], widths: tuple[int, ...]
) -> None:
    """The maps are torchvision's own, of strides 4 to 32, each the last of its size."""
    network = pyramid(backbone, (1, 2, 3, 4))
    fed: dict[str, torch.Tensor] = {}
    network.fpn.register_forward_pre_hook(lambda _, inputs: fed.update(inputs[0]))
    places, made = torch.rand(2, 3, 64, 96), []
    with torch.no_grad():
        maps = network(places)
        for block in network.body.children():
            places = block(places)
            made.append(places)
    assert [tuple(fed[name].shape) for name in "0123"] == [
        (2, width, 64 // stride, 96 // stride) for width, stride in zip(widths, (4, 8, 16, 32), strict=True)
    ]
    assert [tuple(maps[name].shape[-2:]) for name in (*"0123", "pool")] == [(16, 24), (8, 12), (4, 6), (2, 3), (1, 2)]
    for name, end in zip("0123", ends, strict=True):
        assert torch.equal(fed[name], made[end])
        assert end + 1 == len(made) or made[end + 1].shape[-1] < made[end].shape[-1]
    assert len(pyramid(backbone, (2, 3)).body) == ends[2] + 1


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "efficientnet_b0"])
def test_a_row_of_blocks_trains_detects_and_starts_from_the_classifiers_file(tmp_path: Path, backbone: str) -> None:
    torch.manual_seed(1)
    published = getattr(models, backbone)(weights=None).state_dict()
    weights = str(tmp_path / "own.safetensors")
    # As the files in use: the trunk alone is enough.
    save_file({name: value for name, value in published.items() if name.startswith("features.")}, weights)
    model = start_model(weights, structure(backbone, pyramid_levels=(1, 2)), EMBEDDING, seed=0)
    body = model.detector.backbone.body
    for name, value in body.state_dict().items():
        assert torch.equal(value.cpu(), published[f"features.{name}"]), name
    frozen = {int(name.split(".")[0]) for name, value in body.named_parameters() if not value.requires_grad}
    trained = {int(name.split(".")[0]) for name, value in body.named_parameters() if value.requires_grad}
    first, last = {"mobilenet_v2": (3, 6), "efficientnet_b0": (2, 3)}[backbone]
    assert (frozen, trained) == (set(range(first + 1)), set(range(first + 1, last + 1)))
    target = {
        "boxes": torch.tensor([[10.0, 10.0, 40.0, 60.0]], device=model.device),
        "labels": torch.ones(1, dtype=torch.int64, device=model.device),
        "person_index": torch.tensor([3]), "camera_index": torch.tensor([0]),
    }  # fmt: skip
    result = model.losses([torch.rand(3, 64, 80, device=model.device)], [target])
    (sum(result.detection.values()) + result.embeddings.square().mean(dim=0)[0]).backward()
    assert all(value.grad is not None for value in model.parameters() if value.requires_grad)
    (found,) = model.eval().detect([torch.rand(3, 64, 80)])
    assert len(found)


@pytest.mark.parametrize("type_", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("epsilon", [0.0, 1e-3])
def test_a_frozen_norm_is_torchvisions_in_one_operation(type_: torch.dtype, epsilon: float) -> None:
    """Same names, same results, same gradients, in the type of the maps; nothing of it changes in training."""
    torch.manual_seed(0)
    theirs, ours = FrozenBatchNorm2d(6, eps=epsilon), FrozenNorm(6, eps=epsilon)
    for value in theirs.buffers():
        value.uniform_(0.1, 2.0)
    ours.load_state_dict(theirs.state_dict())
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    maps = [torch.linspace(-2, 2, 2 * 6 * 4 * 3).view(2, 6, 4, 3).to(type_).requires_grad_() for _ in range(2)]
    expected, made = theirs(maps[0].float()), ours.train()(maps[1])
    assert made.dtype == type_
    tolerance = 1e-5 if type_ == torch.float32 else 2e-2
    torch.testing.assert_close(made.float(), expected, atol=tolerance, rtol=tolerance)
    expected.square().sum().backward()
    made.float().square().sum().backward()
    torch.testing.assert_close(maps[1].grad, maps[0].grad, atol=20 * tolerance, rtol=tolerance)
    assert all(torch.equal(value, before[name]) for name, value in ours.state_dict().items())


def test_weights_of_another_trunk_are_refused(tmp_path: Path) -> None:
    torch.save(models.resnet18(weights=None).state_dict(), tmp_path / "resnet.pth")
    model = PersonSearchRCNN(structure("convnext_tiny"), EMBEDDING)
    with pytest.raises(ValueError, match="parameters of a convnext_tiny are missing"):
        load_pretrained(model, str(tmp_path / "resnet.pth"))
    with pytest.raises(ValueError, match="no coco weights of convnext_tiny, expected one of resnet50"):
        load_pretrained(model, "coco")


def test_every_backbone_has_published_weights_with_the_names_of_its_trunk() -> None:
    """The enum is the trunk's own: of the same builder, with as many parameters. Nothing is downloaded."""
    assert set(IMAGENET) == set(BACKBONES)
    for name in BACKBONES:
        assert models.get_model_weights(name)["IMAGENET1K_V1"] is IMAGENET[name]
        with torch.device("meta"):
            whole = models.get_model(name, weights=None)
            trunk = pyramid(name, (4, 5) if name == "mobilenet_v3_large" else (1, 2, 3, 4)).body
        assert IMAGENET[name].meta["num_params"] == sum(value.numel() for value in whole.parameters())
        if has_layer_norm(name):
            whole = whole.features
        own = {key: value.shape for key, value in trunk.state_dict().items()}
        theirs = {key.removeprefix("features."): value.shape for key, value in whole.state_dict().items()}
        assert own.items() <= theirs.items()


def test_without_a_network_the_remedy_is_named_and_a_cached_file_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's cache is looked at first, under the name that the published address ends with."""
    from urllib.error import URLError

    def refuse(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    model = PersonSearchRCNN(pretrained_structure(structure("swin_t"), "imagenet"), EMBEDDING)
    with pytest.raises(ConnectionError, match="weights 'imagenet' of swin_t could not be downloaded"):
        load_pretrained(model, "imagenet")
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True, exist_ok=True)
    published = models.swin_t(weights=None).state_dict()
    torch.save(published, cache / IMAGENET["swin_t"].url.rpartition("/")[2])
    random = load_pretrained(model, "imagenet")
    assert not any("body" in name for name in random)
    assert torch.equal(model.detector.backbone.body["0"][0].weight, published["features.0.0.weight"])


@pytest.mark.parametrize("backbone", ["convnext_tiny", "swin_t"])
def test_levels_and_norms_that_cannot_be_are_named(backbone: str) -> None:
    with pytest.raises(ValueError, match="expected increasing levels of 1 to 4"):
        structure(backbone, pyramid_levels=(4, 5))
    with pytest.raises(ValueError, match="set frozen_norm to false"):
        pretrained_structure(structure(backbone, frozen_norm=True), "none")
