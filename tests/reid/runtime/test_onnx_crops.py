"""The crop model as an ONNX file against the model itself."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from reid.runtime.computing import Computing
from reid.runtime.crops import running_crops
from reid.runtime.onnx_crops import OnnxCrops, crops_for_onnx
from reid.runtime.onnx_files import OnnxNetwork, require_onnx, write_onnx
from reid.runtime.settings import Inference

pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "personsearch" / "runtime"


def small(**changes: object) -> SphereReID:
    given = {"backbone": "resnet18", "dimension": 16, "height": 32, "width": 16}
    sizes = {"resize_height": 36, "resize_width": 18}
    torch.manual_seed(0)
    return SphereReID(SphereReIDConfig(**{**given, **sizes, **changes}), precision="float32").eval()  # type: ignore[arg-type]


def crops(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (40 + 5 * row, 20 + row, 3), dtype=np.uint8) for row in range(count)]


@pytest.mark.parametrize("changes", [{}, {"network": "bnneck", "pooling": "gem"}, {"test_view": "center"}])
def test_it_embeds_as_the_model_does(changes: dict[str, object], own_cache: Path) -> None:
    model = small(**changes)
    by, computing = running_crops(model, Inference("onnx"))
    assert computing == Computing("onnx", "float32")
    assert isinstance(by, OnnxCrops)
    for mirrored in (True, False):
        same = (by.embed(crops(5), batch_size=2, mirrored=mirrored) * model.embed(crops(5), mirrored=mirrored)).sum(1)
        assert same.min() > 0.9999
    assert by.fingerprint() == model.fingerprint()
    assert by.embedding_dim == model.embedding_dim
    assert by.eval().to(torch.device("cpu")) is by
    assert len(list(own_cache.iterdir())) == 1


def test_other_programs_learn_from_the_file_what_goes_in(tmp_path: Path) -> None:
    import onnx

    model = small(test_view="center")
    write_onnx(crops_for_onnx(model), tmp_path / "crops.onnx")
    notes = {one.key: json.loads(one.value) for one in onnx.load(str(tmp_path / "crops.onnx")).metadata_props}
    assert notes == {
        "kind": "crop model", "fingerprint": model.fingerprint(), "dimension": 16, "resized_to": [36, 18],
        "cut_to": [32, 16],
    }  # fmt: skip
    network = OnnxNetwork(tmp_path / "crops.onnx", 1)
    for batch, height, width in ((1, 32, 16), (3, 64, 32)):
        assert network(crops=np.zeros((batch, height, width, 3), dtype=np.uint8))[0].shape == (batch, 16)


def test_what_is_missing_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs onnx and onnxruntime, which is not installed; `pip install"):
        require_onnx("--runtime onnx")
