"""Searching without a joint model: any detector finds the people, the crop model tells them apart."""

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models import detection as detectors

from datasets.images import as_pixels
from detection.detections import Detections
from detection.model import PeopleFinder
from detection.pretrained import COCO
from detection.published.coco_detector import CocoDetector
from detection.runtime.running import load_detector as load_running_detector
from detection.runtime.running import require_torch
from reid.crops.model import CropModel
from reid.devices import default_device
from reid.runtime.computing import Running, by_torch
from reid.runtime.settings import BY_TORCH, Inference
from search.models.model_files import COCO_DETECTOR
from search.models.probes import whole_picture
from search.models.second_look import embed_boxes


class Detector(Protocol):
    """What finds people; `detection.joint.PersonSearchRCNN` and `CocoDetector` do."""

    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Boxes and scores of each image [3, H, W] in [0, 1]; embeddings are not looked at."""


class CropPersonSearch(nn.Module):
    """A detector and a crop model with the methods of the joint model, for `PersonSearch`, galleries and evaluation.

    Args:
        detector: finds people; None where boxes are given and nothing has to be found (`find`).
        crops: the crop model.
        score_threshold: people found with less confidence are neither embedded nor returned.
    """

    def __init__(self, detector: Detector | None, crops: CropModel, *, score_threshold: float = 0.0) -> None:
        super().__init__()
        self.detector = detector
        self.crops = crops
        self.score_threshold = score_threshold

    @property
    def embedding_dim(self) -> int:
        """Length D of an embedding."""
        return self.crops.embedding_dim

    @property
    def least_confidence(self) -> float:
        """The confidence below which `detect` returns nobody."""
        return self.score_threshold

    @property
    def sees_surroundings(self) -> bool:
        """False: the crop model embeds a box in a frame and its crop alike, and mirrors by itself."""
        return False

    def view(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The picture of one person as it is, and the box (4,) xyxy of all of it."""
        return whole_picture(picture)

    def fingerprint(self) -> str:
        """That of the crop model: galleries of one crop model are comparable whatever found the people."""
        return self.crops.fingerprint()

    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Everybody in each image [3, H, W] in [0, 1], on the processor, with unit embeddings.

        Raises:
            ValueError: there is no detector.
        """
        if self.detector is None:
            raise ValueError("nothing finds people here: this search was made without a detector; give one")
        found = [one.to("cpu") for one in self.detector.detect(images)]
        found = [one[one.scores >= self.score_threshold] for one in found]
        rows = self.embed(images, [one.boxes for one in found])
        return [one.with_embeddings(embeddings) for one, embeddings in zip(found, rows, strict=True)]

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """(N_i, D) unit embeddings of boxes (N_i, 4) xyxy in images [3, H, W] in [0, 1].

        Raises:
            ValueError: a box has no pixel in its image.
        """
        return embed_boxes(self.crops, [as_pixels(image) for image in images], boxes)


def load_detector(
    name: str | Path, inference: Inference = BY_TORCH, *, device: torch.device | str | None = None
) -> Running[PeopleFinder]:
    """What finds people, in evaluation mode; on the GPU when there is one and no device is named.

    Args:
        name: "coco" is torchvision's Faster R-CNN (ResNet-50-FPN, 91 classes of COCO), downloaded once into torch's
            cache; else a joint model, of which the boxes are used, or an imported detector.
        inference: which library computes a joint model's networks; other detectors are torch's.
        device: where to.

    Raises:
        ConnectionError: the weights of "coco" are not in torch's cache and cannot be downloaded.
        FileNotFoundError, ValueError: no such file, no joint model of this project, or a library that cannot compute
            it.
    """
    if str(name) != COCO_DETECTOR:
        return load_running_detector(name, inference, device=device)
    require_torch(name, inference)
    try:
        network = detectors.fasterrcnn_resnet50_fpn(weights=COCO["resnet50"], progress=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ConnectionError(
            f"the detector 'coco' could not be downloaded ({reason}); connect to the network once, or give a detector "
            "of your own: --detector model.safetensors"
        ) from None
    detector = CocoDetector(network).to(default_device() if device is None else torch.device(device)).eval()
    return Running(detector, by_torch(detector))
