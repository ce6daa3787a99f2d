"""The crop model by a compiled network."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reid.crops.model import CropModel
from reid.crops.sphere_reid import SphereReID
from reid.runtime.choosing import Choices, chosen
from reid.runtime.compiled import Source, compiled
from reid.runtime.computing import Running
from reid.runtime.eight_bits import require_typical
from reid.runtime.onnx_crops import onnx_crops
from reid.runtime.settings import ComputedIn, Inference
from reid.runtime.stand_in import CropStandIn

MEASURED_CROPS = 16
"""So many crops are embedded to measure: about the people of two frames."""


class _Embeddings(nn.Module):
    """The crop model with one tensor as its result."""

    def __init__(self, model: SphereReID) -> None:
        super().__init__()
        self.model = model

    def forward(self, crops: Tensor) -> tuple[Tensor]:
        """Embeds crops (N, 3, H, W) uint8 RGB: (N, D) float32."""
        return (self.model(crops).embedding,)


def compiled_crops(model: SphereReID, precision: ComputedIn, threads: int) -> CropStandIn:
    """Compiles the network of a crop model.

    Args:
        model: The crop model, on the processor.
        precision: What the network computes in.
        threads: How many threads compute, 1 or more.
    """
    config = model.config
    example = torch.zeros(2, 3, config.height, config.width, dtype=torch.uint8)
    given, model.precision = model.precision, "float32"  # what is traced must not choose for itself
    try:
        source = Source(_Embeddings(model.eval()).eval(), (example,), [(0, 2, 3)], f"crops-{model.fingerprint()}")
        network = compiled(source, precision, threads)
        return CropStandIn(model, lambda images: network(images)[0])
    finally:
        model.precision = given


def running_crops(model: SphereReID, inference: Inference) -> Running[CropModel]:
    """The crop model, computed by the library that was asked for, or by the one that is the fastest here.

    Args:
        model: The crop model. Its precision is set.
        inference: What was asked for. In int8 the crop model computes by OpenVINO as under auto: otherwise its
            embeddings could no longer be compared with those of other galleries.

    Raises:
        ValueError: The library is not installed, or the processor does not know the precision.
    """
    if inference.precision == "int8":
        require_typical(inference)
        inference = Inference("openvino")

    def work() -> Callable[[CropModel], object]:
        crops = _noise(model)
        return lambda by: by.embed(crops)

    return chosen(
        model,
        inference,
        Choices[CropModel](
            f"crops-{model.fingerprint()}",
            lambda: onnx_crops(model),
            lambda precision, threads, _: compiled_crops(model, precision, threads),
            work,
        ),
    )


def _noise(model: SphereReID) -> list[NDArray[np.uint8]]:
    """Crops (H, W, 3) of noise, in the size that the network was trained for."""
    generator = np.random.default_rng(0)
    size = (model.config.height, model.config.width, 3)
    return [generator.integers(0, 256, size, dtype=np.uint8) for _ in range(MEASURED_CROPS)]
