"""Files that commands write can be read by those whom the user's umask lets read, whatever library wrote them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import SphereReID
from reid.runs.files import write_config, write_resume_point
from tools.outcome import write_json


@pytest.fixture(params=[0o022, 0o027, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_models_runs_and_figures_have_the_modes_of_the_umask(umask: int, tmp_path: Path) -> None:
    config = SphereReIDConfig(
        network="A", backbone="mobilenet_v2", height=32, width=16, resize_height=32, resize_width=16
    )
    write_config(tmp_path, {"seed": 1})
    SphereReID(config).save(tmp_path / "model.safetensors")
    write_resume_point(tmp_path, {"recipe": {}, "weight": torch.zeros(2)})
    write_json(tmp_path / "figures.json", {"ap": 0.5})
    written = sorted(tmp_path.iterdir())
    assert len(written) == 4
    for file in written:
        assert file.stat().st_mode & 0o777 == 0o666 & ~umask, file.name
