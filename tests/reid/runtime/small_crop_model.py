"""A crop model small enough to convert, and what every library must make of it."""

import numpy as np
import torch

from reid.crops.model import CropModel
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig

VARIANTS: list[dict[str, object]] = [{}, {"network": "bnneck", "pooling": "gem"}, {"test_view": "center"}]


def small(**changes: object) -> SphereReID:
    given = {"backbone": "resnet18", "dimension": 16, "height": 32, "width": 16}
    sizes = {"resize_height": 36, "resize_width": 18}
    torch.manual_seed(0)
    return SphereReID(SphereReIDConfig(**{**given, **sizes, **changes}), precision="float32").eval()  # type: ignore[arg-type]


def crops(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (40 + 5 * row, 20 + row, 3), dtype=np.uint8) for row in range(count)]


def require_alike(by: CropModel, model: SphereReID) -> None:
    """Another library embeds as the model does, and says the same of itself."""
    for mirrored in (True, False):
        expected = model.embed(crops(5), mirrored=mirrored)
        torch.testing.assert_close(by.embed(crops(5), batch_size=2, mirrored=mirrored), expected, rtol=0, atol=1e-4)
        assert (by.embed(crops(5), mirrored=mirrored) * expected).sum(1).min() > 0.9999
    assert by.embed([]).shape == (0, model.embedding_dim)
    assert by.fingerprint() == model.fingerprint()
    assert by.embedding_dim == model.embedding_dim
    assert by.eval().to(torch.device("cpu")) is by
    assert model.precision == "float32"
