"""What computes a model, in words."""

import torch

from reid.devices import has_bfloat16
from reid.runtime.computing import Computing, by_torch, computing_line, computing_to_dict


class Half(torch.nn.Linear):
    precision = "auto"


def test_torch_says_the_precision_that_the_network_has_chosen() -> None:
    assert by_torch(torch.nn.Linear(2, 2)) == Computing("torch", "float32", "cpu")
    expected = "bf16" if has_bfloat16(torch.device("cpu")) else "float32"
    assert by_torch(Half(2, 2), measured=True) == Computing("torch", expected, "cpu", measured=True)  # type: ignore[arg-type]


def test_models_that_compute_differently_are_named_apart() -> None:
    card, processor = Computing("torch", "bf16", "cuda"), Computing("openvino", "float32", measured=True)
    assert computing_line({"detector": card, "crop model": processor}) == (
        "the detector is computed by PyTorch on the GPU in 16-bit numbers (bf16), and the crop model is computed by "
        "OpenVINO on the processor in 32-bit numbers (float32)"
    )
    assert computing_line({"joint model": processor, "crop model": processor}) == (
        "the models are computed by OpenVINO on the processor in 32-bit numbers (float32), the fastest way measured "
        "here"
    )
    assert computing_line({"crop model": processor}).startswith("the crop model is computed by OpenVINO")
    assert computing_to_dict({"crop model": card}) == {
        "crop model": {"library": "torch", "precision": "bf16", "device": "cuda", "measured": False, "note": ""}
    }
