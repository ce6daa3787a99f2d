"""The crop model by a compiled network against the model itself."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_crop_model import VARIANTS, crops, require_alike, small

from reid.crops.sphere_reid import SphereReID
from reid.runtime import compiled as compiling
from reid.runtime.compiled import computed_in, require_openvino
from reid.runtime.computing import Computing
from reid.runtime.crops import compiled_crops, running_crops
from reid.runtime.settings import Inference
from reid.runtime.stand_in import CropStandIn

REPOSITORY = Path(__file__).resolve().parents[3]


pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize("changes", VARIANTS)
def test_it_embeds_as_the_model_does(changes: dict[str, object]) -> None:
    model = small(**changes)
    require_alike(compiled_crops(model, "float32", threads=1), model)


def test_bf16_stays_near() -> None:
    model = small()
    by = compiled_crops(model, "bf16", threads=1)
    same = (by.embed(crops(6)) * model.embed(crops(6))).sum(1)
    assert same.min() > 0.99
    assert not torch.equal(by.embed(crops(6)), compiled_crops(model, "float32", threads=1).embed(crops(6)))


def test_torch_computes_where_it_is_asked_for_or_nothing_else_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small()
    assert running_crops(model, Inference("torch", "float32")).model is model
    assert model.precision == "float32"
    monkeypatch.setenv("PERSONSEARCH_RUNTIME", "auto")
    monkeypatch.setattr("reid.runtime.choosing.has_openvino", lambda: False)
    assert running_crops(model, Inference()).model is model
    assert model.precision == "auto" or computed_in("auto") == "float32"


def test_a_gpu_computes_in_its_own_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the processor beside it knows does not matter."""
    monkeypatch.setattr(compiling, "has_bfloat16", lambda device: False)
    monkeypatch.setattr(SphereReID, "device", torch.device("cuda"))
    for precision, expected in (("auto", "auto"), ("bf16", "auto"), ("float32", "float32")):
        model = small()
        assert running_crops(model, Inference("torch", precision)).model is model  # type: ignore[arg-type]
        assert model.precision == expected


def test_what_is_faster_is_measured_once(monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    monkeypatch.setenv("PERSONSEARCH_RUNTIME", "auto")
    chosen = running_crops(small(), Inference()).model
    kept = [file.name for file in own_cache.glob("*.json")]
    assert len(kept) == 1

    def never(*_: object) -> None:
        raise AssertionError("it was measured before")

    monkeypatch.setattr("reid.runtime.measuring.time.perf_counter", never)
    assert type(running_crops(small(), Inference()).model) is type(chosen)


def test_openvino_computes_where_it_is_asked_for() -> None:
    by, computing = running_crops(small(), Inference("openvino", "float32"))
    assert computing == Computing("openvino", "float32")
    assert isinstance(by, CropStandIn)
    torch.testing.assert_close(by.embed(crops(3)), small().embed(crops(3)), rtol=0, atol=1e-4)


def test_what_is_missing_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "has_openvino", lambda: False)
    with pytest.raises(
        ValueError, match=r"needs OpenVINO, which is not installed; `pip install 'personsearch\[fast\]'"
    ):
        running_crops(small(), Inference("openvino"))
    with pytest.raises(ValueError, match="not installed"):
        require_openvino()
    monkeypatch.setattr(compiling, "has_bfloat16", lambda device: False)
    with pytest.raises(ValueError, match="this processor computes no bf16"):
        computed_in("bf16")
    assert computed_in("auto") == "float32"


def test_nobody_is_told_that_openvino_was_used() -> None:
    """What reports to OpenVINO's makers is not even imported, and no process is begun for it."""
    program = """
import multiprocessing, os, sys
multiprocessing.Process.start = lambda self: os._exit(3)
import torch
from reid.runtime.compiled import Source, _converted
from reid.runtime.silent import silent_openvino
assert _converted(Source(torch.nn.ReLU(), (torch.zeros(1, 2),), [(0,)], "")).outputs
assert silent_openvino().tools.ovc.telemetry.__class__.__module__.endswith("telemetry_stub")
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
