"""The model that a training starts from."""

from pathlib import Path

import torch

from detection.checkpoints import FORMAT, load_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.precision import default_device
from detection.pretrained import load_pretrained, pretrained_structure


def start_model(weights: str, detector: DetectorConfig, embedding: EmbeddingConfig, *, seed: int) -> PersonSearchRCNN:
    """A joint model to train, on the GPU when there is one.

    Args:
        weights: "none", "imagenet", "coco", a file of torchvision's structure (see `load_pretrained`), or a model file
            of this project, which brings its own structure.
        detector: structure of the detector, unless the weights bring theirs.
        embedding: structure of the embedding head, likewise.
        seed: of the weights that stay random.
    """
    device = default_device()
    if _is_joint_model(weights):
        return load_model(weights, device=device).train()
    torch.manual_seed(seed)
    model = PersonSearchRCNN(pretrained_structure(detector, weights), embedding)
    load_pretrained(model, weights)
    return model.to(device).to(memory_format=torch.channels_last).train()


def _is_joint_model(weights: str) -> bool:
    path = Path(weights)
    if path.is_dir():
        return True
    if path.suffix != ".safetensors" or not path.is_file():
        return False
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return FORMAT.encode() in file.read(min(length, 1 << 20))
