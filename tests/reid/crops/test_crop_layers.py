"""Layers of published crop models: against their definitions, and in a crop model of this project."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from reid.crops.layers import GeneralizedMeanPooling, InstanceBatchNorm, MeanPooling, NonLocal
from reid.crops.settings import SphereReIDConfig
from reid.crops.similarity_maps import similarity_maps
from reid.crops.sphere_reid import SphereReID

SMALL = SphereReIDConfig(network="bnneck", backbone="resnet18", height=64, width=32, resize_height=64, resize_width=32)


@pytest.mark.parametrize("pooling", [MeanPooling(), GeneralizedMeanPooling(1.0), GeneralizedMeanPooling(3.3)])
def test_the_shares_of_all_places_make_the_features(pooling: nn.Module) -> None:
    torch.manual_seed(0)
    maps = torch.rand(2, 5, 4, 3) * torch.tensor([0.0, 1e-3, 1.0, 10.0, 100.0]).view(1, 5, 1, 1)
    shares = pooling.shares(maps)  # type: ignore[operator]
    assert shares.shape == maps.shape
    torch.testing.assert_close(shares.mean((2, 3)), pooling(maps), rtol=1e-4, atol=1e-8)


def test_the_generalized_mean_lies_between_the_mean_and_the_largest() -> None:
    torch.manual_seed(0)
    maps = torch.rand(2, 5, 4, 3)
    with torch.no_grad():
        torch.testing.assert_close(GeneralizedMeanPooling(1.0)(maps), maps.mean((2, 3)))
        torch.testing.assert_close(GeneralizedMeanPooling(60.0)(maps), maps.amax((2, 3)), rtol=0.05, atol=0)
        expected = (maps**3).mean((2, 3)) ** (1 / 3)
        torch.testing.assert_close(GeneralizedMeanPooling()(maps), expected)
        torch.testing.assert_close(GeneralizedMeanPooling()(-maps), torch.full((2, 5), 1e-6), rtol=1e-3, atol=0)


def test_half_of_the_channels_is_normalized_over_each_picture() -> None:
    torch.manual_seed(0)
    layer = InstanceBatchNorm(6).eval()
    maps = torch.randn(2, 6, 4, 5) * 3 + 1
    with torch.no_grad():
        found = layer(maps)
    assert found[:, :3].mean((2, 3)).abs().max() < 1e-5
    torch.testing.assert_close(found[:, 3:], maps[:, 3:], rtol=1e-4, atol=1e-4)  # that norm has seen nothing yet


def test_a_new_non_local_block_changes_nothing_and_a_trained_one_sees_all_places() -> None:
    torch.manual_seed(0)
    layer, maps = NonLocal(6, 2).eval(), torch.randn(2, 6, 3, 4)
    with torch.no_grad():
        torch.testing.assert_close(layer(maps), maps)
        layer.W[1].weight.fill_(1)
        changed = maps.clone()
        changed[0, :, 2, 3] += 5
        difference = (layer(changed) - layer(maps)).abs().amax(1)  # (2, 3, 4)
    assert (difference[0] > 0).all()
    assert not difference[1].any()


def test_similarity_maps_stay_exact_under_the_generalized_mean() -> None:
    torch.manual_seed(0)
    model = SphereReID(replace(SMALL, pooling="gem", instance_norm=True), precision="float32").eval()
    random = np.random.default_rng(0)
    crops = [random.integers(0, 256, (64, 32, 3), dtype=np.uint8) for _ in range(2)]
    embeddings = model.embed(crops, mirrored=False)
    maps = similarity_maps(model, crops, embeddings.flip(0))
    torch.testing.assert_close(maps.mean((1, 2)), (embeddings * embeddings.flip(0)).sum(1), rtol=1e-4, atol=1e-4)


def test_a_model_with_them_is_written_read_and_told_apart(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = SphereReID(SMALL)
    special = SphereReID(replace(SMALL, pooling="gem", instance_norm=True))
    special.save(tmp_path / "special.safetensors")
    again = SphereReID.from_checkpoint(tmp_path / "special.safetensors", device="cpu")
    assert again.config == special.config
    assert again.fingerprint() == special.fingerprint() != plain.fingerprint()
    assert repr(SMALL) == repr(special.config)  # fingerprints of models without them stay
    assert again.config.special_parts == ("pooling gem", "instance_norm True")


def test_the_power_is_learned() -> None:
    torch.manual_seed(0)
    model = SphereReID(replace(SMALL, pooling="gem"), precision="float32").train()
    model(torch.rand(4, 3, 64, 32)).embedding.square().sum().backward()
    power = model.pooling.p
    assert isinstance(power, nn.Parameter)
    assert power.grad is not None
    assert power.grad.abs() > 0


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"pooling": "max"}, "pooling 'max', expected one of mean, gem"),
        ({"attention": "full"}, "attention 'full', expected one of none, single, half"),
        ({"attention": "half"}, "attention 'half' is of a resnet50, backbone is resnet18"),
        ({"instance_norm": True, "backbone": "mobilenet_v2"}, "instance_norm True is of a ResNet"),
    ],
)
def test_structures_that_there_are_not(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        replace(SMALL, **settings)
