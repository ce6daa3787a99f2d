"""The parts of the published OIM: a ResNet-50 in Caffe's form, and boxes whose last pixel belongs to them."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

_GROUPS = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Of each group of blocks: how many channels are inside, how many blocks, and the stride of the first."""

_RATIOS = (0.5, 1.0, 2.0)
_SCALES = (8, 16, 32)
_STRIDE = 16


class MergedBlock(nn.Module):
    """A bottleneck whose last BatchNorm stands behind the sum: ReLU(BN(conv3(...) + shortcut(x))). All layers shift.

    Args:
        inputs: The channels of x.
        inner: The channels inside; four times as many come out.
        stride: The stride of its 3 x 3 convolution and of its shortcut.
        first: Whether it is the first of its group, whose shortcut is a convolution.
    """

    def __init__(self, inputs: int, inner: int, stride: int, *, first: bool) -> None:
        super().__init__()
        outputs = 4 * inner
        self.conv1, self.bn1 = nn.Conv2d(inputs, inner, 1), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = nn.Conv2d(inner, inner, 3, stride, 1), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, outputs, 1), nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if first else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        """Computes (N, 4 x inner, h / stride, w / stride) of (N, inputs, h, w)."""
        seen = self.bn1(self.conv1(maps)).relu()
        seen = self.bn2(self.conv2(seen)).relu()
        summed: Tensor = self.bn3(self.conv3(seen) + self.shortcut(maps))
        return summed.relu()


def build_blocks() -> nn.Sequential:
    """Builds the sixteen blocks of the ResNet-50 with random weights."""
    blocks, inputs = [], 64
    for inner, count, stride in _GROUPS:
        for number in range(count):
            blocks.append(MergedBlock(inputs, inner, 1 if number else stride, first=not number))
            inputs = 4 * inner
    return nn.Sequential(*blocks)


def own_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under this project's names. Caffe numbers all layers, those without weights too.

    Args:
        state: Name -> tensor; names that are not of the ResNet stay as they are.

    >>> names = ("backbone.BN_1.weight", "head.SpatialConvolution_144.bias", "feature.bias")
    >>> list(own_names(dict.fromkeys(names, torch.zeros(1))))
    ['bn1.weight', 'blocks.13.shortcut.bias', 'feature.bias']
    """
    layers = dict(_numbered_layers())
    named = {}
    for name, value in state.items():
        start, _, rest = name.partition(".")
        layer, _, kind = rest.rpartition(".")
        named[f"{layers[layer]}.{kind}" if start in ("backbone", "head") and layer in layers else name] = value
    return named


def _numbered_layers() -> Iterator[tuple[str, str]]:
    """Pairs of a layer's published name and its name here."""
    yield from (("SpatialConvolution_0", "conv1"), ("BN_1", "bn1"))
    at, block = 4, 0
    for _, count, _ in _GROUPS:
        for number in range(count):
            first = number == 0
            for layer in range(3):
                # A first block's shortcut counts, and so does every block's sum, before the last norm.
                norm = at + 3 * layer + (1 if layer < 2 else 2 + first)
                yield f"SpatialConvolution_{at + 3 * layer}", f"blocks.{block}.conv{layer + 1}"
                yield f"BN_{norm}", f"blocks.{block}.bn{layer + 1}"
            if first:
                yield f"SpatialConvolution_{at + 7}", f"blocks.{block}.shortcut"
            at, block = at + 10 + first, block + 1


def anchors(height: int, width: int) -> Tensor:
    """The boxes at every place of a map, row by row and nine at each: three shapes in three sizes.

    Args:
        height: The rows of the map.
        width: The columns of the map.

    Returns:
        (height * width * 9, 4) float32 xyxy in pixels of the network's input.
    """
    sides = []
    for ratio in _RATIOS:
        across = round(math.sqrt(_STRIDE**2 / ratio))
        sides += [(scale * across, scale * round(across * ratio)) for scale in _SCALES]
    reach = (torch.tensor(sides) - 1) / 2  # (9, 2)
    at_first = torch.cat([-reach, reach], dim=1) + (_STRIDE - 1) / 2  # (9, 4)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    shifts = _STRIDE * torch.stack([x, y, x, y], dim=2)  # (h, w, 4)
    return (shifts[:, :, None] + at_first).reshape(-1, 4)


def moved(boxes: Tensor, codes: Tensor) -> Tensor:
    """Boxes after a correction: the middle moves by a share of the sides, and the sides grow by a power of e.

    Args:
        boxes: (R, 4) xyxy, whose last pixel belongs to them.
        codes: (R, 4), of x, y, width and height.

    Returns:
        (R, 4) xyxy, whose last pixel belongs to them.

    >>> moved(torch.tensor([[0.0, 0.0, 9.0, 19.0]]), torch.tensor([[0.1, 0.0, 0.0, 0.0]])).tolist()
    [[1.0, 0.0, 10.0, 19.0]]
    """
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    middle = boxes[:, :2] + 0.5 * sides + codes[:, :2] * sides
    sides = codes[:, 2:].exp() * sides
    return torch.cat([middle - 0.5 * sides, middle + 0.5 * sides - 1], dim=1)


def inside(boxes: Tensor, height: int, width: int) -> Tensor:
    """Boxes (R, 4) xyxy cut at the edges of a picture, whose last pixels belong to it.

    Args:
        boxes: (R, 4) xyxy.
        height: The rows of the picture.
        width: The columns of the picture.
    """
    last = torch.tensor([width, height, width, height], device=boxes.device) - 1
    return boxes.clamp(min=0).minimum(last)
