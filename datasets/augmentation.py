"""How far training pictures may depart from the recorded ones: settings alone, which cost nothing to import."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FrameAugmentation:
    """How far training frames may depart from the recorded ones.

    Args:
        flip: probability of a horizontal flip.
        scale: the frame is magnified by a factor drawn between 1 - scale and 1 + scale, then shifted; 0 turns it off,
            and it is below 1.
        color: strength of changes of brightness, contrast and saturation, 0..1; hue changes by a tenth of it.
        minimum_visible: a person of whom less than this share, 0..1, stays in the picture is dropped.
    """

    flip: float = 0.5
    scale: float = 0.2
    color: float = 0.2
    minimum_visible: float = 0.4

    def __post_init__(self) -> None:
        for name in ("flip", "color", "minimum_visible"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 to 1")
        if not 0 <= self.scale < 1:
            raise ValueError(f"scale is {self.scale}, expected 0 <= scale < 1; 0 turns it off")


@dataclass(frozen=True)
class CropAugmentation:
    """How far training crops may depart from the recorded ones, beside the random window that is always taken.

    Args:
        flip: probability of a horizontal flip.
        pad: black pixels around the resized crop before a window of the input's size is taken; 10 in the bag of
            tricks, 0 in SphereReID.
        color: strength of changes of brightness, contrast and saturation, 0..1.
        erase: probability that a rectangle of 2 to 40 % of the picture is replaced by ImageNet's mean color (random
            erasing). Not in SphereReID's paper.
    """

    flip: float = 0.5
    pad: int = 0
    color: float = 0.0
    erase: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip", "color", "erase"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 to 1")
        if self.pad < 0:
            raise ValueError(f"pad is {self.pad}, expected 0 or more pixels")
