"""The crop model as an ONNX file against the model itself."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from small_crop_model import VARIANTS, require_alike, small

from reid.runtime.computing import Computing
from reid.runtime.crops import running_crops
from reid.runtime.onnx_crops import crops_for_onnx
from reid.runtime.onnx_files import OnnxNetwork, require_onnx, write_onnx
from reid.runtime.settings import Inference
from reid.runtime.stand_in import CropStandIn

pytest.importorskip("onnxruntime")


pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize("changes", VARIANTS)
def test_it_embeds_as_the_model_does(changes: dict[str, object], own_cache: Path) -> None:
    model = small(**changes)
    by, computing = running_crops(model, Inference("onnx"))
    assert isinstance(by, CropStandIn)
    assert computing == Computing("onnx", "float32")
    require_alike(by, model)
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
