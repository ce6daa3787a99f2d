"""The structure of a crop network: settings alone, which cost nothing to import."""

from dataclasses import dataclass
from typing import Literal

Backbone = Literal["resnet18", "resnet34", "resnet50"]


@dataclass(frozen=True)
class SphereReIDConfig:
    """The structure of the crop network; the defaults are the paper's final ones.

    Args:
        network: What follows the global average pooling. "A": nothing; "B": FC; "C": FC, BN; "D": BN, dropout, FC, BN
            (SphereReID); "bnneck": BN without a shift and no FC, as the bag of tricks has it.
        backbone: The ResNet that sees the crop: "resnet18", "resnet34" or "resnet50".
        dimension: The width D of the embedding for B, C and D; A and bnneck keep the backbone's (2048 or 512).
        dropout: The share of the features before the FC that D drops in training, 0 or more and less than 1.
        bias: Whether the FC has one.
        last_stride: The stride of the backbone's last stage. 1 doubles its map for four times its work; the paper has
            2.
        stride: The stride of the two stages before the last; 1 for TOIM's Table 1.
        height: The rows of the network's input in training, in pixels.
        width: The columns of the network's input in training, in pixels.
        resize_height: The rows that crops are resized to, before a window of height x width is taken.
        resize_width: The columns that crops are resized to, before a window of height x width is taken.
        test_view: What is embedded: "whole", the resized crop, or "center", its middle of height x width (Table 5).

    Raises:
        ValueError: A value is unknown or out of its range.
    """

    network: Literal["A", "B", "C", "D", "bnneck"] = "D"
    backbone: Backbone = "resnet50"
    dimension: int = 1024
    dropout: float = 0.25
    bias: bool = True
    last_stride: int = 2
    stride: int = 2
    height: int = 256
    width: int = 128
    resize_height: int = 288
    resize_width: int = 144
    test_view: Literal["whole", "center"] = "whole"

    def __post_init__(self) -> None:
        if self.network not in ("A", "B", "C", "D", "bnneck"):
            raise ValueError(f"network {self.network!r}, expected A, B, C, D or bnneck")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}, expected 0 or more and less than 1")
        for name in ("dimension", "height", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        if self.resize_height < self.height or self.resize_width < self.width:
            raise ValueError(
                f"a window of {self.height}x{self.width} does not fit in crops of "
                f"{self.resize_height}x{self.resize_width}; raise resize_height and resize_width"
            )
