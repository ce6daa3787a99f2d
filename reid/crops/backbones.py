"""Convolutional trunks of torchvision for crops, with the strides that re-identification likes."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import cast

from torch import nn
from torchvision import models

from reid.crops.layers import InstanceBatchNorm, NonLocal
from reid.crops.settings import Attention, Backbone, Stem

IMAGENET: Mapping[str, models.WeightsEnum] = {
    "resnet18": models.ResNet18_Weights.IMAGENET1K_V1,
    "resnet34": models.ResNet34_Weights.IMAGENET1K_V1,
    "resnet50": models.ResNet50_Weights.IMAGENET1K_V1,
    "mobilenet_v2": models.MobileNet_V2_Weights.IMAGENET1K_V1,
    "efficientnet_b0": models.EfficientNet_B0_Weights.IMAGENET1K_V1,
}
GROUPS = {"mobilenet_v2": (4, 7, 14), "efficientnet_b0": (3, 4, 6)}
"""Of trunks that are a row of blocks: the blocks that begin with stride 8, 16 and 32."""


def build_backbone(
    name: Backbone,
    *,
    last_stride: int = 2,
    stride: int = 2,
    stem: Stem = "torchvision",
    instance_norm: bool = False,
    attention: Attention = "none",
) -> tuple[nn.Module, int]:
    """Builds a trunk without its pooling and classifier; weights are random.

    Args:
        name: Which trunk of torchvision: "resnet18", "resnet34", "resnet50", "mobilenet_v2" or "efficientnet_b0".
        last_stride: The stride of the last group of layers. 1 keeps a map twice as fine, for four times the work of
            that group; the bag of tricks has 1, SphereReID 2.
        stride: The stride of the two groups before. TOIM's Table 1 prints hardly any striding; with 1 here and in
            `last_stride` the map is 64 x 32 for an input of 256 x 128, at sixteen times the work.
        stem: What follows the first convolution and BatchNorm of a ResNet; see `SphereReIDConfig`.
        instance_norm: Whether a ResNet's first norms normalize half of their channels over each picture.
        attention: By how many channels places of a ResNet-50's maps see each other.

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
    if name in GROUPS:
        trunk: nn.Sequential = network.features
        groups = [trunk[block] for block in GROUPS[name]]
        channels = int(network.classifier[-1].in_features)
    else:
        if stem == "plain":
            network.relu = nn.Identity()  # the blocks have ReLUs of their own
        elif stem == "unpadded":
            network.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)
        if instance_norm:
            for block in (*network.layer1, *network.layer2, *network.layer3):
                block.bn1 = InstanceBatchNorm(block.bn1.num_features)
        if attention != "none":
            network.layer2 = _attending(network.layer2, 2, attention)
            network.layer3 = _attending(network.layer3, 3, attention)
        parts = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
        trunk = nn.Sequential(OrderedDict((part, getattr(network, part)) for part in parts))
        groups = [network.layer2, network.layer3, network.layer4]
        channels = int(network.fc.in_features)
    for group, wanted in zip(groups, (stride, stride, last_stride), strict=True):
        for module in group.modules():
            if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
                module.stride = (wanted, wanted)
    return trunk, channels


def _attending(group: nn.Sequential, followed: int, attention: Attention) -> nn.Sequential:
    """The same blocks, the last of which are followed by non-local blocks; the blocks keep their names."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for number, block in enumerate(group):
        parts[str(number)] = block
        if number >= len(group) - followed:
            channels = cast(nn.BatchNorm2d, block.bn3).num_features
            parts[f"attention{number}"] = NonLocal(channels, 1 if attention == "single" else channels // 2)
    return nn.Sequential(parts)


def early_layers(name: Backbone, trunk: nn.Module) -> list[nn.Module]:
    """Gives the stem and the first group of layers, all before stride 8.

    Args:
        name: Which trunk it is.
        trunk: The trunk, from `build_backbone`.
    """
    # A ResNet's conv1, bn1, relu, maxpool and layer1.
    return list(trunk.children())[: GROUPS[name][0] if name in GROUPS else 5]


def trains_in_float32(name: str, height: int, width: int) -> bool:
    """Says whether a trunk must train in float32, or trains faster so, on a processor that computes bf16 too.

    It must where a map is one pixel wide before the last stage halves it: the processor's library then reads memory
    that nobody has written into the gradients of that stage, and they are NaN now and then.

    The gradients of depthwise convolutions are slow in bf16 where there are many small maps. Measured on one core with
    64 crops of 128 x 64 pixels, forward and back: MobileNetV2 took 0.43 s in float32 and 0.58 s in bf16,
    EfficientNet-B0 0.64 s and 1.37 s. At 192 x 96 bf16 caught up for MobileNetV2 and stayed behind for EfficientNet-B0.
    Without gradients bf16 is always faster.

    Args:
        name: The trunk.
        height: The rows of its input in pixels.
        width: The columns of its input in pixels.
    """
    return width <= 16 or name == "efficientnet_b0" or (name in GROUPS and height * width < 192 * 96)
