"""8-bit numbers: what they need, and how near they come."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from small_crop_model import crops, small

from reid.runtime import eight_bits
from reid.runtime.compiled import Source, TypicalInputs, _converted, compiled
from reid.runtime.computing import Computing
from reid.runtime.crops import running_crops
from reid.runtime.eight_bits import quantized, require_typical
from reid.runtime.settings import Inference, TypicalFrames

REPOSITORY = Path(__file__).resolve().parents[3]

NO_FRAMES = TypicalFrames("none", lambda: [])

pytestmark = pytest.mark.usefixtures("own_cache")


def test_what_is_missing_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eight_bits, "has_nncf", lambda: True)
    assert require_typical(Inference("openvino", "int8", NO_FRAMES)) is NO_FRAMES
    with pytest.raises(ValueError, match="OpenVINO alone computes in 8-bit numbers; leave --runtime out"):
        require_typical(Inference("torch", "int8", NO_FRAMES))
    with pytest.raises(ValueError, match="by frames of the footage, and there are none here; leave --precision out"):
        require_typical(Inference("auto", "int8"))
    monkeypatch.setattr(eight_bits, "has_nncf", lambda: False)
    with pytest.raises(ValueError, match=r"needs NNCF, which is not installed; `pip install 'personsearch\[fast\]'"):
        require_typical(Inference("auto", "int8", NO_FRAMES))


def test_a_crop_model_embeds_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its embeddings are compared with those of other galleries."""
    monkeypatch.setattr(eight_bits, "has_nncf", lambda: True)
    model = small()
    by, computing = running_crops(model, Inference("auto", "int8", NO_FRAMES))
    assert computing == Computing("openvino", computing.precision)
    assert computing.precision != "int8"
    model.precision = "float32"
    assert (by.embed(crops(4)) * model.embed(crops(4))).sum(1).min() > 0.99


@pytest.fixture
def network() -> torch.nn.Module:
    layers = [torch.nn.Conv2d(3 if row == 0 else 8, 8, 3, padding=1) for row in range(6)]
    return torch.nn.Sequential(*(part for layer in layers for part in (layer, torch.nn.ReLU()))).eval()


class Several(torch.nn.Module):
    """A network whose result is a tuple, as all that are compiled."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.network(images),)


def source(network: torch.nn.Module, read: Callable[[], list[torch.Tensor]]) -> Source:
    example = torch.zeros(1, 3, 16, 16)
    return Source(Several(network).eval(), (example,), [(0, 2, 3)], "several", TypicalInputs("frames", read))


def test_products_come_near_and_the_network_is_made_once(network: torch.nn.Module, own_cache: Path) -> None:
    pytest.importorskip("nncf", reason="the extra `fast` installs NNCF")
    typical = [torch.rand(1, 3, 20, 24) for _ in range(4)]
    read: list[int] = []

    def frames() -> list[torch.Tensor]:
        read.append(1)
        return typical

    given = torch.rand(2, 3, 16, 32)
    with torch.no_grad():
        expected = network(given)
    for _ in range(2):
        found = compiled(source(network, frames), "int8", threads=1)(given)[0].clone()
        off = (found - expected).abs().mean() / expected.abs().max()
        assert 1e-4 < off < 0.05  # near, and not the same
    assert read == [1]
    assert [file.name[:20] for file in own_cache.glob("*.xml")] == ["several-int8-frames-"]


def test_the_first_convolutions_and_those_that_are_named_keep_their_numbers(network: torch.nn.Module) -> None:
    pytest.importorskip("nncf", reason="the extra `fast` installs NNCF")
    frames = [torch.rand(1, 3, 16, 16)]
    made = quantized(_converted(source(network, lambda: frames)), frames, exact=("network.10",))
    products = [one for one in made.get_ordered_ops() if one.get_type_name() == "Convolution"]
    assert len(products) == 6
    eight = [one.input_value(0).get_node().get_type_name() == "FakeQuantize" for one in products]
    assert eight == [False, False, False, True, True, False]


def test_nobody_is_told_that_nncf_was_used_and_nothing_is_printed() -> None:
    pytest.importorskip("nncf", reason="the extra `fast` installs NNCF")
    program = """
import multiprocessing, os, sys
multiprocessing.Process.start = lambda self: os._exit(3)
import torch
from reid.runtime.compiled import Source, _converted
from reid.runtime.eight_bits import quantized
class One(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(*(torch.nn.Conv2d(3, 3, 3) for _ in range(4)))
    def forward(self, images):
        return (self.layers(images),)
network = _converted(Source(One().eval(), (torch.zeros(1, 3, 16, 16),), [(0,)], ""))
assert quantized(network, [torch.rand(1, 3, 16, 16)]).outputs
assert "Mock" in type(sys.modules["nncf.telemetry"].telemetry).__name__
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ""
    assert ended.stderr == ""
