"""Similarity maps: their mean is the cosine, and they point at what makes the difference."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

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


class ColorOfPlaces(nn.Module):
    """A trunk whose map is the color of each 16 x 16 pixels, so that a person can say what a map must show."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.ones(()))  # a model is where its parameters are

    def forward(self, images: Tensor) -> Tensor:
        colors = self.one * functional.avg_pool2d(images, 16)
        return functional.pad(colors, (0, 0, 0, 0, 0, 512 - 3))


@pytest.fixture
def color_model() -> SphereReID:
    config = SphereReIDConfig(network="A", backbone="resnet18", height=64, width=32, resize_height=64, resize_width=32)
    model = SphereReID(config, precision="float32").eval()
    model.backbone = ColorOfPlaces()
    model.mean.fill_(128 / 255)  # grey is nothing, red and green have nothing in common
    model.std.fill_(1)
    return model


def grey_with(**patches: tuple[int, int]) -> NDArray[np.uint8]:
    """A grey crop of 4 x 2 places; red=(row, column) colors one of them."""
    crop = np.full((64, 32, 3), 128, dtype=np.uint8)
    for color, (row, column) in patches.items():
        channel = ("red", "green", "blue").index(color)
        crop[16 * row : 16 * row + 16, 16 * column : 16 * column + 16, channel] = 255
    return crop


def test_all_of_the_similarity_comes_from_the_only_place_that_both_share(color_model: SphereReID) -> None:
    first, second = grey_with(red=(0, 1), green=(2, 0)), grey_with(red=(3, 0), blue=(1, 1))
    embeddings = color_model.embed([first, second], mirrored=False)
    maps = similarity_maps(color_model, [first, second], embeddings.flip(0))
    expected = torch.zeros(2, 4, 2)
    # One of eight places has it all, so that the mean over the places is the similarity, 1/2.
    expected[0, 0, 1] = expected[1, 3, 0] = 8 / 2
    torch.testing.assert_close(maps, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(maps.sum((1, 2)) / 8, (embeddings[0] @ embeddings[1]).expand(2), atol=1e-5, rtol=0)


def test_swapping_the_two_pictures_swaps_the_maps(color_model: SphereReID) -> None:
    crops = [grey_with(red=(0, 1), green=(2, 0)), grey_with(red=(3, 0))]
    embeddings = color_model.embed(crops, mirrored=False)
    maps = similarity_maps(color_model, crops, embeddings.flip(0))
    swapped = similarity_maps(color_model, crops[::-1], embeddings)
    torch.testing.assert_close(swapped, maps.flip(0))
    assert not torch.allclose(maps[0], maps[1], atol=1)


def test_what_two_crops_have_contrary_counts_against_them(color_model: SphereReID) -> None:
    crop = grey_with(red=(0, 0), green=(3, 1))
    target = functional.normalize(torch.tensor([[1.0, -0.5, *[0.0] * 510]]))
    (places,) = similarity_maps(color_model, [crop], target)
    assert places[0, 0] > 0
    assert places[3, 1] == pytest.approx(float(-places[0, 0] / 2), rel=1e-4)
    assert places.abs().sum() == pytest.approx(float(places[0, 0] - places[3, 1]), abs=1e-4)


def test_a_planted_patch_dominates_its_own_map() -> None:
    """With the real trunk: a bright square on black, and the map's highest place lies on it."""
    torch.manual_seed(0)
    config = SphereReIDConfig(
        network="A", backbone="resnet18", height=256, width=64, resize_height=256, resize_width=64
    )
    model = SphereReID(config, precision="float32").eval()
    noise = np.random.default_rng(0).integers(0, 256, (256, 64, 3), dtype=np.uint8)
    for top in (0, 192):
        crop = np.full((256, 64, 3), 120, dtype=np.uint8)
        crop[top : top + 64] = noise[top : top + 64]
        plain, planted = (similarity_maps(model, [one])[0] for one in (np.full_like(crop, 120), crop))
        change = (planted - plain).abs().amax(dim=1)  # for each of 8 rows of places
        assert change.argmax().item() // 2 == top // 64


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
