"""Convolutional trunks of torchvision for crops, with the strides that re-identification likes."""

from collections import OrderedDict

from torch import nn
from torchvision import models

from reid.crops.settings import Backbone

IMAGENET = {
    "resnet18": models.ResNet18_Weights.IMAGENET1K_V1,
    "resnet34": models.ResNet34_Weights.IMAGENET1K_V1,
    "resnet50": models.ResNet50_Weights.IMAGENET1K_V1,
}


def build_backbone(name: Backbone, *, last_stride: int = 2, stride: int = 2) -> tuple[nn.Module, int]:
    """Builds a ResNet without its pooling and classifier; weights are random.

    Args:
        name: Which ResNet of torchvision: "resnet18", "resnet34" or "resnet50".
        last_stride: The stride of the last group of layers. 1 keeps a map twice as fine, for four times the work of
            that group; the bag of tricks has 1, SphereReID 2.
        stride: The stride of the two groups before. TOIM's Table 1 prints hardly any striding; with 1 here and in
            `last_stride` the map is 64 x 32 for an input of 256 x 128, at sixteen times the work.

    Returns:
        The trunk, [N, 3, H, W] -> [N, C, H', W'], and C.

    Raises:
        ValueError: The name is unknown, or a stride is not 1 or 2.
    """
    if name not in IMAGENET:
        raise ValueError(f"backbone {name!r} is not known, expected one of {', '.join(IMAGENET)}")
    for value in (last_stride, stride):
        if value not in (1, 2):
            raise ValueError(f"stride {value}, expected 1 or 2")
    network = getattr(models, name)(weights=None)
    channels = int(network.fc.in_features)
    for layers, wanted in ((network.layer2, stride), (network.layer3, stride), (network.layer4, last_stride)):
        for module in layers[0].modules():
            if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
                module.stride = (wanted, wanted)
    names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
    return nn.Sequential(OrderedDict((part, getattr(network, part)) for part in names)), channels
