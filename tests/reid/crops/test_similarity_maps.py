"""Similarity maps: their mean is the cosine, and they point at what makes the difference."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from reid.crops.similarity_maps import similarity_maps
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig


def model_of(network: str) -> SphereReID:
    config = SphereReIDConfig(
        network=network,  # type: ignore[arg-type]
        backbone="resnet18", dimension=24, height=64, width=32, resize_height=64, resize_width=32,
    )  # fmt: skip
    model = SphereReID(config, precision="float32")
    # BatchNorm that has seen data is not the identity: the head must be affine, not only linear.
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 2)
                module.bias.normal_()
    return model.eval()


def crops_of(count: int) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (50 + 7 * number, 30, 3), dtype=np.uint8) for number in range(count)]


@pytest.mark.parametrize("network", ["A", "B", "C", "D", "bnneck"])
def test_the_mean_over_places_is_the_cosine(network: str) -> None:
    model, crops = model_of(network), crops_of(5)
    embeddings = model.embed(crops, mirrored=False)
    targets = embeddings.roll(1, 0)
    maps = similarity_maps(model, crops, targets, batch_size=2)
    assert maps.shape == (5, 2, 1)
    assert torch.allclose(maps.mean((1, 2)), (embeddings * targets).sum(1), atol=1e-5)
    own = similarity_maps(model, crops)
    assert torch.allclose(own.mean((1, 2)), torch.ones(5), atol=1e-5)


def test_a_change_is_seen_where_it_is() -> None:
    """Crops equal but for their lower half: what they share is above."""
    torch.manual_seed(0)
    config = SphereReIDConfig(
        network="A", backbone="resnet18", height=256, width=64, resize_height=256, resize_width=64
    )
    model = SphereReID(config, precision="float32").eval()
    first = np.random.default_rng(0).integers(0, 256, (256, 64, 3), dtype=np.uint8)
    second = first.copy()
    second[128:] = 0
    loss = similarity_maps(model, [first]) - similarity_maps(model, [first], model.embed([second], mirrored=False))
    with_change = similarity_maps(model, [second]) - similarity_maps(model, [first])
    assert with_change[0, :2].abs().max() < with_change[0, -3:].abs().max()
    assert loss.mean() > 0


def test_the_model_is_left_as_it_was() -> None:
    model = model_of("D").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    similarity_maps(model, crops_of(2))
    assert model.training
    assert not model.backbone._forward_hooks
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_nothing_and_bad_targets() -> None:
    model = model_of("B")
    assert len(similarity_maps(model, [])) == 0
    with pytest.raises(ValueError, match=r"targets have shape \(2, 5\), expected \(3, 24\)"):
        similarity_maps(model, crops_of(3), torch.zeros(2, 5))
