"""Reading a published checkpoint: wrappers, prefixes, and files that hold more than tensors."""

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from detection.published.reading import read_published

WEIGHTS = {"layer.weight": torch.ones(2), "layer.bias": torch.zeros(2)}


@pytest.mark.parametrize(
    ("content", "beside"),
    [
        (WEIGHTS, ()),
        ({"state_dict": WEIGHTS, "epoch": 3}, ("epoch",)),
        ({"model": {"state_dict": WEIGHTS, "best": 0.5}, "optimizer": {"lr": 0.1}}, ("optimizer", "best")),
        ({"state_dict": WEIGHTS, "rank1": np.float64(0.9), "epoch": np.int64(60)}, ("rank1", "epoch")),
        ({f"module.{name}": value for name, value in WEIGHTS.items()}, ()),
        ({"net": {f"module.model.{name}": value for name, value in WEIGHTS.items()}}, ()),
    ],
)
def test_weights_are_found_in_their_wrappings(content: object, beside: tuple[str, ...], tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    found = read_published(tmp_path / "a.pth")
    assert list(found.state) == list(WEIGHTS)
    assert found.beside == beside
    assert len(found.sha256) == 64


def test_safetensors_are_read_too(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "a.safetensors")
    assert set(read_published(tmp_path / "a.safetensors").state) == set(WEIGHTS)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    """A whole pickled network, and settings of a training program beside the weights."""
    for content in (nn.Linear(2, 2), {"state_dict": WEIGHTS, "args": argparse.Namespace(lr=1)}):
        torch.save(content, tmp_path / "a.pth")
        with pytest.raises(
            ValueError, match=r"holds Python objects \([\w.]+\) beside.*torch\.save\(model\.state_dict\(\)"
        ) as refusal:
            read_published(tmp_path / "a.pth")
        assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([1, 2], "holds list, expected weights by name"),
        ({"epoch": 3}, "holds no weights by name: it has epoch"),
        ({}, "it has nothing"),
        ({"state_dict": {}}, "holds no weights by name"),
    ],
)
def test_files_without_weights_are_refused(content: object, expected: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=expected):
        read_published(tmp_path / "a.pth")


def test_damaged_and_missing_files_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"no checkpoint")
    (tmp_path / "b.safetensors").write_bytes(b"no checkpoint")
    torch.save(WEIGHTS, tmp_path / "whole.pth")
    (tmp_path / "c.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:300])
    for name in ("a.pth", "b.safetensors", "c.pth"):
        with pytest.raises(ValueError, match=name) as refusal:
            read_published(tmp_path / name)
        assert len(str(refusal.value).splitlines()) == 1
    with pytest.raises(FileNotFoundError, match="is no file, expected a published checkpoint"):
        read_published(tmp_path / "away.pth")
