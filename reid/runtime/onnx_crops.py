"""The crop model as an ONNX file, and by ONNX Runtime."""

import numpy as np
import torch
from torch import Tensor, nn

from reid.crops.sphere_reid import SphereReID
from reid.runtime.onnx_files import OnnxSource, kept_onnx
from reid.runtime.stand_in import CropStandIn


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


def onnx_crops(model: SphereReID) -> CropStandIn:
    """The crop model whose network ONNX Runtime computes.

    Args:
        model: The crop model, on the processor.

    Raises:
        ValueError: onnx or onnxruntime is not installed.
    """
    network = kept_onnx(crops_for_onnx(model), f"crops-{model.fingerprint()}")

    def raw(images: Tensor) -> Tensor:
        return torch.from_numpy(network(crops=images.permute(0, 2, 3, 1).contiguous().numpy())[0])

    return CropStandIn(model, raw)
