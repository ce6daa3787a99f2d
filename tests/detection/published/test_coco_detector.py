"""Detectors of torchvision: the file gives the people that torchvision's own network finds, with the same scores."""

from pathlib import Path
from typing import Any

import pytest
import torch
from published_files import State, shaken
from torch import Tensor, nn
from torchvision.models import detection as detectors
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d

from detection.published import Unsaid, import_published, load_any_detector
from detection.published.coco_detector import CocoConfig, CocoDetector, current_names, recognized
from search.models.detector_and_crops import load_detector

SIZE = Unsaid(min_size=64, max_size=96)


@pytest.fixture(scope="module")
def first_version() -> FasterRCNN:
    """torchvision's first Faster R-CNN as its weights want it: frozen norms without an epsilon."""
    torch.manual_seed(0)
    backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d)
    network = FasterRCNN(backbone, 91, min_size=64, max_size=96, box_score_thresh=0.02)
    network.load_state_dict(shaken(network.state_dict()))
    for module in network.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = 0.0
    predictor: Any = network.roi_heads.box_predictor
    nn.init.normal_(predictor.cls_score.weight, std=0.05)
    predictor.cls_score.bias.data[1] += 1.0
    return network.eval()


def old_names(state: State) -> State:
    """The names under which these weights were published in 2019."""
    renamed = {}
    for name, value in state.items():
        if name.startswith("backbone.fpn."):
            name = name.replace(".0.weight", ".weight").replace(".0.bias", ".bias")
        renamed[name.replace("rpn.head.conv.0.0.", "rpn.head.conv.")] = value
    return renamed


def detector_of(state: State, folder: Path, unsaid: Unsaid = SIZE) -> CocoDetector:
    torch.save(state, folder / "coco.pth")
    told = import_published(folder / "coco.pth", folder / "own.safetensors", unsaid)
    assert told.kind == "detector"
    detector = load_any_detector(folder / "own.safetensors", device="cpu")
    assert isinstance(detector, CocoDetector)
    return detector


@pytest.mark.parametrize("renamed", [False, True])
def test_the_people_of_91_classes_with_their_scores(renamed: bool, first_version: FasterRCNN, tmp_path: Path) -> None:
    network = first_version
    state = network.state_dict()
    detector = detector_of(old_names(state) if renamed else dict(state), tmp_path)
    assert (old_names(state).keys() != state.keys()) is True
    own: Any = detector.network
    own.roi_heads.score_thresh = 0.02  # torchvision's 0.05, under which random weights find nobody
    assert detector.config.norm_epsilon == 0
    images = [torch.rand(3, 64, 96), torch.rand(3, 80, 60)]
    with torch.no_grad():
        wanted = network(images)
    found = detector.detect(images)
    assert sum(int((one["labels"] == 1).sum()) for one in wanted) >= 2
    for one, answer in zip(wanted, found, strict=True):
        people = one["labels"] == 1
        torch.testing.assert_close(answer.boxes, one["boxes"][people])
        torch.testing.assert_close(answer.scores, one["scores"][people])
    assert detector.detect([]) == []
    again = load_detector(str(tmp_path / "own.safetensors"), device="cpu").model
    assert isinstance(again, CocoDetector)
    assert len(detector.fingerprint()) == 16


@pytest.mark.parametrize(
    ("name", "classes", "epsilon"),
    [
        ("fasterrcnn_resnet50_fpn_v2", 91, 1e-5),
        ("fasterrcnn_mobilenet_v3_large_fpn", 91, 1e-5),
        ("fasterrcnn_resnet50_fpn", 2, 1e-5),
        ("retinanet_resnet50_fpn", 91, 1e-5),
        ("fcos_resnet50_fpn", 91, 1e-5),
    ],
)
def test_other_networks_are_told_by_names_and_shapes(name: str, classes: int, epsilon: float) -> None:
    with torch.device("meta"):
        network = getattr(detectors, name)(weights=None, weights_backbone=None, num_classes=classes)
    state: dict[str, Tensor] = current_names(network.state_dict())
    config = recognized(state)
    assert config is not None
    assert (config.network, config.classes, config.norm_epsilon) == (name, classes, epsilon)
    assert recognized(state | {"roi_heads.mask_head.weight": torch.zeros(1)}) is None


def test_the_old_names_of_retinanet() -> None:
    with torch.device("meta"):
        network = detectors.retinanet_resnet50_fpn(weights=None, weights_backbone=None)
    state = network.state_dict()
    old = {}
    for name, value in state.items():
        parts = name.split(".")
        if parts[2] == "conv":
            name = ".".join([*parts[:3], str(2 * int(parts[3])), parts[5]])
        old[name] = value
    assert old.keys() != state.keys()
    assert current_names(old).keys() == state.keys()


def test_what_is_no_detector_of_torchvision(first_version: FasterRCNN, tmp_path: Path) -> None:
    names = [name for name in first_version.state_dict() if name != "roi_heads.box_head.fc6.bias"]
    state = {name: torch.zeros(91) for name in names}
    torch.save(state, tmp_path / "coco.pth")
    with pytest.raises(ValueError, match="those of no detector of torchvision that is known"):
        import_published(tmp_path / "coco.pth", tmp_path / "own.safetensors", SIZE)
    with pytest.raises(ValueError, match="class 5 of 3 is to be the person"):
        CocoConfig(classes=3, person=5)
    with pytest.raises(ValueError, match="network 'yolo', expected one of"):
        CocoConfig(network="yolo")  # type: ignore[arg-type]
