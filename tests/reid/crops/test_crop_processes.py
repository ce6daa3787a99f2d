"""Several processes train the crop model as one would."""

import csv
from pathlib import Path

import crop_run
import cv2
import numpy as np
import pytest
import torch
from separate_processes import finish, start_two


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Eight people of four noisy pictures under two cameras: two batches an epoch."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "crops"
    folder.mkdir()
    for person in range(8):
        color = generator.uniform(30, 220, 3)
        for number in range(4):
            picture = np.clip(color + generator.normal(0, 20, (40, 20, 3)), 0, 255).astype(np.uint8)
            assert cv2.imwrite(str(folder / f"{person}_{number % 2}_{number}.png"), picture)
    return folder


def curve(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_two_processes_and_one_have_the_same_tables_weights_and_losses(tmp_path: Path, crops: Path) -> None:
    """Over 20 steps with every loss: triplets and centers are of the joint batch, whoever holds its crops."""
    both = start_two(crop_run.main, crops, tmp_path / "two", said=tmp_path / "said")
    crop_run.main(crops, tmp_path / "one")
    for rank, process in enumerate(both):
        finish(process, tmp_path / f"said{rank}")
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert len(one) == len(two) == 20
    for name in one[0]:
        if name.startswith("loss"):
            values = [[float(row[name]) for row in rows] for rows in (one, two)]
            np.testing.assert_allclose(*values, rtol=1e-5, atol=1e-5, err_msg=name)
    states = [torch.load(tmp_path / run, weights_only=True) for run in ("one/end0.pt", "two/end0.pt", "two/end1.pt")]
    for part in ("model", "criterion"):
        alone, first, second = (state[part] for state in states)
        for name, value in alone.items():
            assert torch.equal(first[name], second[name]), f"{name} differs between the processes"
            assert torch.allclose(first[name], value, rtol=0, atol=1e-5), f"{name} differs from one process's"
    assert any(name.startswith("losses.toim.pool") for name in states[0]["criterion"])
