"""Networks in 8-bit numbers: the range of each number is chosen by what a network makes of typical pictures."""

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from reid.runtime.settings import Inference, TypicalFrames
from reid.runtime.silent import has_nncf, silent_nncf


def require_typical(inference: Inference) -> TypicalFrames:
    """Gives the frames that 8-bit numbers are chosen by, or says in one line what is missing.

    Args:
        inference: What was asked for, in int8.

    Raises:
        ValueError: There are no such frames, another library was asked for, or NNCF is not installed.
    """
    if inference.runtime not in ("auto", "openvino"):
        raise ValueError(
            f"--precision int8 is asked for with --runtime {inference.runtime}, and OpenVINO alone computes in 8-bit "
            "numbers; leave --runtime out"
        )
    if not has_nncf():
        raise ValueError(
            "--precision int8 needs NNCF, which is not installed; `pip install 'personsearch[fast]'` installs it"
        )
    if inference.typical is None:
        raise ValueError(
            "--precision int8 chooses its numbers by frames of the footage, and there are none here; leave "
            "--precision out (a gallery that was filled in int8 is searched without it)"
        )
    return inference.typical


_PRODUCTS = ("Convolution", "GroupConvolution", "MatMul")

EXACT_AT_FIRST = 3
"""So many convolutions at the begin of a network keep their numbers: what they round, all others see."""


def quantized(network: Any, inputs: Sequence[Tensor], exact: Sequence[str] = ()) -> Any:
    """The network with its products in 8-bit numbers, which takes about a third of a second for each input.

    Weights have a range for each channel, and what flows between layers one range for all. Source: Jacob et al.,
    "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, without
    training; computed by NNCF.

    Args:
        network: A network of OpenVINO with one input; it is changed.
        inputs: Typical inputs, float32 each, at least one.
        exact: Modules of torch, by their names, whose products keep their numbers, as the first convolutions do.
    """
    nncf = silent_nncf()
    halves = [one.numpy().astype(np.float16) for one in inputs]  # far more exact than 8 bits, in half the memory
    data = nncf.Dataset(halves, lambda one: one.astype(np.float32))
    kept = nncf.IgnoredScope(names=_kept(network, exact), validate=False)
    options = {"preset": nncf.QuantizationPreset.MIXED, "subset_size": len(halves), "fast_bias_correction": True}
    with contextlib.redirect_stdout(io.StringIO()):  # it draws bars for programmers
        return nncf.quantize(network, data, ignored_scope=kept, **options)


def _kept(network: Any, exact: Sequence[str]) -> list[str]:
    """The names of the products that keep their numbers."""
    products = [one for one in network.get_ordered_ops() if one.get_type_name() in _PRODUCTS]
    names = [one.get_friendly_name() for one in products if one.get_type_name() != "MatMul"][:EXACT_AT_FIRST]
    return names + [name for one in products if any(part in (name := one.get_friendly_name()) for part in exact)]
