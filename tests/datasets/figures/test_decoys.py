"""Decoys stand on the ground, are about as large as people, and come out alike from the same seed."""

import numpy as np
import pytest

from datasets.figures import DECOYS, DecoyKind, decoy


@pytest.mark.parametrize("kind", DECOYS)
def test_a_decoy_stands_on_the_ground_and_is_of_a_size_to_be_mistaken(kind: DecoyKind) -> None:
    surface = decoy(np.random.default_rng(5), kind)
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    assert -0.1 < low[2] < 0.05
    assert 0.5 < high[2] < 3.8
    assert np.abs(surface.vertices[:, :2]).max() < 1.6
    assert np.isfinite(surface.normals).all()


@pytest.mark.parametrize("kind", ["poster", "mannequin", "boxes"])
def test_the_same_seed_gives_the_same_decoy(kind: DecoyKind) -> None:
    first, second = (decoy(np.random.default_rng(9), kind) for _ in range(2))
    np.testing.assert_array_equal(first.vertices, second.vertices)
    for one, other in zip(first.materials, second.materials, strict=True):
        np.testing.assert_array_equal(one.texture, other.texture)


def test_a_headless_mannequin_ends_at_the_collar() -> None:
    whole, headless = (decoy(np.random.default_rng(2), kind) for kind in ("mannequin", "headless mannequin"))
    tall = [surface.vertices[surface.triangles, 2].max() for surface in (whole, headless)]
    assert tall[1] < 0.9 * tall[0]


def test_a_decoy_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="give one of mannequin"):
        decoy(np.random.default_rng(0), "ghost")  # type: ignore[arg-type]
