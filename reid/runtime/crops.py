"""The crop model by a compiled network."""

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reid.crops.model import CropModel
from reid.crops.sphere_reid import SphereReID
from reid.runtime.choosing import Choices, chosen
from reid.runtime.compiled import Network, Source, compiled
from reid.runtime.computing import Running
from reid.runtime.onnx_crops import OnnxCrops
from reid.runtime.settings import ComputedIn, Inference

MEASURED_CROPS = 16
"""So many crops are embedded to measure: about the people of two frames."""


class CompiledCrops:
    """A crop model whose network is compiled; its embeddings can be compared with those of the model itself.

    Args:
        model: The crop model, on the processor. What crops look like to the network stays its affair.
        network: Its network: crops (N, 3, H, W) uint8 to raw embeddings (N, D).
    """

    def __init__(self, model: SphereReID, network: Network) -> None:
        self.model = model.eval()
        self.network = network

    @property
    def embedding_dim(self) -> int:
        """The length D of an embedding."""
        return self.model.embedding_dim

    def embed(self, crops: Sequence[NDArray[np.uint8]], *, batch_size: int = 64, mirrored: bool = True) -> Tensor:
        """Computes unit embeddings of crops, see `SphereReID.embed`."""
        return self.model.embed(
            crops, batch_size=batch_size, mirrored=mirrored, network=lambda images: self.network(images)[0]
        )

    def fingerprint(self) -> str:
        """The fingerprint of the model."""
        return self.model.fingerprint()

    def to(self, device: torch.device) -> Self:
        """Returns the model; it computes on the processor wherever others do."""
        return self

    def eval(self) -> Self:
        """Returns the model, which knows no other mode."""
        return self


class _Embeddings(nn.Module):
    """The crop model with one tensor as its result."""

    def __init__(self, model: SphereReID) -> None:
        super().__init__()
        self.model = model

    def forward(self, crops: Tensor) -> tuple[Tensor]:
        """Embeds crops (N, 3, H, W) uint8 RGB: (N, D) float32."""
        return (self.model(crops).embedding,)


def compiled_crops(model: SphereReID, precision: ComputedIn, threads: int) -> CompiledCrops:
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
        return CompiledCrops(model, compiled(source, precision, threads))
    finally:
        model.precision = given


def running_crops(model: SphereReID, inference: Inference) -> Running[CropModel]:
    """The crop model, computed by the library that was asked for, or by the one that is the fastest here.

    Args:
        model: The crop model. Its precision is set.
        inference: What was asked for.

    Raises:
        ValueError: The library is not installed, or the processor does not know the precision.
    """

    def work() -> Callable[[CropModel], object]:
        crops = _noise(model)
        return lambda by: by.embed(crops)

    return chosen(
        model,
        inference,
        Choices[CropModel](
            f"crops-{model.fingerprint()}",
            lambda: OnnxCrops(model),
            lambda precision, threads, _: compiled_crops(model, precision, threads),
            work,
        ),
    )


def _noise(model: SphereReID) -> list[NDArray[np.uint8]]:
    """Crops (H, W, 3) of noise, in the size that the network was trained for."""
    generator = np.random.default_rng(0)
    size = (model.config.height, model.config.width, 3)
    return [generator.integers(0, 256, size, dtype=np.uint8) for _ in range(MEASURED_CROPS)]
