"""The crop model as an ONNX file, and by ONNX Runtime."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reid.crops.sphere_reid import SphereReID
from reid.runtime.onnx_files import OnnxNetwork, OnnxSource, kept_onnx


class _Pictures(nn.Module):
    """The crop model from pictures as they lie in memory to embeddings."""

    def __init__(self, model: SphereReID) -> None:
        super().__init__()
        self.model = model

    def forward(self, crops: Tensor) -> Tensor:
        """Embeds pictures (N, H, W, 3) uint8 RGB: (N, D) float32."""
        embeddings: Tensor = self.model(crops.permute(0, 3, 1, 2)).embedding
        return embeddings


def crops_for_onnx(model: SphereReID) -> OnnxSource:
    """The crop model in the form in which it is written.

    The file takes `crops`, (N, H, W, 3) uint8 RGB in the size that `resized_to` in its notes says (other sizes work
    too), and gives `embeddings`, (N, D) float32 of any length. Those of a crop and of its mirror image, each of unit
    length, are added where the project embeds.

    Args:
        model: The crop model, on the processor; it computes in float32 from now on.
    """
    model.precision = "float32"
    config = model.config
    view = model.view(np.zeros((config.resize_height, config.resize_width, 3), dtype=np.uint8))
    notes = {
        "kind": "crop model", "fingerprint": model.fingerprint(), "dimension": model.embedding_dim,
        "resized_to": [config.resize_height, config.resize_width], "cut_to": list(view.shape[:2]),
    }  # fmt: skip
    axes = {0: "crops", 1: "height", 2: "width"}
    free = {"crops": axes, "embeddings": {0: "crops"}}
    example = torch.from_numpy(np.stack([view, view]))
    return OnnxSource(_Pictures(model).eval(), {"crops": example}, ["embeddings"], free, notes)


class OnnxCrops:
    """A crop model whose network ONNX Runtime computes; its embeddings can be compared with those of the model itself.

    Args:
        model: The crop model, on the processor. What crops look like to the network stays its affair.
        network: Its network; None writes and keeps it.

    Raises:
        ValueError: onnx or onnxruntime is not installed.
    """

    def __init__(self, model: SphereReID, network: OnnxNetwork | None = None) -> None:
        self.model = model.eval()
        self.network = network or kept_onnx(crops_for_onnx(model), f"crops-{model.fingerprint()}")

    @property
    def embedding_dim(self) -> int:
        """The length D of an embedding."""
        return self.model.embedding_dim

    def embed(self, crops: Sequence[NDArray[np.uint8]], *, batch_size: int = 64, mirrored: bool = True) -> Tensor:
        """Computes unit embeddings of crops, see `SphereReID.embed`."""

        def raw(images: Tensor) -> Tensor:
            return torch.from_numpy(self.network(crops=images.permute(0, 2, 3, 1).contiguous().numpy())[0])

        return self.model.embed(crops, batch_size=batch_size, mirrored=mirrored, network=raw)

    def fingerprint(self) -> str:
        """The fingerprint of the model."""
        return self.model.fingerprint()

    def to(self, device: torch.device) -> Self:
        """Returns the model; it computes on the processor wherever others do."""
        return self

    def eval(self) -> Self:
        """Returns the model, which knows no other mode."""
        return self
