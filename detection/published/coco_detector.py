"""Detectors of torchvision in a file: their own networks with all their classes, of which the people are taken.

A score is the share of the person among all classes, so the classes stay: with two of them every score would be
another one. Source: Ren et al., "Faster R-CNN", NeurIPS 2015; Lin et al., "Focal Loss for Dense Object Detection", ICCV
2017; Tian et al., "FCOS", ICCV 2019; torchvision's implementations.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torchvision.models import detection as detectors
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from detection.detections import Detections
from detection.pretrained import COCO_PERSON
from reid.devices import default_device
from reid.runs.weight_files import (
    NoChance,
    model_file,
    read_weight_header,
    read_weights,
    state_fingerprint,
    write_weights,
)

FORMAT = "personsearch-detector-1"

Network = Literal[
    "fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2", "fasterrcnn_mobilenet_v3_large_fpn",
    "retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2", "fcos_resnet50_fpn",
]  # fmt: skip
"""The detectors of torchvision that can be told by the names and shapes of their weights."""

_CLASSES = {
    "fasterrcnn": "roi_heads.box_predictor.cls_score.bias",
    "retinanet": "head.classification_head.cls_logits.bias",
    "fcos": "head.classification_head.cls_logits.bias",
}
"""Of each kind the weight whose length tells the number of classes, times the anchors of a place."""

_RETINANET_ANCHORS = 9
_EPSILON_0 = ("fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn", "fcos_resnet50_fpn")
"""Whose published weights torchvision computes without an epsilon."""


@dataclass(frozen=True)
class CocoConfig:
    """The structure of a detector of torchvision.

    Args:
        network: torchvision's name of it.
        classes: How many classes it knows, the background among them.
        person: The class of people.
        norm_epsilon: What is added to the variance in the trunk's BatchNorm; torchvision's first weights want 0.
        min_size: The shorter side of the network's input in pixels; None is torchvision's.
        max_size: The largest longer side of the network's input in pixels; None is torchvision's.
    """

    network: Network = "fasterrcnn_resnet50_fpn"
    classes: int = 91
    person: int = COCO_PERSON
    norm_epsilon: float = 1e-5
    min_size: int | None = None
    max_size: int | None = None

    def __post_init__(self) -> None:
        if self.network not in get_args(Network):
            raise ValueError(f"network {self.network!r}, expected one of {', '.join(get_args(Network))}")
        if not 0 < self.person < self.classes:
            raise ValueError(
                f"class {self.person} of {self.classes} is to be the person, expected 1 to {self.classes - 1}"
            )


class CocoDetector(nn.Module):
    """A detector of torchvision, of which the people are taken.

    Args:
        network: The detector, with its own preparation of images.
        person: The class of people.
        config: Its structure, where it came out of a file or goes into one.
    """

    def __init__(self, network: nn.Module, *, person: int = COCO_PERSON, config: CocoConfig | None = None) -> None:
        super().__init__()
        self.network = network
        self.person = person
        self.config = config or CocoConfig(person=person)

    @property
    def least_confidence(self) -> float:
        """The confidence below which `detect` returns nobody."""
        finder: Any = getattr(self.network, "roi_heads", self.network)  # detectors of one stage decide by themselves
        return float(finder.score_thresh)

    @torch.inference_mode()
    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Finds the people of each image [3, H, W] in [0, 1], the most confident first, without embeddings."""
        device = next(self.parameters()).device
        found = self.network([image.to(device) for image in images]) if images else []
        people = [one["labels"] == self.person for one in found]
        return [Detections(one["boxes"][rows], one["scores"][rows]) for one, rows in zip(found, people, strict=True)]

    def fingerprint(self) -> str:
        """Gives 16 hexadecimal digits that two detectors share only if their weights and structure are equal."""
        return state_fingerprint(repr(self.config), self)


def build_coco_detector(config: CocoConfig) -> CocoDetector:
    """Builds a detector of torchvision with random weights, in evaluation mode.

    Args:
        config: Its structure.
    """
    builder = getattr(detectors, config.network)
    network = cast(nn.Module, builder(weights=None, weights_backbone=None, num_classes=config.classes))
    transform = cast(GeneralizedRCNNTransform, network.transform)
    if config.min_size is not None:
        transform.min_size = (config.min_size,)
    if config.max_size is not None:
        transform.max_size = config.max_size
    for module in cast(nn.Module, network.backbone).modules():
        if isinstance(module, nn.BatchNorm2d) and config.norm_epsilon == 0:
            module.eps = 0.0
    return CocoDetector(network, person=config.person, config=config).eval()


def save_coco_detector(path: Path, detector: CocoDetector, notes: Mapping[str, object]) -> None:
    """Writes a detector, whole or not at all.

    Args:
        path: The file, usually *.safetensors.
        detector: The detector.
        notes: Anything worth knowing later, JSON-able.
    """
    config = json.dumps(dataclasses.asdict(detector.config))
    write_weights(path, detector.network, {"format": FORMAT, "network": config, "notes": json.dumps(dict(notes))})


def load_coco_detector(path: Path | str, *, device: torch.device | str | None = None) -> CocoDetector:
    """Loads the detector of a file, in evaluation mode.

    Args:
        path: The file.
        device: Where it goes; None takes the GPU when there is one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no such detector, or is damaged.
    """
    header = read_weight_header(path, FORMAT, made_by="models import")
    try:
        with NoChance():
            detector = build_coco_detector(CocoConfig(**json.loads(header["network"])))
        detector.network.load_state_dict(read_weights(model_file(path)))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} does not fit this version of the project ({reason}); import it again") from None
    return detector.to(default_device() if device is None else torch.device(device)).eval()


def recognized(state: Mapping[str, Tensor]) -> CocoConfig | None:
    """The structure of torchvision's detector whose weights these are; None where they are of none.

    Args:
        state: Name -> tensor, in the names of `current_names`.
    """
    frozen = not any(name.startswith("backbone.") and name.endswith("num_batches_tracked") for name in state)
    given = {name: value.shape for name, value in state.items()}
    for network in get_args(Network):
        kind = network.split("_")[0]
        classes = len(state.get(_CLASSES[kind], ())) // (_RETINANET_ANCHORS if kind == "retinanet" else 1)
        if classes < 2:
            continue
        config = CocoConfig(network, classes, norm_epsilon=0.0 if frozen and network in _EPSILON_0 else 1e-5)
        with torch.device("meta"):  # shapes alone, which takes no memory
            own = {name: value.shape for name, value in build_coco_detector(config).network.state_dict().items()}
        counts = {name: shape for name, shape in own.items() if name.endswith("num_batches_tracked")}
        if counts | given == own:
            return config
    return None


def current_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names as torchvision writes them today; its first detectors were published with other names of some parts.

    Args:
        state: Name -> tensor.

    >>> weight = torch.zeros(1)
    >>> list(current_names({"rpn.head.conv.weight": weight, "backbone.fpn.layer_blocks.2.bias": weight}))
    ['rpn.head.conv.0.0.weight', 'backbone.fpn.layer_blocks.2.0.bias']
    """
    retinanet = (
        "head.classification_head.cls_logits.bias" in state and "head.regression_head.bbox_ctrness.bias" not in state
    )
    named = {}
    for name, value in state.items():
        name = re.sub(r"^(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)$", r"\1.0.\2", name)
        name = re.sub(r"^(rpn\.head\.conv)\.(weight|bias)$", r"\1.0.0.\2", name)
        old = re.fullmatch(r"(head\.\w+_head\.conv)\.(\d+)\.(weight|bias)", name) if retinanet else None
        named[name if old is None else f"{old[1]}.{int(old[2]) // 2}.0.{old[3]}"] = value
    return named


def with_counts(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights with the counters of batches that frozen norms lack, which no answer depends on.

    Args:
        state: Name -> tensor, of a file.
        own: Name -> tensor, of the network that they are for.
    """
    return {name: value for name, value in own.items() if name.endswith("num_batches_tracked")} | dict(state)
