"""Trunks of torchvision under a feature pyramid, their parameter names kept.

A trunk gives a map at each of its levels, and the pyramid brings the chosen ones to one width. ResNet, MobileNet and
EfficientNet normalize with BatchNorm. ConvNeXt and Swin normalize with LayerNorm at the beginning of each block, so
what leaves a level is the sum of its blocks, of any size: each map that feeds the pyramid has a LayerNorm of its own,
as the detectors of their papers do (Liu et al., "Swin Transformer", ICCV 2021; "A ConvNet for the 2020s", CVPR 2022).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from torch import Tensor, nn
from torch.nn import functional
from torchvision import models
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.ops import FrozenBatchNorm2d
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from detection.settings import BackboneName


def has_layer_norm(name: BackboneName) -> bool:
    """Says whether a trunk normalizes with LayerNorm, which has no statistics of data that could be frozen."""
    return name.startswith(("convnext", "swin"))


LAST_BLOCKS = {"mobilenet_v2": (3, 6, 13, 18), "efficientnet_b0": (2, 3, 5, 8)}
"""Of trunks that are a row of blocks: the last block of each level 1 to 4, whose maps have strides 4, 8, 16, 32."""


def early_parameters(name: BackboneName) -> tuple[str, ...]:
    """Says how the names of the stem's and the first level's parameters begin, whose filters are general."""
    if name.startswith("resnet"):
        return ("conv1.", "layer1.")
    if has_layer_norm(name):
        return ("0.", "1.")
    last = LAST_BLOCKS[name][0] if name in LAST_BLOCKS else 6
    return tuple(f"{block}." for block in range(last + 1))


class TrunkAndPyramid(BackboneWithFPN):
    """torchvision's trunk under a pyramid, which also gives the trunk's own maps."""

    def both(self, x: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Computes the trunk's maps and the pyramid's of images (N, 3, H, W), each by name; "0" is the finest."""
        maps = self.body(x)
        return maps, cast(dict[str, Tensor], self.fpn(maps))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Computes the pyramid's maps (N, out_channels, H_i, W_i) by name, of images (N, 3, H, W)."""
        return self.both(x)[1]


def build_pyramid(
    name: BackboneName,
    levels: Sequence[int],
    *,
    channels: int,
    pyramid_norm: bool,
    frozen_norm: bool,
    norm_epsilon: float,
) -> TrunkAndPyramid:
    """Builds a trunk, without its later levels, and its feature pyramid; weights are random.

    Args:
        name: Which trunk.
        levels: The levels that feed the pyramid, increasing; `level_range` says which there are.
        channels: The width of the pyramid.
        pyramid_norm: Whether the pyramid has BatchNorm.
        frozen_norm: Whether the trunk's BatchNorm is frozen.
        norm_epsilon: What is added to the variance in the trunk's BatchNorm; LayerNorm keeps torchvision's.

    Returns:
        A module from images (N, 3, H, W), sides multiples of 32, to maps {"0": (N, channels, H / 4, W / 4), ...,
        "pool"}.
    """
    batch_norm = partial(FrozenNorm if frozen_norm else nn.BatchNorm2d, eps=norm_epsilon)
    if has_layer_norm(name):
        body = getattr(models, name)(weights=None).features
        # Stem, level 1, downsampling, level 2, downsampling, ...; every downsampling doubles the width.
        names = [str(2 * level - 1) for level in levels]
        widths = [body[0][0].out_channels * 2 ** (level - 1) for level in levels]
    elif name.startswith("resnet"):
        # Detection fine-tunes the last block's BatchNorm like the others: no zero-initialized residual here.
        body = getattr(models, name)(weights=None, norm_layer=batch_norm)
        names = [f"layer{level}" for level in levels]
        widths = [body.fc.in_features // 2 ** (4 - level) for level in levels]
    elif name in LAST_BLOCKS:
        body = getattr(models, name)(weights=None, norm_layer=batch_norm).features
        names = [str(LAST_BLOCKS[name][level - 1]) for level in levels]
        widths = [_width_of(body.get_submodule(block)) for block in names]
    else:
        body = models.mobilenet_v3_large(weights=None, norm_layer=batch_norm).features
        blocks = list(body.children())
        rows = [0, *(row for row, block in enumerate(blocks) if getattr(block, "_is_cn", False)), len(blocks) - 1]
        names = [str(rows[level]) for level in levels]
        widths = [cast(int, blocks[rows[level]].out_channels) for level in levels]
    return_layers = {child: str(row) for row, child in enumerate(names)}
    norm_layer = nn.BatchNorm2d if pyramid_norm else None
    if has_layer_norm(name):
        channels_last = name.startswith("swin")
        return NormedPyramid(body, return_layers, widths, channels, norm_layer=norm_layer, channels_last=channels_last)
    extra = LastLevelMaxPool()
    return TrunkAndPyramid(body, return_layers, widths, channels, extra_blocks=extra, norm_layer=norm_layer)


def later_levels(
    name: BackboneName, level: int, *, last_stride: int = 2, frozen_norm: bool, norm_epsilon: float
) -> tuple[nn.Sequential, int]:
    """Builds what follows a level of a trunk, with the trunk's names for its parts; weights are random.

    Args:
        name: Which trunk: a ResNet, MobileNetV2 or EfficientNet-B0.
        level: The level whose maps go in, 1 to 3.
        last_stride: The stride of the last level, 1 or 2.
        frozen_norm: Whether its BatchNorm is frozen.
        norm_epsilon: What is added to the variance in its BatchNorm.

    Returns:
        The layers, (N, C, H, W) -> (N, F, H', W'), and F.

    Raises:
        ValueError: The trunk is another one.
    """
    if not name.startswith("resnet") and name not in LAST_BLOCKS:
        fitting = ", ".join(["a ResNet", *LAST_BLOCKS])
        raise ValueError(f"embedding.source is trunk and detector.backbone {name}, expected {fitting}; set pyramid")
    batch_norm = partial(FrozenNorm if frozen_norm else nn.BatchNorm2d, eps=norm_epsilon)
    network = getattr(models, name)(weights=None, norm_layer=batch_norm)
    if name in LAST_BLOCKS:
        trunk, width = network.features, network.classifier[-1].in_features
        first, last = (str(LAST_BLOCKS[name][before - 1] + 1) for before in (level, 3))
    else:
        trunk, width = network, network.fc.in_features
        first, last = f"layer{level + 1}", "layer4"
    children = dict(trunk.named_children())
    names = [child for child in children if child not in ("avgpool", "fc")]
    for module in children[last].modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            module.stride = (last_stride, last_stride)
    kept = names[names.index(first) :]
    return nn.Sequential(OrderedDict((child, children[child]) for child in kept)), int(width)


def _width_of(block: nn.Module) -> int:
    """The channels of a block's maps, which the last convolution in it makes."""
    return [module.out_channels for module in block.modules() if isinstance(module, nn.Conv2d)][-1]


class FrozenNorm(FrozenBatchNorm2d):
    """BatchNorm with statistics that stay, computed in one operation; parameters and results are torchvision's.

    torchvision multiplies and adds, in float32 even where the convolutions around it compute in bf16. Measured on one
    core of a processor that computes bf16, with four frames of 384 x 672 pixels: a MobileNetV2 took 0.55 s instead of
    1.12 s for a training step and 0.10 s instead of 0.30 s for detecting, a ResNet-18 0.63 s instead of 0.82 s and
    0.19 s instead of 0.31 s.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes maps (N, C, H, W)."""
        return functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class NormedPyramid(TrunkAndPyramid):
    """A feature pyramid over maps that are normalized first, over their channels at each place.

    Args:
        body: The trunk.
        return_layers: The name of the trunk's child -> the name of the map, in their order.
        widths: The channels of each map.
        out_channels: The channels of the pyramid.
        norm_layer: The norm inside the pyramid, None without.
        channels_last: Whether the trunk gives maps (N, H, W, C), as Swin does, instead of (N, C, H, W).
    """

    def __init__(
        self,
        body: nn.Module,
        return_layers: dict[str, str],
        widths: list[int],
        out_channels: int,
        *,
        norm_layer: Callable[..., nn.Module] | None,
        channels_last: bool,
    ) -> None:
        super().__init__(
            body, return_layers, widths, out_channels, extra_blocks=LastLevelMaxPool(), norm_layer=norm_layer
        )
        self.channels_last = channels_last
        names = return_layers.values()
        self.norms = nn.ModuleDict({name: nn.LayerNorm(width) for name, width in zip(names, widths, strict=True)})

    def both(self, x: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Computes the trunk's maps, normalized, and the pyramid's of images (N, 3, H, W), each by name."""
        maps = self.body(x)
        for name, norm in self.norms.items():
            places = maps[name] if self.channels_last else maps[name].permute(0, 2, 3, 1)  # (N, H_i, W_i, C_i)
            # A view: in memory the channels of a place stay together, which convolutions like.
            maps[name] = norm(places).permute(0, 3, 1, 2)
        return maps, cast(dict[str, Tensor], self.fpn(maps))
