"""Heat maps: color where the value is, and the similarity they add up to."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from search.pages.heat_maps import heat_pairs, overlay


def test_color_is_where_the_value_is() -> None:
    view = np.full((40, 20, 3), (200, 100, 0), dtype=np.uint8)
    values = np.array([[-1, -1], [-1, -1], [-1, -1], [1, 1]], dtype=np.float32)
    shown = overlay(view, values, 1.0)
    assert shown.shape == view.shape
    assert shown.dtype == np.uint8
    assert (shown[:15] == 100).all()  # grey where nothing is
    assert (shown[36:, :, 0] > shown[36:, :, 2]).all()  # warm: red, no blue
    assert np.array_equal(overlay(view, np.zeros((1, 1), np.float32), 1.0), np.full_like(view, 100))


def test_pairs_have_the_similarity_of_their_embeddings() -> None:
    torch.manual_seed(0)
    config = SphereReIDConfig(network="A", backbone="resnet18", height=64, width=32, resize_height=64, resize_width=32)
    model = SphereReID(config, precision="float32").eval()
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 256, (50, 20 + number, 3), dtype=np.uint8) for number in range(3)]
    pairs = heat_pairs(model, crops[0], crops[1:])
    embeddings = model.embed(crops, mirrored=False)
    for pair, other in zip(pairs, embeddings[1:], strict=True):
        assert pair.similarity == pytest.approx(float(embeddings[0] @ other))
        assert pair.first.shape == pair.second.shape == (64, 32, 3)


def test_each_picture_wears_its_own_map(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_brightness(model: SphereReID, crops: Sequence[np.ndarray], embeddings: Tensor) -> Tensor:
        return torch.tensor([[[crop.mean() / 255]] for crop in crops])

    monkeypatch.setattr("search.pages.heat_maps.similarity_maps", by_brightness)
    config = SphereReIDConfig(network="A", backbone="resnet18", height=64, width=32, resize_height=64, resize_width=32)
    model = SphereReID(config, precision="float32").eval()
    black, white = (np.full((64, 32, 3), value, dtype=np.uint8) for value in (0, 255))
    (pair,) = heat_pairs(model, black, [white])
    assert np.array_equal(pair.first, overlay(model.view(black), np.zeros((1, 1), np.float32), 1.0))
    assert np.array_equal(pair.second, overlay(model.view(white), np.ones((1, 1), np.float32), 0.98))
    assert pair.second[..., 0].mean() > pair.second[..., 2].mean() + 50, "white is warm"
    assert np.ptp(pair.first, axis=2).max() == 0, "black is grey"
