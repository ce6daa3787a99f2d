"""The joint model as an ONNX file, and by ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.images import as_pixels
from detection.checkpoints import FORMAT, load_model
from detection.detections import Detections
from detection.joint import PersonSearchRCNN
from detection.runtime.stand_in import PersonStandIn
from detection.runtime.whole import WholeJoint
from reid.crops.sphere_reid import FORMAT as CROPS
from reid.crops.sphere_reid import SphereReID
from reid.runs.weight_files import read_any_header
from reid.runtime.onnx_crops import crops_for_onnx
from reid.runtime.onnx_files import OnnxNetwork, OnnxSource, kept_onnx, require_onnx, write_onnx

RESULTS = ("boxes", "scores", "embeddings", "frame", "given_embeddings")

NOBODY = np.zeros((0, 5), dtype=np.float32)


def joint_for_onnx(model: PersonSearchRCNN) -> OnnxSource:
    """The joint model in the form in which it is written, see `WholeJoint.forward` for what it takes and gives.

    Args:
        model: The joint model, on the processor; it computes in float32 from now on.
    """
    model.precision = "float32"
    frames = torch.randint(0, 256, (2, 96, 128, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    given = torch.tensor([[0.0, 10, 10, 40, 80], [1, 20, 10, 60, 90]])
    people = {0: "people"}
    free = {
        "frames": {0: "frames", 1: "height", 2: "width"}, "given": {0: "given"}, "boxes": people, "scores": people,
        "embeddings": people, "frame": people, "given_embeddings": {0: "given"},
    }  # fmt: skip
    notes = {
        "kind": "joint model", "fingerprint": model.fingerprint(), "dimension": model.embedding_dim,
        "least_confidence": model.least_confidence,
    }  # fmt: skip
    return OnnxSource(WholeJoint(model.eval()).eval(), {"frames": frames, "given": given}, RESULTS, free, notes)


def exported(model: Path, file: Path) -> OnnxSource:
    """Writes a joint model or a crop model as an ONNX file.

    Args:
        model: A file of `train joint` or `train crop`, or the folder of a run.
        file: The file to write.

    Returns:
        What was written.

    Raises:
        ValueError: The file holds another model, or onnx is not installed.
        OSError: The file cannot be written.
    """
    require_onnx("models export-onnx")
    kind = read_any_header(model, (FORMAT, CROPS), made_by="`train joint` or `train crop`")["format"]
    if kind == FORMAT:
        source = joint_for_onnx(load_model(model, device="cpu"))
    else:
        source = crops_for_onnx(SphereReID.from_checkpoint(model, device="cpu"))
    write_onnx(source, file)
    return source


class OnnxJoint(PersonStandIn):
    """A joint model that ONNX Runtime computes; its embeddings can be compared with those of the model itself.

    Args:
        model: The joint model, on the processor.
        network: Its file; None writes and keeps it.

    Raises:
        ValueError: onnx or onnxruntime is not installed.
    """

    model: PersonSearchRCNN

    def __init__(self, model: PersonSearchRCNN, network: OnnxNetwork | None = None) -> None:
        super().__init__(model)
        self.network = network or kept_onnx(joint_for_onnx(model), f"whole-{model.fingerprint()}")

    def detect(self, images: list[Tensor], *, embeds: bool = True) -> list[Detections]:
        """Finds everybody in each image, see `PersonSearchRCNN.detect`; images are taken as pictures of 8 bits."""
        found = []
        for frames in _of_one_size(images):
            boxes, scores, embeddings, of, _ = self.network(frames=frames, given=NOBODY)
            people = [torch.from_numpy(one) for one in (boxes, scores, embeddings)]
            found += [
                Detections(*(one[rows] for one in people))
                for rows in (torch.from_numpy(of == number) for number in range(len(frames)))
            ]
        return found

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """Embeds the people in given boxes, see `PersonSearchRCNN.embed`."""
        self.model.require_boxes(images, boxes)
        rows = []
        for image, some in zip(images, boxes, strict=True):
            asked = np.zeros((len(some), 5), dtype=np.float32)
            asked[:, 1:] = some.cpu().numpy()
            rows.append(torch.from_numpy(self.network(frames=as_pixels(image)[None], given=asked)[4]))
        return rows


def _of_one_size(images: Sequence[Tensor]) -> list[NDArray[np.uint8]]:
    """Neighbors of one size as batches (N, H, W, 3) uint8, in their order."""
    batches: list[list[NDArray[np.uint8]]] = []
    for image in images:
        pixels = as_pixels(image)
        if not batches or batches[-1][0].shape != pixels.shape:
            batches.append([])
        batches[-1].append(pixels)
    return [np.stack(batch) for batch in batches]
